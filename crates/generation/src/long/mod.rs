//! Long videos: windows that roll over the canvas, each going on from the latents of the one before.
//!
//! The last latent frames of a finished window are carried over as known positions of the next, never through pixels.
//! What a window adds is decoded in one stream with all before it, so that there is no seam, and memory is that of one
//! window however long the video is. Finished windows are kept in a folder until the video is whole, so that a run that
//! was stopped goes on where it stood and gives the same bytes.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`LongVideo`] | a long video, checked once |
//! | [`windows`] | which latent frames each window carries and adds |
//! | [`Carried`] | what a window goes on from |
//! | [`Partial`] | the folder of an unfinished video |
//! | `make` | one window after another |

mod carried;
mod make;
mod partial;
pub mod windows;

use diffusion::Sigma;
use models::autoencoder::{TEMPORAL_FACTOR, frames_from_latent_frames};
use video::{FrameRate, Resolution};

pub use carried::{Carried, WindowLatents};
pub(crate) use make::part_seed;
pub use partial::{Partial, Settings};
use windows::{MIN_LATENT_FRAMES, Window};

use crate::{
    Abilities, GenerationError, GenerationOptions, GenerationRequest, ImageUse, Length, VideoGenerator,
    limits::{self, MAX_FRAMES},
    request::Extent,
};

/// Most frames of a long video: an hour at 24 frames per second.
pub const MAX_LONG_FRAMES: usize = 24 * 60 * 60 + 1;
/// How far carried latents are noised for the model to look at, when nothing is said: not at all.
pub const ANTI_DRIFT: f32 = 0.0;
/// More noise than this hides what is carried.
const MOST_ANTI_DRIFT: f32 = 0.5;

/// Times the length that a model likes at which a video still moves as it should when it is made at once: `nano`'s changed
/// from frame to frame as much as in windows at 1.5 times, and 12 % less at 2.5 times.
const MOST_LENGTHS_AT_ONCE: usize = 2;

/// How windows are wished for; what is left out is chosen by the model.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WindowWishes {
    /// How long a window is, in seconds.
    pub seconds: Option<f64>,
    /// To which level carried latents are noised for the model to look at: 0 shows them as they are.
    pub anti_drift: Option<f32>,
}

/// A video that a model can make window after window.
#[derive(Clone, Debug, PartialEq)]
pub struct LongVideo {
    /// What each window is asked for.
    window: GenerationRequest,
    num_frames: usize,
    windows: Vec<Window>,
    anti_drift: Sigma,
}

impl LongVideo {
    /// Checks what somebody asks for.
    ///
    /// # Errors
    /// [`GenerationError`] that says which wish cannot be met, why, and what would work.
    pub fn new(
        generator: &dyn VideoGenerator,
        options: GenerationOptions,
        wishes: WindowWishes,
    ) -> Result<Self, GenerationError> {
        let abilities = generator.abilities();
        let extent = extent(&options, &abilities)?;
        if abilities.image == ImageUse::Always {
            return Err(wrong(
                "this model begins every clip with an image, and a later window has none; make the video at once, shorter \
                 or smaller, or name another model",
            ));
        }
        if options.is_ring {
            let advice = match wishes {
                WindowWishes { seconds: None, anti_drift: None } => "make it shorter or smaller",
                _ => "leave out what is said of windows",
            };
            return Err(GenerationError::Ring { problem: format!("is made at once; {advice}") });
        }
        let anti_drift = wishes.anti_drift.unwrap_or(ANTI_DRIFT);
        if !(0.0..=MOST_ANTI_DRIFT).contains(&anti_drift) {
            return Err(wrong(&format!(
                "the noise against drift lies between 0 and {MOST_ANTI_DRIFT}, such as 0.15, but is {anti_drift}"
            )));
        }
        let latent_frames = extent.num_frames / TEMPORAL_FACTOR + 1;
        let window = window_frames(wishes.seconds, extent, &abilities)?;
        let window = GenerationOptions { length: Some(Length::Frames(window.min(extent.num_frames))), ..options };
        let window = generator.request(window)?;
        Ok(Self {
            windows: windows::roll(latent_frames, window.latent_sides()[0]),
            num_frames: extent.num_frames,
            window,
            anti_drift: Sigma::new(anti_drift)?,
        })
    }

