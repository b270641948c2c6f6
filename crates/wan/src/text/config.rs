//! Sizes of the text encoder, as `config.json` gives them.

use std::path::Path;

use serde::Deserialize;

use crate::{WanError, json};

/// Sizes of `UMT5EncoderModel`; what is left out has the value that transformers gives it.
///
/// The file also has settings of the decoder, of training and of text generation, which say nothing about encoding.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default)]
pub struct TextEncoderConfig {
    /// Number of tokens.
    pub vocab_size: usize,
    /// Width of a token.
    pub d_model: usize,
    /// Width of one head.
    pub d_kv: usize,
    /// Width of the feed-forward layer.
    pub d_ff: usize,
    /// Layers.
    pub num_layers: usize,
    /// Attention heads.
    pub num_heads: usize,
    /// Distances that attention tells apart, half of them for each direction.
    pub relative_attention_num_buckets: usize,
    /// From this distance on they are all the same.
    pub relative_attention_max_distance: usize,
    pub(super) layer_norm_epsilon: f64,
    pub(super) feed_forward_proj: String,
    pub(super) model_type: String,
}

impl Default for TextEncoderConfig {
    fn default() -> Self {
        Self {
            vocab_size: 250_112,
            d_model: 512,
            d_kv: 64,
            d_ff: 1024,
            num_layers: 8,
            num_heads: 6,
            relative_attention_num_buckets: 32,
            relative_attention_max_distance: 128,
            layer_norm_epsilon: 1e-6,
            feed_forward_proj: "gated-gelu".into(),
            model_type: "an architecture without a name".into(),
        }
    }
}

impl TextEncoderConfig {
    /// Reads `config.json` and checks that it describes an encoder that can exist.
    ///
    /// # Errors
    /// [`WanError`] that names the file, and the architecture or the setting that is not known or not possible.
    pub fn read(path: &Path) -> Result<Self, WanError> {
        let config: Self = json::read(path, json::MAX_CONFIG_BYTES)?;
        if config.model_type != "umt5" {
            let found = config.model_type.chars().take(64).collect();
            return Err(WanError::Architecture { path: path.into(), found, known: "umt5" });
        }
        config.check().map_err(|reason| WanError::Config { path: path.into(), reason })?;
        Ok(config)
    }

    /// Width of all heads together.
    pub const fn inner_width(&self) -> usize {
        self.num_heads * self.d_kv
    }

    /// Numbers in one layer.
    pub(super) const fn layer_parameters(&self) -> usize {
        self.d_model * (4 * self.inner_width() + 3 * self.d_ff + 2)
    }

    fn check(&self) -> Result<(), String> {
        for (name, value, most) in [
            ("vocab_size", self.vocab_size, 1 << 21),
            ("d_model", self.d_model, 32_768),
            ("d_kv", self.d_kv, 1024),
            ("d_ff", self.d_ff, 131_072),
            ("num_heads", self.num_heads, 256),
            ("relative_attention_max_distance", self.relative_attention_max_distance, 65_536),
        ] {
            if !(1..=most).contains(&value) {
                return Err(format!("{name} is {value}, but must lie between 1 and {most}"));
            }
        }
        let buckets = self.relative_attention_num_buckets;
        let distance = self.relative_attention_max_distance;
        if self.num_layers > 256
            || !buckets.is_multiple_of(4)
            || !(4..=4096).contains(&buckets)
            || distance <= buckets / 4
        {
            return Err(format!(
                "num_layers {}, relative_attention_num_buckets {buckets} and relative_attention_max_distance {distance}: \
                 at most 256 layers, buckets in fours up to 4096, and a distance above a quarter of them",
                self.num_layers
            ));
        }
        if self.feed_forward_proj != "gated-gelu" {
            return Err(format!("feed_forward_proj is {:?}; misora computes \"gated-gelu\"", self.feed_forward_proj));
        }
        if (self.layer_norm_epsilon - f64::from(kernels::NORM_EPSILON)).abs() > 1e-9 {
            return Err(format!("layer_norm_epsilon is {}; misora computes norms with 1e-6", self.layer_norm_epsilon));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(settings: &str) -> Result<TextEncoderConfig, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        std::fs::write(&path, format!("{{{settings}}}")).unwrap();
        TextEncoderConfig::read(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn settings_of_other_things_are_passed_over() {
        let config =
            read(r#""model_type": "umt5", "d_model": 4096, "dropout_rate": 0.1, "is_decoder": false"#).unwrap();
        assert_eq!((config.d_model, config.d_kv), (4096, 64));
    }

    #[test]
    fn unknown_and_absurd_configurations_are_named() {
        for (settings, part) in [
            (r#""model_type": "bert""#, "bert"),
            ("", "without a name"),
            (r#""model_type": "umt5", "vocab_size": 99999999999"#, "vocab_size"),
            (r#""model_type": "umt5", "feed_forward_proj": "relu""#, "relu"),
            (r#""model_type": "umt5", "relative_attention_num_buckets": 2"#, "relative_attention_num_buckets"),
            (r#""model_type": "umt5", "layer_norm_epsilon": 0.5"#, "layer_norm_epsilon"),
        ] {
            let message = read(settings).unwrap_err();
            assert!(message.contains("config.json") && message.contains(part), "{message}");
        }
    }
}
