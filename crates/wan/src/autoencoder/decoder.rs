//! Latents to pixels.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};

use super::{
    AutoencoderConfig, STEM,
    blocks::{CausalConv, MiddleBlock, Norm, ResidualBlock},
    encoder,
    resample::Upsample,
    stream::{PAST, StreamState},
};
use crate::{
    WanError,
    layers::{Linear, laid_out},
    weights::{Scope, Weights},
};

/// Frames that pass together through the levels behind the last doubling of time: as many as a convolution remembers, so
/// that it keeps them as they came. More would be faster by a little and take much more memory.
pub(super) const FRAMES_TOGETHER: usize = PAST;

/// Latents to pixels, a latent frame at a time.
#[derive(Clone, Debug)]
pub struct Decoder {
    /// Mixes the channels of the latents first.
    mix: Linear,
    layers: DecoderLayers,
    config: AutoencoderConfig,
}

#[derive(Clone, Debug)]
pub(super) struct DecoderLayers {
    conv_in: CausalConv,
    middle: MiddleBlock,
    up: Vec<UpBlock>,
    norm_out: Norm,
    conv_out: CausalConv,
}

#[derive(Clone, Debug)]
struct UpBlock {
    residuals: Vec<ResidualBlock>,
    upsample: Option<Upsample>,
}

impl Decoder {
    /// Reads the decoder out of an autoencoder's folder. The encoder is checked, but not read.
    ///
    /// # Errors
    /// [`WanError`] that names the file, the setting or the tensor that is wrong.
    pub fn load(folder: &Path, device: &Device) -> Result<Self, WanError> {
        let config = AutoencoderConfig::read(&folder.join("config.json"))?;
        let weights = Weights::open(folder, STEM, "autoencoder", device)?;
        let (mix, layers) = load_parts(&config, &weights.root());
        encoder::load_parts(&config, &weights.root().unread());
        weights.accounted()?;
        Ok(Self { mix, layers, config })
    }

    /// Sizes and latent statistics.
    pub const fn config(&self) -> &AutoencoderConfig {
        &self.config
    }

    /// Latents as [`Self::decode_next`] takes them, from latents of mean 0 and standard deviation 1.
    pub fn denormalise(&self, latents: Tensor<5>) -> Tensor<5> {
        let shape = [1, self.config.z_dim, 1, 1, 1];
        let device = latents.device();
        let tensor = |values: &[f32]| Tensor::from_data(TensorData::new(values.to_vec(), shape), &device);
        latents * tensor(&self.config.latents_std) + tensor(&self.config.latents_mean)
    }

    /// Decodes all latents of a clip, as diffusers takes them: not normalised.
    ///
    /// # Shapes  latents: `[B, C, k + 1, H, W]` → pixels `[B, 3, 4k + 1, 8H, 8W]`
    /// # Units   pixels in −1 to 1, clamped
    /// # Errors
    /// [`WanError::Input`] for another number of channels, or a side of 0.
    pub fn decode(&self, latents: Tensor<5>) -> Result<Tensor<5>, WanError> {
        self.check(&latents)?;
        let [_, _, frames, ..] = latents.dims();
        let mut state = StreamState::default();
        let next = |frame| self.decode_next(latents.clone().narrow(2, frame, 1), &mut state);
        let parts = (0..frames).map(next).collect();
        drop(state);
        Ok(Tensor::cat(parts, 2))
    }

    /// Decodes the next latent frame of a clip: the first gives one frame, each later one four.
    ///
    /// # Shapes  `[B, C, 1, H, W]` → `[B, 3, 1 or 4, 8H, 8W]`
    pub fn decode_next(&self, latents: Tensor<5>, state: &mut StreamState) -> Tensor<5> {
        state.begin_pass();
        let x = self.mix.forward_positions(latents.permute([0, 2, 3, 4, 1])); // [B, 1, H, W, C]
        self.layers.forward(x, state).permute([0, 4, 1, 2, 3]).clamp(-1.0, 1.0)
    }

