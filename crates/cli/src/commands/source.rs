//! A clip that is given to a command, fitted to what the model makes.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Args;
use generation::GenerationRequest;
use video::{Clip, Fit, Frame, FrameRate, ReadLimits, read_clip};

use super::assembly::Finish;
use crate::value;

/// The longest passage.
const MOST_SECONDS: f64 = 64.0;

/// The clip of every command that makes a video out of one.
#[derive(Args)]
pub struct SourceChoice {
    /// The clip: any video that ffmpeg reads, and without it MP4 of misora, GIF, PNG, JPEG
    #[arg(value_name = "CLIP")]
    path: PathBuf,
    /// Width and height at which the model works, multiples of 16 [default: the clip's own]
    #[arg(long, value_name = "WxH", value_parser = value::size)]
    size: Option<[u32; 2]>,
    /// What becomes of pictures of another shape than that size
    #[arg(long, value_parser = value::named::<Fit>(Fit::ALL.map(Fit::name)))]
    fit: Option<Fit>,
}

/// A clip as it came.
pub struct Source {
    clip: Clip,
    size: [u32; 2],
    fit: Option<Fit>,
}

impl SourceChoice {
    /// Reads another clip, to be fitted to the size of a first one.
    pub fn read_beside(&self, path: &Path, first: &Source) -> anyhow::Result<Source> {
        let (clip, size) = (read_clip(path, &ReadLimits::default())?, first.clip.resolution());
        let fitted = clip.frames().iter().map(|frame| frame.fitted(size, self.fit)).collect::<Result<_, _>>()?;
        Ok(Source { clip: Clip::new(fitted, clip.frame_rate())?, ..*first })
    }

    /// Reads the clip.
    pub fn read(&self) -> anyhow::Result<Source> {
        let clip = read_clip(&self.path, &ReadLimits::default())?;
        let own = [clip.resolution().width(), clip.resolution().height()];
        Ok(Source { clip, size: self.size.unwrap_or(own), fit: self.fit })
    }
}

impl Source {
    /// The clip as it came.
    pub const fn clip(&self) -> &Clip {
        &self.clip
    }

    /// At which size the model works.
    pub const fn size(&self) -> [u32; 2] {
        self.size
    }

    /// A frame of the clip at the request's size.
    pub fn fitted(&self, frame: usize, request: &GenerationRequest) -> anyhow::Result<Frame> {
        Ok(self.clip.frames()[frame].fitted(request.resolution(), self.fit)?)
    }

    /// All frames at the request's size, the last one held for as long as the video is longer.
    pub fn all_fitted(&self, request: &GenerationRequest) -> anyhow::Result<Vec<Frame>> {
        let last = self.clip.frames().len() - 1;
        let mut frames = (0..=last).map(|frame| self.fitted(frame, request)).collect::<anyhow::Result<Vec<_>>>()?;
        let end = frames[last].clone();
        frames.resize(request.num_frames().max(frames.len()), end);
        Ok(frames)
    }

    /// Brings frames that were made to the clip's own size. Only all of a picture can be brought back.
    pub fn to_own_size(&self) -> Finish {
        let (own, fit) = (self.clip.resolution(), self.fit.filter(|fit| *fit == Fit::Stretch));
        Box::new(move |_, frame| frame.fitted(own, fit))
    }

    /// The clip's rate.
    pub const fn frame_rate(&self) -> FrameRate {
        self.clip.frame_rate()
    }
}

/// Frames of a passage of so many seconds.
pub fn passage_frames(seconds: f64, frame_rate: FrameRate) -> anyhow::Result<usize> {
    if !(seconds > 0.0 && seconds <= MOST_SECONDS) {
        bail!("--over lies above 0 and is at most {MOST_SECONDS} seconds, but is {seconds}");
    }
    Ok((seconds * frame_rate.as_f64()).ceil() as usize)
}

/// The fewest frames that a model can make which are at least so many: 4k + 1.
pub const fn enough_frames(frames: usize) -> usize {
    frames.saturating_sub(1).next_multiple_of(4) + 1
}
