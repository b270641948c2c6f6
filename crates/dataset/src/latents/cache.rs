//! Reading a latent cache into memory.

use std::{
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use super::{
    AutoencoderFingerprint, LatentSample,
    record::{self, HEADER_LEN, RECORD_HEAD_LEN, RecordHead},
    writer::{EXTENSION, PREFIX, missing_file, read_header, whole_file},
};
use crate::{Damage, DamageReport, DatasetError, OnDamage, TokenGrid, atomic};

/// What to read and how much of it may be held.
#[derive(Clone, Debug)]
pub struct LatentCacheSettings {
    /// The cache's folder.
    pub folder: PathBuf,
    /// The autoencoder in use; latents of another one are always refused.
    pub autoencoder: AutoencoderFingerprint,
    /// What to do about damaged files and records.
    pub on_damage: OnDamage,
    /// Bytes that the latents may take in memory.
    pub memory_budget_bytes: u64,
}

/// All samples of a cache, in memory.
#[derive(Debug)]
pub struct LatentCache {
    settings: LatentCacheSettings,
    samples: Vec<LatentSample>,
    report: DamageReport,
    next_file: usize,
    bytes: u64,
}

impl LatentCache {
    /// Reads every whole file of the folder.
    ///
    /// # Errors
    /// [`DatasetError::Autoencoder`] and [`DatasetError::Version`] for files that were made otherwise, whatever
    /// `on_damage` says; [`DatasetError::MemoryBudget`] before anything is read; [`DatasetError::Damaged`] with
    /// [`OnDamage::Refuse`]; [`DatasetError::Io`].
    pub fn open(settings: LatentCacheSettings) -> Result<Self, DatasetError> {
        let mut cache = Self { settings, samples: Vec::new(), report: DamageReport::default(), next_file: 0, bytes: 0 };
        cache.read_new_files()?;
        Ok(cache)
    }

    /// Reads the files that have been finished since, and says how many samples came.
    ///
    /// # Errors
    /// As [`LatentCache::open`].
    pub fn read_new_files(&mut self) -> Result<usize, DatasetError> {
        let before = self.samples.len();
        let mut files = atomic::numbered_files(&self.settings.folder, PREFIX, EXTENSION)?;
        files.retain(|(number, _)| *number >= self.next_file);
        let mut needed_bytes = self.bytes;
        for (_, path) in &files {
            let metadata = path.metadata().map_err(DatasetError::io("read", path))?;
            needed_bytes = needed_bytes.saturating_add(metadata.len());
        }
        let budget_bytes = self.settings.memory_budget_bytes;
        if needed_bytes > budget_bytes {
            return Err(DatasetError::MemoryBudget { path: self.settings.folder.clone(), needed_bytes, budget_bytes });
        }
        for (number, path) in files {
            for missing in self.next_file..number {
                self.report.note(missing_file(missing), self.settings.on_damage)?;
            }
            self.read_file(&path)?;
            self.next_file = number + 1;
        }
        self.bytes = needed_bytes;
        Ok(self.samples.len() - before)
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// There is no sample.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// A sample by its position.
    pub fn get(&self, index: usize) -> Option<&LatentSample> {
        self.samples.get(index)
    }

    /// All samples in order.
    pub fn samples(&self) -> &[LatentSample] {
        &self.samples
    }

    /// What was left out.
    pub fn report(&self) -> &DamageReport {
        &self.report
    }

    /// The patches of every sample, for a [`crate::Packer`].
    ///
    /// # Errors
    /// [`DatasetError::Patches`] when a sample does not divide into patches of 1 × `patch` × `patch`.
    pub fn token_grids(&self, patch: usize) -> Result<Vec<TokenGrid>, DatasetError> {
        self.samples.iter().map(|sample| TokenGrid::from_latent_shape(sample.shape, patch)).collect()
    }

    fn read_file(&mut self, path: &Path) -> Result<(), DatasetError> {
        let on_damage = self.settings.on_damage;
        let header = match read_header(path, self.settings.autoencoder) {
            Ok(header) => header,
            Err(DatasetError::Damaged(damage)) => return self.report.note(damage, on_damage),
            Err(other) => return Err(other),
        };
        let file = File::open(path).map_err(DatasetError::io("open", path))?;
        let mut bytes_left =
            file.metadata().map_err(DatasetError::io("read", path))?.len().saturating_sub(HEADER_LEN as u64);
        let mut file = BufReader::with_capacity(1 << 20, file);
        file.seek(SeekFrom::Start(HEADER_LEN as u64)).map_err(DatasetError::io("read", path))?;

        for number in 0..header.num_records {
            let lost = header.num_records - number;
            let rest_is_lost = |what: &str| Damage {
                samples_lost: lost,
                sample: Some(number.to_string()),
                ..whole_file(
                    path,
                    format!("{what}; this and all later ones ({lost} of {}) are lost", header.num_records),
                )
            };
            let mut head = [0; RECORD_HEAD_LEN];
            if bytes_left < RECORD_HEAD_LEN as u64 {
                return self.report.note(rest_is_lost("the file is cut short here"), on_damage);
            }
            file.read_exact(&mut head).map_err(DatasetError::io("read", path))?;
            bytes_left -= RECORD_HEAD_LEN as u64;
            let Some(head) = RecordHead::from_bytes(&head) else {
                return self.report.note(rest_is_lost("the record's head is damaged"), on_damage);
            };
            // Checked against what is there before memory is taken for it.
            if head.payload_len > bytes_left {
                return self.report.note(rest_is_lost("the file is cut short here"), on_damage);
            }
            let mut payload = vec![0; head.payload_len as usize];
            file.read_exact(&mut payload).map_err(DatasetError::io("read", path))?;
            bytes_left -= head.payload_len;
            let decoded = if head.matches(&payload) {
                record::decode(&payload)
            } else {
                Err("its bytes do not match their check sum".into())
            };
            match decoded {
                Ok(sample) => self.samples.push(sample),
                Err(reason) => {
                    let damage =
                        Damage { sample: Some(number.to_string()), samples_lost: 1, ..whole_file(path, reason) };
                    self.report.note(damage, on_damage)?;
                }
            }
        }
        if bytes_left > 0 {
            let reason = format!("{bytes_left} bytes follow the last record, where the file should end");
            self.report.note(whole_file(path, reason), on_damage)?;
        }
        Ok(())
    }
}
