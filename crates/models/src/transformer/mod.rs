//! The diffusion transformer over spacetime patches.
//!
//! Clips of any size lie one after another in one sequence of tokens; attention stays within each clip. Every token has
//! its own noise level. The output is the velocity of each patch, noise − data.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`config`] | sizes and presets |
//! | [`tokens`] | latents to patches and back |
//! | [`conditioning`] | noise level and prompt as one embedding |
//! | [`camera`] | the ray that each token sees along |
//! | [`motion`] | paths of things over the picture |
//! | `block` | one layer |
//! | `rotary` | positions |

mod block;
pub mod camera;
pub mod conditioning;
pub mod config;
pub mod motion;
pub(crate) mod rotary;
pub mod tokens;

use burn::{module::Module, tensor::Tensor};
use kernels::{ModulatedLayerNorm, Precision, Segments};

pub use camera::{CameraPose, half_view};
pub use config::{PATCH, TransformerConfig};
pub use motion::{MotionPath, Motions};
pub use tokens::{TokenGrid, patchify, unpatchify};

use crate::{
    WeightInit,
    layers::{Linear, LinearConfig},
    text::PromptEmbeds,
};
use block::{Block, Context, MODULATIONS};
use camera::CameraConditioning;
use conditioning::Conditioning;
use motion::MotionConditioning;

/// The denoising network.
#[derive(Module, Debug)]
pub struct Transformer {
    patch_in: Linear,
    conditioning: Conditioning,
    camera: CameraConditioning,
    modulation: Linear,
    blocks: Vec<Block>,
    modulation_out: Linear,
    patch_out: Linear,
    motion: Option<MotionConditioning>,
    #[module(skip)]
    config: TransformerConfig,
    #[module(skip)]
    precision: Precision,
}

/// Packed clips, as the transformer sees them.
#[derive(Clone, Debug)]
pub struct TransformerInput<'a> {
    /// Noisy patches of all clips, `[N, 4C]`.
    pub patches: Tensor<2>,
    /// How each clip's patches lie.
    pub grids: &'a [TokenGrid],
    /// Noise level of each token, 0 (clean) to 1 (pure noise); N of them.
    pub levels: &'a [f32],
    /// One prompt for each clip.
    pub prompt_embeds: &'a PromptEmbeds,
    /// For each clip its camera path, one pose for each latent frame, if it is known.
    pub cameras: &'a [Option<Vec<CameraPose>>],
    /// Ways that things are to take; without any effect on a transformer that was not taught to follow them.
    pub motions: Option<Motions<'a>>,
}

impl TransformerConfig {
    /// A fresh transformer of this size. Its first output is zero.
    pub fn init(&self, weights: &mut WeightInit) -> Transformer {
        let d = self.width;
        Transformer {
            patch_in: LinearConfig::new(self.patch_width(), d).init(weights),
            conditioning: Conditioning::init(self, weights),
            camera: CameraConditioning::init(self, weights),
            modulation: LinearConfig::new(d, MODULATIONS * d).init_zero(weights),
            blocks: (0..self.depth).map(|_| Block::init(self, weights)).collect(),
            modulation_out: LinearConfig::new(d, 2 * d).init_zero(weights),
            patch_out: LinearConfig::new(d, self.patch_width()).init_zero(weights),
            motion: self.motion.then(|| MotionConditioning::init(self, weights)),
            config: self.clone(),
            precision: Precision::F32,
        }
    }
}

impl Transformer {
    /// Sizes.
    pub const fn config(&self) -> &TransformerConfig {
        &self.config
    }

    /// The same for generating alone, its blocks in 8 bits: there is no gradient any more.
    #[must_use]
    pub fn quantised(mut self) -> Self {
        self.blocks.iter_mut().for_each(Block::quantise);
        Self { precision: Precision::Int8, ..self }
    }

    /// Velocity of every patch.
    ///
    /// # Shapes  patches `[N, 4C]` → `[N, 4C]`
    /// # Panics  when grids, levels, prompts and patches do not count the same clips and tokens
    pub fn forward(&self, input: &TransformerInput<'_>) -> Tensor<2> {
        self.forward_with_features(input).0
    }

    /// As [`Self::forward`], with what the middle layer holds of every patch, for a second training target.
    ///
    /// # Shapes  → `[N, 4C]` and `[N, D]`
    pub fn forward_with_features(&self, input: &TransformerInput<'_>) -> (Tensor<2>, Tensor<2>) {
        kernels::on_workers(&input.patches.device(), || self.pass(input))
    }

    fn pass(&self, input: &TransformerInput<'_>) -> (Tensor<2>, Tensor<2>) {
        let segments = Segments::new(input.grids.iter().map(TokenGrid::len));
        assert_eq!(segments.total(), input.levels.len(), "one noise level for each token");
        assert_eq!(segments.len(), input.prompt_embeds.segments.len(), "one prompt for each clip");

        let d = self.config.width;
        let (embedding, rows) = self.conditioning.forward(input);
        let embedding = kernels::silu(embedding); // [L, D]
        let context = Context {
            heads: self.config.heads,
            precision: self.precision,
            segments,
            rotary: rotary::rotary_3d(input.grids, self.config.head_width(), &input.patches.device()),
            rows,
            modulation: self.modulation.forward(embedding.clone()),
            prompt_embeds: input.prompt_embeds,
        };
        let mut x = self.patch_in.forward(input.patches.clone()) + self.conditioning.places(input);
        if input.cameras.iter().any(Option::is_some) {
            x = x + self.camera.forward(input.cameras, input.grids, &input.patches.device());
        }
        if let (Some(motion), Some(motions)) = (&self.motion, input.motions) {
            x = x + motion.forward(motions, input.grids);
        }
        let mut features = x.clone();
        for (index, block) in self.blocks.iter().enumerate() {
            x = block.forward(x, &context);
            if index == self.blocks.len() / 2 {
                features = x.clone();
            }
        }
        let out = self.modulation_out.forward(embedding); // [L, 2·D]
        let (shift, scale) = (out.clone().narrow(1, 0, d), out.narrow(1, d, d));
        let normed = kernels::modulated_layer_norm(ModulatedLayerNorm { x, shift, scale, rows: &context.rows });
        (self.patch_out.forward(normed), features)
    }
}
