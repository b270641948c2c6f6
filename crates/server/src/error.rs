//! The one error of this crate.

use std::{io, net::SocketAddr, path::PathBuf};

use crate::keys::KeyProblem;

/// What can go wrong while a server starts, or with what it keeps.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// An address that others can reach, and nobody needs a key.
    #[error(
        "{address} can be reached from other machines, so callers need keys, and there are none; \
         make one with `misora keys add NAME --data DIR`, or listen on 127.0.0.1"
    )]
    OpenWithoutKeys {
        /// Where it was to listen.
        address: SocketAddr,
    },
    /// The address cannot be had.
    #[error("cannot listen on {address}: {source}; choose another with --listen")]
    Listen {
        /// Where it was to listen.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Another server works on the same folder.
    #[error("{} is in use by another server; stop that one, or choose another folder with --data", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The data folder refuses.
    #[error("cannot use {}: {source}", path.display())]
    Data {
        /// What was to be read or written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Jobs of a later version.
    #[error("the jobs are of a later version of misora ({found}; this one knows {known}); use that version")]
    LaterVersion {
        /// Their version.
        found: i64,
        /// The one that is known.
        known: i64,
    },
    /// The store of jobs failed.
    #[error("the store of jobs failed: {0}")]
    Store(#[from] rusqlite::Error),
    /// A job that cannot be understood.
    #[error("a job in the store cannot be understood: {0}")]
    Job(#[from] serde_json::Error),
    /// Too many jobs wait.
    #[error("{limit} jobs are waiting already; try again when some are done")]
    QueueFull {
        /// The limit.
        limit: u64,
    },
    /// A caller's videos for today are used up.
    #[error("this key may make {limit} videos a day, and they are used up; try again tomorrow")]
    QuotaUsed {
        /// The limit.
        limit: u32,
    },
    /// The same `Idempotency-Key` for something else.
    #[error("this Idempotency-Key was used for another request; use a new one for each")]
    KeyReused,
    /// A key that cannot be made or taken back.
    #[error(transparent)]
    Key(#[from] KeyProblem),
    /// A webhook that cannot be used.
    #[error("the webhook {url:?} cannot be used: {problem}")]
    Webhook {
        /// The URL.
        url: String,
        /// What is wrong.
        problem: String,
    },
    /// The asynchronous runtime or a thread cannot be started.
    #[error("cannot start: {0}")]
    Start(io::Error),
}

impl ServerError {
    /// Wraps what the system said of a path.
    pub(crate) fn data(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Data { path, source }
    }
}
