//! Sizes of the transformer, as `config.json` gives them.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;
use serde_json::Value;

use crate::{WanError, json};

/// Sizes of `WanTransformer3DModel`; what is left out has the value that diffusers gives it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default)]
pub struct TransformerConfig {
    /// Latent positions of a patch in time, height and width.
    pub patch_size: [usize; 3],
    /// Attention heads.
    pub num_attention_heads: usize,
    /// Width of one head.
    pub attention_head_dim: usize,
    /// Channels of the latents that come in.
    pub in_channels: usize,
    /// Channels of the velocity that goes out.
    pub out_channels: usize,
    /// Width of a prompt embedding.
    pub text_dim: usize,
    /// Width of the sinusoids of a timestep.
    pub freq_dim: usize,
    /// Width of the feed-forward layer.
    pub ffn_dim: usize,
    /// Layers.
    pub num_layers: usize,
    /// Whether attention to the prompt has a norm before it.
    pub cross_attn_norm: bool,
    /// Width of an image's embedding, for image to video.
    pub image_dim: Option<usize>,
    /// Width of the image's keys and values before their projection, for image to video.
    pub added_kv_proj_dim: Option<usize>,
    /// Most patches along one axis.
    pub rope_max_seq_len: usize,
    /// Length of the learned positions of an image's embedding, for first and last frame to video.
    pub pos_embed_seq_len: Option<usize>,
    qk_norm: Option<String>,
    eps: f64,
    #[serde(rename = "_class_name")]
    class_name: Option<String>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

impl Default for TransformerConfig {
    fn default() -> Self {
        Self {
            patch_size: [1, 2, 2],
            num_attention_heads: 40,
            attention_head_dim: 128,
            in_channels: 16,
            out_channels: 16,
            text_dim: 4096,
            freq_dim: 256,
            ffn_dim: 13_824,
            num_layers: 40,
            cross_attn_norm: true,
            image_dim: None,
            added_kv_proj_dim: None,
            rope_max_seq_len: 1024,
            pos_embed_seq_len: None,
            qk_norm: Some("rms_norm_across_heads".into()),
            eps: 1e-6,
            class_name: None,
            rest: BTreeMap::new(),
        }
    }
}

impl TransformerConfig {
    /// The 1.3B model of Wan 2.1: 30 layers of 12 heads.
    pub fn wan_1_3b() -> Self {
        Self { num_attention_heads: 12, ffn_dim: 8960, num_layers: 30, ..Self::default() }
    }

    /// The 14B model of Wan 2.1: 40 layers of 40 heads.
    pub fn wan_14b() -> Self {
        Self::default()
    }

    /// The 5B model of Wan 2.2: 30 layers of 24 heads on latents of 48 channels.
    pub fn wan_ti2v_5b() -> Self {
        let (in_channels, out_channels) = (48, 48);
        Self { num_attention_heads: 24, ffn_dim: 14_336, num_layers: 30, in_channels, out_channels, ..Self::default() }
    }

    /// Reads `config.json` and checks that it describes a model that can exist.
    ///
    /// # Errors
    /// [`WanError`] that names the file, and the architecture or the setting that is not known or not possible.
    pub fn read(path: &Path) -> Result<Self, WanError> {
        let config: Self = json::read(path, json::MAX_CONFIG_BYTES)?;
        let class = config.class_name.as_deref().unwrap_or("an architecture without a name");
        if class != "WanTransformer3DModel" {
            let known = "WanTransformer3DModel";
            return Err(WanError::Architecture { path: path.into(), found: class.into(), known });
        }
        config.check().map_err(|reason| WanError::Config { path: path.into(), reason })?;
        Ok(config)
    }

    /// Width of a token.
    pub const fn width(&self) -> usize {
        self.num_attention_heads * self.attention_head_dim
    }

    /// Numbers in a patch of `channels` channels.
    pub(crate) fn patch_width(&self, channels: usize) -> usize {
        channels * self.patch_size.iter().product::<usize>()
    }

    /// Channel pairs of a head that turn with time, row and column.
    pub(crate) const fn axis_pairs(&self) -> [usize; 3] {
        let side = self.attention_head_dim / 6;
        [self.attention_head_dim / 2 - 2 * side, side, side]
    }

