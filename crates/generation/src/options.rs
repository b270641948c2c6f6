//! A request as somebody wrote it, unchecked.

use diffusion::Sampler;
use video::{Frame, FrameRate};

use crate::{CameraPath, Motion};

/// What somebody asks for; what is left out is chosen by the model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GenerationOptions {
    /// What the video shows.
    pub prompt: String,
    /// What it should not show; nothing in particular when left out.
    pub negative_prompt: Option<String>,
    /// Width and height in pixels.
    pub size: Option<[u32; 2]>,
    /// How long it is.
    pub length: Option<Length>,
    /// How fast it plays.
    pub frame_rate: Option<FrameRate>,
    /// Steps from noise to video.
    pub num_inference_steps: Option<usize>,
    /// How strongly the prompt is followed; 1 is without guidance.
    pub guidance_scale: Option<f32>,
    /// Lowest and highest noise level at which guidance acts, each in [0, 1].
    pub guidance_interval: Option<[f32; 2]>,
    /// How much of a half-size outline is imagined anew at full size, above 0; 1 is without an outline.
    pub outline_strength: Option<f32>,
    /// How the steps are taken.
    pub sampler: Option<Sampler>,
    /// What it begins with.
    pub image: Option<Frame>,
    /// Where the camera goes.
    pub camera: Option<CameraPath>,
    /// Where things go.
    pub motions: Vec<Motion>,
    /// Whether its last frame leads on to its first.
    pub is_ring: bool,
}

impl GenerationOptions {
    /// A prompt, and all else as the model likes it.
    pub fn new(prompt: impl Into<String>) -> Self {
        Self { prompt: prompt.into(), ..Self::default() }
    }

    /// The same as a still picture.
    #[must_use]
    pub fn still(self) -> Self {
        Self { length: Some(Length::Frames(1)), ..self }
    }
}

/// How long a video is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Length {
    /// So many frames.
    Frames(usize),
    /// So many seconds from the first frame to the last.
    Seconds(f64),
}