    /// Whether a video is too long to be made but in windows.
    ///
    /// # Errors
    /// [`GenerationError`] for a size or a length that windows cannot make either.
    pub fn is_needed(generator: &dyn VideoGenerator, options: &GenerationOptions) -> Result<bool, GenerationError> {
        let abilities = generator.abilities();
        let Extent { resolution, num_frames, .. } = extent(options, &abilities)?;
        Ok(num_frames > MAX_FRAMES || abilities.limits.check_tokens(resolution, num_frames).is_err())
    }

    /// Whether a video had better be made in windows, when nothing is said: where it must be, and where it is so long that
    /// made at once it would hardly move.
    ///
    /// # Errors
    /// As [`Self::is_needed`].
    pub fn is_advised(generator: &dyn VideoGenerator, options: &GenerationOptions) -> Result<bool, GenerationError> {
        let abilities = generator.abilities();
        let can_be = !options.is_ring && abilities.image != ImageUse::Always;
        let is_long = extent(options, &abilities)?.num_frames > MOST_LENGTHS_AT_ONCE * abilities.num_frames;
        Ok(is_long && can_be || Self::is_needed(generator, options)?)
    }

    /// What each window is asked for.
    pub const fn window(&self) -> &GenerationRequest {
        &self.window
    }

    /// How many windows there are.
    pub fn num_windows(&self) -> usize {
        self.windows.len()
    }

    /// The frames at which windows begin, but for the first.
    pub fn joints(&self) -> impl Iterator<Item = usize> {
        let ends = self.windows.iter().scan(0, |latent_frames, window| {
            *latent_frames += window.new;
            Some(frames_from_latent_frames(*latent_frames))
        });
        ends.take(self.windows.len() - 1)
    }

    /// To which level carried latents are noised for the model to look at.
    pub const fn anti_drift(&self) -> Sigma {
        self.anti_drift
    }

    /// Number of frames of the whole video.
    pub const fn num_frames(&self) -> usize {
        self.num_frames
    }

    /// Size of the pictures.
    pub const fn resolution(&self) -> Resolution {
        self.window.resolution()
    }

    /// Frames per second.
    pub const fn frame_rate(&self) -> FrameRate {
        self.window.frame_rate()
    }
}

/// How large and long the whole video is.
fn extent(options: &GenerationOptions, abilities: &Abilities) -> Result<Extent, GenerationError> {
    let wishes = (options.size, options.length, options.frame_rate);
    Extent::of(wishes, options.image.as_ref(), (abilities, MAX_LONG_FRAMES))
}

/// Frames of a window: as wished, or as many as the model likes and can make at this size.
fn window_frames(
    seconds: Option<f64>,
    Extent { resolution, frame_rate, num_frames }: Extent,
    abilities: &Abilities,
) -> Result<usize, GenerationError> {
    let least = (MIN_LATENT_FRAMES - 1) * TEMPORAL_FACTOR + 1;
    let Some(seconds) = seconds else {
        let fitting = abilities.limits.max_tokens / abilities.limits.tokens_per_frame(resolution);
        if fitting < MIN_LATENT_FRAMES {
            abilities.limits.check_tokens(resolution, num_frames).map_err(|error| beyond_windows(error, least))?;
        }
        return Ok(abilities.num_frames.min(fitting.saturating_sub(1) * TEMPORAL_FACTOR + 1).max(least));
    };
    let frames = limits::frames_from_seconds(seconds, frame_rate, MAX_FRAMES)?;
    if frames < least {
        let shortest = (least - 1) as f64 * frame_rate.frame_duration_secs();
        return Err(wrong(&format!(
            "a window of {seconds} s is too short to go on from the one before; the shortest is {shortest} s"
        )));
    }
    Ok(frames)
}

fn beyond_windows(error: GenerationError, least: usize) -> GenerationError {
    match error {
        GenerationError::TooManyTokens { width, height, frames, tokens, limit, advice } => {
            let advice = format!("{advice}; windows do not help, for the shortest has {least} frames");
            GenerationError::TooManyTokens { width, height, frames, tokens, limit, advice }
        }
        other => other,
    }
}

fn wrong(problem: &str) -> GenerationError {
    GenerationError::Long { problem: problem.into() }
}
