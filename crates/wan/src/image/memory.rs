//! How much memory the image encoder takes.

use std::path::Path;

use super::ImageEncoderConfig;
use crate::{WanError, memory::WeightMemory};

/// What is known of an image encoder's memory from its configuration.
#[derive(Clone, Debug)]
pub struct ImageEncoderMemory {
    config: ImageEncoderConfig,
    weights: WeightMemory,
}

impl ImageEncoderMemory {
    /// Looks at the folder of an image encoder.
    ///
    /// # Errors
    /// [`WanError`] that names the configuration, when it cannot be read.
    pub(crate) fn open(folder: &Path) -> Result<Self, WanError> {
        Ok(Self::of(ImageEncoderConfig::read(&folder.join("config.json"))?))
    }

    fn of(config: ImageEncoderConfig) -> Self {
        let (d, inner, patch) = (config.hidden_size, config.intermediate_size, config.patch_size);
        let layer = [[d, d], [d, d], [d, d], [d, d], [d, inner], [inner, d]];
        // The last layer is not asked, and not held.
        let layers = std::iter::repeat_n(layer, config.num_hidden_layers - 1).flatten();
        let sides: Vec<_> = [[config.tokens(), d], [3 * patch * patch, d]].into_iter().chain(layers).collect();
        let weights = WeightMemory::of(sides.iter().map(|shape| &shape[..]));
        Self { config, weights }
    }

    /// Pixels along each side of an image.
    pub const fn image_size(&self) -> usize {
        self.config.image_size
    }

    /// The most bytes in use for so many images.
    pub fn peak(&self, images: usize) -> u64 {
        let config = &self.config;
        let [n, d, inner] = [images * config.tokens(), config.hidden_size, config.intermediate_size].map(|n| n as u64);
        // What comes in, its norm, queries, keys, values and what attention gives; or the hidden layer, and what the error
        // function makes of it.
        self.weights.peak((6 * n * d).max(2 * n * d + 3 * n * inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoder_of_wan_2_1_takes_its_weights_and_little_besides() {
        let mut config = ImageEncoderConfig::default();
        (config.hidden_size, config.intermediate_size, config.num_hidden_layers) = (1280, 5120, 32);
        (config.image_size, config.patch_size) = (224, 14);
        let memory = ImageEncoderMemory::of(config);
        // 31 layers of 12·1280² numbers are 2.44 GB.
        let (one, many) = (memory.peak(1), memory.peak(64));
        assert!((2_440_000_000..2_900_000_000).contains(&one), "{one}");
        // Reading a tensor takes more than a single image does; hidden layers of 64 take 1.2 GB.
        assert!((one + 1_000_000_000..one + 1_300_000_000).contains(&many), "{many}");
    }
}
