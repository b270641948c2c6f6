//! Latents to pixels.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};

use super::{
    AutoencoderConfig, STEM,
    blocks::{CausalConv, MiddleBlock, Norm, ResidualBlock},
    encoder,
    resample::Upsample,
    shortcut::{DupUp3D, unpatchify},
    stream::{PAST, StreamState},
};
use crate::{
    Precision, WanError,
    layers::{Linear, laid_out},
    memory::KEPT_IN_PASS,
    weights::{Scope, Weights},
};

/// Frames that pass together through the levels behind the last doubling of time: as many as a convolution remembers, so
/// that it keeps them as they came. More would be faster by a little and take much more memory.
pub(super) const FRAMES_TOGETHER: usize = PAST;

/// Levels that compute in 32 bits whatever is asked for. They have few positions: in 8 bits they would save a twentieth of the
/// time, and add a quarter to the error.
pub(super) const EXACT_LEVELS: usize = 1;

/// Latents to pixels, a latent frame at a time.
#[derive(Clone, Debug)]
pub struct Decoder {
    /// Mixes the channels of the latents first.
    mix: Linear,
    layers: DecoderLayers,
    config: AutoencoderConfig,
    precision: Precision,
}

#[derive(Clone, Debug)]
pub(super) struct DecoderLayers {
    conv_in: CausalConv,
    middle: MiddleBlock,
    up: Vec<UpBlock>,
    levels_with_folded_time: usize,
    norm_out: Norm,
    conv_out: CausalConv,
}

#[derive(Clone, Debug)]
struct UpBlock {
    residuals: Vec<ResidualBlock>,
    upsample: Option<Upsample>,
    shortcut: Option<DupUp3D>,
}

impl Decoder {
    /// Reads the decoder out of an autoencoder's folder. The encoder is checked, but not read.
    ///
    /// In 8 bits the residual blocks behind the first [`EXACT_LEVELS`] compute so; what stands between them is left in 32.
    ///
    /// # Errors
    /// [`WanError`] that names the file, the setting or the tensor that is wrong.
    pub fn load(folder: &Path, precision: Precision, device: &Device) -> Result<Self, WanError> {
        let config = AutoencoderConfig::read(&folder.join("config.json"))?;
        let weights = Weights::open(folder, STEM, "autoencoder", device)?;
        let (mix, layers) = load_parts(&config, precision, &weights.root());
        encoder::load_parts(&config, &weights.root().unread());
        weights.accounted()?;
        Ok(Self { mix, layers, config, precision })
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
    /// # Shapes  latents: `[B, C, k + 1, H, W]` → pixels `[B, 3, 4k + 1, 8H, 8W]`, with 16 for 8 in Wan 2.2
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
        let _kept = kernels::allocator::keep_more(kept_in_pass(self.precision) as usize);
        kernels::on_workers(&latents.device(), || {
            let x = self.mix.forward_positions(latents.permute([0, 2, 3, 4, 1])); // [B, 1, H, W, C]
            let pixels = unpatchify(self.layers.forward(x, state), self.config.patch_side());
            pixels.permute([0, 4, 1, 2, 3]).clamp(-1.0, 1.0)
        })
    }

    pub(super) fn check(&self, latents: &Tensor<5>) -> Result<(), WanError> {
        let found = latents.dims();
        if found[1] == self.config.z_dim && !found.contains(&0) {
            return Ok(());
        }
        Err(WanError::shape("latents", format!("[B, {}, T, H, W]", self.config.z_dim), &found))
    }
}

/// Freed bytes to hold on to during a pass. In 32 bits its tensors are larger than what this would pay for.
pub(super) const fn kept_in_pass(precision: Precision) -> u64 {
    match precision {
        Precision::F32 => 0,
        Precision::Int8 => KEPT_IN_PASS,
    }
}

/// The convolution before the decoder, and the decoder.
pub(super) fn load_parts(
    config: &AutoencoderConfig,
    precision: Precision,
    scope: &Scope<'_>,
) -> (Linear, DecoderLayers) {
    let z = config.z_dim;
    let mix = Linear::load_convolution(&scope.child("post_quant_conv"), [z, z], &[1, 1, 1]);
    (mix, DecoderLayers::load(config, precision, &scope.child("decoder")))
}

