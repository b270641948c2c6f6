//! Writing a data set, shard by whole shard.

use std::{fs, io::Write, path::PathBuf};

use super::{
    Metadata, Sample,
    index::{BLOCK, INDEX_NAME, Index, SampleEntry, ShardEntry},
    npy,
};
use crate::{DatasetError, atomic::PartialFile};

/// Where samples go.
#[derive(Clone, Debug)]
pub struct ShardWriterSettings {
    /// The data set's folder; made if it is not there.
    pub folder: PathBuf,
    /// A shard is finished when it has grown to this many bytes.
    pub max_shard_bytes: u64,
    /// How the data are made; a data set that was made otherwise is not continued.
    pub recipe: serde_json::Value,
}

/// Streams samples into shards.
///
/// A shard gets its name when it is whole, and then the index names it. What is killed or dropped in between loses
/// the samples of the unfinished shard only.
pub struct ShardWriter {
    settings: ShardWriterSettings,
    index: Index,
    whole_samples: usize,
    current: Option<Current>,
}

struct Current {
    file: PartialFile,
    hasher: blake3::Hasher,
    entry: ShardEntry,
}

impl ShardWriter {
    /// Begins a data set, or goes on after the last whole shard of the one that is there.
    ///
    /// # Errors
    /// [`DatasetError::Request`] when the folder has a data set of another recipe; [`DatasetError::Io`] and what
    /// [`Index::read`] says.
    pub fn open(settings: ShardWriterSettings) -> Result<Self, DatasetError> {
        fs::create_dir_all(&settings.folder).map_err(DatasetError::io("create", &settings.folder))?;
        let index = if settings.folder.join(INDEX_NAME).exists() {
            let mut index = Index::read(&settings.folder)?;
            if !index.is_made_by(&settings.recipe) {
                return Err(DatasetError::Request(format!(
                    "{} has a data set that was made otherwise ({}, not {}); choose another folder",
                    settings.folder.display(),
                    index.recipe,
                    settings.recipe
                )));
            }
            index.complete = false;
            index
        } else {
            Index::new(settings.recipe.clone())
        };
        let whole_samples = index.num_samples();
        Ok(Self { settings, index, whole_samples, current: None })
    }

    /// Samples in the data set, those of the unfinished shard among them.
    pub fn num_samples(&self) -> usize {
        self.whole_samples + self.current.as_ref().map_or(0, |current| current.entry.samples.len())
    }

    /// Whole shards.
    pub fn num_shards(&self) -> usize {
        self.index.shards.len()
    }

    /// Adds one sample.
    ///
    /// # Errors
    /// [`DatasetError::Sample`] when its parts do not fit each other; [`DatasetError::Io`].
    pub fn append(&mut self, sample: &Sample) -> Result<(), DatasetError> {
        let key = format!("{:09}", self.num_samples());
        let bytes = tar_bytes(&key, sample)?;
        let current = match &mut self.current {
            Some(current) => current,
            none => {
                let file = format!("shard-{:06}.tar", self.index.shards.len());
                let path = self.settings.folder.join(&file);
                let entry = ShardEntry { file, bytes: 0, blake3: String::new(), num_samples: 0, samples: Vec::new() };
                none.insert(Current { file: PartialFile::create(&path)?, hasher: blake3::Hasher::new(), entry })
            }
        };
        let offset = current.entry.bytes;
        current.write(&bytes)?;
        current.entry.samples.push(SampleEntry {
            key,
            offset,
            bytes: bytes.len() as u64,
            blake3: blake3::hash(&bytes).to_hex().to_string(),
            num_frames: sample.clip.frames().len(),
            resolution: sample.clip.resolution(),
            frame_rate: sample.clip.frame_rate(),
        });
        if current.entry.bytes >= self.settings.max_shard_bytes {
            self.finish_shard()?;
        }
        Ok(())
    }

    /// Finishes the current shard now, so that readers can see its samples.
    ///
    /// # Errors
    /// [`DatasetError::Io`].
    pub fn finish_shard(&mut self) -> Result<(), DatasetError> {
        let Some(mut current) = self.current.take() else { return Ok(()) };
        current.write(&[0; 2 * BLOCK as usize])?; // the end of a tar file
        let Current { file, hasher, mut entry } = current;
        file.finish()?;
        entry.blake3 = hasher.finalize().to_hex().to_string();
        entry.num_samples = entry.samples.len();
        self.whole_samples += entry.num_samples;
        self.index.shards.push(entry);
        self.index.write(&self.settings.folder)
    }

    /// Finishes the data set and gives its index.
    ///
    /// # Errors
    /// [`DatasetError::Io`].
    pub fn finish(mut self) -> Result<Index, DatasetError> {
        self.finish_shard()?;
        self.index.complete = true;
        self.index.write(&self.settings.folder)?;
        Ok(self.index)
    }
}

impl Current {
    fn write(&mut self, bytes: &[u8]) -> Result<(), DatasetError> {
        let path = self.file.path().to_owned();
        self.file.write_all(bytes).map_err(DatasetError::io("write", &path))?;
        self.hasher.update(bytes);
        self.entry.bytes += bytes.len() as u64;
        Ok(())
    }
}

/// The sample's files as they lie in a tar file.
fn tar_bytes(key: &str, sample: &Sample) -> Result<Vec<u8>, DatasetError> {
    let wrong = |reason: String| DatasetError::Sample { sample: key.to_owned(), reason };
    let num_frames = sample.clip.frames().len();
    if let Some(camera) = &sample.camera
        && camera.len() != num_frames
    {
        return Err(wrong(format!("{} camera poses for {num_frames} frames", camera.len())));
    }
    let metadata = serde_json::to_vec(&Metadata {
        captions: sample.captions.clone(),
        labels: sample.labels.clone(),
        seed: sample.seed,
        frame_rate: sample.clip.frame_rate(),
        resolution: sample.clip.resolution(),
        num_frames,
        camera: sample.camera.clone(),
    })
    .map_err(|error| wrong(error.to_string()))?;

    let mut bytes = Vec::new();
    for (extension, contents) in [("json", metadata), ("npy", npy::encode(&sample.clip))] {
        // No owner and no time, so that the same samples give the same bytes.
        let mut header = tar::Header::new_ustar();
        header.set_path(format!("{key}.{extension}")).map_err(|error| wrong(error.to_string()))?;
        header.set_size(contents.len() as u64);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        bytes.extend(header.as_bytes());
        bytes.extend(contents);
        bytes.resize(bytes.len().next_multiple_of(BLOCK as usize), 0);
    }
    Ok(bytes)
}
