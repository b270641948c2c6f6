//! A causal 3-D autoencoder: 4 frames × 8×8 pixels become one latent position.
//!
//! The first frame is a latent frame of its own, so a clip of 4k + 1 frames has k + 1 latent frames and an image
//! has one. Frames are folded into channels in groups of four (the first frame's group is that frame four times), and
//! all layers run at the latent frame rate.
//!
//! Encoder and decoder are each a linear map of one block of 4×8×8 pixels plus a network that sees the neighbours. The
//! network begins at nothing, so that the autoencoder begins at whatever its linear path is: see [`LinearPath`].
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`config`] | sizes |
//! | [`blocks`] | causal residual blocks and what they remember between chunks |
//! | [`fold`] | pixels to channels and back |

pub mod blocks;
pub mod config;
mod fold;

use std::path::Path;

use burn::{
    module::{Module, Param},
    tensor::{Tensor, TensorData},
};

pub use blocks::StreamState;
pub use config::{AutoencoderConfig, SPATIAL_FACTOR, TEMPORAL_FACTOR};

use crate::{
    ModelError, checkpoint,
    init::WeightInit,
    layers::{Linear, LinearConfig},
};
use blocks::{ResidualBlock, fold_space, norm_silu, unfold_space};
use config::FOLDED_CHANNELS;

/// Values of the pixels of one latent position: 4 frames × 8×8 pixels × RGB.
pub const BLOCK_VALUES: usize = 4 * FOLDED_CHANNELS;
/// Logarithm of the variance that the encoder begins with.
const FIRST_LOG_VARIANCE: f32 = -5.0;

/// Latent frames of a clip of `num_frames` frames, or nothing when it is not 4k + 1.
pub const fn latent_frames_from_frames(num_frames: usize) -> Option<usize> {
    if num_frames % TEMPORAL_FACTOR == 1 { Some(num_frames / TEMPORAL_FACTOR + 1) } else { None }
}

/// Frames that `latent_frames` decode to.
pub const fn frames_from_latent_frames(latent_frames: usize) -> usize {
    (latent_frames * TEMPORAL_FACTOR).saturating_sub(TEMPORAL_FACTOR - 1)
}

/// Pixels to latents and back.
#[derive(Module, Debug)]
pub struct Autoencoder {
    encoder: Encoder,
    decoder: Decoder,
    #[module(skip)]
    config: AutoencoderConfig,
}

#[derive(Module, Debug)]
struct Encoder {
    shortcut: Linear,
    conv_in: Linear,
    quarter: Vec<ResidualBlock>,
    down: Linear,
    eighth: Vec<ResidualBlock>,
    norm_out: Param<Tensor<1>>,
    conv_out: Linear,
}

#[derive(Module, Debug)]
struct Decoder {
    shortcut: Linear,
    conv_in: Linear,
    eighth: Vec<ResidualBlock>,
    up: Linear,
    quarter: Vec<ResidualBlock>,
    norm_out: Param<Tensor<1>>,
    conv_out: Linear,
}

/// The linear part of an autoencoder: each block of 4×8×8 pixels to one latent position and back.
#[derive(Clone, Debug)]
pub struct LinearPath {
    /// Pixels to latents, `[768, C]`, row by row.
    pub analysis: Vec<f32>,
    /// Added to the latents, `[C]`.
    pub analysis_bias: Vec<f32>,
    /// Latents to pixels, `[C, 768]`, row by row.
    pub synthesis: Vec<f32>,
    /// Added to the pixels, `[768]`.
    pub synthesis_bias: Vec<f32>,
}

/// What the encoder says of each latent position, before normalisation.
#[derive(Clone, Debug)]
pub struct Posterior {
    /// `[B, C, T, H, W]`.
    pub mean: Tensor<5>,
    /// Logarithm of the variance, `[B, C, T, H, W]`, within −20 to 5.
    pub log_variance: Tensor<5>,
}

