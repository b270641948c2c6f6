//! The one error of this crate.

use std::path::PathBuf;

/// What can go wrong with models by name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// Words that are no name of a model.
    #[error("{name:?} is no name of a model on the hub: {reason}; a name is like Wan-AI/Wan2.1-T2V-1.3B-Diffusers")]
    Name {
        /// The words.
        name: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// Neither here nor allowed to be fetched.
    #[error(
        "{name} is not in the cache {cache}, and HF_HUB_OFFLINE forbids to fetch it; unset that, or fetch the model \
         elsewhere and give its folder",
        cache = cache.display()
    )]
    Offline {
        /// The model.
        name: String,
        /// Where it was looked for.
        cache: PathBuf,
    },
    /// The hub cannot be reached.
    #[error(
        "cannot reach {endpoint} for {name}: {reason}; without a network, fetch the model elsewhere and give its folder"
    )]
    Unreachable {
        /// The model.
        name: String,
        /// The hub.
        endpoint: String,
        /// What the network said.
        reason: String,
    },
    /// The hub does not have the model, or does not give it to this user.
    #[error(
        "{endpoint} answers {status} for {name}: there is no such model, or it is given only to users who have accepted \
         its terms; then set HF_TOKEN"
    )]
    Refused {
        /// The model.
        name: String,
        /// The hub.
        endpoint: String,
        /// HTTP status.
        status: u16,
    },
    /// A repository without weights that misora could read.
    #[error("{name} holds no model that misora reads: it has no {expected}")]
    NotAModel {
        /// The model.
        name: String,
        /// What would be there.
        expected: &'static str,
    },
    /// An answer that makes no sense.
    #[error("{endpoint} answers something that is not about a model for {name}: {reason}")]
    Answer {
        /// The model.
        name: String,
        /// The hub.
        endpoint: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Too little room for the files.
    #[error(
        "{name} takes {needed} more bytes, and {cache} has room for {free}; make room, or set HF_HUB_CACHE to a folder \
         that has it",
        cache = cache.display()
    )]
    Full {
        /// The model.
        name: String,
        /// Bytes that are still to come.
        needed: u64,
        /// Bytes that are free.
        free: u64,
        /// The cache.
        cache: PathBuf,
    },
    /// A file that cannot be read or written.
    #[error("cannot {action} {path}: {source}", path = path.display())]
    File {
        /// What was to be done.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file of the cache that is not what the hub said it would be.
    #[error("{path} is damaged: {reason}; delete it and pull the model again", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl HubError {
    /// A file that the system does not give.
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }
}
