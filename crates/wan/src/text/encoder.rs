//! Token ids to embeddings, as `UMT5EncoderModel` in transformers.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData, activation};
use kernels::on_workers;

use super::{TextEncoderConfig, position_bias::position_bias};
use crate::{
    WanError,
    layers::Linear,
    weights::{Entry, Scope, Weights, to_f32},
};

/// The files of the text encoder begin like this.
const STEM: &str = "model";
/// A layer whose weights take more than this, all layers together, is read anew each time it is needed.
const MOST_HELD_BYTES: usize = 2 << 30;
/// Added to the score of a token that is not there: its weight becomes 0.
const ABSENT: f32 = -1e30;

/// Token ids to embeddings.
///
/// A large model is never held whole: its layers are read one after another, used, and let go.
#[derive(Debug)]
pub struct TextEncoder {
    config: TextEncoderConfig,
    embeddings: Option<Entry>,
    layers: Layers,
    norm_out: Tensor<1>,
    weights: Weights,
}

#[derive(Debug)]
enum Layers {
    Held(Vec<Layer>),
    Mapped,
}

/// Token ids of several prompts, all of the same length.
#[derive(Clone, Debug)]
pub struct TextInput<'a> {
    /// B · N of them.
    pub ids: &'a [u32],
    /// Which of them are there; the others are padding.
    pub present: &'a [bool],
    /// N.
    pub length: usize,
}

impl TextEncoder {
    /// Reads the folder of a text encoder: `config.json` and its weights.
    ///
    /// # Errors
    /// [`WanError`] that names the file, the setting or the tensor that is wrong.
    pub fn load(folder: &Path, device: &Device) -> Result<Self, WanError> {
        let config = TextEncoderConfig::read(&folder.join("config.json"))?;
        let weights = Weights::open(folder, STEM, "text encoder", device)?;
        let root = weights.root();
        // The same table under its second name.
        weights.ignore(|name| name == "encoder.embed_tokens.weight");
        let embeddings = root.table("shared.weight", [config.vocab_size, config.d_model]);
        let norm_out = root.child("encoder.final_layer_norm").values("weight", &[config.d_model], [config.d_model]);
        let is_held = is_held(&config);
        let layer =
            |index| Layer::load(&config, &Layer::scope(if is_held { root.clone() } else { root.unread() }, index));
        let held: Vec<Layer> = (0..config.num_layers).map(layer).collect();
        weights.accounted()?;
        let layers = if is_held { Layers::Held(held) } else { Layers::Mapped };
        Ok(Self { config, embeddings, layers, norm_out, weights })
    }

    /// Sizes.
    pub const fn config(&self) -> &TextEncoderConfig {
        &self.config
    }

    /// Embeds prompts. What stands at the place of padding means nothing.
    ///
    /// # Shapes  → `[B, N, d_model]`
    /// # Errors
    /// [`WanError::Input`] when the numbers do not fit each other or the vocabulary, and [`WanError::Tensors`] when a
    /// layer's weights are not finite.
    pub fn forward(&self, input: &TextInput<'_>) -> Result<Tensor<3>, WanError> {
        let length = input.length;
        self.check(input)?;
        let (device, d) = (self.weights.root().device().clone(), self.config.d_model);
        let prompts = input.ids.len() / length;
        let absent: Vec<f32> = input.present.iter().map(|present| if *present { 0.0 } else { ABSENT }).collect();
        let mask = Tensor::<4>::from_data(TensorData::new(absent, [prompts, 1, 1, length]), &device);
        let mut x = Tensor::<2>::from_data(TensorData::new(self.embed(input.ids), [prompts * length, d]), &device);
        let config = &self.config;
        for index in 0..config.num_layers {
            x = match &self.layers {
                Layers::Held(layers) => on_workers(&device, || layers[index].forward(config, x, &mask)),
                Layers::Mapped => {
                    let layer = Layer::load(config, &Layer::scope(self.weights.root(), index));
                    self.weights.accounted()?;
                    on_workers(&device, || layer.forward(config, x, &mask))
                }
            };
        }
        Ok(kernels::rms_norm(x, self.norm_out.clone()).reshape([prompts, length, d]))
    }

    /// The rows of the table for these tokens; the rest of the table is never touched.
    fn embed(&self, ids: &[u32]) -> Vec<f32> {
        let Some(entry) = &self.embeddings else { return Vec::new() };
        let row = entry.bytes().len() / self.config.vocab_size;
        ids.iter().flat_map(|id| to_f32(&entry.bytes()[*id as usize * row..][..row], entry.dtype)).collect()
    }

