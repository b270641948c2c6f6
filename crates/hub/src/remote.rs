//! What the hub has, and how it gets here.

use std::path::{Path, PathBuf};

use hf_hub::api::{
    Progress,
    sync::{Api, ApiBuilder, ApiError, ApiRepo},
};
use serde::Deserialize;

use crate::{
    HubError, ModelCache, ModelName,
    cache::{MANIFESTS, repo},
};

const DEFAULT_ENDPOINT: &str = "https://huggingface.co";
/// Times that a broken connection is taken up again for one file.
const RETRIES: usize = 3;
/// What a model is made of, and what tells of its licence; pictures, demonstrations and weights in other formats stay where they are.
const SUFFIXES: [&str; 5] = [".json", ".safetensors", "README.md", "LICENSE", "LICENSE.txt"];

/// The hub, and the cache that it fills.
#[derive(Clone, Debug)]
pub struct Hub {
    cache: ModelCache,
    endpoint: String,
    token: Option<String>,
    is_offline: bool,
}

/// Hears of a download while it happens.
pub trait PullProgress {
    /// A file begins, or goes on where an earlier download was cut: bytes of all files, and bytes that are here.
    fn file(&mut self, name: &str, done: u64, total: u64);

    /// So many more bytes have come.
    fn bytes(&mut self, more: u64);
}

/// A file of a model.
#[derive(Clone, Debug, Deserialize)]
struct RemoteFile {
    #[serde(rename = "rfilename")]
    name: String,
    #[serde(default)]
    size: u64,
}

#[derive(Deserialize)]
struct RemoteModel {
    siblings: Vec<RemoteFile>,
}

impl Hub {
    /// A hub at a place of one's own.
    pub fn new(cache: ModelCache, endpoint: impl Into<String>) -> Self {
        Self { cache, endpoint: endpoint.into(), token: None, is_offline: false }
    }

    /// The hub and the cache as `HF_ENDPOINT`, `HF_HUB_OFFLINE`, `HF_TOKEN`, `HF_HUB_CACHE` and `HF_HOME` say.
    pub fn from_env() -> Self {
        let set = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
        let endpoint = set("HF_ENDPOINT").unwrap_or_else(|| DEFAULT_ENDPOINT.into());
        let is_offline =
            set("HF_HUB_OFFLINE").is_some_and(|value| ["1", "on", "yes", "true"].contains(&&*value.to_lowercase()));
        let endpoint = endpoint.trim_end_matches('/');
        Self { token: set("HF_TOKEN"), is_offline, ..Self::new(ModelCache::from_env(), endpoint) }
    }

    /// The same without the hub.
    #[must_use]
    pub fn offline(self) -> Self {
        Self { is_offline: true, ..self }
    }

    /// The cache.
    pub fn cache(&self) -> &ModelCache {
        &self.cache
    }

    /// The folder of a model: as it is in the cache, or after fetching it.
    ///
    /// # Errors
    /// Those of [`Self::pull`].
    pub fn find_or_pull(&self, name: &ModelName, progress: &mut dyn PullProgress) -> Result<PathBuf, HubError> {
        self.cache.find(name).map_or_else(|| self.pull(name, progress), Ok)
    }

    /// Fetches what is not here yet of a model, going on where an earlier call stopped, and gives back its folder.
    ///
    /// # Errors
    /// [`HubError`]: what has arrived by then stays.
    pub fn pull(&self, name: &ModelName, progress: &mut dyn PullProgress) -> Result<PathBuf, HubError> {
        if self.is_offline {
            return Err(HubError::Offline { name: name.to_string(), cache: self.cache.folder().into() });
        }
        let remote = self.api(name)?.repo(repo(name));
        let files = self.files(name, &remote)?;
        let total: u64 = files.iter().map(|file| file.size).sum();
        let cached = self.cache.inner().repo(repo(name));
        let is_here = |file: &&RemoteFile| cached.get(&file.name).is_some();
        let mut done: u64 = files.iter().filter(is_here).map(|file| file.size).sum();
        self.check_room(name, total - done)?;
        let mut folder = None;
        for file in &files {
            let here = cached.get(&file.name);
            let path = match here {
                Some(path) => path,
                None => {
                    let pulling = Pulling { name: &file.name, before: done, total, progress };
                    let fetched = remote.download_with_progress(&file.name, pulling);
                    done += file.size;
                    fetched.map_err(|error| self.explained(name, error))?
                }
            };
            let depth = file.name.split('/').count();
            folder = path.ancestors().nth(depth).map(Path::to_owned);
        }
        folder.ok_or_else(|| not_a_model(name))
    }

