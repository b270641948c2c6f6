//! One layer: attention within the clip, attention to the prompt, feed-forward.

use burn::{
    module::{Module, Param},
    tensor::Tensor,
};
use kernels::{Attention, GatedResidual, HeadNormRotary, ModulatedLayerNorm, Precision, Rotary, Rows, Segments};

use super::TransformerConfig;
use crate::{
    WeightInit,
    layers::{Linear, LinearConfig},
    text::PromptEmbeds,
};

/// Shift, scale and gate for each of the two modulated branches.
pub(super) const MODULATIONS: usize = 6;

#[derive(Module, Debug)]
pub(super) struct Block {
    /// Added to the modulation that all layers share (PixArt-α's adaLN-single), `[1, 6·D]`.
    modulation: Param<Tensor<2>>,
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    norm_query: Param<Tensor<1>>,
    norm_key: Param<Tensor<1>>,
    norm_cross: Param<Tensor<1>>,
    cross_query: Linear,
    cross_key: Linear,
    cross_value: Linear,
    cross_output: Linear,
    norm_cross_query: Param<Tensor<1>>,
    norm_cross_key: Param<Tensor<1>>,
    up: Linear,
    down: Linear,
}

/// What all layers share during one pass.
pub(super) struct Context<'a> {
    pub(super) heads: usize,
    pub(super) precision: Precision,
    pub(super) segments: Segments,
    pub(super) rotary: Rotary,
    pub(super) rows: Rows,
    /// `[L, 6·D]`.
    pub(super) modulation: Tensor<2>,
    pub(super) prompt_embeds: &'a PromptEmbeds,
}

impl Block {
    pub(super) fn init(config: &TransformerConfig, weights: &mut WeightInit) -> Self {
        let d = config.width;
        let (square, hidden) = (LinearConfig::new(d, d), config.feed_forward_ratio * d);
        let from_text = LinearConfig::new(config.text_width, d);
        let head_norm = |weights: &WeightInit| weights.ones([config.head_width()]);
        Self {
            modulation: weights.zeros([1, MODULATIONS * d]),
            query: square.init(weights),
            key: square.init(weights),
            value: square.init(weights),
            output: square.init(weights),
            norm_query: head_norm(weights),
            norm_key: head_norm(weights),
            norm_cross: weights.ones([d]),
            cross_query: square.init(weights),
            cross_key: from_text.init(weights),
            cross_value: from_text.init(weights),
            cross_output: square.init_zero(weights),
            norm_cross_query: head_norm(weights),
            norm_cross_key: head_norm(weights),
            up: LinearConfig::new(d, hidden).init(weights),
            down: LinearConfig::new(hidden, d).init(weights),
        }
    }

    /// Computes in 8 bits from here on.
    pub(super) fn quantise(&mut self) {
        let attention = [&mut self.query, &mut self.key, &mut self.value, &mut self.output];
        let cross = [&mut self.cross_query, &mut self.cross_key, &mut self.cross_value, &mut self.cross_output];
        attention.into_iter().chain(cross).chain([&mut self.up, &mut self.down]).for_each(Linear::quantise);
    }

    /// # Shapes  x: `[N, D]`, returned in the same shape
    pub(super) fn forward(&self, x: Tensor<2>, context: &Context<'_>) -> Tensor<2> {
        let [_, d] = x.dims();
        let modulation = context.modulation.clone() + self.modulation.val();
        let part = |index: usize| modulation.clone().narrow(1, index * d, d);
        let rows = &context.rows;

        let normed =
            kernels::modulated_layer_norm(ModulatedLayerNorm { x: x.clone(), shift: part(0), scale: part(1), rows });
        let x = kernels::gated_residual(GatedResidual { x, y: self.attend(normed, context), gate: part(2), rows });
        let y = self.attend_to_prompt(kernels::rms_norm(x.clone(), self.norm_cross.val()), context);
        let x = kernels::residual(x, y);
        let normed =
            kernels::modulated_layer_norm(ModulatedLayerNorm { x: x.clone(), shift: part(3), scale: part(4), rows });
        let y = Linear::feed_forward([&self.up, &self.down], normed);
        kernels::gated_residual(GatedResidual { x, y, gate: part(5), rows })
    }

    fn attend(&self, x: Tensor<2>, context: &Context<'_>) -> Tensor<2> {
        let rotated = |x: Tensor<2>, weight: &Param<Tensor<1>>| {
            kernels::head_norm_rotary(HeadNormRotary {
                x,
                weight: weight.val(),
                heads: context.heads,
                rotary: Some(context.rotary.clone()),
            })
        };
        let [query, key, value] = Linear::forward_all([&self.query, &self.key, &self.value], x);
        let attended = context.precision.attention(Attention {
            query: rotated(query, &self.norm_query),
            key: rotated(key, &self.norm_key),
            value,
            heads: context.heads,
            query_segments: &context.segments,
            key_segments: &context.segments,
        });
        self.output.forward(attended)
    }

    fn attend_to_prompt(&self, x: Tensor<2>, context: &Context<'_>) -> Tensor<2> {
        let normed = |x: Tensor<2>, weight: &Param<Tensor<1>>| {
            kernels::head_norm_rotary(HeadNormRotary { x, weight: weight.val(), heads: context.heads, rotary: None })
        };
        let prompt = context.prompt_embeds.tokens.clone();
        let [key, value] = Linear::forward_all([&self.cross_key, &self.cross_value], prompt);
        let attended = context.precision.attention(Attention {
            query: normed(self.cross_query.forward(x), &self.norm_cross_query),
            key: normed(key, &self.norm_cross_key),
            value,
            heads: context.heads,
            query_segments: &context.segments,
            key_segments: &context.prompt_embeds.segments,
        });
        self.cross_output.forward(attended)
    }
}
