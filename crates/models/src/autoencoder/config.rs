//! Sizes of the autoencoder.

use serde::{Deserialize, Serialize};

use crate::ModelError;

/// Frames folded into one latent frame.
pub const TEMPORAL_FACTOR: usize = 4;
/// Pixels on each side that become one latent position.
pub const SPATIAL_FACTOR: usize = 8;
/// Pixels on each side that are folded into channels before the first layer.
pub(super) const FOLD: usize = 4;
/// Channels after folding: 4 frames × 4×4 pixels × RGB.
pub(super) const FOLDED_CHANNELS: usize = TEMPORAL_FACTOR * FOLD * FOLD * 3;

/// Sizes of the causal 3-D autoencoder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AutoencoderConfig {
    /// Channels of the latents.
    pub latent_channels: usize,
    /// Encoder width at 1/4 and 1/8 of the picture's size.
    pub encoder_widths: [usize; 2],
    /// Residual blocks of the encoder at 1/4 and 1/8.
    pub encoder_blocks: [usize; 2],
    /// Decoder width at 1/8 and 1/4.
    pub decoder_widths: [usize; 2],
    /// Residual blocks of the decoder at 1/8 and 1/4.
    pub decoder_blocks: [usize; 2],
    /// Mean of each latent channel over the training data; latents leave the encoder with it taken off.
    pub latent_mean: Vec<f32>,
    /// Standard deviation of each latent channel; latents leave the encoder divided by it.
    pub latent_std: Vec<f32>,
}

impl AutoencoderConfig {
    /// The size that ships in the binary.
    pub fn nano() -> Self {
        Self::with_widths(24, [64, 128], [192, 96])
    }

    /// A few channels only: builds and runs in milliseconds, for tests.
    pub fn tiny() -> Self {
        Self { encoder_blocks: [1, 1], decoder_blocks: [1, 1], ..Self::with_widths(4, [8, 16], [16, 8]) }
    }

    fn with_widths(latent_channels: usize, encoder_widths: [usize; 2], decoder_widths: [usize; 2]) -> Self {
        Self {
            latent_channels,
            encoder_widths,
            encoder_blocks: [1, 2],
            decoder_widths,
            decoder_blocks: [3, 3],
            latent_mean: vec![0.0; latent_channels],
            latent_std: vec![1.0; latent_channels],
        }
    }

    /// Whether weights of the one fit the other; statistics may differ.
    pub fn same_sizes(&self, other: &Self) -> bool {
        let Self { latent_mean, latent_std, .. } = self.clone();
        *self == Self { latent_mean, latent_std, ..other.clone() }
    }

    /// Checks that the numbers describe a model that can exist.
    ///
    /// # Errors
    /// [`ModelError::Config`] that names the first wrong number.
    pub fn validate(&self) -> Result<(), ModelError> {
        let wrong = |reason: String| Err(ModelError::Config { part: "autoencoder", reason });
        let widths = self.encoder_widths.iter().chain(&self.decoder_widths);
        if let Some(width) = widths.chain([&self.latent_channels]).find(|width| !(1..=4096).contains(*width)) {
            return wrong(format!("a width of {width} lies outside 1 to 4096"));
        }
        let mut blocks = self.encoder_blocks.iter().chain(&self.decoder_blocks);
        if let Some(count) = blocks.find(|count| **count > 64) {
            return wrong(format!("{count} residual blocks are more than 64"));
        }
        for (name, values) in [("latent_mean", &self.latent_mean), ("latent_std", &self.latent_std)] {
            if values.len() != self.latent_channels {
                return wrong(format!("{name} has {} values for {} channels", values.len(), self.latent_channels));
            }
            if !values.iter().all(|value| value.is_finite()) {
                return wrong(format!("{name} holds a number that is not finite"));
            }
        }
        if !self.latent_std.iter().all(|std| *std > 0.0) {
            return wrong("latent_std must be above zero".into());
        }
        Ok(())
    }
}
