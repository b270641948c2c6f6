//! The denoising network, as `WanTransformer3DModel` in diffusers.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`config`] | sizes |
//! | [`memory`] | how much memory a pass takes |
//! | `conditioning` | timestep, prompt and image |
//! | `rotary` | positions |
//! | `block` | one layer |
//! | `precision` | what a layer computes with |

mod block;
mod conditioning;
pub mod config;
pub mod memory;
mod precision;
mod rotary;

use std::path::Path;

use burn::tensor::{Device, Tensor};
use kernels::{ModulatedLayerNorm, Segments};

pub use config::TransformerConfig;
pub use memory::{TransformerLoad, TransformerMemory};

use crate::{
    Lora, Precision, WanError,
    layers::Linear,
    memory::KEPT_IN_PASS,
    weights::{Scope, Weights},
};
use block::{Block, Context, Tokens};
use conditioning::Conditioning;

/// The files of the transformer begin like this.
const STEM: &str = "diffusion_pytorch_model";

/// The denoising network with its weights.
#[derive(Clone, Debug)]
pub struct Transformer {
    patch_in: Linear,
    conditioning: Conditioning,
    blocks: Vec<Block>,
    /// Added to the timestep's embedding for the last shift and scale, `[1, 2·D]`.
    modulation_out: Tensor<2>,
    patch_out: Linear,
    config: TransformerConfig,
}

/// What the transformer is given.
#[derive(Clone, Debug)]
pub struct TransformerInput<'a> {
    /// Noisy latents `[B, C, T, H, W]`.
    pub hidden_states: Tensor<5>,
    /// Timesteps from 0 (data) to 1000 (noise): one for each clip, or one for each token, clip after clip.
    pub timesteps: &'a [f32],
    /// Prompts `[B, N, text_dim]`.
    pub encoder_hidden_states: Tensor<3>,
    /// What an image encoder says of the first frame `[B, M, image_dim]`, for models that take one.
    pub encoder_hidden_states_image: Option<Tensor<3>>,
}

impl Transformer {
    /// Reads the folder of a transformer: `config.json` and its weights, named as in diffusers or as the Wan team does.
    /// What `loras` add to the weights is added while they are read.
    ///
    /// # Errors
    /// [`WanError`] that names the file, the setting or the tensor that is wrong.
    pub fn load(folder: &Path, loras: &[Lora], precision: Precision, device: &Device) -> Result<Self, WanError> {
        let config = TransformerConfig::read(&folder.join("config.json"))?;
        let weights = open(folder, loras, device)?;
        let transformer = Self::assemble(config, precision, &weights.root());
        weights.ignore(is_unused);
        weights.accounted()?;
        Ok(transformer)
    }

    /// Whether the folder of a transformer has all tensors and no others, none of which is read.
    ///
    /// # Errors
    /// As [`Self::load`], but for numbers that are not finite.
    pub(crate) fn check_weights(folder: &Path, device: &Device) -> Result<(), WanError> {
        let config = TransformerConfig::read(&folder.join("config.json"))?;
        let weights = open(folder, &[], device)?;
        Self::assemble(config, Precision::F32, &weights.root().unread());
        weights.ignore(is_unused);
        weights.accounted()
    }

    fn assemble(config: TransformerConfig, precision: Precision, root: &Scope<'_>) -> Self {
        let d = config.width();
        let [inputs, outputs] = [config.in_channels, config.out_channels].map(|channels| config.patch_width(channels));
        Self {
            patch_in: {
                let (scope, [kt, kh, kw]) = (root.child("patch_embedding"), config.patch_size);
                Linear::load_flattened(&scope, [inputs, d], &[d, config.in_channels, kt, kh, kw])
            },
            conditioning: Conditioning::load(&config, &root.child("condition_embedder")),
            blocks: (0..config.num_layers)
                .map(|index| Block::load(&config, precision, &root.child("blocks").child(index)))
                .collect(),
            modulation_out: root.values("scale_shift_table", &[1, 2, d], [1, 2 * d]),
            patch_out: Linear::load(&root.child("proj_out"), [d, outputs]),
            config,
        }
    }

