//! Token ids to one embedding each.

use burn::{
    module::{Module, Param},
    tensor::{Device, Int, Tensor, TensorData},
};
use kernels::{Attention, HeadNormRotary, Segments};
use serde::{Deserialize, Serialize};

use crate::{
    ModelError, WeightInit,
    layers::{Linear, LinearConfig},
    transformer::rotary,
};

/// Sizes of the text encoder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextEncoderConfig {
    /// Tokens in the vocabulary.
    pub vocabulary_size: usize,
    /// Longest prompt in tokens, end mark included.
    pub max_tokens: usize,
    /// Width of an embedding.
    pub width: usize,
    /// Attention heads.
    pub heads: usize,
    /// Layers.
    pub depth: usize,
}

impl TextEncoderConfig {
    /// The size that ships in the binary.
    pub const fn nano(vocabulary_size: usize) -> Self {
        Self { vocabulary_size, max_tokens: 256, width: 256, heads: 4, depth: 3 }
    }

    /// A few channels only, for tests.
    pub const fn tiny(vocabulary_size: usize) -> Self {
        Self { vocabulary_size, max_tokens: 256, width: 16, heads: 2, depth: 1 }
    }

    /// Checks that the numbers describe a model that can exist.
    ///
    /// # Errors
    /// [`ModelError::Config`] that names the first wrong number.
    pub fn validate(&self) -> Result<(), ModelError> {
        let wrong = |reason: String| Err(ModelError::Config { part: "text encoder", reason });
        if self.heads == 0 || !self.width.is_multiple_of(2 * self.heads) || self.width > 8192 {
            return wrong(format!(
                "width {} must be an even multiple of {} heads, at most 8192",
                self.width, self.heads
            ));
        }
        if !(1..=1_000_000).contains(&self.vocabulary_size) || !(1..=65_536).contains(&self.max_tokens) {
            return wrong(format!("{} tokens of {} kinds are out of range", self.max_tokens, self.vocabulary_size));
        }
        if self.depth > 128 {
            return wrong(format!("{} layers are more than 128", self.depth));
        }
        Ok(())
    }

    /// A fresh text encoder of this size.
    pub fn init(&self, weights: &mut WeightInit) -> TextEncoder {
        TextEncoder {
            embedding: weights.uniform([self.vocabulary_size, self.width], 0.05),
            blocks: (0..self.depth).map(|_| TextBlock::init(self.width, self.heads, weights)).collect(),
            norm_out: weights.ones([self.width]),
            config: self.clone(),
        }
    }
}

/// A bidirectional transformer over the tokens of packed prompts.
#[derive(Module, Debug)]
pub struct TextEncoder {
    embedding: Param<Tensor<2>>,
    blocks: Vec<TextBlock>,
    norm_out: Param<Tensor<1>>,
    #[module(skip)]
    config: TextEncoderConfig,
}

#[derive(Module, Debug)]
struct TextBlock {
    norm_attention: Param<Tensor<1>>,
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    norm_query: Param<Tensor<1>>,
    norm_key: Param<Tensor<1>>,
    norm_feed_forward: Param<Tensor<1>>,
    up: Linear,
    down: Linear,
}

/// Embeddings of packed prompts, one for each token.
#[derive(Clone, Debug)]
pub struct PromptEmbeds {
    /// `[M, width]`, prompt after prompt.
    pub tokens: Tensor<2>,
    /// Where each prompt lies in `tokens`.
    pub segments: Segments,
}

impl PromptEmbeds {
    /// Mean of each prompt's embeddings.
    ///
    /// # Shapes  → `[prompts, width]`
    pub fn mean(&self) -> Tensor<2> {
        self.segments.mean(self.tokens.clone())
    }
}

impl TextEncoder {
    /// Sizes.
    pub const fn config(&self) -> &TextEncoderConfig {
        &self.config
    }

    /// Embeds prompts, given as token ids.
    pub fn forward(&self, prompts: &[Vec<u32>]) -> PromptEmbeds {
        let device = self.embedding.val().device();
        kernels::on_workers(&device, || self.pass(prompts, &device))
    }

    fn pass(&self, prompts: &[Vec<u32>], device: &Device) -> PromptEmbeds {
        let segments = Segments::suited_to(device, &prompts.iter().map(Vec::len).collect::<Vec<_>>());
        let mut ids = vec![0; segments.total()];
        for (range, prompt) in segments.ranges().zip(prompts) {
            ids[range].iter_mut().zip(prompt).for_each(|(slot, id)| *slot = *id as i32);
        }
        let ids: Tensor<1, Int> = Tensor::from_data(TensorData::new(ids, [segments.total()]), device);
        let positions = (0..segments.len()).flat_map(|prompt| (0..segments.room(prompt)).map(|token| token as f32));
        let head_width = self.config.width / self.config.heads;
        let rotary = rotary::rotary_1d(positions, head_width, device);
        let mut x = self.embedding.val().select(0, ids);
        for block in &self.blocks {
            x = block.forward(x, &segments, self.config.heads, &rotary);
        }
        PromptEmbeds { tokens: kernels::rms_norm(x, self.norm_out.val()), segments }
    }
}

impl TextBlock {
    fn init(width: usize, heads: usize, weights: &mut WeightInit) -> Self {
        let square = LinearConfig::new(width, width);
        Self {
            norm_attention: weights.ones([width]),
            query: square.init(weights),
            key: square.init(weights),
            value: square.init(weights),
            output: square.init_zero(weights),
            norm_query: weights.ones([width / heads]),
            norm_key: weights.ones([width / heads]),
            norm_feed_forward: weights.ones([width]),
            up: LinearConfig::new(width, 2 * width).init(weights),
            down: LinearConfig::new(2 * width, width).init_zero(weights),
        }
    }

    fn forward(&self, x: Tensor<2>, segments: &Segments, heads: usize, rotary: &kernels::Rotary) -> Tensor<2> {
        let normed = kernels::rms_norm(x.clone(), self.norm_attention.val());
        let rotated = |projection: &Linear, weight: &Param<Tensor<1>>| {
            kernels::head_norm_rotary(HeadNormRotary {
                x: projection.forward(normed.clone()),
                weight: weight.val(),
                heads,
                rotary: Some(rotary.clone()),
            })
        };
        let attended = kernels::attention(Attention {
            query: rotated(&self.query, &self.norm_query),
            key: rotated(&self.key, &self.norm_key),
            value: self.value.forward(normed.clone()),
            heads,
            query_segments: segments,
            key_segments: segments,
        });
        let x = x + self.output.forward(attended);
        let normed = kernels::rms_norm(x.clone(), self.norm_feed_forward.val());
        x + self.down.forward(kernels::gelu(self.up.forward(normed)))
    }
}