    fn api(&self, name: &ModelName) -> Result<Api, HubError> {
        let mut builder = ApiBuilder::from_cache(self.cache.inner().clone())
            .with_endpoint(self.endpoint.clone())
            .with_retries(RETRIES)
            .with_progress(false);
        if let Some(token) = &self.token {
            builder = builder.with_token(Some(token.clone()));
        }
        builder.build().map_err(|error| self.explained(name, error))
    }

    /// The files that are worth fetching, the manifest last: when it is here, all are.
    fn files(&self, name: &ModelName, remote: &ApiRepo) -> Result<Vec<RemoteFile>, HubError> {
        let answer = remote.info_request().query("blobs", "true").call();
        let mut answer = answer.map_err(|error| self.explained(name, ApiError::RequestError(Box::new(error))))?;
        let model: RemoteModel = answer.body_mut().read_json().map_err(|error| self.nonsense(name, &error))?;
        let mut files = model.siblings;
        files.retain(|file| SUFFIXES.iter().any(|suffix| file.name.ends_with(suffix)));
        if let Some(file) = files.iter().find(|file| !is_inside(&file.name)) {
            return Err(self.nonsense(name, &format!("a file named {:?}", file.name)));
        }
        files.sort_by_key(|file| (MANIFESTS.contains(&&*file.name), file.name.clone()));
        match files.last() {
            Some(last) if MANIFESTS.contains(&&*last.name) => Ok(files),
            _ => Err(not_a_model(name)),
        }
    }

    fn check_room(&self, name: &ModelName, needed: u64) -> Result<(), HubError> {
        let cache = self.cache.folder();
        std::fs::create_dir_all(cache).map_err(HubError::file("create", cache))?;
        match free_bytes(cache) {
            Some(free) if free < needed => {
                Err(HubError::Full { name: name.to_string(), needed, free, cache: cache.into() })
            }
            _ => Ok(()),
        }
    }

    fn explained(&self, name: &ModelName, error: ApiError) -> HubError {
        let (name, endpoint) = (name.to_string(), self.endpoint.clone());
        match error {
            ApiError::TooManyRetries(error) => match *error {
                ApiError::RequestError(error) => Self::request_failed(name, endpoint, &error),
                error => HubError::Unreachable { name, endpoint, reason: error.to_string() },
            },
            ApiError::RequestError(error) => Self::request_failed(name, endpoint, &error),
            ApiError::IoError(source) => {
                HubError::File { action: "write to", path: self.cache.folder().into(), source }
            }
            error => HubError::Answer { name, endpoint, reason: error.to_string() },
        }
    }

    fn request_failed(name: String, endpoint: String, error: &ureq::Error) -> HubError {
        match error {
            ureq::Error::StatusCode(status @ (401 | 403 | 404)) => {
                HubError::Refused { name, endpoint, status: *status }
            }
            error => HubError::Unreachable { name, endpoint, reason: error.to_string() },
        }
    }

    fn nonsense(&self, name: &ModelName, reason: &dyn std::fmt::Display) -> HubError {
        HubError::Answer { name: name.to_string(), endpoint: self.endpoint.clone(), reason: reason.to_string() }
    }
}

fn not_a_model(name: &ModelName) -> HubError {
    HubError::NotAModel { name: name.to_string(), expected: "model_index.json" }
}

/// Whether a file stays below the folder of its model.
fn is_inside(name: &str) -> bool {
    !name.contains('\\') && name.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}

#[cfg(unix)]
fn free_bytes(folder: &Path) -> Option<u64> {
    let room = rustix::fs::statvfs(folder).ok()?;
    Some(room.f_bavail * room.f_frsize)
}

#[cfg(not(unix))]
fn free_bytes(_folder: &Path) -> Option<u64> {
    None
}

/// One file's part of the whole.
struct Pulling<'a> {
    name: &'a str,
    before: u64,
    total: u64,
    progress: &'a mut dyn PullProgress,
}

impl Progress for Pulling<'_> {
    fn init(&mut self, _size: usize, _filename: &str) {
        self.progress.file(self.name, self.before, self.total);
    }

    fn update(&mut self, size: usize) {
        self.progress.bytes(size as u64);
    }

    fn finish(&mut self) {}
}
