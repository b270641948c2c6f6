//! Names in the transformer.

/// Words with an underscore, of both ways of naming.
const JOINED_WORDS: [&str; 28] = [
    "self_attn",
    "cross_attn",
    "norm_q",
    "norm_k",
    "norm_k_img",
    "k_img",
    "v_img",
    "patch_embedding",
    "text_embedding",
    "time_embedding",
    "time_projection",
    "img_emb",
    "to_q",
    "to_k",
    "to_v",
    "to_out",
    "add_k_proj",
    "add_v_proj",
    "norm_added_k",
    "condition_embedder",
    "time_embedder",
    "time_proj",
    "text_embedder",
    "image_embedder",
    "linear_1",
    "linear_2",
    "proj_out",
    "scale_shift_table",
];

/// The name in diffusers of a tensor of the transformer, whichever of the two ways it is named.
///
/// The two also count the norms of a block differently: the one of cross attention is `norm3` there and `norm2` here.
pub(crate) fn transformer_name(name: &str) -> String {
    let name = name.strip_prefix("model.diffusion_model.").unwrap_or(name);
    let parts: Vec<&str> = name.split('.').collect();
    match parts.as_slice() {
        ["time_embedding", "0", rest] => format!("condition_embedder.time_embedder.linear_1.{rest}"),
        ["time_embedding", "2", rest] => format!("condition_embedder.time_embedder.linear_2.{rest}"),
        ["time_projection", "1", rest] => format!("condition_embedder.time_proj.{rest}"),
        ["text_embedding", "0", rest] => format!("condition_embedder.text_embedder.linear_1.{rest}"),
        ["text_embedding", "2", rest] => format!("condition_embedder.text_embedder.linear_2.{rest}"),
        ["img_emb", "emb_pos"] => "condition_embedder.image_embedder.pos_embed".into(),
        ["img_emb", "proj", index, rest] => {
            let layer = match *index {
                "0" => "norm1",
                "1" => "ff.net.0.proj",
                "3" => "ff.net.2",
                "4" => "norm2",
                other => other,
            };
            format!("condition_embedder.image_embedder.{layer}.{rest}")
        }
        ["head", "modulation"] => "scale_shift_table".into(),
        ["head", "head", rest] => format!("proj_out.{rest}"),
        ["blocks", block, rest @ ..] if is_official(rest) => format!("blocks.{block}.{}", block_name(rest)),
        _ => name.to_owned(),
    }
}

/// A name whose dots have become underscores, with its dots again.
///
/// Underscores that belong to a word of either way of naming are kept.
pub(crate) fn dotted(flat: &str) -> String {
    let mut name = String::new();
    let mut rest = flat;
    while !rest.is_empty() {
        let starts =
            |word: &&&str| rest.strip_prefix(**word).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'));
        let longest = JOINED_WORDS.iter().filter(starts).max_by_key(|word| word.len());
        let length = longest.map_or_else(|| rest.find('_').unwrap_or(rest.len()), |word| word.len());
        if !name.is_empty() {
            name.push('.');
        }
        name.push_str(&rest[..length]);
        rest = rest[length..].strip_prefix('_').unwrap_or(&rest[length..]);
    }
    name
}

fn is_official(parts: &[&str]) -> bool {
    matches!(parts.first(), Some(&("self_attn" | "cross_attn" | "ffn" | "modulation" | "norm3")))
}

fn block_name(parts: &[&str]) -> String {
    match parts {
        ["modulation"] => "scale_shift_table".into(),
        ["norm3", rest] => format!("norm2.{rest}"),
        ["ffn", "0", rest] => format!("ffn.net.0.proj.{rest}"),
        ["ffn", "2", rest] => format!("ffn.net.2.{rest}"),
        [attention @ ("self_attn" | "cross_attn"), layer, rest] => {
            let attention = if *attention == "self_attn" { "attn1" } else { "attn2" };
            let layer = match *layer {
                "q" => "to_q",
                "k" => "to_k",
                "v" => "to_v",
                "o" => "to_out.0",
                "k_img" => "add_k_proj",
                "v_img" => "add_v_proj",
                "norm_k_img" => "norm_added_k",
                other => other,
            };
            format!("{attention}.{layer}.{rest}")
        }
        _ => parts.join("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_wan_team_become_those_of_diffusers() {
        for (official, expected) in [
            ("blocks.3.self_attn.q.weight", "blocks.3.attn1.to_q.weight"),
            ("blocks.3.self_attn.o.bias", "blocks.3.attn1.to_out.0.bias"),
            ("blocks.3.self_attn.norm_k.weight", "blocks.3.attn1.norm_k.weight"),
            ("blocks.12.cross_attn.v_img.weight", "blocks.12.attn2.add_v_proj.weight"),
            ("blocks.12.cross_attn.norm_k_img.weight", "blocks.12.attn2.norm_added_k.weight"),
            ("blocks.0.norm3.weight", "blocks.0.norm2.weight"),
            ("blocks.0.ffn.0.weight", "blocks.0.ffn.net.0.proj.weight"),
            ("blocks.0.ffn.2.bias", "blocks.0.ffn.net.2.bias"),
            ("blocks.0.modulation", "blocks.0.scale_shift_table"),
            ("head.modulation", "scale_shift_table"),
            ("head.head.weight", "proj_out.weight"),
            ("time_embedding.2.weight", "condition_embedder.time_embedder.linear_2.weight"),
            ("time_projection.1.bias", "condition_embedder.time_proj.bias"),
            ("text_embedding.0.weight", "condition_embedder.text_embedder.linear_1.weight"),
            ("img_emb.proj.1.weight", "condition_embedder.image_embedder.ff.net.0.proj.weight"),
            ("img_emb.emb_pos", "condition_embedder.image_embedder.pos_embed"),
            ("model.diffusion_model.patch_embedding.weight", "patch_embedding.weight"),
        ] {
            assert_eq!(transformer_name(official), expected);
            assert_eq!(transformer_name(expected), expected);
        }
    }

    #[test]
    fn underscores_become_dots_but_within_words() {
        for name in [
            "blocks.0.self_attn.norm_q",
            "blocks.39.cross_attn.norm_k_img",
            "blocks.3.cross_attn.k_img",
            "blocks.3.ffn.2",
            "time_projection.1",
            "img_emb.proj.3",
            "head.head",
            "blocks.11.attn2.to_out.0",
            "blocks.1.attn2.add_k_proj",
            "blocks.1.ffn.net.0.proj",
            "condition_embedder.text_embedder.linear_2",
            "condition_embedder.time_proj",
            "condition_embedder.image_embedder.ff.net.0.proj",
            "something.else",
            "",
        ] {
            assert_eq!(dotted(&name.replace('.', "_")), name);
        }
        assert_eq!(dotted("_a__b_"), "a..b");
    }
}
