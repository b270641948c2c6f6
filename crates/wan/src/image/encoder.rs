//! Pixels to embeddings.

use std::path::Path;

use burn::tensor::{Device, Tensor};
use kernels::{Attention, Segments};

use super::ImageEncoderConfig;
use crate::{
    WanError,
    layers::{LayerNorm, Linear, exact_gelu},
    weights::{Scope, Weights},
};

/// The files of the image encoder begin like this.
const STEM: &str = "model";

/// The vision half of CLIP, as far as Wan asks it: up to the last layer but one.
#[derive(Clone, Debug)]
pub struct ImageEncoder {
    /// Of flattened patches.
    patches: Linear,
    /// The token that stands for all of the image, `[1, D]`.
    whole: Tensor<2>,
    /// `[N, D]`.
    positions: Tensor<2>,
    norm_in: LayerNorm,
    layers: Vec<Layer>,
    config: ImageEncoderConfig,
}

#[derive(Clone, Debug)]
struct Layer {
    norms: [LayerNorm; 2],
    projections: [Linear; 3],
    output: Linear,
    up: Linear,
    down: Linear,
}

impl ImageEncoder {
    /// Reads the folder of an image encoder. What it has behind the last layer but one is checked, but not read.
    ///
    /// # Errors
    /// [`WanError`] that names the file, the setting or the tensor that is wrong.
    pub fn load(folder: &Path, device: &Device) -> Result<Self, WanError> {
        let config = ImageEncoderConfig::read(&folder.join("config.json"))?;
        let weights = Weights::open(folder, STEM, "image encoder", device)?;
        // A projection to the space of CLIP's texts, and numbers that count positions, are of no use here.
        weights.ignore(|name| name == "visual_projection.weight" || name.ends_with("embeddings.position_ids"));
        let d = config.hidden_size;
        // Transformers wrote this half of CLIP below a name of its own, and from its fifth version on does not.
        let is_below = weights.names().any(|name| name.starts_with("vision_model."));
        let root = if is_below { weights.root().child("vision_model") } else { weights.root() };
        let (embeddings, layers) = (root.child("embeddings"), root.child("encoder.layers"));
        let asked = config.num_hidden_layers - 1;
        let encoder = Self {
            patches: {
                let side = config.patch_size;
                let scope = embeddings.child("patch_embedding");
                Linear::load_flattened_without_bias(&scope, [3 * side * side, d], &[d, 3, side, side])
            },
            whole: embeddings.values("class_embedding", &[d], [1, d]),
            positions: {
                let stored = [config.tokens(), d];
                embeddings.child("position_embedding").values("weight", &stored, stored)
            },
            norm_in: LayerNorm::load(&root.child("pre_layrnorm"), d),
            layers: (0..asked).map(|index| Layer::load(&config, &layers.child(index))).collect(),
            config,
        };
        Layer::load(&encoder.config, &layers.child(asked).unread());
        LayerNorm::load(&root.child("post_layernorm").unread(), d);
        weights.accounted()?;
        Ok(encoder)
    }

    /// Sizes.
    pub const fn config(&self) -> &ImageEncoderConfig {
        &self.config
    }

    /// What the last layer but one gives: `hidden_states[-2]` in transformers.
    ///
    /// # Shapes  pixel_values: `[B, 3, S, S]` → `[B, N, D]`
    /// # Errors
    /// [`WanError::Input`] for images of another size.
    pub fn forward(&self, pixel_values: Tensor<4>) -> Result<Tensor<3>, WanError> {
        let (found, size) = (pixel_values.dims(), self.config.image_size);
        let b = found[0];
        if b == 0 || found != [b, 3, size, size] {
            return Err(WanError::shape("pixel_values", format!("[B, 3, {size}, {size}]"), &found));
        }
        let (side, count, d) = (self.config.patch_size, self.config.patches(), self.config.hidden_size);
        let patches = pixel_values
            .reshape([b, 3, count, side, count, side])
            .permute([0, 2, 4, 1, 3, 5]) // [B, rows, columns, 3, side, side]
            .reshape([b * count * count, 3 * side * side]);
        let patches = self.patches.forward(patches).reshape([b, count * count, d]);
        let tokens = self.config.tokens();
        let whole = self.whole.clone().reshape([1, 1, d]).expand([b, 1, d]);
        let x = Tensor::cat(vec![whole, patches], 1) + self.positions.clone().reshape([1, tokens, d]);
        let x = self.norm_in.forward_with_default_epsilon(x.reshape([b * tokens, d]));
        let images = Segments::new(std::iter::repeat_n(tokens, b));
        let heads = self.config.num_attention_heads;
        let x = self.layers.iter().fold(x, |x, layer| layer.forward(x, (heads, &images)));
        Ok(x.reshape([b, tokens, d]))
    }
}

impl Layer {
    fn load(config: &ImageEncoderConfig, scope: &Scope<'_>) -> Self {
        let (d, inner) = (config.hidden_size, config.intermediate_size);
        let attention = scope.child("self_attn");
        let projection = |name: &str| Linear::load(&attention.child(name), [d, d]);
        Self {
            norms: ["layer_norm1", "layer_norm2"].map(|name| LayerNorm::load(&scope.child(name), d)),
            projections: ["q_proj", "k_proj", "v_proj"].map(projection),
            output: projection("out_proj"),
            up: Linear::load(&scope.child("mlp.fc1"), [d, inner]),
            down: Linear::load(&scope.child("mlp.fc2"), [inner, d]),
        }
    }

    /// # Shapes  x: `[B·N, D]`, returned in the same shape
    fn forward(&self, x: Tensor<2>, (heads, images): (usize, &Segments)) -> Tensor<2> {
        let normed = self.norms[0].forward_with_default_epsilon(x.clone());
        let [query, key, value] = self.projections.each_ref().map(|projection| projection.forward(normed.clone()));
        let attention = Attention { query, key, value, heads, query_segments: images, key_segments: images };
        let x = x + self.output.forward(kernels::attention(attention));
        let normed = self.norms[1].forward_with_default_epsilon(x.clone());
        x + self.down.forward(exact_gelu(self.up.forward(normed)))
    }
}
