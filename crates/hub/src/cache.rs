//! What lies on this machine.
//!
//! ```text
//! ~/.cache/huggingface/hub/models--owner--name/
//!   refs/main            the commit that the branch was at
//!   snapshots/COMMIT/    the files of a commit by their names, as links to
//!   blobs/               their contents, named by their checksums
//! ```

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use hf_hub::{Cache, Repo, RepoType};
use sha2::{Digest, Sha256};

use crate::{HubError, ModelName};

/// The file that makes a folder a model, in the layout of diffusers or in misora's own.
pub const MANIFESTS: [&str; 2] = ["model_index.json", "model.json"];

const PREFIX: &str = "models--";
/// Digits of a SHA-256 checksum.
const SHA256_DIGITS: usize = 64;
const CHUNK_BYTES: usize = 1 << 20;

/// The cache that Hugging Face's programs share.
#[derive(Clone, Debug)]
pub struct ModelCache {
    cache: Cache,
}

/// A model in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedModel {
    /// Its name.
    pub name: ModelName,
    /// The folder with its files.
    pub folder: PathBuf,
}

impl ModelCache {
    /// The cache at a place of one's own.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { cache: Cache::new(folder.into()) }
    }

    /// The cache where `HF_HUB_CACHE` or `HF_HOME` say, or else at its usual place.
    pub fn from_env() -> Self {
        match std::env::var_os("HF_HUB_CACHE") {
            Some(folder) if !folder.is_empty() => Self::at(folder),
            _ => Self { cache: Cache::from_env() },
        }
    }

    /// The folder of the cache.
    pub fn folder(&self) -> &Path {
        self.cache.path()
    }

    pub(crate) fn inner(&self) -> &Cache {
        &self.cache
    }

    /// The folder of a model's files, if it is here.
    ///
    /// A model is here when its manifest is, which is fetched last.
    pub fn find(&self, name: &ModelName) -> Option<PathBuf> {
        let folder = self.folder().join(repo(name).folder_name());
        let commit = std::fs::read_to_string(folder.join("refs").join(name.revision()));
        // A commit is its own name.
        let commit = commit.unwrap_or_else(|_| name.revision().to_owned());
        let snapshot = folder.join("snapshots").join(commit.trim());
        MANIFESTS.iter().any(|manifest| snapshot.join(manifest).is_file()).then_some(snapshot)
    }

    /// All models that are here, by name.
    ///
    /// # Errors
    /// [`HubError::File`] when the cache is there and cannot be read.
    pub fn list(&self) -> Result<Vec<CachedModel>, HubError> {
        if !self.folder().exists() {
            return Ok(Vec::new());
        }
        let entries = self.folder().read_dir().map_err(HubError::file("read", self.folder()))?;
        let mut found = Vec::new();
        for entry in entries.flatten() {
            let folder = entry.file_name();
            let Some((owner, model)) = folder.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split_once("--"))
            else {
                continue;
            };
            for revision in file_names(&entry.path().join("refs")) {
                let Ok(name) = format!("{owner}/{model}@{revision}").parse::<ModelName>() else { continue };
                found.extend(self.find(&name).map(|folder| CachedModel { name, folder }));
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// Compares every file of a model with the checksum that it is named by, and gives back how many bytes were
    /// compared.
    ///
    /// Small files are named by git's checksum and are not compared; weights are.
    ///
    /// # Errors
    /// [`HubError::Damaged`] for the first file that is not what it should be, [`HubError::File`].
    pub fn verify(&self, folder: &Path, progress: &mut dyn FnMut(u64)) -> Result<u64, HubError> {
        let mut compared = 0;
        for path in files_in(folder)? {
            let blob = path.canonicalize().map_err(HubError::file("read", &path))?;
            let name = blob.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.len() != SHA256_DIGITS || !name.chars().all(|digit| digit.is_ascii_hexdigit()) {
                continue;
            }
            let (found, bytes) = checksum(&blob, progress)?;
            if found != name {
                let reason = format!("its SHA-256 is {found}, and the hub's is {name}");
                return Err(HubError::Damaged { path, reason });
            }
            compared += bytes;
        }
        Ok(compared)
    }
}

pub(crate) fn repo(name: &ModelName) -> Repo {
    Repo::with_revision(name.repository().into(), RepoType::Model, name.revision().into())
}

/// SHA-256 of a file as hexadecimal digits, and its length.
fn checksum(path: &Path, progress: &mut dyn FnMut(u64)) -> Result<(String, u64), HubError> {
    let mut file = File::open(path).map_err(HubError::file("read", path))?;
    let (mut hasher, mut buffer, mut length) = (Sha256::new(), vec![0; CHUNK_BYTES], 0);
    loop {
        let read = file.read(&mut buffer).map_err(HubError::file("read", path))?;
        if read == 0 {
            let digest = hasher.finalize();
            return Ok((digest.iter().map(|byte| format!("{byte:02x}")).collect(), length));
        }
        hasher.update(&buffer[..read]);
        length += read as u64;
        progress(read as u64);
    }
}

/// All files below a folder, in order.
fn files_in(folder: &Path) -> Result<Vec<PathBuf>, HubError> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().map_err(HubError::file("read", &folder))? {
            let path = entry.map_err(HubError::file("read", &folder))?.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    Ok(files)
}

/// Names of the files in a folder; none where there is no folder.
fn file_names(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().into_iter().flatten().flatten();
    entries.filter(|entry| entry.path().is_file()).filter_map(|entry| entry.file_name().into_string().ok()).collect()
}
