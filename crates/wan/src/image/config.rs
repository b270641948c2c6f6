//! Sizes of the image encoder, as `config.json` gives them.

use std::path::Path;

use serde::Deserialize;

use crate::{WanError, json};

/// Sizes of `CLIPVisionModel`; what is left out has the value that transformers gives it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default)]
pub struct ImageEncoderConfig {
    /// Width of a token.
    pub hidden_size: usize,
    /// Width of the feed-forward layer.
    pub intermediate_size: usize,
    /// Layers, of which the last is not asked.
    pub num_hidden_layers: usize,
    /// Attention heads.
    pub num_attention_heads: usize,
    /// Pixels along each side of an image.
    pub image_size: usize,
    /// Pixels along each side of a patch.
    pub patch_size: usize,
    num_channels: usize,
    hidden_act: String,
    layer_norm_eps: f64,
    model_type: String,
}

impl Default for ImageEncoderConfig {
    fn default() -> Self {
        Self {
            hidden_size: 768,
            intermediate_size: 3072,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            image_size: 224,
            patch_size: 32,
            num_channels: 3,
            hidden_act: "quick_gelu".into(),
            layer_norm_eps: 1e-5,
            model_type: "an architecture without a name".into(),
        }
    }
}

impl ImageEncoderConfig {
    /// Reads `config.json` and checks that it describes an encoder that can exist.
    ///
    /// # Errors
    /// [`WanError`] that names the file, and the architecture or the setting that is not known or not possible.
    pub fn read(path: &Path) -> Result<Self, WanError> {
        let config: Self = json::read(path, json::MAX_CONFIG_BYTES)?;
        if config.model_type != "clip_vision_model" {
            let found = config.model_type.chars().take(64).collect();
            return Err(WanError::Architecture { path: path.into(), found, known: "clip_vision_model" });
        }
        config.check().map_err(|reason| WanError::Config { path: path.into(), reason })?;
        Ok(config)
    }

    /// Patches along each side of an image.
    pub const fn patches(&self) -> usize {
        self.image_size / self.patch_size
    }

    /// Tokens of an image: one for each patch, and one for all of it.
    pub const fn tokens(&self) -> usize {
        self.patches() * self.patches() + 1
    }

    fn check(&self) -> Result<(), String> {
        for (name, value, most) in [
            ("hidden_size", self.hidden_size, 16_384),
            ("intermediate_size", self.intermediate_size, 131_072),
            ("num_hidden_layers", self.num_hidden_layers, 256),
            ("num_attention_heads", self.num_attention_heads, 256),
            ("image_size", self.image_size, 4096),
            ("patch_size", self.patch_size, 256),
        ] {
            if !(1..=most).contains(&value) {
                return Err(format!("{name} is {value}, but must lie between 1 and {most}"));
            }
        }
        let (image, patch, heads) = (self.image_size, self.patch_size, self.num_attention_heads);
        if !image.is_multiple_of(patch) || image / patch > 256 || !self.hidden_size.is_multiple_of(heads) {
            return Err(format!(
                "patch_size {patch} must divide image_size {image} into at most 256, and num_attention_heads {heads} \
                 hidden_size {}",
                self.hidden_size
            ));
        }
        let wanted = [
            ("num_channels", "3", self.num_channels == 3),
            ("hidden_act", "\"gelu\"", self.hidden_act == "gelu"),
            ("layer_norm_eps", "1e-5", (self.layer_norm_eps - 1e-5).abs() < 1e-9),
        ];
        match wanted.iter().find(|(_, _, fits)| !fits) {
            None => Ok(()),
            Some((name, value, _)) => Err(format!("misora computes image encoders with {name} {value} only")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(settings: &str) -> Result<ImageEncoderConfig, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        std::fs::write(&path, format!("{{{settings}}}")).unwrap();
        ImageEncoderConfig::read(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn the_encoder_of_wan_2_1_is_known() {
        let config = read(
            r#""model_type": "clip_vision_model", "hidden_act": "gelu", "hidden_size": 1280, "image_size": 224,
               "intermediate_size": 5120, "num_attention_heads": 16, "num_hidden_layers": 32, "patch_size": 14,
               "projection_dim": 1024, "torch_dtype": "float32""#,
        );
        assert_eq!(config.unwrap().tokens(), 257);
    }

    #[test]
    fn unknown_and_absurd_configurations_are_named() {
        let with = |settings: &str| {
            read(&format!(r#""model_type": "clip_vision_model", "hidden_act": "gelu", {settings}"#)).unwrap_err()
        };
        for (settings, part) in [
            (r#""hidden_size": 99999999999"#, "hidden_size"),
            (r#""patch_size": 0"#, "patch_size is 0"),
            (r#""patch_size": 15"#, "must divide image_size 224"),
            (r#""num_attention_heads": 7"#, "num_attention_heads 7"),
            (r#""num_channels": 4"#, "num_channels 3"),
            (r#""layer_norm_eps": 0.1"#, "layer_norm_eps 1e-5"),
        ] {
            let message = with(settings);
            assert!(message.contains("config.json") && message.contains(part), "{message}");
        }
        assert!(read(r#""model_type": "siglip_vision_model""#).unwrap_err().contains("siglip_vision_model"));
        assert!(read(r#""model_type": "clip_vision_model""#).unwrap_err().contains("gelu"));
    }
}
