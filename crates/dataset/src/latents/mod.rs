//! Encoded clips, as training reads them.
//!
//! A cache is a folder of `latents-000000.bin`, `latents-000001.bin`, … A file is a header of 64 bytes and records,
//! all numbers little-endian:
//!
//! ```text
//! header: magic "MISOLAT\0" | version u32 | autoencoder fingerprint 32 B | number of records u64 | check 12 B
//! record: marker "LREC" | payload length u64 | payload's BLAKE3, 16 B | check of these 28 bytes, 4 B | payload
//! payload: seed u64 | C T H W u32 | camera poses u32 | metadata length u32 | poses f32 × 6 | metadata | latents f16
//! ```
//!
//! A file gets its name only when it is whole, and the header knows how many records there are; so a cut file, a
//! flipped byte and a lost record are all noticed and named.

mod cache;
mod record;
mod writer;

use std::fmt;

use half::f16;

pub use cache::{LatentCache, LatentCacheSettings};
pub use writer::{LatentWriter, LatentWriterSettings};

use crate::DatasetError;

/// Tells the latents of one autoencoder from those of another: the BLAKE3 hash of its weights and configuration.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AutoencoderFingerprint(pub [u8; 32]);

impl AutoencoderFingerprint {
    /// Hashes the parts that decide what the autoencoder makes (its configuration and its weights), in order.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self(*hasher.finalize().as_bytes())
    }
}

impl fmt::Display for AutoencoderFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..8].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for AutoencoderFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AutoencoderFingerprint({self})")
    }
}

/// One encoded clip (or image) with all that training wants to know of it.
#[derive(Clone, Debug, PartialEq)]
pub struct LatentSample {
    /// Latents in the order of `shape`.
    pub latents: Vec<f16>,
    /// `[C, T, H, W]`; an image has T = 1.
    pub shape: [usize; 4],
    /// All wordings that fit the clip; training draws one.
    pub captions: Vec<String>,
    /// The camera of each latent frame, if it is known.
    pub camera: Option<Vec<[f32; 6]>>,
    /// What the clip was simulated from, or its number in its data set.
    pub seed: u64,
    /// What is in the clip.
    pub labels: serde_json::Value,
}

impl LatentSample {
    /// Says whether the parts fit each other and all numbers are finite.
    ///
    /// # Errors
    /// [`DatasetError::Sample`] that says what is wrong.
    pub fn check(&self) -> Result<(), DatasetError> {
        let wrong = |reason: String| Err(DatasetError::Sample { sample: format!("with seed {}", self.seed), reason });
        let expected = self.shape.iter().try_fold(1_usize, |product, &side| product.checked_mul(side));
        if expected != Some(self.latents.len()) || self.latents.is_empty() {
            return wrong(format!(
                "the shape {:?} does not go with {} latents; they must be as many as C × T × H × W",
                self.shape,
                self.latents.len()
            ));
        }
        if self.shape.iter().any(|&side| side > u32::MAX as usize) {
            return wrong(format!("the shape {:?} is absurd", self.shape));
        }
        if let Some(place) = self.latents.iter().position(|latent| !latent.is_finite()) {
            return wrong(format!("latent {place} is {}; the autoencoder has gone wrong", self.latents[place]));
        }
        if let Some(poses) = &self.camera {
            if poses.len() != self.shape[1] {
                return wrong(format!("{} camera poses for {} latent frames", poses.len(), self.shape[1]));
            }
            if poses.iter().flatten().any(|value| !value.is_finite()) {
                return wrong("a camera pose is not finite".into());
            }
        }
        Ok(())
    }
}
