//! The model that is built into the program.

use std::path::Path;

use burn::tensor::Device;
use models::{Bundle, bundle::BundleBytes};

use crate::GenerationError;

/// The files of `models/nano`.
pub const BYTES: BundleBytes<'static> = BundleBytes {
    manifest: include_bytes!("../../../models/nano/model.json"),
    autoencoder: include_bytes!("../../../models/nano/autoencoder.safetensors"),
    text_encoder: include_bytes!("../../../models/nano/text_encoder.safetensors"),
    transformer: include_bytes!("../../../models/nano/transformer.safetensors"),
    tokenizer: include_bytes!("../../../models/nano/tokenizer.json"),
};

/// Loads the model that is built in.
///
/// # Errors
/// [`GenerationError::Model`] when the program was built with files that are not a model.
pub fn load(device: &Device) -> Result<Bundle, GenerationError> {
    Ok(Bundle::from_bytes(&BYTES, Path::new("(built in) models/nano"), device)?)
}
