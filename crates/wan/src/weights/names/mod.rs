//! Names that the Wan team gives to tensors, as diffusers and transformers name them.
//!
//! Checkpoints for other programs are single files named like this. Which part a file holds is told from its names.

mod autoencoder;
mod text_encoder;
mod transformer;

pub(crate) use transformer::{dotted, transformer_name};

/// From one way of naming to the other.
pub(crate) type Rename = Box<dyn Fn(&str) -> String>;

/// How to name a part's tensors as diffusers and transformers do, when they are named as the Wan team does.
pub(crate) fn to_diffusers<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Option<Rename> {
    let has = |suffix: &str| names.clone().any(|name| name.ends_with(suffix));
    if has("blocks.0.self_attn.q.weight") {
        return Some(Box::new(transformer_name));
    }
    if has("blocks.0.attn.q.weight") {
        return Some(Box::new(text_encoder::name));
    }
    if has("decoder.head.2.weight") {
        let levels = autoencoder::Levels::of(names);
        return Some(Box::new(move |name| levels.name(name)));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_told_from_its_names() {
        for (names, name, expected) in [
            (["blocks.0.self_attn.q.weight", "head.modulation"], "head.modulation", "scale_shift_table"),
            (["blocks.0.attn.q.weight", "norm.weight"], "norm.weight", "encoder.final_layer_norm.weight"),
            (["decoder.head.2.weight", "conv2.bias"], "conv2.bias", "post_quant_conv.bias"),
        ] {
            assert_eq!(to_diffusers(names.into_iter()).unwrap()(name), expected);
        }
        for name in ["blocks.0.attn1.to_q.weight", "shared.weight", "decoder.conv_in.weight"] {
            assert!(to_diffusers([name].into_iter()).is_none());
        }
    }
}
