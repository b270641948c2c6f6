//! Sizes of the autoencoder, as `config.json` gives them.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;
use serde_json::Value;

use super::shortcut::Shortcut;
use crate::{WanError, json};

/// Channels of a pixel.
pub(super) const COLOURS: usize = 3;

/// Sizes of `AutoencoderKLWan`; what is left out has the value that diffusers gives it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default)]
pub struct AutoencoderConfig {
    /// Width of the first level.
    pub base_dim: usize,
    /// The same in the decoder, where it differs.
    pub decoder_base_dim: Option<usize>,
    /// Channels of the latents.
    pub z_dim: usize,
    /// Width of each level, as a multiple of the first.
    pub dim_mult: Vec<usize>,
    /// Residual blocks of each level; the decoder has one more.
    pub num_res_blocks: usize,
    /// Whether each level also has a path without weights around it, as in Wan 2.2.
    pub is_residual: bool,
    /// Pixels along each side of what the first level sees as one position.
    pub patch_size: Option<usize>,
    /// Whether time is halved after each level but the last.
    #[serde(rename = "temperal_downsample")]
    pub temporal_downsample: Vec<bool>,
    /// Mean of each channel of the latents over the training data.
    pub latents_mean: Vec<f32>,
    /// Standard deviation of each channel of the latents over the training data.
    pub latents_std: Vec<f32>,
    attn_scales: Vec<f64>,
    dropout: f64,
    in_channels: usize,
    out_channels: usize,
    scale_factor_temporal: Option<usize>,
    scale_factor_spatial: Option<usize>,
    clip_output: Option<bool>,
    #[serde(rename = "_class_name")]
    class_name: Option<String>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

impl Default for AutoencoderConfig {
    fn default() -> Self {
        Self {
            base_dim: 96,
            decoder_base_dim: None,
            z_dim: 16,
            dim_mult: vec![1, 2, 4, 4],
            num_res_blocks: 2,
            is_residual: false,
            patch_size: None,
            temporal_downsample: vec![false, true, true],
            latents_mean: vec![
                -0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508, 0.4134, -0.0715, 0.5517, -0.3632,
                -0.1922, -0.9497, 0.2503, -0.2921,
            ],
            latents_std: vec![
                2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743, 3.2687, 2.1526, 2.8652, 1.5579, 1.6382,
                1.1253, 2.8251, 1.9160,
            ],
            attn_scales: Vec::new(),
            dropout: 0.0,
            in_channels: 3,
            out_channels: 3,
            scale_factor_temporal: None,
            scale_factor_spatial: None,
            clip_output: None,
            class_name: None,
            rest: BTreeMap::new(),
        }
    }
}

impl AutoencoderConfig {
    /// Reads `config.json` and checks that it describes an autoencoder that can exist.
    ///
    /// # Errors
    /// [`WanError`] that names the file, and the architecture or the setting that is not known or not possible.
    pub fn read(path: &Path) -> Result<Self, WanError> {
        let config: Self = json::read(path, json::MAX_CONFIG_BYTES)?;
        let class = config.class_name.as_deref().unwrap_or("an architecture without a name");
        if class != "AutoencoderKLWan" {
            return Err(WanError::Architecture { path: path.into(), found: class.into(), known: "AutoencoderKLWan" });
        }
        config.check().map_err(|reason| WanError::Config { path: path.into(), reason })?;
        Ok(config)
    }

    /// Pixels along each side of a latent position.
    pub fn spatial_factor(&self) -> usize {
        self.patch_side() << self.temporal_downsample.len()
    }

    /// Pixels along each side of a patch; 1 where there are none.
    pub(super) fn patch_side(&self) -> usize {
        self.patch_size.unwrap_or(1)
    }

    /// Channels of a patch of pixels.
    pub(super) fn patch_channels(&self) -> usize {
        COLOURS * self.patch_side() * self.patch_side()
    }