impl AutoencoderConfig {
    /// A fresh autoencoder of this size.
    pub fn init(&self, weights: &mut WeightInit) -> Autoencoder {
        let [e4, e8] = self.encoder_widths;
        let [d8, d4] = self.decoder_widths;
        let blocks = |count: usize, width: usize, weights: &mut WeightInit| -> Vec<ResidualBlock> {
            (0..count).map(|_| ResidualBlock::init(width, weights)).collect()
        };
        let c = self.latent_channels;
        let first_moments = [vec![0.0; c], vec![FIRST_LOG_VARIANCE; c]].concat();
        let encoder = Encoder {
            shortcut: LinearConfig::new(BLOCK_VALUES, c).init(weights),
            conv_in: LinearConfig::new(FOLDED_CHANNELS, e4).init(weights),
            quarter: blocks(self.encoder_blocks[0], e4, weights),
            down: LinearConfig::new(4 * e4, e8).init(weights),
            eighth: blocks(self.encoder_blocks[1], e8, weights),
            norm_out: weights.ones([e8]),
            conv_out: LinearConfig::new(e8, 2 * c).init_zero(weights).with_bias(weights.values(first_moments)),
        };
        let decoder = Decoder {
            shortcut: LinearConfig::new(c, BLOCK_VALUES).init(weights),
            conv_in: LinearConfig::new(c, d8).init(weights),
            eighth: blocks(self.decoder_blocks[0], d8, weights),
            up: LinearConfig::new(d8, 4 * d4).init(weights),
            quarter: blocks(self.decoder_blocks[1], d4, weights),
            norm_out: weights.ones([d4]),
            conv_out: LinearConfig::new(d4, FOLDED_CHANNELS).init_zero(weights),
        };
        Autoencoder { encoder, decoder, config: self.clone() }
    }
}

impl Autoencoder {
    /// Sizes and latent statistics.
    pub const fn config(&self) -> &AutoencoderConfig {
        &self.config
    }

    /// The same autoencoder with other latent statistics.
    #[must_use]
    pub fn with_latent_statistics(mut self, mean: Vec<f32>, std: Vec<f32>) -> Self {
        (self.config.latent_mean, self.config.latent_std) = (mean, std);
        self
    }

    /// The same autoencoder with another linear path.
    ///
    /// # Errors
    /// [`ModelError::Tensors`] when the path is not of this autoencoder's size.
    pub fn with_linear_path(self, path: &LinearPath) -> Result<Self, ModelError> {
        let c = self.config.latent_channels;
        let mut tensors = checkpoint::named_tensors(&self);
        for (name, values, shape) in [
            ("encoder.shortcut.weight", &path.analysis, vec![BLOCK_VALUES, c]),
            ("encoder.shortcut.bias", &path.analysis_bias, vec![c]),
            ("decoder.shortcut.weight", &path.synthesis, vec![c, BLOCK_VALUES]),
            ("decoder.shortcut.bias", &path.synthesis_bias, vec![BLOCK_VALUES]),
        ] {
            if values.len() != shape.iter().product::<usize>() {
                let reason = format!("{name} has {} values, not {shape:?}", values.len());
                return Err(ModelError::Tensors { path: "linear path".into(), part: "autoencoder", reason });
            }
            tensors.insert(name.into(), TensorData::new(values.clone(), shape));
        }
        checkpoint::put_tensors(self, &tensors, Path::new("linear path"), "autoencoder")
    }

    /// The pixels of each latent position of a clip, one row each.
    ///
    /// # Shapes  pixels: `[B, 3, 4k + 1, H, W]` → `[B·(k + 1)·H/8·W/8, 768]`
    pub fn blocks(pixels: Tensor<5>) -> Tensor<2> {
        let blocks = fold_space(fold::fold_pixels(pixels, Chunk::First));
        let [b, t, h, w, values] = blocks.dims();
        blocks.reshape([b * t * h * w, values])
    }

    /// Encodes a whole clip.
    ///
    /// # Shapes  pixels: `[B, 3, 4k + 1, H, W]` → latents `[B, C, k + 1, H/8, W/8]`
    /// # Units   pixels in −1 to 1; latents have mean 0 and standard deviation 1 over the training data
    pub fn encode(&self, pixels: Tensor<5>) -> Tensor<5> {
        self.encode_chunk(pixels, &mut StreamState::default(), Chunk::First)
    }

    /// Encodes the next frames of a clip: 4k + 1 in the first chunk, 4k in each later one.
    pub fn encode_chunk(&self, pixels: Tensor<5>, state: &mut StreamState, chunk: Chunk) -> Tensor<5> {
        let posterior = self.posterior_chunk(pixels, state, chunk);
        self.normalise(posterior.mean)
    }

    /// Mean and variance of the latents of a whole clip, not normalised: what training needs.
    pub fn posterior(&self, pixels: Tensor<5>) -> Posterior {
        self.posterior_chunk(pixels, &mut StreamState::default(), Chunk::First)
    }

