//! Pixels to latents.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};

use super::{
    AutoencoderConfig, STEM,
    blocks::{CausalConv, MiddleBlock, Norm, ResidualBlock},
    decoder,
    resample::Downsample,
    shortcut::{AvgDown3D, patchify},
    stream::StreamState,
};
use crate::{
    Precision, WanError,
    layers::Linear,
    weights::{Scope, Weights},
};

/// Pixels to latents, a latent frame at a time.
#[derive(Clone, Debug)]
pub struct Encoder {
    layers: EncoderLayers,
    /// Mean and variance of the latents, mixed once more.
    moments: Linear,
    config: AutoencoderConfig,
}

#[derive(Clone, Debug)]
pub(super) struct EncoderLayers {
    conv_in: CausalConv,
    down: Vec<DownLevel>,
    middle: MiddleBlock,
    norm_out: Norm,
    conv_out: CausalConv,
}

#[derive(Clone, Debug)]
struct DownLevel {
    residuals: Vec<ResidualBlock>,
    downsample: Option<Downsample>,
    shortcut: Option<AvgDown3D>,
}

impl Encoder {
    /// Reads the encoder out of an autoencoder's folder. The decoder is checked, but not read.
    ///
    /// # Errors
    /// [`WanError`] that names the file, the setting or the tensor that is wrong.
    pub fn load(folder: &Path, device: &Device) -> Result<Self, WanError> {
        let config = AutoencoderConfig::read(&folder.join("config.json"))?;
        let weights = Weights::open(folder, STEM, "autoencoder", device)?;
        let (layers, moments) = load_parts(&config, &weights.root());
        decoder::load_parts(&config, Precision::F32, &weights.root().unread());
        weights.accounted()?;
        Ok(Self { layers, moments, config })
    }

    /// Sizes and latent statistics.
    pub const fn config(&self) -> &AutoencoderConfig {
        &self.config
    }

    /// Latents of mean 0 and standard deviation 1, as the transformer knows them, from those of [`Self::encode`].
    pub fn normalise(&self, latents: Tensor<5>) -> Tensor<5> {
        let shape = [1, self.config.z_dim, 1, 1, 1];
        let device = latents.device();
        let tensor = |values: &[f32]| Tensor::from_data(TensorData::new(values.to_vec(), shape), &device);
        (latents - tensor(&self.config.latents_mean)) / tensor(&self.config.latents_std)
    }

    /// The mean of a clip's latents, as diffusers returns it: not normalised.
    ///
    /// # Shapes  pixels: `[B, 3, 4k + 1, H, W]` → `[B, C, k + 1, H/8, W/8]`, with 16 for 8 in Wan 2.2
    /// # Units   pixels in −1 to 1
    /// # Errors
    /// [`WanError::Input`] for another number of frames, or sides that the factor of space does not divide.
    pub fn encode(&self, pixels: Tensor<5>) -> Result<Tensor<5>, WanError> {
        let found @ [b, c, frames, h, w] = pixels.dims();
        let (step, factor) = (self.config.temporal_factor(), self.config.spatial_factor());
        let sides = h > 0 && w > 0 && h.is_multiple_of(factor) && w.is_multiple_of(factor);
        if b == 0 || c != 3 || !sides || frames == 0 || !(frames - 1).is_multiple_of(step) {
            let expected = format!("[B, 3, {step}·k + 1, H, W] with sides that {factor} divides");
            return Err(WanError::shape("sample", expected, &found));
        }
        let mut state = StreamState::default();
        let mut latents = vec![self.encode_next(pixels.clone().narrow(2, 0, 1), &mut state)];
        for start in (1..frames).step_by(step) {
            latents.push(self.encode_next(pixels.clone().narrow(2, start, step), &mut state));
        }
        Ok(Tensor::cat(latents, 2))
    }

