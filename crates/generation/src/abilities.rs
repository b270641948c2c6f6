//! What a model can make, and makes when nothing is said.

use diffusion::{DiffusionError, Sampler, Schedule, Sigma};
use models::BundleInfo;

use crate::limits::Limits;

/// What a model can make, and what it makes when nothing is said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Abilities {
    /// How large its videos may be.
    pub limits: Limits,
    /// Tokens of a prompt that it reads.
    pub prompt_tokens: usize,
    /// Frames per second.
    pub frame_rate: u32,
    /// Width and height in pixels.
    pub size: [u32; 2],
    /// Number of frames.
    pub num_frames: usize,
    /// Steps from noise to video.
    pub num_inference_steps: usize,
    /// How strongly the prompt is followed.
    pub guidance_scale: f32,
    /// How much of an outline is imagined anew; `None` for a model that makes none.
    pub outline_strength: Option<f32>,
    /// How the steps are taken.
    pub sampler: Sampler,
    /// Where the steps lie.
    pub levels: Levels,
    /// Whether its videos begin with an image.
    pub image: ImageUse,
    /// Whether it was taught to follow a camera's path.
    pub camera: bool,
    /// Whether it was taught to follow the ways of things.
    pub motion: bool,
}

/// Whether a model's videos begin with an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageUse {
    /// It was not taught to.
    Never,
    /// With one or without.
    IfGiven,
    /// It makes none without.
    Always,
}

/// At which noise levels a model is sampled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Levels {
    /// Shifted by the number of tokens, from pure noise on.
    ByTokens,
    /// As a checkpoint of others says.
    Wan(wan::SchedulerConfig),
}

impl Abilities {
    /// Those of misora's own models.
    pub fn of(info: &BundleInfo) -> Self {
        Self {
            limits: Limits::OWN,
            prompt_tokens: info.text_encoder.max_tokens,
            frame_rate: info.frame_rate,
            size: [128, 128],
            num_frames: 33,
            num_inference_steps: 20,
            guidance_scale: 4.0,
            outline_strength: Some(0.6),
            sampler: Sampler::default(),
            levels: Levels::ByTokens,
            image: ImageUse::Never,
            camera: true,
            motion: info.transformer.motion,
        }
    }
}

impl Levels {
    pub(crate) fn sigmas(self, num_tokens: usize, steps: usize) -> Result<Vec<Sigma>, DiffusionError> {
        // The schedule also checks the number of steps.
        let sigmas = Schedule::for_tokens(num_tokens).sigmas(steps)?;
        match self {
            Self::ByTokens => Ok(sigmas),
            Self::Wan(scheduler) => match scheduler.only_num_inference_steps() {
                Some(only) if only != steps => Err(DiffusionError::Schedule {
                    problem: format!(
                        "the model was distilled to {only} steps and makes nothing in {steps}; leave their number out"
                    ),
                }),
                _ => scheduler.sigmas(steps).into_iter().map(Sigma::new).collect(),
            },
        }
    }
}
