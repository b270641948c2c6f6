//! The one error of this crate.

use std::{io, path::Path, path::PathBuf};

use crate::{AutoencoderFingerprint, Damage, TokenGrid};

/// What can go wrong with data sets, latent caches and packing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// The file system said no.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file or sample is not what was written.
    #[error("{0}; make it again, or open the data with damage skipped to go on without it")]
    Damaged(Damage),
    /// A file of another version of the format.
    #[error("{} has format version {actual}, but this program reads version {expected}; make it again", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The version that is read here.
        expected: u32,
        /// The version that the file names.
        actual: u32,
    },
    /// A file that is something else altogether.
    #[error("{} is not {expected}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What it should have been.
        expected: &'static str,
        /// What was found.
        reason: String,
    },
    /// Latents that another autoencoder made.
    #[error(
        "{} holds latents of the autoencoder {actual}, but the one in use is {expected}; \
         encode the clips again, or use the autoencoder that made them",
        path.display()
    )]
    Autoencoder {
        /// The file.
        path: PathBuf,
        /// The autoencoder in use.
        expected: AutoencoderFingerprint,
        /// The autoencoder that the file names.
        actual: AutoencoderFingerprint,
    },
    /// More data than may be held in memory.
    #[error(
        "the latents in {} take {needed_bytes} bytes, but only {budget_bytes} may be held in memory; \
         raise the budget or use fewer samples",
        path.display()
    )]
    MemoryBudget {
        /// The folder.
        path: PathBuf,
        /// What the latents take.
        needed_bytes: u64,
        /// What they may take.
        budget_bytes: u64,
    },
    /// A sample that contradicts itself.
    #[error("sample {sample} cannot be written: {reason}")]
    Sample {
        /// Key or seed of the sample.
        sample: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A request or setting that cannot be met.
    #[error("{0}")]
    Request(String),
    /// A clip that does not fit into a training sequence, or has no tokens.
    #[error(
        "item {item} ({grid}) has {num_tokens} tokens, but a training sequence holds 1 to {max_tokens}; \
         raise the limit or leave the item out"
    )]
    TokenCount {
        /// Position of the item.
        item: usize,
        /// Its patches.
        grid: TokenGrid,
        /// Its tokens.
        num_tokens: usize,
        /// The limit.
        max_tokens: usize,
    },
    /// A latent shape that does not divide into patches.
    #[error(
        "latents of {height}×{width} do not divide into patches of {patch}×{patch}; \
         the nearest that do are {nearest_height}×{nearest_width}"
    )]
    Patches {
        /// Latent rows.
        height: usize,
        /// Latent columns.
        width: usize,
        /// Side of a patch.
        patch: usize,
        /// Rows that would work.
        nearest_height: usize,
        /// Columns that would work.
        nearest_width: usize,
    },
    /// A saved place in an epoch that belongs to other items.
    #[error(
        "the saved place is in an epoch of {expected} items, but there are {actual} items now; \
         go on with the same items, or begin a new epoch"
    )]
    PackerState {
        /// Items when the place was saved.
        expected: usize,
        /// Items now.
        actual: usize,
    },
    /// Asked for a sample that is not there.
    #[error("there is no sample {index}: the data set has {len}, counted from 0")]
    NoSuchSample {
        /// The asked position.
        index: usize,
        /// How many there are.
        len: usize,
    },
    /// Pictures that are not pictures.
    #[error(transparent)]
    Video(#[from] video::VideoError),
    /// Worlds that cannot be.
    #[error(transparent)]
    Worlds(worlds::WorldsError),
}

impl DatasetError {
    /// For `map_err` after a file operation.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}
