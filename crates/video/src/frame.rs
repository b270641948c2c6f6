//! A picture, and a run of pictures.

use crate::{FrameRate, Resolution, VideoError};

/// One picture: 8-bit sRGB, rows from the top, `R G B` for each pixel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    resolution: Resolution,
    rgb: Vec<u8>,
}

impl Frame {
    /// Takes pixels that fill `resolution` exactly.
    ///
    /// # Errors
    /// [`VideoError::PixelCount`] when `rgb` is not 3 bytes for each pixel.
    pub fn new(resolution: Resolution, rgb: Vec<u8>) -> Result<Self, VideoError> {
        let expected = resolution.pixel_count() * 3;
        if rgb.len() != expected {
            return Err(VideoError::PixelCount { resolution, expected, actual: rgb.len() });
        }
        Ok(Self { resolution, rgb })
    }

    /// A picture of one colour.
    pub fn filled(resolution: Resolution, colour: [u8; 3]) -> Self {
        Self { resolution, rgb: colour.repeat(resolution.pixel_count()) }
    }

    /// The picture's size.
    pub const fn resolution(&self) -> Resolution {
        self.resolution
    }

    /// All pixels, `height × width × 3` bytes.
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }

    /// All pixels, to be changed in place.
    pub fn rgb_mut(&mut self) -> &mut [u8] {
        &mut self.rgb
    }

    /// The pixels, leaving the frame behind.
    pub fn into_rgb(self) -> Vec<u8> {
        self.rgb
    }
}

/// Frames of one size at one constant rate; an image is a clip of one frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clip {
    frames: Vec<Frame>,
    frame_rate: FrameRate,
}

impl Clip {
    /// Takes one or more frames of one size.
    ///
    /// # Errors
    /// [`VideoError::NoFrames`] or [`VideoError::MixedResolutions`].
    pub fn new(frames: Vec<Frame>, frame_rate: FrameRate) -> Result<Self, VideoError> {
        let expected = frames.first().ok_or(VideoError::NoFrames)?.resolution();
        if let Some(index) = frames.iter().position(|frame| frame.resolution() != expected) {
            return Err(VideoError::MixedResolutions { expected, actual: frames[index].resolution(), index });
        }
        Ok(Self { frames, frame_rate })
    }

    /// The frames in order; never empty.
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// The frames, leaving the clip behind.
    pub fn into_frames(self) -> Vec<Frame> {
        self.frames
    }

    /// Size of every frame.
    pub fn resolution(&self) -> Resolution {
        self.frames[0].resolution()
    }

    /// Frames per second.
    pub const fn frame_rate(&self) -> FrameRate {
        self.frame_rate
    }

    /// How long the clip plays, in seconds.
    pub fn duration_secs(&self) -> f64 {
        self.frames.len() as f64 * self.frame_rate.frame_duration_secs()
    }
}
