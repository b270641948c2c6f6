//! Timestep, prompt and image as the blocks are given them.

use std::collections::HashMap;

use burn::tensor::{Device, Tensor, TensorData};
use kernels::{Rows, Segments};

use super::TransformerConfig;
use crate::{
    WanError,
    layers::{LayerNorm, Linear, exact_gelu},
    weights::Scope,
};

/// Rows of the modulation: shift, scale and gate for attention and for the feed-forward layer.
pub(super) const MODULATIONS: usize = 6;
/// The slowest sinusoid of a timestep turns one radian in about this many steps.
const PERIOD: f32 = 10_000.0;

#[derive(Clone, Debug)]
pub(super) struct Conditioning {
    time: [Linear; 2],
    modulation: Linear,
    text: [Linear; 2],
    image: Option<ImageEmbedding>,
    freq_dim: usize,
}

impl Conditioning {
    pub(super) fn load(config: &TransformerConfig, scope: &Scope<'_>) -> Self {
        let d = config.width();
        let pair = |scope: Scope<'_>, inputs| {
            [Linear::load(&scope.child("linear_1"), [inputs, d]), Linear::load(&scope.child("linear_2"), [d, d])]
        };
        Self {
            time: pair(scope.child("time_embedder"), config.freq_dim),
            modulation: Linear::load(&scope.child("time_proj"), [d, MODULATIONS * d]),
            text: pair(scope.child("text_embedder"), config.text_dim),
            image: config.image_dim.map(|inputs| ImageEmbedding::load(config, inputs, &scope.child("image_embedder"))),
            freq_dim: config.freq_dim,
        }
    }

    /// The embedding of each timestep, and the modulation of all blocks made of it.
    ///
    /// # Shapes  R timesteps → `[R, D]` and `[R, 6·D]`
    pub(super) fn time(&self, timesteps: &[f32], device: &Device) -> (Tensor<2>, Tensor<2>) {
        let [first, second] = &self.time;
        let sinusoids = sinusoids(timesteps, self.freq_dim, device);
        let embedding = second.forward(kernels::silu(first.forward(sinusoids)));
        let modulation = self.modulation.forward(kernels::silu(embedding.clone()));
        (embedding, modulation)
    }

    /// # Shapes  `[N, text_dim]` → `[N, D]`
    pub(super) fn text(&self, prompt_embeds: Tensor<2>) -> Tensor<2> {
        let [first, second] = &self.text;
        second.forward(kernels::gelu(first.forward(prompt_embeds)))
    }

    /// # Shapes  `[B, N, image_dim]` → `[B, N, D]`
    pub(super) fn image(&self, embeds: Tensor<3>) -> Result<Tensor<3>, WanError> {
        let found = embeds.dims();
        match &self.image {
            Some(image) => image.forward(embeds),
            None => {
                Err(WanError::shape("encoder_hidden_states_image", "left out for a model without image_dim", &found))
            }
        }
    }
}

/// The timesteps without repetition, and which of them each token has.
///
/// There may be one for each clip or one for each token. The latter are few different ones: a modulation of its own for
/// every token would take more memory than the tokens.
pub(super) fn distinct(timesteps: &[f32], clips: &Segments) -> (Vec<f32>, Rows) {
    if timesteps.len() == clips.len() {
        return (timesteps.to_vec(), Rows::from_segments(clips));
    }
    let (mut found, mut places) = (Vec::new(), HashMap::new());
    let rows = timesteps.iter().map(|timestep| {
        *places.entry(timestep.to_bits()).or_insert_with(|| {
            found.push(*timestep);
            found.len() as u32 - 1
        })
    });
    let rows = Rows::new(rows.collect::<Vec<_>>());
    (found, rows)
}

/// Cosines, then sines, of a timestep at falling frequencies.
///
/// Formula:  ωᵢ = exp(−ln(10000)·i/h) with h = width/2;  [cos(t·ω₀), …, cos(t·ωₕ₋₁), sin(t·ω₀), …]
///
/// In 32 bits throughout, as the reference: at t = 1000 the last bit of a product is 3e-5 radians.
///
/// # Shapes  → `[N, width]`
fn sinusoids(timesteps: &[f32], width: usize, device: &Device) -> Tensor<2> {
    let half = width / 2;
    let frequency = |index: usize| (-PERIOD.ln() * index as f32 / half as f32).exp();
    let angles = |timestep: f32| (0..half).map(move |index| timestep * frequency(index));
    let values: Vec<f32> =
        timesteps.iter().flat_map(|t| angles(*t).map(f32::cos).chain(angles(*t).map(f32::sin))).collect();
    Tensor::from_data(TensorData::new(values, [timesteps.len(), width]), device)
}

/// What a CLIP image encoder says of an image, as tokens of the transformer.
#[derive(Clone, Debug)]
struct ImageEmbedding {
    norm_in: LayerNorm,
    up: Linear,
    down: Linear,
    norm_out: LayerNorm,
    /// `[1, N, image_dim]`, for models that take two images.
    positions: Option<Tensor<3>>,
}

impl ImageEmbedding {
    fn load(config: &TransformerConfig, inputs: usize, scope: &Scope<'_>) -> Self {
        let d = config.width();
        let positions = |length| scope.values("pos_embed", &[1, length, inputs], [1, length, inputs]);
        Self {
            norm_in: LayerNorm::load(&scope.child("norm1"), inputs),
            up: Linear::load(&scope.child("ff.net.0.proj"), [inputs, inputs]),
            down: Linear::load(&scope.child("ff.net.2"), [inputs, d]),
            norm_out: LayerNorm::load(&scope.child("norm2"), d),
            positions: config.pos_embed_seq_len.map(positions),
        }
    }

    fn forward(&self, embeds: Tensor<3>) -> Result<Tensor<3>, WanError> {
        let [mut b, mut n, width] = embeds.dims();
        let mut x = embeds;
        if let Some(positions) = &self.positions {
            // Two images of a clip stand one after another in the batch, and become one sequence.
            let [_, length, _] = positions.dims();
            if length != 2 * n || !b.is_multiple_of(2) {
                let expected = format!("[2·B, {}, {width}], two images for each clip", length / 2);
                return Err(WanError::shape("encoder_hidden_states_image", expected, &[b, n, width]));
            }
            (b, n) = (b / 2, length);
            x = x.reshape([b, n, width]) + positions.clone();
        }
        let x = self.norm_in.forward_with_default_epsilon(x.reshape([b * n, width]));
        let x = self.down.forward(exact_gelu(self.up.forward(x)));
        let x = self.norm_out.forward_with_default_epsilon(x);
        let [_, d] = x.dims();
        Ok(x.reshape([b, n, d]))
    }
}
