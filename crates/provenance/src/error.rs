//! What can go wrong.

use std::{io, path::PathBuf};

use thiserror::Error;

/// The one error of this crate.
#[derive(Debug, Error)]
pub enum ProvenanceError {
    /// The folder that holds the signing key cannot be used.
    #[error(
        "cannot use {} for the key that signs videos: {source}; name another folder with MISORA_DATA_DIR",
        path.display()
    )]
    DataFolder {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no home folder.
    #[error("there is no home folder for the key that signs videos; name a folder with MISORA_DATA_DIR")]
    NoDataFolder,
    /// A certificate or key that cannot sign.
    #[error(
        "{} cannot sign videos: {message}; it has to hold a PKCS#8 key of P-256, P-384 or Ed25519 and the certificates from \
         its own to the last below the root",
        path.display()
    )]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// Keys could not be made.
    #[error("cannot make a key that signs videos: {0}")]
    Key(#[from] rcgen::Error),
    /// A file could not be read.
    #[error(transparent)]
    Video(#[from] video::VideoError),
}
