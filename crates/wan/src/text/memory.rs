//! How much memory the text encoder takes.

use std::path::Path;

use super::{TextEncoderConfig, encoder};
use crate::{WanError, memory::WeightMemory};

/// What is known of a text encoder's memory from its configuration.
#[derive(Clone, Debug)]
pub struct TextEncoderMemory {
    config: TextEncoderConfig,
    weights: WeightMemory,
}

impl TextEncoderMemory {
    /// Looks at the folder of a text encoder.
    ///
    /// # Errors
    /// [`WanError`] that names the configuration, when it cannot be read.
    pub(crate) fn open(folder: &Path) -> Result<Self, WanError> {
        Ok(Self::of(TextEncoderConfig::read(&folder.join("config.json"))?))
    }

    fn of(config: TextEncoderConfig) -> Self {
        let (d, inner, hidden) = (config.d_model, config.inner_width(), config.d_ff);
        let sides = [[d, inner], [d, inner], [d, inner], [inner, d], [d, hidden], [d, hidden], [hidden, d]];
        let layer = WeightMemory::of(sides.iter().map(|shape| &shape[..]));
        // Of a large encoder one layer is held; the table of tokens never is.
        let layers = if encoder::is_held(&config) { config.num_layers } else { 1 };
        let weights = (0..layers).fold(WeightMemory::default(), |weights, _| weights.with_one_of(layer));
        Self { config, weights }
    }

    /// The most bytes in use for so many prompts, all of so many tokens.
    pub fn peak(&self, prompts: usize, tokens: usize) -> u64 {
        let config = &self.config;
        let [b, n] = [prompts, tokens].map(|count| count as u64);
        let [d, inner, hidden, heads] =
            [config.d_model, config.inner_width(), config.d_ff, config.num_heads].map(|side| side as u64);
        // Scores before and after something is added to them, and what is added.
        let attention = 2 * b * heads * n * n + 2 * heads * n * n + b * n * (2 * d + 4 * inner);
        let feed_forward = b * n * (2 * d + 3 * hidden);
        self.weights.peak(attention.max(feed_forward))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_encoder_takes_no_more_than_a_layer_and_a_small_one_all_of_them() {
        let large = TextEncoderConfig {
            d_model: 4096,
            d_ff: 10_240,
            num_layers: 24,
            num_heads: 64,
            ..TextEncoderConfig::default()
        };
        let more = TextEncoderConfig { num_layers: 48, ..large.clone() };
        let (peak, of_more) = (TextEncoderMemory::of(large).peak(1, 512), TextEncoderMemory::of(more).peak(1, 512));
        assert_eq!(peak, of_more);
        assert!((1 << 30..3 << 30).contains(&peak), "{peak}");
        let small = TextEncoderConfig::default();
        let more = TextEncoderConfig { num_layers: 9, ..small.clone() };
        assert!(TextEncoderMemory::of(small).peak(1, 512) < TextEncoderMemory::of(more).peak(1, 512));
    }
}
