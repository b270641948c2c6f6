//! The causal video autoencoder, as `AutoencoderKLWan` in diffusers.
//!
//! A clip of 4k + 1 frames has k + 1 latent frames: the first stands for one frame, each other for four. Both ways work
//! one latent frame at a time, and what they remember in between does not grow.
//!
//! There are two of them. That of Wan 2.1 makes 8×8 pixels one latent position. That of Wan 2.2's small model makes it
//! 16×16: pixels are folded into channels first, and each level has a path around it.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`config`] | sizes |
//! | [`encoder`], [`decoder`] | pixels to latents, latents to pixels |
//! | [`memory`] | how much memory either takes |
//! | `blocks`, `resample`, `shortcut` | what they are made of |
//! | [`stream`] | what they remember between latent frames |
//! | [`tiles`] | large frames, tile by tile |

mod blocks;
pub mod config;
pub mod decoder;
pub mod encoder;
pub mod memory;
mod resample;
mod shortcut;
pub mod stream;
pub mod tiles;

pub use config::AutoencoderConfig;
pub use decoder::Decoder;
pub use encoder::Encoder;
pub use memory::{AutoencoderLoad, AutoencoderMemory};
pub use stream::StreamState;
pub use tiles::{TileStates, TiledClip};

/// The files of the autoencoder begin like this.
const STEM: &str = "diffusion_pytorch_model";