    fn check(&self, input: &TextInput<'_>) -> Result<(), WanError> {
        let TextInput { ids, present, length } = input;
        if *length == 0 || ids.is_empty() || !ids.len().is_multiple_of(*length) || present.len() != ids.len() {
            let expected = format!("[B, {length}], as attention_mask is");
            return Err(WanError::shape("input_ids", expected, &[ids.len(), present.len()]));
        }
        let vocabulary = self.config.vocab_size;
        match ids.iter().find(|id| **id as usize >= vocabulary) {
            None => Ok(()),
            Some(id) => Err(WanError::Input {
                what: "a token id".into(),
                expected: format!("below {vocabulary}, the size of the text encoder's vocabulary"),
                found: format!("{id}; use the tokenizer that belongs to this model"),
            }),
        }
    }
}

/// Whether all layers of an encoder are held, or read one after another.
pub(super) fn is_held(config: &TextEncoderConfig) -> bool {
    config.num_layers * config.layer_parameters() * size_of::<f32>() <= MOST_HELD_BYTES
}

/// Attention, then feed-forward, each after a norm and added to what was there.
#[derive(Clone, Debug)]
struct Layer {
    norm_attention: Tensor<1>,
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    /// `[buckets · heads]`.
    position_table: Vec<f32>,
    norm_feed_forward: Tensor<1>,
    gate: Linear,
    up: Linear,
    down: Linear,
}

impl Layer {
    fn scope(root: Scope<'_>, index: usize) -> Scope<'_> {
        root.child("encoder.block").child(index)
    }

    fn load(config: &TextEncoderConfig, scope: &Scope<'_>) -> Self {
        let (d, inner) = (config.d_model, config.inner_width());
        let (first, second) = (scope.child("layer.0"), scope.child("layer.1"));
        let attention = first.child("SelfAttention");
        let feed_forward = second.child("DenseReluDense");
        let linear = |scope: &Scope<'_>, name: &str, sides| Linear::load_without_bias(&scope.child(name), sides);
        let norm = |scope: &Scope<'_>| scope.child("layer_norm").values("weight", &[d], [d]);
        let (buckets, heads) = (config.relative_attention_num_buckets, config.num_heads);
        let table: Tensor<1> =
            attention.child("relative_attention_bias").values("weight", &[buckets, heads], [buckets * heads]);
        Self {
            norm_attention: norm(&first),
            query: linear(&attention, "q", [d, inner]),
            key: linear(&attention, "k", [d, inner]),
            value: linear(&attention, "v", [d, inner]),
            output: linear(&attention, "o", [inner, d]),
            position_table: table.into_data().iter::<f32>().collect(),
            norm_feed_forward: norm(&second),
            gate: linear(&feed_forward, "wi_0", [d, config.d_ff]),
            up: linear(&feed_forward, "wi_1", [d, config.d_ff]),
            down: linear(&feed_forward, "wo", [config.d_ff, d]),
        }
    }

    /// # Shapes  x: `[B·N, d_model]`, returned in the same shape; mask: `[B, 1, 1, N]`
    fn forward(&self, config: &TextEncoderConfig, x: Tensor<2>, mask: &Tensor<4>) -> Tensor<2> {
        let normed = kernels::rms_norm(x.clone(), self.norm_attention.clone());
        let x = x + self.attend(config, normed, mask);
        let normed = kernels::rms_norm(x.clone(), self.norm_feed_forward.clone());
        let hidden = kernels::gelu(self.gate.forward(normed.clone())) * self.up.forward(normed);
        x + self.down.forward(hidden)
    }

    /// Attention whose scores are not scaled, with a bias for the distance of each pair.
    fn attend(&self, config: &TextEncoderConfig, x: Tensor<2>, mask: &Tensor<4>) -> Tensor<2> {
        let [prompts, _, _, length] = mask.dims();
        let (heads, device) = (config.num_heads, x.device());
        let split = |layer: &Linear| {
            layer.forward(x.clone()).reshape([prompts, length, heads, config.d_kv]).swap_dims(1, 2) // [B, heads, N, Dh]
        };
        let bias = position_bias(config, &self.position_table, length);
        let bias = Tensor::<4>::from_data(TensorData::new(bias, [1, heads, length, length]), &device);
        let scores = split(&self.query).matmul(split(&self.key).swap_dims(2, 3)) + bias + mask.clone();
        let attended = activation::softmax(scores, 3).matmul(split(&self.value)); // [B, heads, N, Dh]
        self.output.forward(attended.swap_dims(1, 2).reshape([prompts * length, config.inner_width()]))
    }
}
