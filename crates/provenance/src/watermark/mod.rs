//! A mark in the pictures themselves, which is not seen and stays when a file is converted.
//!
//! Waves of brightness that repeat over the picture, the same in every frame, stronger where much is going on. Which waves
//! go which way says a [`Payload`], under a [`WatermarkKey`]. No weights are needed, neither to draw it nor to find it.
//!
//! | module | what is in it |
//! | --- | --- |
//! | `plane` | brightness as numbers, and how much each place hides |
//! | `payload`, `code` | what the mark says, and its error correction |
//! | `pattern` | waves that tell where the mark lies |
//! | `cells` | slow waves that carry the message |
//! | `embed` | [`Watermarker`] |
//! | `detect` | [`WatermarkDetector`] |

mod cells;
mod code;
mod detect;
mod embed;
mod pattern;
mod payload;
mod plane;

use sha2::{Digest, Sha256};

pub use detect::{FoundWatermark, WatermarkDetector};
pub use embed::{Watermarker, has_room};
pub use payload::Payload;

/// Who knows it can find the mark, and could take it out; the default is known to every copy of misora, so that every copy
/// can find the marks of every other.
#[derive(Clone, Debug)]
pub struct WatermarkKey([u8; 32]);

impl WatermarkKey {
    /// A key of one's own.
    pub fn from_secret(secret: &str) -> Self {
        Self(Sha256::digest(format!("misora watermark: {secret}").as_bytes()).into())
    }
}

impl Default for WatermarkKey {
    fn default() -> Self {
        Self::from_secret("")
    }
}
