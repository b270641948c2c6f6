//! How much of a foreign file is read before it is refused.

use std::{path::Path, time::Duration};

use crate::{Resolution, VideoError};

/// Bounds for files that may come from anywhere; each is checked before memory is taken for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimits {
    /// Pixels of one picture.
    pub max_pixels: u64,
    /// Frames of one file.
    pub max_frames: usize,
    /// Bytes of a whole clip in memory, for [`crate::read_clip`].
    pub max_clip_bytes: u64,
    /// Time that the `ffmpeg` program may take, not counting the time between frames that the caller takes.
    pub time_limit: Duration,
}

impl Default for ReadLimits {
    /// 8K pictures, 20,000 frames, 4 GiB, two minutes.
    fn default() -> Self {
        Self {
            max_pixels: 7680 * 4320,
            max_frames: 20_000,
            max_clip_bytes: 4 << 30,
            time_limit: Duration::from_secs(120),
        }
    }
}

impl ReadLimits {
    /// Checks a size that a file claims.
    pub(crate) fn resolution(&self, path: &Path, width: u64, height: u64) -> Result<Resolution, VideoError> {
        let max_pixels = self.max_pixels;
        if width.saturating_mul(height) > max_pixels || width.max(height) > u64::from(Resolution::MAX_SIDE) {
            return Err(VideoError::TooManyPixels { path: path.to_owned(), width, height, max_pixels });
        }
        Resolution::new(width as u32, height as u32).map_err(|error| VideoError::damaged(path, error))
    }

    /// Checks a number of frames that a file claims.
    pub(crate) fn frames(&self, path: &Path, count: u64) -> Result<(), VideoError> {
        let max_frames = self.max_frames;
        if count > max_frames as u64 {
            return Err(VideoError::TooManyFrames { path: path.to_owned(), max_frames });
        }
        Ok(())
    }
}
