//! Names in the text encoder.

/// The name in transformers.
///
/// The Wan team's gate is `wi_0`, which is activated, and its first layer `wi_1`, which is multiplied with that.
pub(super) fn name(name: &str) -> String {
    let parts: Vec<&str> = name.split('.').collect();
    let layer = match parts.as_slice() {
        ["token_embedding", rest] => return format!("shared.{rest}"),
        ["norm", rest] => return format!("encoder.final_layer_norm.{rest}"),
        ["blocks", _, "norm1", rest] => format!("layer.0.layer_norm.{rest}"),
        ["blocks", _, "norm2", rest] => format!("layer.1.layer_norm.{rest}"),
        ["blocks", _, "attn", projection, rest] => format!("layer.0.SelfAttention.{projection}.{rest}"),
        ["blocks", _, "pos_embedding", "embedding", rest] => {
            format!("layer.0.SelfAttention.relative_attention_bias.{rest}")
        }
        ["blocks", _, "ffn", "gate", "0", rest] => format!("layer.1.DenseReluDense.wi_0.{rest}"),
        ["blocks", _, "ffn", "fc1", rest] => format!("layer.1.DenseReluDense.wi_1.{rest}"),
        ["blocks", _, "ffn", "fc2", rest] => format!("layer.1.DenseReluDense.wo.{rest}"),
        _ => return name.to_owned(),
    };
    format!("encoder.block.{}.{layer}", parts[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_wan_team_become_those_of_transformers() {
        for (official, expected) in [
            ("token_embedding.weight", "shared.weight"),
            ("blocks.23.norm2.weight", "encoder.block.23.layer.1.layer_norm.weight"),
            ("blocks.0.attn.o.weight", "encoder.block.0.layer.0.SelfAttention.o.weight"),
            (
                "blocks.7.pos_embedding.embedding.weight",
                "encoder.block.7.layer.0.SelfAttention.relative_attention_bias.weight",
            ),
            ("blocks.7.ffn.gate.0.weight", "encoder.block.7.layer.1.DenseReluDense.wi_0.weight"),
            ("blocks.7.ffn.fc2.weight", "encoder.block.7.layer.1.DenseReluDense.wo.weight"),
            ("norm.weight", "encoder.final_layer_norm.weight"),
            ("something.else", "something.else"),
        ] {
            assert_eq!(name(official), expected);
            assert_eq!(name(expected), expected);
        }
    }
}
