//! Wan 2.1 and the 5B model of Wan 2.2, from the checkpoints that others published: transformer, autoencoder and text
//! encoder.
//!
//! Every part computes what diffusers and transformers compute, in 32 bits, on the kernels of this workspace; the
//! transformer and the decoder can also do their largest products in 8 bits, which is nearly the same. Weights are mapped into memory,
//! checked tensor by tensor, and laid out as the kernels want them.
//!
//! Knows nothing of sampling, noise schedules or files of pictures: tensors come in and go out. It does not know the
//! models of misora either.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`folder`] | [`WanFolder`]: which parts a model folder has, and where |
//! | [`transformer`] | the denoising network |
//! | [`lora`] | [`Lora`]: files that change what the transformer makes |
//! | [`autoencoder`] | pixels to latents and back, a latent frame at a time |
//! | [`text`] | prompts to embeddings |
//! | [`image`] | the image that a video begins with, to embeddings |
//! | [`scheduler`] | which noise levels a checkpoint wants to be sampled at |
//! | [`memory`] | how much memory a part takes, told before it is read |
//! | [`export`](mod@export) | a model folder written anew in another precision |
//! | [`verify`](mod@verify) | whether a model folder is whole |
//! | [`weights`] | tensors of a checkpoint, by name |
//! | [`tensor_file`] | tensors of any other safetensors file |
//! | [`error`] | [`WanError`], the one error of this crate |
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod autoencoder;
mod config;
pub mod error;
pub mod export;
pub mod folder;
pub mod image;
mod json;
mod layers;
pub mod lora;
pub mod memory;
pub mod scheduler;
pub mod tensor_file;
pub mod text;
pub mod transformer;
pub mod verify;
pub mod weights;

pub use error::WanError;
pub use export::export;
pub use folder::{Pipeline, WanFolder};
pub use kernels::Precision;
pub use lora::Lora;
pub use scheduler::SchedulerConfig;
pub use verify::verify;
pub use weights::StoredPrecision;
