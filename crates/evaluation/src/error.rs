//! The one error of this crate.

use std::path::PathBuf;

use generation::GenerationError;
use models::ModelError;
use video::{Resolution, VideoError};
use worlds::WorldsError;

/// What can go wrong when something is measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluationError {
    /// Two pictures of different size, which no pixel-by-pixel metric can compare.
    #[error(
        "the reference is {reference}, but what is compared with it is {actual}: scale one to the other's size first"
    )]
    Resolutions {
        /// Size of the reference.
        reference: Resolution,
        /// Size of the other picture.
        actual: Resolution,
    },
    /// Two clips with different numbers of frames.
    #[error(
        "the reference has {reference} frames, but what is compared with it has {actual}: cut the longer one first"
    )]
    FrameCounts {
        /// Frames of the reference.
        reference: usize,
        /// Frames of the other clip.
        actual: usize,
    },
    /// A picture that is smaller than the window in which it would be compared.
    #[error("SSIM looks through a window of {window}×{window} pixels, so a picture of {actual} is too small for it")]
    TooSmall {
        /// Side of the window in pixels.
        window: usize,
        /// Size of the picture.
        actual: Resolution,
    },
    /// A setting that leaves nothing to measure.
    #[error("nothing can be measured: {reason}")]
    Settings {
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// A line of a file of prompts that cannot be used.
    #[error("{path}, line {line}: {reason}", path = path.display())]
    PromptLine {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// A file of prompts that cannot be used as a whole.
    #[error("{path} is no file of prompts: {reason}", path = path.display())]
    Prompts {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// A prompt that the model cannot make a video of.
    #[error("the prompt \"{prompt}\" cannot be used: {source}")]
    Prompt {
        /// The prompt.
        prompt: String,
        /// Why not.
        source: Box<GenerationError>,
    },
    /// A file that cannot be read or written.
    #[error("cannot {action} {path}: {source}", path = path.display())]
    File {
        /// "read", "write" or "create".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A classifier whose configuration makes no sense.
    #[error("{path} is no classifier that this misora reads: {reason}", path = path.display())]
    Classifier {
        /// The configuration.
        path: PathBuf,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// Numbers that are none.
    #[error("{what} came out as numbers that are not finite; the model's weights are unusable, try another model")]
    NotFinite {
        /// What was computed.
        what: &'static str,
    },
    /// The caller asked to stop.
    #[error("evaluation was stopped")]
    Interrupted,
    /// A video could not be made.
    #[error(transparent)]
    Generation(GenerationError),
    /// A model could not be read or written.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A world could not be filmed.
    #[error(transparent)]
    Worlds(#[from] WorldsError),
    /// A picture or clip could not be made or written.
    #[error(transparent)]
    Video(#[from] VideoError),
}

impl From<GenerationError> for EvaluationError {
    fn from(error: GenerationError) -> Self {
        match error {
            GenerationError::Interrupted => Self::Interrupted,
            other => Self::Generation(other),
        }
    }
}
