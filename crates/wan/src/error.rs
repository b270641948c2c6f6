//! The one error of this crate.

use std::path::PathBuf;

/// What can go wrong with checkpoints and with what they are given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WanError {
    /// A file that cannot be read.
    #[error("cannot read {path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file that cannot be written.
    #[error("cannot write {path}: {source}", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Somebody wanted to stop.
    #[error("stopped; nothing was written")]
    Stopped,
    /// A folder that does not hold the part that was asked for.
    #[error("{path} {reason}", path = path.display())]
    NotAModel {
        /// The folder.
        path: PathBuf,
        /// What is missing, and what would be right.
        reason: String,
    },
    /// An architecture that misora does not have.
    #[error("{path} describes {found}, which misora does not have; it has {known}", path = path.display())]
    Architecture {
        /// The configuration.
        path: PathBuf,
        /// The architecture's name there.
        found: String,
        /// What would be read.
        known: &'static str,
    },
    /// A configuration that describes no possible model, or one that misora does not compute.
    #[error("{path}: {reason}", path = path.display())]
    Config {
        /// The configuration.
        path: PathBuf,
        /// What is wrong, and what would be right.
        reason: String,
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
        /// The weights file or its folder.
        path: PathBuf,
        /// Which model part.
        part: &'static str,
        /// Names of the tensors and what is wrong with each.
        reason: String,
    },
    /// A tensor that a part cannot take.
    #[error("{what} must be {expected}, but is {found}")]
    Input {
        /// The tensor.
        what: String,
        /// What would be taken.
        expected: String,
        /// What came.
        found: String,
    },
    /// The tokenizer failed, or does not belong to the text encoder.
    #[error("{path}: {reason}", path = path.display())]
    Tokenizer {
        /// The tokenizer's file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl WanError {
    /// A file that the system does not take.
    pub(crate) fn write(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Write { path, source }
    }

    /// A shape that does not fit.
    pub(crate) fn shape(what: &str, expected: impl Into<String>, found: &[usize]) -> Self {
        Self::Input { what: what.to_owned(), expected: expected.into(), found: format!("{found:?}") }
    }
}
