//! The one error of this crate.

use video::Resolution;

/// What can go wrong when something is measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluationError {
    /// Two pictures of different size, which no pixel-by-pixel metric can compare.
    #[error(
        "the reference is {reference}, but what is compared with it is {actual}: scale one to the other's size first"
    )]
    Resolutions {
        /// Size of the reference.
        reference: Resolution,
        /// Size of the other picture.
        actual: Resolution,
    },
    /// Two clips with different numbers of frames.
    #[error(
        "the reference has {reference} frames, but what is compared with it has {actual}: cut the longer one first"
    )]
    FrameCounts {
        /// Frames of the reference.
        reference: usize,
        /// Frames of the other clip.
        actual: usize,
    },
    /// A picture that is smaller than the window in which it would be compared.
    #[error("SSIM looks through a window of {window}×{window} pixels, so a picture of {actual} is too small for it")]
    TooSmall {
        /// Side of the window in pixels.
        window: usize,
        /// Size of the picture.
        actual: Resolution,
    },
}