impl DecoderLayers {
    fn load(config: &AutoencoderConfig, precision: Precision, scope: &Scope<'_>) -> Self {
        let widths = config.decoder_widths();
        let doubles_time = config.temporal_downsample.iter().rev().copied().map(Some).chain([None]);
        let sides = widths.windows(2).map(|sides| [sides[0], sides[1]]);
        let up = sides.zip(doubles_time).enumerate().map(|(level, (sides, doubles_time))| {
            UpBlock::load(config, precision, &scope.child("up_blocks").child(level), (level, sides, doubles_time))
        });
        let (first, last) = (widths[0], widths[widths.len() - 1]);
        Self {
            conv_in: CausalConv::load(&scope.child("conv_in"), [config.z_dim, first]),
            middle: MiddleBlock::load(&scope.child("mid_block"), first),
            up: up.collect(),
            levels_with_folded_time: config.levels_with_folded_time(),
            norm_out: Norm::load(&scope.child("norm_out"), last, 4),
            conv_out: CausalConv::load(&scope.child("conv_out"), [last, config.patch_channels()]),
        }
    }

    fn forward(&self, x: Tensor<5>, state: &mut StreamState) -> Tensor<5> {
        let x = self.middle.forward(self.conv_in.forward(x, state), state);
        let (folded, whole) = self.up.split_at(self.levels_with_folded_time);
        let x = folded.iter().fold(x, |x, block| block.forward(x, state));
        let [_, frames, ..] = x.dims();
        let place = state.place();
        // The largest tensors by far come now, and few frames of them are held at a time.
        let part = |start| laid_out(x.clone().narrow(1, start, FRAMES_TOGETHER.min(frames - start)));
        let parts: Vec<_> = (0..frames).step_by(FRAMES_TOGETHER).map(part).collect();
        drop(x);
        let pixels = parts.into_iter().map(|x| {
            state.return_to(place);
            let x = whole.iter().fold(x, |x, block| block.forward(x, state));
            self.conv_out.forward(self.norm_out.forward_silu(x), state)
        });
        Tensor::cat(pixels.collect(), 1)
    }
}

impl UpBlock {
    /// A level between these widths. It is not followed by upsampling where `doubles_time` is nothing.
    fn load(
        config: &AutoencoderConfig,
        precision: Precision,
        scope: &Scope<'_>,
        (level, [inputs, outputs], doubles_time): (usize, [usize; 2], Option<bool>),
    ) -> Self {
        // The upsampling of Wan 2.1 halves the channels for the level behind it.
        let precision = if level < EXACT_LEVELS { Precision::F32 } else { precision };
        let inputs = if level == 0 || config.is_residual { inputs } else { inputs / 2 };
        let residual = |index: usize| {
            let inputs = if index == 0 { inputs } else { outputs };
            ResidualBlock::load(&scope.child("resnets").child(index), [inputs, outputs], precision)
        };
        let upsample = |doubles_time| match config.is_residual {
            true => Upsample::load(&scope.child("upsampler"), [outputs, outputs], doubles_time),
            false => Upsample::load(&scope.child("upsamplers.0"), [outputs, outputs / 2], doubles_time),
        };
        let shortcut = || config.decoder_shortcuts().get(level).copied().flatten().map(DupUp3D);
        Self {
            residuals: (0..=config.num_res_blocks).map(residual).collect(),
            upsample: doubles_time.map(upsample),
            shortcut: config.is_residual.then(shortcut).flatten(),
        }
    }

    fn forward(&self, x: Tensor<5>, state: &mut StreamState) -> Tensor<5> {
        let around = self.shortcut.map(|shortcut| match state.is_first() {
            true => shortcut.forward_first(x.clone()),
            false => shortcut.forward(x.clone()),
        });
        let x = self.residuals.iter().fold(x, |x, block| block.forward(x, state));
        let x = match &self.upsample {
            Some(upsample) => upsample.forward(x, state),
            None => x,
        };
        match around {
            Some(around) => x + around,
            None => x,
        }
    }
}
