//! The three parts of a model as one folder, or as bytes inside a program.
//!
//! ```text
//! nano/
//!   model.json                what it is, and the sizes of its parts
//!   autoencoder.safetensors
//!   text_encoder.safetensors
//!   transformer.safetensors
//!   tokenizer.json
//! ```

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::{
    Autoencoder, AutoencoderConfig, ModelError, TextEncoder, TextEncoderConfig, Tokenizer, Transformer,
    TransformerConfig, WeightInit,
    checkpoint::{self, Precision},
};

/// Version of the folder's layout that this program writes and reads.
pub const FORMAT_VERSION: u64 = 1;

const MANIFEST: &str = "model.json";
const AUTOENCODER: &str = "autoencoder.safetensors";
const TEXT_ENCODER: &str = "text_encoder.safetensors";
const TRANSFORMER: &str = "transformer.safetensors";
const TOKENIZER: &str = "tokenizer.json";

/// What a model is: the contents of `model.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleInfo {
    /// Version of the layout.
    pub format_version: u64,
    /// The model's name.
    pub name: String,
    /// Licence of the weights, as an SPDX expression.
    pub licence: String,
    /// What it was trained on and how long, in a sentence.
    pub trained_on: String,
    /// Frames per second that the model makes.
    pub frame_rate: u32,
    /// Sizes of the autoencoder, with its latent statistics.
    pub autoencoder: AutoencoderConfig,
    /// Sizes of the text encoder.
    pub text_encoder: TextEncoderConfig,
    /// Sizes of the transformer.
    pub transformer: TransformerConfig,
}

/// A whole text-to-video model.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// What it is.
    pub info: BundleInfo,
    /// Pixels to latents and back.
    pub autoencoder: Autoencoder,
    /// Text to token ids.
    pub tokenizer: Tokenizer,
    /// Token ids to embeddings.
    pub text_encoder: TextEncoder,
    /// The denoising network.
    pub transformer: Transformer,
}

/// The files of a model as bytes, for one that is built into a program.
#[derive(Clone, Copy, Debug)]
pub struct BundleBytes<'a> {
    /// `model.json`.
    pub manifest: &'a [u8],
    /// `autoencoder.safetensors`.
    pub autoencoder: &'a [u8],
    /// `text_encoder.safetensors`.
    pub text_encoder: &'a [u8],
    /// `transformer.safetensors`.
    pub transformer: &'a [u8],
    /// `tokenizer.json`.
    pub tokenizer: &'a [u8],
}

impl Bundle {
    /// Reads a model folder.
    ///
    /// # Errors
    /// [`ModelError`] that names the file and what is wrong with it.
    pub fn load(folder: &Path, device: &Device) -> Result<Self, ModelError> {
        let path = folder.join(MANIFEST);
        if !path.is_file() {
            let reason = format!("it has no {MANIFEST}");
            return Err(ModelError::NotAModel { path: folder.into(), reason });
        }
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).map_err(|source| ModelError::File { action: "read", path, source })
        };
        let (manifest, autoencoder, text_encoder) = (read(MANIFEST)?, read(AUTOENCODER)?, read(TEXT_ENCODER)?);
        let (transformer, tokenizer) = (read(TRANSFORMER)?, read(TOKENIZER)?);
        let bytes = BundleBytes {
            manifest: &manifest,
            autoencoder: &autoencoder,
            text_encoder: &text_encoder,
            transformer: &transformer,
            tokenizer: &tokenizer,
        };
        Self::from_bytes(&bytes, folder, device)
    }

    /// Reads a model from bytes; `folder` is what errors call the place where they came from.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn from_bytes(bytes: &BundleBytes<'_>, folder: &Path, device: &Device) -> Result<Self, ModelError> {
        let info = parse_manifest(bytes.manifest, &folder.join(MANIFEST))?;
        let tokenizer = Tokenizer::from_bytes(bytes.tokenizer)?;
        if tokenizer.vocabulary_size() != info.text_encoder.vocabulary_size {
            return Err(ModelError::Config {
                part: "text encoder",
                reason: format!(
                    "it knows {} tokens, but the tokenizer makes {}",
                    info.text_encoder.vocabulary_size,
                    tokenizer.vocabulary_size()
                ),
            });
        }
        let mut weights = WeightInit::blank(device);
        let at = |name: &str| -> PathBuf { folder.join(name) };
        let autoencoder = info.autoencoder.init(&mut weights);
        let autoencoder = checkpoint::load_bytes(autoencoder, bytes.autoencoder, &at(AUTOENCODER), "autoencoder")?;
        let text_encoder = info.text_encoder.init(&mut weights);
        let text_encoder = checkpoint::load_bytes(text_encoder, bytes.text_encoder, &at(TEXT_ENCODER), "text encoder")?;
        let transformer = info.transformer.init(&mut weights);
        let transformer = checkpoint::load_bytes(transformer, bytes.transformer, &at(TRANSFORMER), "transformer")?;
        Ok(Self { info, autoencoder, tokenizer, text_encoder, transformer })
    }

    /// Writes the model's files into `folder`, which is made if it is not there; the manifest last.
    ///
    /// # Errors
    /// [`ModelError::File`] when a file cannot be written.
    pub fn save(&self, folder: &Path, precision: Precision) -> Result<(), ModelError> {
        std::fs::create_dir_all(folder).map_err(|source| ModelError::File {
            action: "write",
            path: folder.into(),
            source,
        })?;
        checkpoint::save(&self.autoencoder, &folder.join(AUTOENCODER), precision)?;
        checkpoint::save(&self.text_encoder, &folder.join(TEXT_ENCODER), precision)?;
        checkpoint::save(&self.transformer, &folder.join(TRANSFORMER), precision)?;
        checkpoint::write_whole(&folder.join(TOKENIZER), self.tokenizer.to_json()?.as_bytes())?;
        let manifest = serde_json::to_string_pretty(&self.info)
            .map_err(|error| ModelError::Damaged { path: folder.join(MANIFEST), reason: error.to_string() })?;
        checkpoint::write_whole(&folder.join(MANIFEST), (manifest + "\n").as_bytes())
    }
}

/// Reads and checks a manifest; the version is looked at before anything else.
fn parse_manifest(bytes: &[u8], path: &Path) -> Result<BundleInfo, ModelError> {
    let damaged = |error: serde_json::Error| ModelError::Damaged { path: path.into(), reason: error.to_string() };
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(damaged)?;
    let found = value.get("format_version").and_then(serde_json::Value::as_u64).unwrap_or(0);
    if found != FORMAT_VERSION {
        return Err(ModelError::Version { path: path.into(), found, expected: FORMAT_VERSION });
    }
    let info: BundleInfo = serde_json::from_value(value).map_err(damaged)?;
    info.autoencoder.validate()?;
    info.text_encoder.validate()?;
    info.transformer.validate()?;
    let (latents, text) = (info.autoencoder.latent_channels, info.text_encoder.width);
    if info.transformer.latent_channels != latents || info.transformer.text_width != text {
        return Err(ModelError::Config {
            part: "transformer",
            reason: format!(
                "it takes {} latent channels and text of width {}, but the other parts make {latents} and {text}",
                info.transformer.latent_channels, info.transformer.text_width
            ),
        });
    }
    if !(1..=240).contains(&info.frame_rate) {
        return Err(ModelError::Config { part: "model", reason: format!("{} frames per second", info.frame_rate) });
    }
    Ok(info)
}
