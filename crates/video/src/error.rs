//! The one error of this crate.

/// What can go wrong with frames, clips and video files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VideoError {
    /// A resolution that no picture can have.
    #[error("{width}×{height} is not a picture size: each side must be 1 to {} pixels", crate::Resolution::MAX_SIDE)]
    Resolution {
        /// Asked width in pixels.
        width: u64,
        /// Asked height in pixels.
        height: u64,
    },
    /// A frame rate that is zero or absurd.
    #[error("{num}/{den} is not a frame rate: it must lie between 1/1000 and 1000 frames per second")]
    FrameRate {
        /// Frames.
        num: u64,
        /// Per this many seconds.
        den: u64,
    },
    /// Pixel data that does not fill the resolution exactly.
    #[error("a frame of {resolution} needs {expected} bytes of RGB, not {actual}")]
    PixelCount {
        /// The frame's resolution.
        resolution: crate::Resolution,
        /// Bytes that the resolution asks for.
        expected: usize,
        /// Bytes that came.
        actual: usize,
    },
    /// Frames of one clip that differ in size.
    #[error("frame {index} is {actual}, but the clip is {expected}: all frames of a clip have one size")]
    MixedResolutions {
        /// The clip's resolution.
        expected: crate::Resolution,
        /// The odd frame's resolution.
        actual: crate::Resolution,
        /// The odd frame's position.
        index: usize,
    },
    /// A clip with no frame.
    #[error("a clip needs at least one frame")]
    NoFrames,
}
