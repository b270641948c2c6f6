//! Frames and clips, and reading and writing them as files.
//!
//! Knows nothing of tensors, models or simulated worlds: pixels come in as 8-bit sRGB and leave as files,
//! or the other way round.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`frame`] | [`Frame`] and [`Clip`], the pictures themselves |
//! | [`resolution`], [`frame_rate`] | sizes and rates that cannot be wrong |
//! | [`error`] | [`VideoError`], the one error of this crate |

pub mod error;
pub mod frame;
pub mod frame_rate;
pub mod resolution;

pub use error::VideoError;
pub use frame::{Clip, Frame};
pub use frame_rate::FrameRate;
pub use resolution::Resolution;