    /// Whether LoRA files fit the transformer of a folder, of which no weight is read.
    ///
    /// # Errors
    /// [`WanError`] that names the file and the tensors that do not fit.
    pub fn check_loras(folder: &Path, loras: &[Lora]) -> Result<(), WanError> {
        open(folder, loras, &Device::flex()).map(drop)
    }

    /// Bytes of all weights in 32 bits.
    ///
    /// # Errors
    /// [`WanError`] that names the file that is missing or damaged.
    pub(crate) fn f32_bytes(folder: &Path, device: &Device) -> Result<u64, WanError> {
        Ok(Weights::open(folder, STEM, "transformer", device)?.num_parameters() * size_of::<f32>() as u64)
    }

    /// Sizes.
    pub const fn config(&self) -> &TransformerConfig {
        &self.config
    }

    /// Velocity of every latent position.
    ///
    /// # Shapes  → `[B, out_channels, T, H, W]`
    /// # Errors
    /// [`WanError::Input`] when a tensor does not fit the model or the others.
    pub fn forward(&self, input: TransformerInput<'_>) -> Result<Tensor<5>, WanError> {
        self.check(&input)?;
        let _kept = kernels::allocator::keep_more(KEPT_IN_PASS as usize);
        kernels::on_workers(&input.hidden_states.device(), || self.pass(input))
    }

    fn pass(&self, input: TransformerInput<'_>) -> Result<Tensor<5>, WanError> {
        let TransformerInput { hidden_states, timesteps, encoder_hidden_states, encoder_hidden_states_image } = input;
        let device = hidden_states.device();
        let [b, _, t, h, w] = hidden_states.dims();
        let [pt, ph, pw] = self.config.patch_size;
        let grid @ [frames, rows, columns] = [t / pt, h / ph, w / pw];
        let tokens = frames * rows * columns;
        let segments = Segments::new(std::iter::repeat_n(tokens, b));
        let (timesteps, timestep_of_token) = conditioning::distinct(timesteps, &segments);
        let (embedding, modulation) = self.conditioning.time(&timesteps, &device);
        let image = match encoder_hidden_states_image {
            Some(embeds) => Some(packed(self.conditioning.image(embeds)?)),
            None => None,
        };
        let text = packed_once(encoder_hidden_states);
        let context = Context {
            rotary: rotary::rotary(&self.config, grid, b, &device),
            rows: timestep_of_token,
            segments,
            modulation,
            text: Tokens { values: self.conditioning.text(text.values), segments: text.segments },
            image,
        };
        let x = self.patch_in.forward(self.patchify(hidden_states)); // [B·N, D]
        let x = self.blocks.iter().fold(x, |x, block| block.forward(x, &context));
        let d = self.config.width();
        let part = |index: usize| embedding.clone() + self.modulation_out.clone().narrow(1, index * d, d);
        let (shift, scale) = (part(0), part(1));
        let normed = kernels::modulated_layer_norm(ModulatedLayerNorm { x, shift, scale, rows: &context.rows });
        let patches = self.patch_out.forward(normed);
        let out = patches
            .reshape([b, frames, rows, columns, pt, ph, pw, self.config.out_channels])
            .permute([0, 7, 1, 4, 2, 5, 3, 6]) // [B, C, T/pt, pt, H/ph, ph, W/pw, pw]
            .reshape([b, self.config.out_channels, t, h, w]);
        Ok(out)
    }

    /// # Shapes  `[B, C, T, H, W]` → `[B·N, C·pt·ph·pw]`
    fn patchify(&self, latents: Tensor<5>) -> Tensor<2> {
        let [b, c, t, h, w] = latents.dims();
        let [pt, ph, pw] = self.config.patch_size;
        latents
            .reshape([b, c, t / pt, pt, h / ph, ph, w / pw, pw])
            .permute([0, 2, 4, 6, 1, 3, 5, 7]) // [B, T/pt, H/ph, W/pw, C, pt, ph, pw]
            .reshape([b * t * h * w / (pt * ph * pw), c * pt * ph * pw])
    }

