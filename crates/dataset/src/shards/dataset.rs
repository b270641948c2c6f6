//! Reading a data set by its index.

use std::{
    collections::HashMap,
    fs::File,
    io::{Cursor, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use super::{
    Metadata, Sample,
    index::{INDEX_NAME, Index, SampleEntry, ShardEntry},
    npy,
};
use crate::{Damage, DamageReport, DatasetError, OnDamage};

/// A data set on disk, whose samples are read one by one.
#[derive(Debug)]
pub struct Dataset {
    folder: PathBuf,
    index: Index,
    on_damage: OnDamage,
    report: DamageReport,
    /// Shard and place in it of every usable sample.
    places: Vec<(usize, usize)>,
}

impl Dataset {
    /// Reads the index and looks whether each shard is there and as long as it should be.
    ///
    /// Check sums are compared when a sample is read; [`super::verify`] compares all of them.
    ///
    /// # Errors
    /// What [`Index::read`] says, whatever `on_damage` says; [`DatasetError::Damaged`] with [`OnDamage::Refuse`].
    pub fn open(folder: &Path, on_damage: OnDamage) -> Result<Self, DatasetError> {
        if folder.is_dir() && !folder.join(INDEX_NAME).exists() {
            return Err(DatasetError::Format {
                path: folder.to_owned(),
                expected: "a misora data set",
                reason: format!("it has no {INDEX_NAME}; tar files of others are read as a WebDataset"),
            });
        }
        let index = Index::read(folder)?;
        let mut report = DamageReport::default();
        let mut places = Vec::with_capacity(index.num_samples());
        for (number, shard) in index.shards.iter().enumerate() {
            match shard_fault(folder, shard) {
                None => places.extend((0..shard.samples.len()).map(|sample| (number, sample))),
                Some(damage) => report.note(damage, on_damage)?,
            }
        }
        Ok(Self { folder: folder.to_owned(), index, on_damage, report, places })
    }

    /// Number of usable samples.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// There is no usable sample.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// What was found when the data set was opened.
    pub fn report(&self) -> &DamageReport {
        &self.report
    }

    /// The index as it was read.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// What the index says of a sample.
    pub fn entry(&self, index: usize) -> Option<&SampleEntry> {
        let &(shard, sample) = self.places.get(index)?;
        self.index.shards[shard].samples.get(sample)
    }

    /// What the index says of all usable samples, in order.
    pub fn entries(&self) -> impl Iterator<Item = &SampleEntry> {
        self.places.iter().map(|&(shard, sample)| &self.index.shards[shard].samples[sample])
    }

    /// Reads one sample.
    ///
    /// # Errors
    /// [`DatasetError::NoSuchSample`]; [`DatasetError::Damaged`] when its bytes are not those that were written (also
    /// with [`OnDamage::Skip`], as there is nothing else to give); [`DatasetError::Io`].
    pub fn get(&self, index: usize) -> Result<Sample, DatasetError> {
        let &(shard, sample) =
            self.places.get(index).ok_or(DatasetError::NoSuchSample { index, len: self.places.len() })?;
        let shard = &self.index.shards[shard];
        read_sample(&self.folder, shard, &shard.samples[sample])
    }

    /// Reads all samples in order; with [`OnDamage::Skip`] those that are damaged are left out and reported.
    pub fn iter(&self) -> Samples<'_> {
        Samples { dataset: self, next: 0, report: DamageReport::default() }
    }
}

impl<'a> IntoIterator for &'a Dataset {
    type Item = Result<Sample, DatasetError>;
    type IntoIter = Samples<'a>;

    fn into_iter(self) -> Samples<'a> {
        self.iter()
    }
}

/// The samples of a data set in order.
#[derive(Debug)]
pub struct Samples<'a> {
    dataset: &'a Dataset,
    next: usize,
    report: DamageReport,
}

impl Samples<'_> {
    /// What was left out so far.
    pub fn report(&self) -> &DamageReport {
        &self.report
    }
}

impl Iterator for Samples<'_> {
    type Item = Result<Sample, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.next < self.dataset.len() {
            let sample = self.dataset.get(self.next);
            self.next += 1;
            match sample {
                Err(DatasetError::Damaged(damage)) => {
                    if let Err(refused) = self.report.note(damage, self.dataset.on_damage) {
                        return Some(Err(refused));
                    }
                }
                other => return Some(other),
            }
        }
        None
    }
}

