//! What the name of a LoRA's tensor says: which layer it is for, and what it is to it.
//!
//! | whose | such as |
//! | --- | --- |
//! | diffusers, PEFT | `transformer.blocks.0.attn1.to_q.lora_A.weight`, also with an adapter's name behind `lora_A` |
//! | the Wan team, ComfyUI | `diffusion_model.blocks.0.self_attn.q.lora_down.weight`, `….alpha`, `….diff`, `….diff_b` |
//! | kohya | `lora_unet_blocks_0_self_attn_q.lora_down.weight` |

use safetensors::Dtype;

use crate::weights::{Entry, names, size_of_dtype};

/// What a message says of parts that would be known.
pub(super) const KNOWN: &str = "lora_A and lora_B, lora_down and lora_up, alpha, diff and diff_b";

/// Ends of names. The first that fits counts.
const ENDS: [(&str, Role); 10] = [
    (".lora_A.weight", Role::Down),
    (".lora_down.weight", Role::Down),
    (".lora.down.weight", Role::Down),
    (".lora_B.weight", Role::Up),
    (".lora_up.weight", Role::Up),
    (".lora.up.weight", Role::Up),
    (".lora_B.bias", Role::UpBias),
    (".alpha", Role::Alpha),
    (".diff", Role::Weight),
    (".diff_b", Role::Bias),
];
/// What may stand before a layer's name, in this order.
const PREFIXES: [&str; 4] = ["base_model.model.", "transformer.", "model.", "diffusion_model."];
/// What stands before a layer's name that has underscores for dots.
const FLAT_PREFIXES: [&str; 2] = ["lora_unet_", "lora_transformer_"];

/// What a tensor is to its layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// From the layer's inputs to the rank, often called A.
    Down,
    /// From the rank to the layer's outputs, often called B.
    Up,
    /// Added to the bias as the product is to the weight.
    UpBias,
    /// The product is multiplied by this and divided by the rank.
    Alpha,
    /// The whole difference of the weight.
    Weight,
    /// The whole difference of the bias.
    Bias,
}

/// A layer, and what a tensor is to it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// With dots, and without what may stand before it.
    pub(super) layer: String,
    pub(super) role: Role,
}

impl Place {
    /// Reads a name, or nothing where it does not end as one of a LoRA does.
    pub(super) fn of(name: &str) -> Option<Self> {
        let known = ENDS.iter().find_map(|(end, role)| Some((name.strip_suffix(end)?, *role)));
        let (layer, role) = known.or_else(|| of_adapter(name))?;
        let flat = FLAT_PREFIXES.iter().find_map(|prefix| layer.strip_prefix(prefix));
        let layer = match flat {
            Some(flat) => names::dotted(flat),
            None => PREFIXES.iter().fold(layer, |layer, prefix| layer.strip_prefix(prefix).unwrap_or(layer)).into(),
        };
        Some(Self { layer, role })
    }
}

impl Role {
    /// Whether a tensor is of a type, and alpha of a size, that can be read.
    pub(super) fn check(self, name: &str, entry: &Entry) -> Result<(), String> {
        let is_whole = self == Self::Alpha && entry.dtype == Dtype::I64;
        if size_of_dtype(entry.dtype).is_none() && !is_whole {
            return Err(format!("{name} is stored as {:?}; F32, F16 and BF16 are read", entry.dtype));
        }
        if self == Self::Alpha && entry.shape.iter().product::<usize>() != 1 {
            return Err(format!("{name} has shape {:?}; alpha is one number", entry.shape));
        }
        Ok(())
    }
}

/// Names with an adapter's own name in them: `LAYER.lora_A.ADAPTER.weight`.
fn of_adapter(name: &str) -> Option<(&str, Role)> {
    let (front, kind) = name.rsplit_once('.')?;
    let (front, _adapter) = front.rsplit_once('.')?;
    let (layer, matrix) = front.rsplit_once('.')?;
    match (matrix, kind) {
        ("lora_A", "weight") => Some((layer, Role::Down)),
        ("lora_B", "weight") => Some((layer, Role::Up)),
        ("lora_B", "bias") => Some((layer, Role::UpBias)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_naming_leads_to_the_layer() {
        for (name, layer, role) in [
            ("transformer.blocks.0.attn1.to_q.lora_A.weight", "blocks.0.attn1.to_q", Role::Down),
            ("blocks.0.attn1.to_out.0.lora_B.default.weight", "blocks.0.attn1.to_out.0", Role::Up),
            ("base_model.model.blocks.0.attn1.to_q.lora_B.bias", "blocks.0.attn1.to_q", Role::UpBias),
            ("transformer.proj_out.lora.up.weight", "proj_out", Role::Up),
            ("diffusion_model.blocks.1.self_attn.q.lora_down.weight", "blocks.1.self_attn.q", Role::Down),
            ("model.diffusion_model.blocks.1.ffn.0.alpha", "blocks.1.ffn.0", Role::Alpha),
            ("diffusion_model.blocks.1.norm3.diff", "blocks.1.norm3", Role::Weight),
            ("diffusion_model.head.head.diff_b", "head.head", Role::Bias),
            ("lora_unet_blocks_12_cross_attn_norm_k_img.diff", "blocks.12.cross_attn.norm_k_img", Role::Weight),
            ("lora_unet_blocks_12_cross_attn_k_img.lora_up.weight", "blocks.12.cross_attn.k_img", Role::Up),
            ("lora_unet_time_embedding_0.alpha", "time_embedding.0", Role::Alpha),
            ("lora_transformer_blocks_3_attn2_to_out_0.lora_down.weight", "blocks.3.attn2.to_out.0", Role::Down),
        ] {
            assert_eq!(Place::of(name), Some(Place { layer: layer.into(), role }), "{name}");
        }
    }

    #[test]
    fn other_names_are_not_guessed_at() {
        for name in [
            "",
            "weight",
            "lora_A.weight",
            "blocks.0.attn1.to_q.weight",
            "blocks.0.attn1.to_q.dora_scale",
            "lora_unet_blocks_0_ffn_0.hada_w1_a",
            "blocks.0.attn1.to_q.lora_magnitude_vector",
        ] {
            assert_eq!(Place::of(name), None, "{name}");
        }
    }
}