    fn posterior_chunk(&self, pixels: Tensor<5>, state: &mut StreamState, chunk: Chunk) -> Posterior {
        kernels::on_workers(&pixels.device(), || self.encoder_pass(pixels, state, chunk))
    }

    fn encoder_pass(&self, pixels: Tensor<5>, state: &mut StreamState, chunk: Chunk) -> Posterior {
        let folded = fold::fold_pixels(pixels, chunk);
        let linear = self.encoder.shortcut.forward_positions(fold_space(folded.clone())); // [B, T, H, W, C]
        let moments = self.encoder.forward(folded, state); // [B, T, H, W, 2C]
        let c = self.config.latent_channels;
        let channels_first = |x: Tensor<5>| x.permute([0, 4, 1, 2, 3]);
        Posterior {
            mean: channels_first(linear + moments.clone().narrow(4, 0, c)),
            log_variance: channels_first(moments.narrow(4, c, c)).clamp(-20.0, 5.0),
        }
    }

    /// Decodes all latents of a clip.
    ///
    /// # Shapes  latents: `[B, C, k + 1, H, W]` → pixels `[B, 3, 4k + 1, 8H, 8W]`
    /// # Units   pixels in −1 to 1, not clamped
    pub fn decode(&self, latents: Tensor<5>) -> Tensor<5> {
        self.decode_chunk(latents, &mut StreamState::default(), Chunk::First)
    }

    /// Decodes the next latent frames: the first chunk gives 4k + 1 frames, each later one 4k.
    pub fn decode_chunk(&self, latents: Tensor<5>, state: &mut StreamState, chunk: Chunk) -> Tensor<5> {
        self.decode_raw(self.denormalise(latents), state, chunk)
    }

    /// Decodes latents as the encoder's [`Posterior`] gives them.
    pub fn decode_posterior(&self, latents: Tensor<5>) -> Tensor<5> {
        self.decode_raw(latents, &mut StreamState::default(), Chunk::First)
    }

    fn decode_raw(&self, latents: Tensor<5>, state: &mut StreamState, chunk: Chunk) -> Tensor<5> {
        kernels::on_workers(&latents.device(), || self.decoder_pass(latents, state, chunk))
    }

    fn decoder_pass(&self, latents: Tensor<5>, state: &mut StreamState, chunk: Chunk) -> Tensor<5> {
        let channels_last = latents.permute([0, 2, 3, 4, 1]); // [B, T, H, W, C]
        let linear = unfold_space(self.decoder.shortcut.forward_positions(channels_last.clone()));
        fold::unfold_pixels(linear + self.decoder.forward(channels_last, state), chunk)
    }

    fn normalise(&self, latents: Tensor<5>) -> Tensor<5> {
        let (mean, std) = self.statistics(&latents);
        (latents - mean) / std
    }

    fn denormalise(&self, latents: Tensor<5>) -> Tensor<5> {
        let (mean, std) = self.statistics(&latents);
        latents * std + mean
    }

    fn statistics(&self, like: &Tensor<5>) -> (Tensor<5>, Tensor<5>) {
        let shape = [1, self.config.latent_channels, 1, 1, 1];
        let tensor = |values: &[f32]| Tensor::from_data(TensorData::new(values.to_vec(), shape), &like.device());
        (tensor(&self.config.latent_mean), tensor(&self.config.latent_std))
    }
}

/// Which part of a stream a chunk is: the first one begins with the lone first frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunk {
    /// The beginning of a clip.
    First,
    /// Anything after it.
    Later,
}

impl Encoder {
    fn forward(&self, folded: Tensor<5>, state: &mut StreamState) -> Tensor<5> {
        state.rewind();
        let x = self.conv_in.forward_positions(folded);
        let x = self.quarter.iter().fold(x, |x, block| block.forward(x, state));
        let x = self.down.forward_positions(fold_space(x));
        let x = self.eighth.iter().fold(x, |x, block| block.forward(x, state));
        self.conv_out.forward_positions(norm_silu(x, &self.norm_out))
    }
}

impl Decoder {
    fn forward(&self, latents: Tensor<5>, state: &mut StreamState) -> Tensor<5> {
        state.rewind();
        let x = self.conv_in.forward_positions(latents);
        let x = self.eighth.iter().fold(x, |x, block| block.forward(x, state));
        let x = unfold_space(self.up.forward_positions(x));
        let x = self.quarter.iter().fold(x, |x, block| block.forward(x, state));
        self.conv_out.forward_positions(norm_silu(x, &self.norm_out))
    }
}
