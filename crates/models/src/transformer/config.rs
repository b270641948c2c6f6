//! Sizes of the transformer.

use serde::{Deserialize, Serialize};

use crate::ModelError;

/// Latent positions on each side of a patch.
pub const PATCH: usize = 2;

/// Sizes of the diffusion transformer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransformerConfig {
    /// Channels of the latents.
    pub latent_channels: usize,
    /// Width of a prompt embedding.
    pub text_width: usize,
    /// Width of a token.
    pub width: usize,
    /// Attention heads.
    pub heads: usize,
    /// Layers.
    pub depth: usize,
    /// Width of the feed-forward layer, as a multiple of `width`.
    pub feed_forward_ratio: usize,
    /// Whether it was taught to follow paths of things over the picture.
    #[serde(default)]
    pub motion: bool,
}

impl TransformerConfig {
    /// The size that ships in the binary.
    pub const fn nano(latent_channels: usize, text_width: usize) -> Self {
        Self { latent_channels, text_width, width: 256, heads: 4, depth: 8, feed_forward_ratio: 4, motion: true }
    }

    /// For one GPU, in a day.
    pub const fn small(latent_channels: usize, text_width: usize) -> Self {
        Self { width: 512, heads: 8, depth: 12, ..Self::nano(latent_channels, text_width) }
    }

    /// DiT-B's width and depth (Peebles and Xie 2023).
    pub const fn base(latent_channels: usize, text_width: usize) -> Self {
        Self { width: 768, heads: 12, depth: 12, ..Self::nano(latent_channels, text_width) }
    }

    /// DiT-L's width and depth (Peebles and Xie 2023).
    pub const fn large(latent_channels: usize, text_width: usize) -> Self {
        Self { width: 1024, heads: 16, depth: 24, ..Self::nano(latent_channels, text_width) }
    }

    /// A few channels only, for tests.
    pub const fn tiny(latent_channels: usize, text_width: usize) -> Self {
        Self { width: 32, heads: 2, depth: 2, ..Self::nano(latent_channels, text_width) }
    }

    /// Width of one head.
    pub const fn head_width(&self) -> usize {
        self.width / self.heads
    }

    /// Numbers in one patch.
    pub const fn patch_width(&self) -> usize {
        self.latent_channels * PATCH * PATCH
    }

    /// Checks that the numbers describe a model that can exist.
    ///
    /// # Errors
    /// [`ModelError::Config`] that names the first wrong number.
    pub fn validate(&self) -> Result<(), ModelError> {
        let wrong = |reason: String| Err(ModelError::Config { part: "transformer", reason });
        if self.heads == 0 || !self.width.is_multiple_of(8 * self.heads) || !(1..=16_384).contains(&self.width) {
            return wrong(format!(
                "width {} must be a multiple of 8 × {} heads, at most 16384",
                self.width, self.heads
            ));
        }
        if !(1..=1024).contains(&self.latent_channels) || !(1..=16_384).contains(&self.text_width) {
            return wrong(format!("{} latent channels, text width {}", self.latent_channels, self.text_width));
        }
        if self.depth > 256 || !(1..=16).contains(&self.feed_forward_ratio) {
            return wrong(format!("{} layers with feed-forward ratio {}", self.depth, self.feed_forward_ratio));
        }
        Ok(())
    }
}
