//! A clip that is given, fitted to what a model makes.

use video::{Clip, Fit, Frame, FrameRate, Resolution, VideoError};

use super::Finish;
use crate::{GenerationOptions, GenerationRequest, Length};

/// A clip as it came, and how the model sees it.
#[derive(Clone, Debug)]
pub struct Source {
    clip: Clip,
    size: [u32; 2],
    fit: Option<Fit>,
}

impl Source {
    /// A clip for a model that works at another size, or at the clip's own. Where shapes differ somebody chooses.
    pub fn new(clip: Clip, size: Option<[u32; 2]>, fit: Option<Fit>) -> Self {
        let own = [clip.resolution().width(), clip.resolution().height()];
        Self { clip, size: size.unwrap_or(own), fit }
    }

    /// Another clip in the size of this one, to follow it.
    ///
    /// # Errors
    /// [`VideoError::OtherShape`] when the shapes differ and nothing was chosen.
    pub fn followed_by(&self, clip: &Clip) -> Result<Self, VideoError> {
        let size = self.clip.resolution();
        let fitted = clip.frames().iter().map(|frame| frame.fitted(size, self.fit)).collect::<Result<_, _>>()?;
        Ok(Self { clip: Clip::new(fitted, clip.frame_rate())?, ..*self })
    }

    /// The clip as it came.
    pub const fn clip(&self) -> &Clip {
        &self.clip
    }

    /// Frames of the clip.
    pub fn num_frames(&self) -> usize {
        self.clip.frames().len()
    }

    pub(super) fn resolution(&self) -> Resolution {
        self.clip.resolution()
    }

    pub(super) fn frame_rate(&self) -> FrameRate {
        self.clip.frame_rate()
    }

    /// Wishes for a video of so many frames in the size and at the rate of the clip.
    pub(super) fn options(&self, num_frames: usize, wishes: GenerationOptions) -> GenerationOptions {
        GenerationOptions {
            size: Some(self.size),
            length: Some(Length::Frames(num_frames)),
            frame_rate: Some(self.frame_rate()),
            ..wishes
        }
    }

    /// A frame of the clip at the request's size.
    pub(super) fn fitted(&self, frame: usize, request: &GenerationRequest) -> Result<Frame, VideoError> {
        self.clip.frames()[frame].fitted(request.resolution(), self.fit)
    }

    /// All frames at the request's size, the last one held for as long as the video is longer.
    pub(super) fn all_fitted(&self, request: &GenerationRequest) -> Result<Vec<Frame>, VideoError> {
        let last = self.num_frames() - 1;
        let mut frames = (0..=last).map(|frame| self.fitted(frame, request)).collect::<Result<Vec<_>, _>>()?;
        let end = frames[last].clone();
        frames.resize(request.num_frames().max(frames.len()), end);
        Ok(frames)
    }

    /// Brings frames that were made to the clip's own size. Only all of a picture can be brought back.
    pub(super) fn to_own_size(&self) -> Finish {
        let (own, fit) = (self.resolution(), self.fit.filter(|fit| *fit == Fit::Stretch));
        Box::new(move |_, frame| frame.fitted(own, fit))
    }
}