    /// Frames of a latent frame, but for the first, which has one.
    pub fn temporal_factor(&self) -> usize {
        1 << self.temporal_downsample.iter().filter(|halved| **halved).count()
    }

    /// Levels of the decoder up to the last that doubles the frames.
    pub(super) fn levels_with_folded_time(&self) -> usize {
        let first = self.temporal_downsample.iter().position(|halved| *halved);
        first.map_or(0, |first| self.temporal_downsample.len() - first)
    }

    /// Widths of the encoder's levels, the first and then the output of each.
    pub(super) fn encoder_widths(&self) -> Vec<usize> {
        [1].iter().chain(&self.dim_mult).map(|multiple| multiple * self.base_dim).collect()
    }

    /// Widths of the decoder's levels, the first and then the output of each.
    pub(super) fn decoder_widths(&self) -> Vec<usize> {
        let base = self.decoder_base_dim.unwrap_or(self.base_dim);
        self.dim_mult.last().into_iter().chain(self.dim_mult.iter().rev()).map(|multiple| multiple * base).collect()
    }

    fn check(&self) -> Result<(), String> {
        if !(1..=16).contains(&self.patch_side()) {
            return Err(format!("patch_size is {}, but must lie between 1 and 16", self.patch_side()));
        }
        let channels = self.patch_channels();
        if !self.attn_scales.is_empty() || (self.in_channels, self.out_channels) != (channels, channels) {
            return Err(format!(
                "attn_scales must be empty, and in_channels and out_channels {channels}, for a patch_size of {}",
                self.patch_side()
            ));
        }
        let levels = self.dim_mult.len();
        if !(1..=6).contains(&levels) || self.temporal_downsample.len() + 1 != levels {
            return Err(format!(
                "dim_mult has {levels} levels and temperal_downsample {}; there must be 1 to 6, and one less",
                self.temporal_downsample.len()
            ));
        }
        let bases = [self.base_dim, self.decoder_base_dim.unwrap_or(self.base_dim)];
        let widths =
            bases.iter().flat_map(|base| self.dim_mult.iter().map(move |multiple| base.checked_mul(*multiple)));
        if bases.contains(&0) || !widths.flatten().all(|width| (1..=8192).contains(&width)) {
            return Err(format!("base_dim {bases:?} times dim_mult {:?} must lie between 1 and 8192", self.dim_mult));
        }
        let halved = |width: &usize| width.is_multiple_of(2);
        if self.is_residual {
            self.check_shortcuts()?;
        } else if !self.decoder_widths()[1..levels].iter().all(halved) {
            return Err(format!(
                "base_dim {bases:?} times dim_mult {:?} must be even but for the first",
                self.dim_mult
            ));
        }
        if !(1..=1024).contains(&self.z_dim) || self.num_res_blocks > 16 {
            return Err(format!(
                "z_dim is {} and num_res_blocks {}; at most 1024 and 16",
                self.z_dim, self.num_res_blocks
            ));
        }
        let statistics = [&self.latents_mean, &self.latents_std];
        let usable = |values: &&Vec<f32>| values.len() == self.z_dim && values.iter().all(|value| value.is_finite());
        if !statistics.iter().all(usable) || self.latents_std.iter().any(|std| *std <= 0.0) {
            return Err(format!(
                "latents_mean and latents_std must be {} numbers each, the latter above 0",
                self.z_dim
            ));
        }
        crate::config::refuse_unknown(&self.rest)
    }

    /// Whether every shortcut can spread its channels evenly.
    fn check_shortcuts(&self) -> Result<(), String> {
        let (encoder, decoder) = (self.encoder_shortcuts(), self.decoder_shortcuts());
        let uneven = |[inputs, outputs]: [usize; 2]| !inputs.is_multiple_of(outputs);
        let down = encoder.iter().find(|shortcut| uneven([shortcut.inputs * shortcut.folded(), shortcut.outputs]));
        let up =
            decoder.iter().flatten().find(|shortcut| uneven([shortcut.outputs * shortcut.folded(), shortcut.inputs]));
        match down.or(up) {
            None => Ok(()),
            Some(Shortcut { inputs, outputs, .. }) => Err(format!(
                "dim_mult is {:?}: the shortcut of a level cannot lead {inputs} channels evenly to {outputs}",
                self.dim_mult
            )),
        }
    }