    fn check(&self, input: &TransformerInput<'_>) -> Result<(), WanError> {
        let config = &self.config;
        let found @ [b, c, sides @ ..] = input.hidden_states.dims();
        let divides = sides.iter().zip(config.patch_size).all(|(side, patch)| *side > 0 && side.is_multiple_of(patch));
        if b == 0 || c != config.in_channels || !divides {
            let [pt, ph, pw] = config.patch_size;
            let expected = format!("[B, {}, T, H, W] with sides that {pt}, {ph} and {pw} divide", config.in_channels);
            return Err(WanError::shape("hidden_states", expected, &found));
        }
        if sides.iter().zip(config.patch_size).any(|(side, patch)| side / patch > config.rope_max_seq_len) {
            let expected = format!("at most {} patches long along each axis", config.rope_max_seq_len);
            return Err(WanError::shape("hidden_states", expected, &found));
        }
        let tokens: usize = sides.iter().zip(config.patch_size).map(|(side, patch)| side / patch).product();
        let found = input.timesteps.len();
        if found != b && found != b * tokens {
            let expected = format!("[{b}], one for each clip, or [{b}, {tokens}], one for each token");
            return Err(WanError::shape("timestep", expected, &[found]));
        }
        let found @ [prompts, length, width] = input.encoder_hidden_states.dims();
        if prompts != b || length == 0 || width != config.text_dim {
            let expected = format!("[{b}, N, {}]", config.text_dim);
            return Err(WanError::shape("encoder_hidden_states", expected, &found));
        }
        match (config.image_dim, &input.encoder_hidden_states_image) {
            (None, None) => Ok(()),
            (Some(width), Some(image)) if image.dims()[2] == width && image.dims()[0].is_multiple_of(b) => Ok(()),
            (Some(width), image) => {
                let found = image.as_ref().map(|image| image.dims().to_vec()).unwrap_or_default();
                Err(WanError::shape("encoder_hidden_states_image", format!("[{b}, M, {width}]"), &found))
            }
            (None, Some(image)) => {
                let expected = "left out: this model takes no image";
                Err(WanError::shape("encoder_hidden_states_image", expected, &image.dims()))
            }
        }
    }
}

/// Image to video has a norm of queries that nothing uses, as diffusers also finds. FastWan has gates of sparse attention,
/// which attention to everything, as it is computed here, has no place for.
fn is_unused(name: &str) -> bool {
    name.contains("norm_added_q") || name.contains("to_gate_compress")
}

/// Finds the weights, and what is to be added to them.
fn open(folder: &Path, loras: &[Lora], device: &Device) -> Result<Weights, WanError> {
    Weights::open(folder, STEM, "transformer", device)?.with_loras(loras)
}

/// The tokens of all clips in one sequence, of those that end a clip and are equal only one: prompts are filled up with zeros,
/// of which each becomes the same key and the same value.
///
/// # Shapes  `[B, N, D]` → at most `[B·N, D]`
fn packed_once(tokens: Tensor<3>) -> Tokens {
    let [b, n, d] = tokens.dims();
    let data = tokens.clone().into_data();
    let Ok(values) = data.as_slice::<f32>() else { return packed(tokens) };
    let length = |clip: usize| {
        let rows: Vec<&[f32]> = values[clip * n * d..][..n * d].chunks_exact(d).collect();
        n - rows.iter().rev().skip(1).take_while(|row| **row == rows[n - 1]).count()
    };
    let lengths: Vec<usize> = (0..b).map(length).collect();
    let parts =
        lengths.iter().enumerate().map(|(clip, length)| tokens.clone().slice([clip..clip + 1, 0..*length, 0..d]));
    let values = Tensor::cat(parts.map(|part| part.flatten(0, 1)).collect(), 0);
    let repeats = lengths.iter().map(|length| (n + 1 - length) as u32);
    Tokens { values, segments: Segments::new(lengths.iter().copied()).with_last_repeated(repeats) }
}

/// The tokens of all clips in one sequence.
///
/// # Shapes  `[B, N, D]` → `[B·N, D]`
fn packed(tokens: Tensor<3>) -> Tokens {
    let [b, n, d] = tokens.dims();
    Tokens { values: tokens.reshape([b * n, d]), segments: Segments::new(std::iter::repeat_n(n, b)) }
}