    /// Encodes the next frames of a clip: one at first, then four at a time.
    ///
    /// # Shapes  `[B, 3, 1 or 4, H, W]` → `[B, C, 1, H/8, W/8]`
    pub fn encode_next(&self, pixels: Tensor<5>, state: &mut StreamState) -> Tensor<5> {
        state.begin_pass();
        kernels::on_workers(&pixels.device(), || {
            let patches = patchify(pixels.permute([0, 2, 3, 4, 1]), self.config.patch_side());
            let x = self.layers.forward(patches, state); // [B, 1, H/8, W/8, 2·C]
            let mean = self.moments.forward_positions(x).narrow(4, 0, self.config.z_dim);
            mean.permute([0, 4, 1, 2, 3])
        })
    }
}

/// Encoder, and the convolution behind it.
pub(super) fn load_parts(config: &AutoencoderConfig, scope: &Scope<'_>) -> (EncoderLayers, Linear) {
    let moments = 2 * config.z_dim;
    let quant = Linear::load_convolution(&scope.child("quant_conv"), [moments, moments], &[1, 1, 1]);
    (EncoderLayers::load(config, &scope.child("encoder")), quant)
}

impl EncoderLayers {
    fn load(config: &AutoencoderConfig, scope: &Scope<'_>) -> Self {
        let widths = config.encoder_widths();
        let blocks = scope.child("down_blocks");
        let sides = widths.windows(2).map(|sides| [sides[0], sides[1]]).enumerate();
        let down = if config.is_residual {
            let shortcuts = config.encoder_shortcuts().into_iter().map(AvgDown3D);
            let level = |((level, sides), shortcut)| {
                let scope = blocks.child(level);
                let places = (0..).map(|index| scope.child("resnets").child(index));
                let downsample = scope.child("downsampler");
                DownLevel { shortcut: Some(shortcut), ..DownLevel::load(config, (level, sides), places, downsample) }
            };
            sides.zip(shortcuts).map(level).collect()
        } else {
            // All layers of all levels are counted in one row.
            let levels = sides.scan(0, |count, (level, sides)| {
                let first = *count;
                *count += config.num_res_blocks + 1;
                let downsample = blocks.child(first + config.num_res_blocks);
                Some(DownLevel::load(config, (level, sides), (first..).map(|index| blocks.child(index)), downsample))
            });
            levels.collect()
        };
        let last = widths[widths.len() - 1];
        Self {
            conv_in: CausalConv::load(&scope.child("conv_in"), [config.patch_channels(), widths[0]]),
            down,
            middle: MiddleBlock::load(&scope.child("mid_block"), last),
            norm_out: Norm::load(&scope.child("norm_out"), last, 4),
            conv_out: CausalConv::load(&scope.child("conv_out"), [last, 2 * config.z_dim]),
        }
    }

    fn forward(&self, x: Tensor<5>, state: &mut StreamState) -> Tensor<5> {
        let x = self.conv_in.forward(x, state);
        let x = self.down.iter().fold(x, |x, level| level.forward(x, state));
        let x = self.middle.forward(x, state);
        self.conv_out.forward(self.norm_out.forward_silu(x), state)
    }
}

impl DownLevel {
    /// A level between these widths, of the residual blocks at `places` and a downsampling where one follows.
    fn load<'a>(
        config: &AutoencoderConfig,
        (level, [inputs, outputs]): (usize, [usize; 2]),
        places: impl Iterator<Item = Scope<'a>>,
        downsample: Scope<'_>,
    ) -> Self {
        let inputs = std::iter::once(inputs).chain(std::iter::repeat(outputs));
        let residual =
            |(place, inputs): (Scope<'_>, usize)| ResidualBlock::load(&place, [inputs, outputs], Precision::F32);
        let residuals = places.zip(inputs).take(config.num_res_blocks).map(residual).collect();
        let halves_time = config.temporal_downsample.get(level);
        let downsample = halves_time.map(|halves_time| Downsample::load(&downsample, outputs, *halves_time));
        Self { residuals, downsample, shortcut: None }
    }

    fn forward(&self, x: Tensor<5>, state: &mut StreamState) -> Tensor<5> {
        let around = self.shortcut.map(|shortcut| shortcut.forward(x.clone()));
        let x = self.residuals.iter().fold(x, |x, block| block.forward(x, state));
        let x = match &self.downsample {
            Some(downsample) => downsample.forward(x, state),
            None => x,
        };
        match around {
            Some(around) => x + around,
            None => x,
        }
    }
}