    /// The path around each level of the encoder.
    pub(super) fn encoder_shortcuts(&self) -> Vec<Shortcut> {
        let shortcut = |(level, sides): (usize, &[usize])| {
            let halves_time = self.temporal_downsample.get(level);
            let space = if halves_time.is_some() { 2 } else { 1 };
            let time = if halves_time == Some(&true) { 2 } else { 1 };
            Shortcut { inputs: sides[0], outputs: sides[1], time, space }
        };
        self.encoder_widths().windows(2).enumerate().map(shortcut).collect()
    }

    /// The path around each level of the decoder; the last has none.
    pub(super) fn decoder_shortcuts(&self) -> Vec<Option<Shortcut>> {
        let doubles_time = self.temporal_downsample.iter().rev().map(Some).chain([None]);
        let shortcut = |(sides, doubles_time): (&[usize], Option<&bool>)| {
            let time = if *doubles_time? { 2 } else { 1 };
            Some(Shortcut { inputs: sides[0], outputs: sides[1], time, space: 2 })
        };
        self.decoder_widths().windows(2).zip(doubles_time).map(shortcut).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(settings: &str) -> Result<AutoencoderConfig, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        std::fs::write(&path, format!(r#"{{"_class_name": "AutoencoderKLWan"{settings}}}"#)).unwrap();
        AutoencoderConfig::read(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_left_out_is_what_diffusers_says() {
        let config = read("").unwrap();
        assert_eq!((config.spatial_factor(), config.temporal_factor()), (8, 4));
        assert_eq!(config.encoder_widths(), [96, 96, 192, 384, 384]);
        assert_eq!(config.decoder_widths(), [384, 384, 384, 192, 96]);
    }

    #[test]
    fn the_autoencoder_of_wan_2_2_is_known() {
        let statistics = format!(r#""latents_mean": {0:?}, "latents_std": {0:?}"#, [1.0; 48]);
        let config = read(&format!(
            r#", "base_dim": 160, "decoder_base_dim": 256, "z_dim": 48, "is_residual": true, "patch_size": 2,
               "in_channels": 12, "out_channels": 12, "scale_factor_spatial": 16, "clip_output": false, {statistics}"#
        ));
        let config = config.unwrap();
        assert_eq!((config.spatial_factor(), config.temporal_factor()), (16, 4));
        assert_eq!(config.encoder_widths(), [160, 160, 320, 640, 640]);
        assert_eq!(config.decoder_widths(), [1024, 1024, 1024, 512, 256]);
    }

    #[test]
    fn unknown_and_absurd_configurations_are_named() {
        for (settings, part) in [
            (r#", "is_residual": true, "dim_mult": [3, 2, 5, 7]"#, "96 channels evenly to 288"),
            (r#", "is_residual": true, "patch_size": 2"#, "in_channels and out_channels 12"),
            (r#", "patch_size": 0"#, "patch_size is 0"),
            (r#", "patch_size": 99999999999"#, "patch_size"),
            (r#", "base_dim": 1000000000000"#, "base_dim"),
            (r#", "dim_mult": []"#, "dim_mult"),
            (r#", "temperal_downsample": [true]"#, "temperal_downsample"),
            (r#", "z_dim": 0"#, "z_dim"),
            (r#", "z_dim": 8"#, "latents_mean"),
            (r#", "attn_scales": [0.5]"#, "attn_scales"),
            (r#", "new_norm": "layer""#, "new_norm"),
        ] {
            let message = read(settings).unwrap_err();
            assert!(message.contains("config.json") && message.contains(part), "{message}");
        }
    }
}
