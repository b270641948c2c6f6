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
        let x = kernels::residual(x, self.attend_to_prompt(normed, context));
        let normed =
            kernels::modulated_layer_norm(ModulatedLayerNorm { x: x.clone(), shift: part(3), scale: part(4), rows });
        let y = BlockLinear::feed_forward([&self.up, &self.down], normed);
        kernels::gated_residual(GatedResidual { x, y, gate: part(5), rows })
    }

    fn attend(&self, x: Tensor<2>, context: &Context) -> Tensor<2> {
        let (rotary, segments) = (Some(&context.rotary), &context.segments);
        let Projections { query, norm_query, keys_and_values, output } = &self.attention;
        let [query, key, value] = BlockLinear::forward_all([query, &keys_and_values.key, &keys_and_values.value], x);
        let query = normed(query, norm_query, rotary);
        output.forward(keys_and_values.attend((query, segments), ([key, value], segments), rotary))
    }

    fn attend_to_prompt(&self, x: Tensor<2>, context: &Context) -> Tensor<2> {
        let Projections { query, norm_query, keys_and_values, output } = &self.cross;
        let query = normed(query.forward(x), norm_query, None);
        let attend = |keys_and_values: &KeysAndValues, tokens: &Tokens| {
            let seen = keys_and_values.of(tokens.values.clone());
            keys_and_values.attend((query.clone(), &context.segments), (seen, &tokens.segments), None)
        };
        let mut attended = attend(keys_and_values, &context.text);
        if let (Some(image), Some(tokens)) = (&self.cross_image, &context.image) {
            attended = attended + attend(image, tokens);
        }
        output.forward(attended)
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

impl KeysAndValues {
    /// The keys and values of some tokens.
    fn of(&self, tokens: Tensor<2>) -> [Tensor<2>; 2] {
        BlockLinear::forward_all([&self.key, &self.value], tokens)
    }

    /// What queries see of keys, which are yet to be normed, and of values.
    fn attend(
        &self,
        (query, query_segments): (Tensor<2>, &Segments),
        ([key, value], key_segments): ([Tensor<2>; 2], &Segments),
        rotary: Option<&Rotary>,
    ) -> Tensor<2> {
        let key = normed(key, &self.norm_key, rotary);
        self.precision.attention(Attention { query, key, value, heads: self.heads, query_segments, key_segments })
    }
}

/// Queries or keys, normed over all heads together, then rotated head by head.
fn normed(x: Tensor<2>, weight: &Tensor<1>, rotary: Option<&Rotary>) -> Tensor<2> {
    kernels::head_norm_rotary(HeadNormRotary { x, weight: weight.clone(), heads: 1, rotary: rotary.cloned() })
}