    fn check(&self) -> Result<(), String> {
        let sizes = [
            ("num_attention_heads", self.num_attention_heads, 1..=256),
            ("attention_head_dim", self.attention_head_dim, 6..=512),
            ("in_channels", self.in_channels, 1..=1024),
            ("out_channels", self.out_channels, 1..=1024),
            ("text_dim", self.text_dim, 1..=32_768),
            ("freq_dim", self.freq_dim, 2..=8192),
            ("ffn_dim", self.ffn_dim, 1..=131_072),
            ("num_layers", self.num_layers, 0..=256),
            ("image_dim", self.image_dim.unwrap_or(1), 1..=32_768),
            ("rope_max_seq_len", self.rope_max_seq_len, 1..=65_536),
            ("pos_embed_seq_len", self.pos_embed_seq_len.unwrap_or(1), 1..=65_536),
        ];
        let sides = self.patch_size.map(|side| ("patch_size", side, 1..=8));
        for (name, value, range) in sizes.into_iter().chain(sides) {
            if !range.contains(&value) {
                return Err(format!("{name} is {value}, but must lie between {} and {}", range.start(), range.end()));
            }
        }
        let (width, head) = (self.width(), self.attention_head_dim);
        if width > 16_384 || !head.is_multiple_of(2) || !self.freq_dim.is_multiple_of(2) {
            let heads = self.num_attention_heads;
            return Err(format!(
                "{heads} heads of {head} channels, freq_dim {}: they must be even, at most 16384 in all",
                self.freq_dim
            ));
        }
        if self.qk_norm.as_deref() != Some("rms_norm_across_heads") {
            return Err(format!("qk_norm is {:?}; misora computes \"rms_norm_across_heads\"", self.qk_norm));
        }
        if (self.eps - f64::from(kernels::NORM_EPSILON)).abs() > 1e-9 {
            return Err(format!("eps is {}; misora computes norms with 1e-6", self.eps));
        }
        if self.image_dim.is_none() != self.added_kv_proj_dim.is_none()
            || self.added_kv_proj_dim.is_some_and(|inputs| inputs != width)
        {
            return Err(format!(
                "added_kv_proj_dim is {:?}; with image_dim it must be {width}, without it must be left out",
                self.added_kv_proj_dim
            ));
        }
        crate::config::refuse_unknown(&self.rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<TransformerConfig, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        std::fs::write(&path, text).unwrap();
        TransformerConfig::read(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_left_out_is_what_diffusers_says() {
        let text = r#"{"_class_name": "WanTransformer3DModel", "_diffusers_version": "0.35", "num_layers": 30,
                       "num_attention_heads": 12, "ffn_dim": 8960, "added_proj_dim": null}"#;
        let config = read(text).unwrap();
        assert_eq!((config.width(), config.axis_pairs(), config.num_layers), (1536, [22, 21, 21], 30));
        assert_eq!(config.ffn_dim, TransformerConfig::wan_1_3b().ffn_dim);
    }

    #[test]
    fn unknown_and_absurd_configurations_are_named() {
        let with = |settings: &str| read(&format!(r#"{{"_class_name": "WanTransformer3DModel", {settings}}}"#));
        for (settings, part) in [
            (r#""num_layers": 4000000000"#, "num_layers is 4000000000, but must lie between 0 and 256"),
            (r#""num_attention_heads": 0"#, "num_attention_heads is 0"),
            (r#""num_attention_heads": 256, "attention_head_dim": 512"#, "at most 16384"),
            (r#""attention_head_dim": 127"#, "must be even"),
            (r#""qk_norm": "layer_norm""#, "rms_norm_across_heads"),
            (r#""eps": 0.1"#, "eps is 0.1"),
            (r#""image_dim": 1280"#, "added_kv_proj_dim"),
            (r#""vace_layers": [1, 2]"#, "vace_layers"),
        ] {
            let message = with(settings).unwrap_err();
            assert!(message.contains("config.json") && message.contains(part), "{message}");
        }
        let message = read(r#"{"_class_name": "FluxTransformer2DModel"}"#).unwrap_err();
        assert!(message.contains("FluxTransformer2DModel"), "{message}");
        assert!(read("{\"num_layers\": -1}").unwrap_err().contains("damaged"));
        assert!(read("").unwrap_err().contains("damaged"));
        assert!(read(&" ".repeat(2 << 20)).unwrap_err().contains("larger"));
    }
}
