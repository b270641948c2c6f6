//! What can go wrong while a canvas is laid out, scheduled or sampled.

use crate::samplers::Sampler;

/// Everything that this crate refuses, with what was expected, what came, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiffusionError {
    /// A noise level lies outside [0, 1] or is not a number.
    #[error("a noise level must lie between 0 (known) and 1 (pure noise), but this one is {value}")]
    SigmaOutOfRange {
        /// The value that came.
        value: f32,
    },

    /// The noise levels cannot be walked down from first to last.
    #[error("unusable noise schedule: {problem}")]
    Schedule {
        /// What is wrong with it and what would be right.
        problem: String,
    },

    /// A tensor does not have the shape that its place asks for.
    #[error("{what} must have the shape {expected}, but has {found:?}")]
    Shape {
        /// The tensor in question.
        what: &'static str,
        /// The shape that fits, axes named where they are free.
        expected: String,
        /// The shape that came.
        found: Vec<usize>,
    },

    /// The denoiser returned NaN or infinity.
    #[error(
        "the denoiser returned a velocity that is not finite in step {step} of {total} (sigma {sigma}); \
         the weights or the guidance scale are unusable, try other weights or a smaller guidance scale"
    )]
    NotFinite {
        /// The step, counted from 1.
        step: usize,
        /// The number of steps.
        total: usize,
        /// The noise level of the whole canvas at which it happened.
        sigma: f32,
    },

    /// The caller asked to stop between two steps.
    #[error("sampling was stopped after {done} of {total} steps")]
    Interrupted {
        /// The steps that were finished.
        done: usize,
        /// The number of steps.
        total: usize,
    },

    /// No sampler goes by this name.
    #[error("there is no sampler called \"{name}\"; choose one of: {}", Sampler::names())]
    UnknownSampler {
        /// The name that came.
        name: String,
    },

    /// A setting lies outside its range.
    #[error("{setting} must be {expected}, but is {found}")]
    Setting {
        /// The setting's name as it stands in a recipe or on the command line.
        setting: &'static str,
        /// The range that fits.
        expected: &'static str,
        /// The value that came.
        found: f64,
    },

    /// The model behind the denoiser failed.
    #[error("the denoiser failed: {0}")]
    Denoiser(#[source] Box<dyn std::error::Error + Send + Sync>),

    /// The device could not hand back values.
    #[error("could not read values from the device: {0}; if its memory is full, try a smaller size or fewer frames")]
    Device(String),
}

impl DiffusionError {
    /// Wraps the error of a model, so that it passes through a sampler unchanged.
    pub fn denoiser(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Denoiser(error.into())
    }
}
