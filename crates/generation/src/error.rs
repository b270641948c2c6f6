//! The one error of this crate.

use diffusion::DiffusionError;
use models::ModelError;
use video::VideoError;
use wan::WanError;

/// Why a request cannot become a video.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GenerationError {
    /// A prompt without a word in it.
    #[error("the prompt is empty; describe what the video shows, for example \"a red ball rolls across the grass\"")]
    EmptyPrompt,
    /// A prompt far beyond what the text encoder reads.
    #[error("the {which} has {found} characters, but this model reads at most about {limit}; shorten it")]
    PromptLength {
        /// "prompt" or "negative prompt".
        which: &'static str,
        /// Characters that came.
        found: usize,
        /// Characters that may fit.
        limit: usize,
    },
    /// A video that cannot play round.
    #[error("a video that plays round {problem}")]
    Ring {
        /// What is wrong, and what works.
        problem: String,
    },
    /// A picture size that the model cannot make.
    #[error("the model cannot make pictures of {width}x{height}: {rule}; the nearest {nearest}")]
    Size {
        /// Asked width in pixels.
        width: u32,
        /// Asked height in pixels.
        height: u32,
        /// What sizes must be.
        rule: String,
        /// "that works is …" or "that work are …".
        nearest: String,
    },
    /// A number of frames that the model cannot make.
    #[error("the model cannot make {found} frames: {rule}; the nearest {nearest}")]
    FrameCount {
        /// Frames that were asked for.
        found: usize,
        /// What numbers of frames must be.
        rule: String,
        /// "that works is …" or "that work are …".
        nearest: String,
    },
    /// A duration that is not one, or that no number of frames gives.
    #[error("the model cannot make a video of {seconds} seconds: {rule}; {advice}")]
    Duration {
        /// Seconds that were asked for.
        seconds: f64,
        /// What durations must be.
        rule: String,
        /// Which durations work.
        advice: String,
    },
    /// A video that is too large as a whole.
    #[error("{width}x{height} with {frames} frames is {tokens} tokens, but at most {limit} fit; {advice}")]
    TooManyTokens {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Number of frames.
        frames: usize,
        /// Spacetime patches of such a video.
        tokens: usize,
        /// Most that are taken.
        limit: usize,
        /// What would fit.
        advice: String,
    },
    /// A strength that is none.
    #[error(
        "the outline's strength must be above 0 and at most 1, but is {found}; 0.6 is usual, 1 is without an outline"
    )]
    OutlineStrength {
        /// What came.
        found: f32,
    },
    /// An outline of a size that cannot be halved.
    #[error(
        "{width}x{height} has no outline: both sides must be multiples of 32 and at least 96; leave out the outline's \
         strength, or make it 1"
    )]
    NoOutline {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// An outline of a model that makes none.
    #[error("this model makes no outlines; leave out the outline's strength, or make it 1")]
    ModelWithoutOutline,
    /// A camera path that is none, or that the model cannot follow.
    #[error("the camera path {problem}")]
    Camera {
        /// What is wrong with it and what would be right.
        problem: String,
    },
    /// The way of a thing that is none, or that the model cannot follow.
    #[error("the motion {problem}")]
    Motion {
        /// What is wrong with it and what would be right.
        problem: String,
    },
    /// Pictures that cannot be laid out as a video.
    #[error("{problem}")]
    Edit {
        /// What is wrong with them and what would be right.
        problem: String,
    },
    /// An image that the model cannot begin with, or none where it needs one.
    #[error("the image {problem}")]
    Image {
        /// What is wrong with it and what would be right.
        problem: String,
    },
    /// A long video that cannot be made in windows as wished.
    #[error("{problem}")]
    Long {
        /// What is wrong and what would be right.
        problem: String,
    },
    /// An unfinished video that cannot be gone on with.
    #[error("{} {problem}", path.display())]
    Partial {
        /// Where it lies.
        path: std::path::PathBuf,
        /// What is wrong with it and what to do.
        problem: String,
    },
    /// A story that cannot be told.
    #[error("{problem}")]
    Story {
        /// Which card is wrong, and how.
        problem: String,
    },
    /// A device that this program or machine does not have.
    #[error("cannot use the device {name}: {problem}")]
    Device {
        /// The device's name.
        name: String,
        /// Why not, and what to do.
        problem: String,
    },
    /// A video that does not fit into memory.
    #[error("{part} would need about {needed} of memory, but only {available} are there; {advice}")]
    Memory {
        /// The part that needs the most.
        part: &'static str,
        /// What it needs.
        needed: String,
        /// What can be had.
        available: String,
        /// What would fit.
        advice: String,
    },
    /// Pixels that are not numbers.
    #[error("the autoencoder made pixels that are not numbers; its weights are unusable, try another model")]
    NotFinite,
    /// The caller asked to stop.
    #[error("generation was stopped")]
    Interrupted,
    /// Sampling failed.
    #[error(transparent)]
    Diffusion(DiffusionError),
    /// The model failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A checkpoint of others failed.
    #[error(transparent)]
    Wan(#[from] WanError),
    /// Frames could not be made or passed on.
    #[error(transparent)]
    Video(#[from] VideoError),
}

impl From<DiffusionError> for GenerationError {
    fn from(error: DiffusionError) -> Self {
        match error {
            DiffusionError::Interrupted { .. } => Self::Interrupted,
            other => Self::Diffusion(other),
        }
    }
}
