//! Writing a latent cache, file by whole file.

use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use super::{
    AutoencoderFingerprint, LatentSample,
    record::{self, HEADER_LEN, Header, HeaderFault, RECORD_HEAD_LEN, RecordHead, VERSION},
};
use crate::{
    Damage, DatasetError,
    atomic::{self, PartialFile},
};

pub(super) const PREFIX: &str = "latents";
pub(super) const EXTENSION: &str = "bin";

/// Where latents go and whose they are.
#[derive(Clone, Debug)]
pub struct LatentWriterSettings {
    /// The cache's folder; made if it is not there.
    pub folder: PathBuf,
    /// The autoencoder that makes the latents.
    pub autoencoder: AutoencoderFingerprint,
    /// A file is finished when it has grown to this many bytes.
    pub max_file_bytes: u64,
}

/// Appends latents to a cache.
///
/// A file gets its name when it is whole. What is killed or dropped in between loses the samples of the unfinished
/// file only, and [`LatentWriter::num_samples`] says after opening how many are already there.
pub struct LatentWriter {
    settings: LatentWriterSettings,
    next_file: usize,
    whole_samples: u64,
    current: Option<Current>,
}

struct Current {
    file: PartialFile,
    num_records: u64,
    bytes: u64,
}

impl LatentWriter {
    /// Begins a cache, or goes on after the last whole file of the one that is there.
    ///
    /// # Errors
    /// [`DatasetError::Autoencoder`] when the folder holds latents of another autoencoder; [`DatasetError::Version`],
    /// [`DatasetError::Damaged`] or [`DatasetError::Io`] when its files cannot be continued.
    pub fn open(settings: LatentWriterSettings) -> Result<Self, DatasetError> {
        fs::create_dir_all(&settings.folder).map_err(DatasetError::io("create", &settings.folder))?;
        let files = atomic::numbered_files(&settings.folder, PREFIX, EXTENSION)?;
        let mut whole_samples: u64 = 0;
        for (place, (number, path)) in files.iter().enumerate() {
            if place != *number {
                return Err(DatasetError::Damaged(missing_file(place)));
            }
            let header = read_header(path, settings.autoencoder)?;
            whole_samples = whole_samples.saturating_add(header.num_records);
        }
        Ok(Self { settings, next_file: files.len(), whole_samples, current: None })
    }

    /// Samples in the cache, those of the unfinished file among them.
    pub fn num_samples(&self) -> u64 {
        self.whole_samples + self.current.as_ref().map_or(0, |current| current.num_records)
    }

    /// Adds one sample.
    ///
    /// # Errors
    /// [`DatasetError::Sample`] when it contradicts itself or holds a number that is not finite;
    /// [`DatasetError::Io`].
    pub fn append(&mut self, sample: &LatentSample) -> Result<(), DatasetError> {
        sample.check()?;
        let payload = record::encode(sample).map_err(|error| DatasetError::Sample {
            sample: format!("with seed {}", sample.seed),
            reason: error.to_string(),
        })?;
        let current = match &mut self.current {
            Some(current) => current,
            none => {
                let name = format!("{PREFIX}-{:06}.{EXTENSION}", self.next_file);
                let mut file = PartialFile::create(&self.settings.folder.join(name))?;
                // The number of records is not known yet; the whole file gets its header at the end.
                let path = file.path().to_owned();
                file.write_all(&[0; HEADER_LEN]).map_err(DatasetError::io("write", &path))?;
                none.insert(Current { file, num_records: 0, bytes: HEADER_LEN as u64 })
            }
        };
        let path = current.file.path().to_owned();
        let head = RecordHead::of(&payload).to_bytes();
        let written = current.file.write_all(&head).and_then(|()| current.file.write_all(&payload));
        written.map_err(DatasetError::io("write", &path))?;
        current.num_records += 1;
        current.bytes += (RECORD_HEAD_LEN + payload.len()) as u64;
        if current.bytes >= self.settings.max_file_bytes {
            self.finish_file()?;
        }
        Ok(())
    }

    /// Finishes the current file now, so that readers can see its samples.
    ///
    /// # Errors
    /// [`DatasetError::Io`].
    pub fn finish_file(&mut self) -> Result<(), DatasetError> {
        let Some(Current { mut file, num_records, .. }) = self.current.take() else { return Ok(()) };
        let path = file.path().to_owned();
        let header = Header { autoencoder: self.settings.autoencoder, num_records };
        let written = file.seek(SeekFrom::Start(0)).and_then(|_| file.write_all(&header.to_bytes()));
        written.map_err(DatasetError::io("write", &path))?;
        file.finish()?;
        self.whole_samples += num_records;
        self.next_file += 1;
        Ok(())
    }

    /// Finishes the cache and says how many samples it has.
    ///
    /// # Errors
    /// [`DatasetError::Io`].
    pub fn finish(mut self) -> Result<u64, DatasetError> {
        self.finish_file()?;
        Ok(self.whole_samples)
    }
}

/// The header of a file that must be of this version and of `autoencoder`.
pub(super) fn read_header(path: &Path, autoencoder: AutoencoderFingerprint) -> Result<Header, DatasetError> {
    let mut bytes = [0; HEADER_LEN];
    let mut file = File::open(path).map_err(DatasetError::io("open", path))?;
    file.read_exact(&mut bytes).map_err(|error| {
        if error.kind() == std::io::ErrorKind::UnexpectedEof {
            return DatasetError::Damaged(whole_file(path, "it is cut short within its header".into()));
        }
        DatasetError::Io { action: "read", path: path.to_owned(), source: error }
    })?;
    let header = Header::from_bytes(&bytes).map_err(|fault| match fault {
        HeaderFault::Version(actual) => DatasetError::Version { path: path.to_owned(), expected: VERSION, actual },
        HeaderFault::NotLatents => {
            DatasetError::Damaged(whole_file(path, "it does not begin as a file of latents does".into()))
        }
        HeaderFault::Check => DatasetError::Damaged(whole_file(path, "its header does not match its check sum".into())),
    })?;
    if header.autoencoder != autoencoder {
        return Err(DatasetError::Autoencoder {
            path: path.to_owned(),
            expected: autoencoder,
            actual: header.autoencoder,
        });
    }
    Ok(header)
}

pub(super) fn missing_file(number: usize) -> Damage {
    Damage {
        file: format!("{PREFIX}-{number:06}.{EXTENSION}"),
        sample: None,
        reason: "it is missing, though later files are there".into(),
        samples_lost: 0,
    }
}

pub(super) fn whole_file(path: &Path, reason: String) -> Damage {
    let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Damage { file, sample: None, reason, samples_lost: 0 }
}
