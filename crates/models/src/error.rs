//! The one error of this crate.

use std::path::PathBuf;

/// What can go wrong with models and their checkpoints.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A configuration that describes no possible model.
    #[error("the {part} configuration is wrong: {reason}")]
    Config {
        /// Which model part.
        part: &'static str,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// A file that cannot be read or written.
    #[error("cannot {action} {path}: {source}", path = path.display())]
    File {
        /// "read" or "write".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A folder that holds no model.
    #[error("{path} is not a model folder: {reason}", path = path.display())]
    NotAModel {
        /// The folder.
        path: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// A checkpoint written by another version of the format.
    #[error("{path} has checkpoint format {found}, but this misora reads format {expected}; convert it or use the misora that wrote it", path = path.display())]
    Version {
        /// The manifest.
        path: PathBuf,
        /// Version found there.
        found: u64,
        /// Version that this program reads.
        expected: u64,
    },
    /// A file that is cut short or otherwise not what it should be.
    #[error("{path} is damaged: {reason}", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Tensors that do not fit the model one to one.
    #[error("{path} does not fit the {part}: {reason}", path = path.display())]
    Tensors {
        /// The weights file.
        path: PathBuf,
        /// Which model part.
        part: &'static str,
        /// Names of the tensors and what is wrong with each.
        reason: String,
    },
    /// Text that is longer than the text encoder reads.
    #[error(
        "the prompt has {tokens} tokens, but the text encoder reads at most {limit}; shorten it to about {limit} words"
    )]
    PromptTooLong {
        /// Tokens in the prompt.
        tokens: usize,
        /// Tokens that fit.
        limit: usize,
    },
    /// The tokenizer failed.
    #[error("the tokenizer failed: {0}")]
    Tokenizer(String),
    /// Frames that the autoencoder cannot take.
    #[error("the autoencoder takes {expected}, not {actual}")]
    FrameShape {
        /// What is accepted.
        expected: String,
        /// What came.
        actual: String,
    },
}
