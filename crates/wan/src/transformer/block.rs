//! One layer: attention within the clip, attention to the prompt, feed-forward.

use burn::tensor::Tensor;
use kernels::{Attention, GatedResidual, HeadNormRotary, ModulatedLayerNorm, Rotary, Rows, Segments};

use super::{TransformerConfig, conditioning::MODULATIONS, precision::BlockLinear};
use crate::{Precision, layers::LayerNorm, weights::Scope};

#[derive(Clone, Debug)]
pub(super) struct Block {
    /// Added to the modulation that all layers share, `[1, 6·D]`.
    modulation: Tensor<2>,
    attention: Projections,
    norm_cross: Option<LayerNorm>,
    cross: Projections,
    cross_image: Option<KeysAndValues>,
    up: BlockLinear,
    down: BlockLinear,
}

/// Tokens that are attended to, and which clip each belongs to.
#[derive(Clone, Debug)]
pub(super) struct Tokens {
    /// `[M, D]`.
    pub(super) values: Tensor<2>,
    pub(super) segments: Segments,
}

/// What all layers share during one pass.
pub(super) struct Context {
    pub(super) segments: Segments,
    pub(super) rotary: Rotary,
    /// Which of the modulations each token has.
    pub(super) rows: Rows,
    /// `[R, 6·D]`.
    pub(super) modulation: Tensor<2>,
    pub(super) text: Tokens,
    pub(super) image: Option<Tokens>,
}

/// Queries, keys and values, and what attention gives back.
#[derive(Clone, Debug)]
struct Projections {
    query: BlockLinear,
    norm_query: Tensor<1>,
    keys_and_values: KeysAndValues,
    output: BlockLinear,
}

#[derive(Clone, Debug)]
struct KeysAndValues {
    key: BlockLinear,
    norm_key: Tensor<1>,
    value: BlockLinear,
    heads: usize,
    precision: Precision,
}

/// What is the same for all layers that are read.
struct Loading<'a> {
    config: &'a TransformerConfig,
    precision: Precision,
}

impl Block {
    pub(super) fn load(config: &TransformerConfig, precision: Precision, scope: &Scope<'_>) -> Self {
        let d = config.width();
        let loading = Loading { config, precision };
        let cross = scope.child("attn2");
        let image = |inputs| loading.keys_and_values(&cross, inputs, ["add_k_proj", "norm_added_k", "add_v_proj"]);
        // Newer checkpoints of image to video also have a norm of queries that nothing uses.
        Self {
            modulation: scope.values("scale_shift_table", &[1, MODULATIONS, d], [1, MODULATIONS * d]),
            attention: loading.projections(&scope.child("attn1")),
            norm_cross: config.cross_attn_norm.then(|| LayerNorm::load(&scope.child("norm2"), d)),
            cross: loading.projections(&cross),
            cross_image: config.added_kv_proj_dim.map(image),
            up: BlockLinear::load(precision, &scope.child("ffn.net.0.proj"), [d, config.ffn_dim]),
            down: BlockLinear::load(precision, &scope.child("ffn.net.2"), [config.ffn_dim, d]),
        }
    }

    /// # Shapes  x: `[N, D]`, returned in the same shape
    pub(super) fn forward(&self, x: Tensor<2>, context: &Context) -> Tensor<2> {
        let [_, d] = x.dims();
        let modulation = context.modulation.clone() + self.modulation.clone(); // [R, 6·D]
        let part = |index: usize| modulation.clone().narrow(1, index * d, d);
        let rows = &context.rows;

        let normed =
            kernels::modulated_layer_norm(ModulatedLayerNorm { x: x.clone(), shift: part(0), scale: part(1), rows });
        let x = kernels::gated_residual(GatedResidual { x, y: self.attend(normed, context), gate: part(2), rows });
        let normed = match &self.norm_cross {
            Some(norm) => norm.forward(x.clone()),
            None => x.clone(),
        };
        let x = x + self.attend_to_prompt(normed, context);
        let normed =
            kernels::modulated_layer_norm(ModulatedLayerNorm { x: x.clone(), shift: part(3), scale: part(4), rows });
        let y = self.feed_forward(normed);
        kernels::gated_residual(GatedResidual { x, y, gate: part(5), rows })
    }

    fn feed_forward(&self, x: Tensor<2>) -> Tensor<2> {
        let [tokens, _] = x.dims();
        let chunks = x.split(self.attention.keys_and_values.precision.hidden_rows(tokens), 0).into_iter();
        Tensor::cat(chunks.map(|x| self.down.forward(self.up.forward_gelu(x))).collect(), 0)
    }

    fn attend(&self, x: Tensor<2>, context: &Context) -> Tensor<2> {
        let rotary = Some(&context.rotary);
        let query = self.attention.query(x.clone(), rotary);
        let tokens = Tokens { values: x, segments: context.segments.clone() };
        let attended = self.attention.keys_and_values.attend(query, &tokens, rotary, &context.segments);
        self.attention.output.forward(attended)
    }

    fn attend_to_prompt(&self, x: Tensor<2>, context: &Context) -> Tensor<2> {
        let query = self.cross.query(x, None);
        let mut attended = self.cross.keys_and_values.attend(query.clone(), &context.text, None, &context.segments);
        if let (Some(image), Some(tokens)) = (&self.cross_image, &context.image) {
            attended = attended + image.attend(query, tokens, None, &context.segments);
        }
        self.cross.output.forward(attended)
    }
}

impl Loading<'_> {
    fn linear(&self, scope: &Scope<'_>, inputs: usize) -> BlockLinear {
        BlockLinear::load(self.precision, scope, [inputs, self.config.width()])
    }

    fn projections(&self, scope: &Scope<'_>) -> Projections {
        let d = self.config.width();
        Projections {
            query: self.linear(&scope.child("to_q"), d),
            norm_query: scope.child("norm_q").values("weight", &[d], [d]),
            keys_and_values: self.keys_and_values(scope, d, ["to_k", "norm_k", "to_v"]),
            output: self.linear(&scope.child("to_out.0"), d),
        }
    }

    fn keys_and_values(&self, scope: &Scope<'_>, inputs: usize, [key, norm, value]: [&str; 3]) -> KeysAndValues {
        let d = self.config.width();
        KeysAndValues {
            key: self.linear(&scope.child(key), inputs),
            norm_key: scope.child(norm).values("weight", &[d], [d]),
            value: self.linear(&scope.child(value), inputs),
            heads: self.config.num_attention_heads,
            precision: self.precision,
        }
    }
}

impl Projections {
    fn query(&self, x: Tensor<2>, rotary: Option<&Rotary>) -> Tensor<2> {
        normed(self.query.forward(x), &self.norm_query, rotary)
    }
}

impl KeysAndValues {
    fn attend(&self, query: Tensor<2>, tokens: &Tokens, rotary: Option<&Rotary>, segments: &Segments) -> Tensor<2> {
        self.precision.attention(Attention {
            query,
            key: normed(self.key.forward(tokens.values.clone()), &self.norm_key, rotary),
            value: self.value.forward(tokens.values.clone()),
            heads: self.heads,
            query_segments: segments,
            key_segments: &tokens.segments,
        })
    }
}

/// Queries or keys, normed over all heads together, then rotated head by head.
fn normed(x: Tensor<2>, weight: &Tensor<1>, rotary: Option<&Rotary>) -> Tensor<2> {
    kernels::head_norm_rotary(HeadNormRotary { x, weight: weight.clone(), heads: 1, rotary: rotary.cloned() })
}
