//! The one error of this crate.

use std::path::PathBuf;

/// What can go wrong while training.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainingError {
    /// A recipe that cannot be carried out.
    #[error("the recipe is wrong: {0}")]
    Recipe(String),
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
    /// A checkpoint that cannot be used.
    #[error("the checkpoint {path} cannot be resumed: {reason}", path = path.display())]
    Checkpoint {
        /// Its folder.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The loss or a gradient is not a number.
    #[error(
        "the {what} of stage {stage} is not finite at step {step} (batch: {batch}); \
         the last good checkpoint is {checkpoint}: lower the learning rate and resume from there"
    )]
    NotFinite {
        /// "loss" or "gradient".
        what: &'static str,
        /// Name of the stage.
        stage: String,
        /// Step, counted from 1.
        step: u64,
        /// Which samples were in the batch.
        batch: String,
        /// Folder of the last checkpoint, or "none yet".
        checkpoint: String,
    },
    /// Another run is on its way in the same folder.
    #[error("another run works in {folder}; stop it, or give this one another folder", folder = folder.display())]
    Busy {
        /// The folder.
        folder: PathBuf,
    },
    /// Stopped on request; the checkpoint is written.
    #[error("stopped at step {step}; run the same command again to go on")]
    Interrupted {
        /// Steps done.
        step: u64,
    },
    /// The models.
    #[error(transparent)]
    Model(#[from] models::ModelError),
    /// The data.
    #[error(transparent)]
    Dataset(#[from] dataset::DatasetError),
    /// The worlds.
    #[error(transparent)]
    Worlds(#[from] worlds::WorldsError),
    /// The samples made while training.
    #[error(transparent)]
    Generation(#[from] generation::GenerationError),
    /// A sheet of samples.
    #[error(transparent)]
    Video(#[from] video::VideoError),
    /// The noise levels.
    #[error(transparent)]
    Diffusion(#[from] diffusion::DiffusionError),
}

impl TrainingError {
    /// For `map_err` on file operations.
    pub(crate) fn file(action: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }
}
