//! Comparing every byte of a data set with what was written.

use std::{fs::File, path::Path};

use rayon::prelude::*;
use serde::Serialize;

use super::{
    dataset::{read_sample, shard_fault},
    index::{Index, ShardEntry},
};
use crate::{Damage, DamageReport, DatasetError, atomic};

/// What a look at every byte found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// Shards in the index.
    pub shards: usize,
    /// Samples in the index.
    pub samples: usize,
    /// The writer has finished.
    pub complete: bool,
    /// Shards in the folder that the index does not name.
    pub unlisted: Vec<String>,
    /// What is not as it was written.
    pub damage: DamageReport,
}

impl VerifyReport {
    /// Every sample can be read.
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty()
    }
}

/// Reads every shard and every sample of the data set in `folder` and compares all check sums.
///
/// # Errors
/// What [`Index::read`] says, and [`DatasetError::Io`]; damage is reported, not an error.
pub fn verify(folder: &Path) -> Result<VerifyReport, DatasetError> {
    let index = Index::read(folder)?;
    let damages: Result<Vec<Vec<Damage>>, DatasetError> =
        index.shards.par_iter().map(|shard| verify_shard(folder, shard)).collect();
    let unlisted = atomic::numbered_files(folder, "shard", "tar")?
        .into_iter()
        .filter_map(|(_, path)| Some(path.file_name()?.to_str()?.to_owned()))
        .filter(|name| index.shards.iter().all(|shard| shard.file != *name))
        .collect();
    Ok(VerifyReport {
        shards: index.shards.len(),
        samples: index.num_samples(),
        complete: index.complete,
        unlisted,
        damage: DamageReport { damages: damages?.into_iter().flatten().collect() },
    })
}

fn verify_shard(folder: &Path, shard: &ShardEntry) -> Result<Vec<Damage>, DatasetError> {
    if let Some(damage) = shard_fault(folder, shard) {
        return Ok(vec![damage]);
    }
    let mut damages = Vec::new();
    for entry in &shard.samples {
        match read_sample(folder, shard, entry) {
            Ok(_) => {}
            Err(DatasetError::Damaged(damage)) => damages.push(damage),
            Err(other) => return Err(other),
        }
    }
    if damages.is_empty() {
        let path = folder.join(&shard.file);
        let file = File::open(&path).map_err(DatasetError::io("open", &path))?;
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(file).map_err(DatasetError::io("read", &path))?;
        if hasher.finalize().to_hex().as_str() != shard.blake3.to_ascii_lowercase() {
            let reason = "the shard does not match its check sum, though each of its samples does".to_owned();
            damages.push(Damage { file: shard.file.clone(), sample: None, reason, samples_lost: 0 });
        }
    }
    Ok(damages)
}
