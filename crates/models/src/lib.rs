//! The models: autoencoder, text encoder, transformer, and their checkpoints.
//!
//! Knows nothing of sampling, noise schedules or files of pictures: tensors come in and go out.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`autoencoder`] | pixels to latents and back, as a stream |
//! | [`text`] | tokenizer and text encoder |
//! | [`transformer`] | the diffusion transformer over spacetime patches |
//! | [`checkpoint`] | weights and sizes on disk |
//! | [`bundle`] | the three parts as one model folder |
//! | [`layers`], [`init`] | what the parts are made of, and first weights |
//! | [`error`] | [`ModelError`], the one error of this crate |
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod autoencoder;
pub mod bundle;
pub mod checkpoint;
pub mod error;
pub mod init;
pub mod layers;
pub mod text;
pub mod transformer;

pub use autoencoder::{Autoencoder, AutoencoderConfig};
pub use bundle::{Bundle, BundleInfo};
pub use error::ModelError;
pub use init::WeightInit;
// Who runs models says with what, and what runs at the same time, and knows no kernel.
pub use kernels::{Precision, side_by_side};
pub use text::{TextEncoder, TextEncoderConfig, Tokenizer};
pub use transformer::{Transformer, TransformerConfig};
