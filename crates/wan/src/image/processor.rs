//! How pictures are brought to the image encoder, as `preprocessor_config.json` says it.

use std::path::Path;

use serde::Deserialize;

use crate::{WanError, json};

/// Longest side that pictures are brought to.
const MOST_PIXELS: usize = 4096;
/// `PIL.Image.BICUBIC`.
const BICUBIC: u32 = 3;

/// What `CLIPImageProcessor` does: the shorter side to a length, the middle of it, and each channel less a mean and over a
/// deviation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ImageProcessor {
    /// Pixels of the shorter side, by bicubic means.
    pub shortest_edge: usize,
    /// Pixels of each side of the square in the middle.
    pub crop: usize,
    /// Mean of each channel, of values from 0 to 1.
    pub mean: [f32; 3],
    /// Standard deviation of each channel.
    pub std: [f32; 3],
}

#[derive(Deserialize)]
#[serde(default)]
struct Stored {
    size: Edge,
    crop_size: Square,
    image_mean: [f32; 3],
    image_std: [f32; 3],
    resample: u32,
    rescale_factor: f64,
    do_resize: bool,
    do_center_crop: bool,
    do_rescale: bool,
    do_normalize: bool,
}

#[derive(Deserialize)]
struct Edge {
    shortest_edge: usize,
}

#[derive(Deserialize)]
struct Square {
    height: usize,
    width: usize,
}

impl Default for Stored {
    fn default() -> Self {
        Self {
            size: Edge { shortest_edge: 224 },
            crop_size: Square { height: 224, width: 224 },
            image_mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
            image_std: [0.268_629_54, 0.261_302_6, 0.275_777_1],
            resample: BICUBIC,
            rescale_factor: 1.0 / 255.0,
            do_resize: true,
            do_center_crop: true,
            do_rescale: true,
            do_normalize: true,
        }
    }
}

impl ImageProcessor {
    /// Reads `preprocessor_config.json`; what is left out is what transformers takes for granted.
    ///
    /// # Errors
    /// [`WanError`] that names the setting that misora does not have.
    pub fn read(path: &Path) -> Result<Self, WanError> {
        let stored: Stored = json::read(path, json::MAX_CONFIG_BYTES)?;
        stored.check().map_err(|reason| WanError::Config { path: path.into(), reason })?;
        let Stored { size, crop_size, image_mean, image_std, .. } = stored;
        Ok(Self { shortest_edge: size.shortest_edge, crop: crop_size.height, mean: image_mean, std: image_std })
    }

    /// Numbers of a pixel as the encoder takes them.
    pub fn normalised(&self, rgb: [u8; 3]) -> [f32; 3] {
        std::array::from_fn(|channel| (f32::from(rgb[channel]) / 255.0 - self.mean[channel]) / self.std[channel])
    }
}

impl Stored {
    fn check(&self) -> Result<(), String> {
        let Square { height, width } = self.crop_size;
        let edge = self.size.shortest_edge;
        if height != width || height == 0 || height > edge || edge > MOST_PIXELS {
            return Err(format!(
                "crop_size is {width}x{height} and shortest_edge {edge}; the crop must be a square that fits, and the edge \
                 at most {MOST_PIXELS}"
            ));
        }
        let numbers = self.image_mean.iter().chain(&self.image_std);
        if !numbers.clone().all(|number| number.is_finite()) || self.image_std.iter().any(|std| *std <= 0.0) {
            return Err("image_mean and image_std must be three numbers each, the latter above 0".into());
        }
        let wanted = [
            ("resample", "3", self.resample == BICUBIC),
            ("rescale_factor", "1/255", (self.rescale_factor * 255.0 - 1.0).abs() < 1e-6),
            ("do_resize and do_center_crop", "true", self.do_resize && self.do_center_crop),
            ("do_rescale and do_normalize", "true", self.do_rescale && self.do_normalize),
        ];
        match wanted.iter().find(|(_, _, fits)| !fits) {
            None => Ok(()),
            Some((name, value, _)) => Err(format!("misora prepares images with {name} {value} only")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(settings: &str) -> Result<ImageProcessor, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("preprocessor_config.json");
        std::fs::write(&path, format!("{{{settings}}}")).unwrap();
        ImageProcessor::read(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_left_out_is_what_transformers_says() {
        let processor = read(r#""feature_extractor_type": "CLIPFeatureExtractor""#).unwrap();
        assert_eq!((processor.shortest_edge, processor.crop), (224, 224));
        assert!(processor.normalised([255; 3]).iter().all(|value| (1.9..2.2).contains(value)));
    }

    #[test]
    fn what_is_not_done_is_named() {
        for (settings, part) in [
            (r#""crop_size": {"height": 225, "width": 225}"#, "crop_size is 225x225"),
            (r#""crop_size": {"height": 8, "width": 9}"#, "must be a square"),
            (r#""size": {"shortest_edge": 99999999999}"#, "at most 4096"),
            (r#""size": {"height": 224, "width": 224}"#, "shortest_edge"),
            (r#""image_std": [0.5, 0.5, 0]"#, "image_std"),
            (r#""resample": 2"#, "resample 3"),
            (r#""do_center_crop": false"#, "do_center_crop"),
        ] {
            let message = read(settings).unwrap_err();
            assert!(message.contains("preprocessor_config.json") && message.contains(part), "{message}");
        }
    }
}