    pub(super) fn check(&self, latents: &Tensor<5>) -> Result<(), WanError> {
        let found = latents.dims();
        if found[1] == self.config.z_dim && !found.contains(&0) {
            return Ok(());
        }
        Err(WanError::shape("latents", format!("[B, {}, T, H, W]", self.config.z_dim), &found))
    }
}

/// The convolution before the decoder, and the decoder.
pub(super) fn load_parts(config: &AutoencoderConfig, scope: &Scope<'_>) -> (Linear, DecoderLayers) {
    let z = config.z_dim;
    let mix = Linear::load_convolution(&scope.child("post_quant_conv"), [z, z], &[1, 1, 1]);
    (mix, DecoderLayers::load(config, &scope.child("decoder")))
}

impl DecoderLayers {
    fn load(config: &AutoencoderConfig, scope: &Scope<'_>) -> Self {
        let widths = config.decoder_widths();
        let levels = config.dim_mult.len();
        let up = widths.windows(2).enumerate().map(|(level, sides)| {
            // The upsampling before a level has halved its channels.
            let inputs = if level == 0 { sides[0] } else { sides[0] / 2 };
            let doubles_time = (level + 1 < levels).then(|| config.temporal_downsample[levels - 2 - level]);
            UpBlock::load(config, &scope.child("up_blocks").child(level), [inputs, sides[1]], doubles_time)
        });
        let (first, last) = (widths[0], widths[widths.len() - 1]);
        Self {
            conv_in: CausalConv::load(&scope.child("conv_in"), [config.z_dim, first]),
            middle: MiddleBlock::load(&scope.child("mid_block"), first),
            up: up.collect(),
            norm_out: Norm::load(&scope.child("norm_out"), last, 4),
            conv_out: CausalConv::load(&scope.child("conv_out"), [last, 3]),
        }
    }

    fn forward(&self, x: Tensor<5>, state: &mut StreamState) -> Tensor<5> {
        let x = self.middle.forward(self.conv_in.forward(x, state), state);
        let doubling = self.up.iter().rposition(UpBlock::doubles_time).map_or(0, |index| index + 1);
        let (up, after) = self.up.split_at(doubling);
        let x = up.iter().fold(x, |x, block| block.forward(x, state));
        let [_, frames, ..] = x.dims();
        let place = state.place();
        // The largest tensors by far come now, and few frames of them are held at a time.
        let part = |start| laid_out(x.clone().narrow(1, start, FRAMES_TOGETHER.min(frames - start)));
        let parts: Vec<_> = (0..frames).step_by(FRAMES_TOGETHER).map(part).collect();
        drop(x);
        let pixels = parts.into_iter().map(|x| {
            state.return_to(place);
            let x = after.iter().fold(x, |x, block| block.forward(x, state));
            self.conv_out.forward(self.norm_out.forward_silu(x), state)
        });
        Tensor::cat(pixels.collect(), 1)
    }
}

impl UpBlock {
    /// `doubles_time` is nothing for the last level, which is not followed by upsampling.
    fn load(
        config: &AutoencoderConfig,
        scope: &Scope<'_>,
        [inputs, outputs]: [usize; 2],
        doubles_time: Option<bool>,
    ) -> Self {
        let residual = |index: usize| {
            let inputs = if index == 0 { inputs } else { outputs };
            ResidualBlock::load(&scope.child("resnets").child(index), [inputs, outputs])
        };
        Self {
            residuals: (0..=config.num_res_blocks).map(residual).collect(),
            upsample: doubles_time.map(|doubles| Upsample::load(&scope.child("upsamplers.0"), outputs, doubles)),
        }
    }

    fn doubles_time(&self) -> bool {
        self.upsample.as_ref().is_some_and(Upsample::doubles_time)
    }

    fn forward(&self, x: Tensor<5>, state: &mut StreamState) -> Tensor<5> {
        let x = self.residuals.iter().fold(x, |x, block| block.forward(x, state));
        match &self.upsample {
            Some(upsample) => upsample.forward(x, state),
            None => x,
        }
    }
}