/// Why a shard cannot be what was written, as far as its size tells.
pub(super) fn shard_fault(folder: &Path, shard: &ShardEntry) -> Option<Damage> {
    let reason = match folder.join(&shard.file).metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => "the shard is missing".to_owned(),
        Err(error) => format!("the shard cannot be read: {error}"),
        Ok(metadata) if !metadata.is_file() => "the shard is not a file".to_owned(),
        Ok(metadata) if metadata.len() < shard.bytes => {
            format!("the shard is cut short: {} of {} bytes are there", metadata.len(), shard.bytes)
        }
        Ok(metadata) if metadata.len() > shard.bytes => {
            format!("the shard has {} bytes, but {} were written", metadata.len(), shard.bytes)
        }
        Ok(_) => return None,
    };
    Some(Damage { file: shard.file.clone(), sample: None, reason, samples_lost: shard.samples.len() as u64 })
}

/// Reads a sample, of which nothing is believed before its check sum is right.
pub(super) fn read_sample(folder: &Path, shard: &ShardEntry, entry: &SampleEntry) -> Result<Sample, DatasetError> {
    let path = folder.join(&shard.file);
    let mut file = File::open(&path).map_err(DatasetError::io("open", &path))?;
    let damaged = |reason: String| {
        DatasetError::Damaged(Damage {
            file: shard.file.clone(),
            sample: Some(entry.key.clone()),
            reason,
            samples_lost: 1,
        })
    };
    let len = file.metadata().map_err(DatasetError::io("read", &path))?.len();
    if entry.offset.saturating_add(entry.bytes) > len {
        return Err(damaged(format!("the shard is cut short: it has {len} bytes")));
    }
    let mut bytes = vec![0; entry.bytes as usize];
    let read = file.seek(SeekFrom::Start(entry.offset)).and_then(|_| file.read_exact(&mut bytes));
    read.map_err(DatasetError::io("read", &path))?;
    if blake3::hash(&bytes).to_hex().as_str() != entry.blake3.to_ascii_lowercase() {
        return Err(damaged("its bytes do not match their check sum".into()));
    }
    parse_sample(&bytes, entry).map_err(damaged)
}

fn parse_sample(bytes: &[u8], entry: &SampleEntry) -> Result<Sample, String> {
    let mut members = HashMap::new();
    let mut archive = tar::Archive::new(Cursor::new(bytes));
    for member in archive.entries().map_err(|error| error.to_string())? {
        let mut member = member.map_err(|error| format!("its tar headers are damaged: {error}"))?;
        let name = String::from_utf8_lossy(&member.path_bytes()).into_owned();
        let extension = name.strip_prefix(&entry.key).and_then(|rest| rest.strip_prefix('.'));
        let extension = extension.ok_or_else(|| format!("{name:?} lies in its place"))?.to_owned();
        let mut contents = Vec::new();
        member.read_to_end(&mut contents).map_err(|error| error.to_string())?;
        if members.insert(extension, contents).is_some() {
            return Err(format!("{name:?} is there twice"));
        }
    }
    let metadata = members.get("json").ok_or("its .json is missing")?;
    let metadata: Metadata =
        serde_json::from_slice(metadata).map_err(|error| format!("its .json cannot be read: {error}"))?;
    let clip = npy::decode(members.get("npy").ok_or("its .npy is missing")?, metadata.frame_rate)?;
    let told = (metadata.num_frames, metadata.resolution, metadata.frame_rate);
    let listed = (entry.num_frames, entry.resolution, entry.frame_rate);
    let found = (clip.frames().len(), clip.resolution(), clip.frame_rate());
    if told != found || listed != found {
        return Err(format!(
            "it has {} frames of {}, but its .json says {} of {} and the index {} of {}",
            found.0, found.1, told.0, told.1, listed.0, listed.1
        ));
    }
    if metadata.camera.as_ref().is_some_and(|camera| camera.len() != found.0) {
        return Err("its camera path has another length than the clip".into());
    }
    let Metadata { captions, labels, seed, camera, .. } = metadata;
    Ok(Sample { clip, captions, labels, seed, camera })
}
