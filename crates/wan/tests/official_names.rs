//! Single files named as the Wan team names tensors: the same model comes out, held against diffusers all the same.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic and explains itself by its name")]

mod common;

use std::{collections::BTreeMap, fs};

use burn::tensor::Device;
use common::{Goldens, model, rewrite, says};
use tempfile::TempDir;
use wan::{
    Precision,
    autoencoder::{Decoder, Encoder},
    text::{TextEncoder, TextInput},
    transformer::{Transformer, TransformerInput},
};

/// Convolutions and residual blocks of a level of the tiny decoder, and what doubles its sides.
const LAYERS: usize = 3;

/// A folder with the configuration of a part and all of its tensors in one file, named by `rename`.
fn renamed(part: &str, rename: impl Fn(&str) -> String) -> TempDir {
    let (from, folder) = (model().join(part), tempfile::tempdir().unwrap());
    fs::copy(from.join("config.json"), folder.path().join("config.json")).unwrap();
    let target = folder.path().join("wan-single-file.safetensors");
    let mut all = BTreeMap::new();
    for entry in from.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "safetensors") {
            fs::copy(&path, &target).unwrap();
            rewrite(&target, |tensors| all.append(tensors));
        }
    }
    rewrite(&target, |tensors| *tensors = all.into_iter().map(|(name, tensor)| (rename(&name), tensor)).collect());
    folder
}

fn replaced(name: &str, pairs: &[(&str, &str)]) -> String {
    pairs.iter().fold(name.to_owned(), |name, (ours, official)| name.replace(ours, official))
}

#[test]
fn the_transformer_is_the_same() {
    let pairs = [
        ("condition_embedder.time_embedder.linear_1", "time_embedding.0"),
        ("condition_embedder.time_embedder.linear_2", "time_embedding.2"),
        ("condition_embedder.time_proj", "time_projection.1"),
        ("condition_embedder.text_embedder.linear_1", "text_embedding.0"),
        ("condition_embedder.text_embedder.linear_2", "text_embedding.2"),
        ("attn1", "self_attn"),
        ("attn2", "cross_attn"),
        ("to_q", "q"),
        ("to_k", "k"),
        ("to_v", "v"),
        ("to_out.0", "o"),
        ("norm2", "norm3"),
        ("ffn.net.0.proj", "ffn.0"),
        ("ffn.net.2", "ffn.2"),
        ("proj_out", "head.head"),
    ];
    let folder = renamed("transformer", |name| match name {
        "scale_shift_table" => "head.modulation".into(),
        name => replaced(name, &pairs).replace("scale_shift_table", "modulation"),
    });
    let (goldens, device) = (Goldens::open(), Device::flex());
    let transformer = Transformer::load(folder.path(), &[], Precision::F32, &device).unwrap();
    let input = TransformerInput {
        hidden_states: goldens.get("transformer.small.hidden_states"),
        timesteps: &goldens.numbers("transformer.small.timestep"),
        encoder_hidden_states: goldens.get("transformer.small.encoder_hidden_states"),
        encoder_hidden_states_image: None,
    };
    goldens.compare("transformer.small.sample", transformer.forward(input).unwrap());
}

#[test]
fn the_autoencoder_is_the_same() {
    let pairs = [
        ("mid_block.attentions.0", "middle.1"),
        ("mid_block.resnets.0", "middle.0"),
        ("mid_block.resnets.1", "middle.2"),
        ("conv_shortcut", "shortcut"),
        ("norm1", "residual.0"),
        ("conv1", "residual.2"),
        ("norm2", "residual.3"),
        ("conv2", "residual.6"),
        ("conv_in", "conv1"),
        ("norm_out", "head.0"),
        ("conv_out", "head.2"),
        ("down_blocks", "downsamples"),
    ];
    let folder = renamed("vae", |name| {
        // The two convolutions around the latents have the names of those in the blocks.
        if let Some(rest) = name.strip_prefix("quant_conv.") {
            return format!("conv1.{rest}");
        }
        if let Some(rest) = name.strip_prefix("post_quant_conv.") {
            return format!("conv2.{rest}");
        }
        let name = replaced(name, &pairs);
        let Some(rest) = name.strip_prefix("decoder.up_blocks.") else { return name };
        let (level, rest) = rest.split_once('.').unwrap();
        let (kind, rest) = rest.split_once('.').unwrap();
        let (index, rest) = rest.split_once('.').unwrap();
        let place = if kind == "resnets" { index.parse().unwrap() } else { LAYERS - 1 };
        format!("decoder.upsamples.{}.{rest}", LAYERS * level.parse::<usize>().unwrap() + place)
    });
    let names = fs::read(folder.path().join("wan-single-file.safetensors")).unwrap();
    let names = String::from_utf8_lossy(&names[..names.len().min(40_000)]).into_owned();
    says(
        &names,
        &["\"decoder.upsamples.2.resample.1.weight\"", "\"conv1.weight\"", "decoder.upsamples.3.residual.0.gamma"],
    );
    let (goldens, device) = (Goldens::open(), Device::flex());
    let decoder = Decoder::load(folder.path(), Precision::F32, &device).unwrap();
    goldens.compare("vae.clip.sample", decoder.decode(goldens.get("vae.clip.latents")).unwrap());
    let encoder = Encoder::load(folder.path(), &device).unwrap();
    goldens.compare("vae.clip.mean", encoder.encode(goldens.get("vae.clip.sample")).unwrap());
}

#[test]
fn the_text_encoder_is_the_same() {
    let pairs = [
        ("encoder.block", "blocks"),
        ("layer.0.SelfAttention.relative_attention_bias", "pos_embedding.embedding"),
        ("layer.0.SelfAttention", "attn"),
        ("layer.0.layer_norm", "norm1"),
        ("layer.1.layer_norm", "norm2"),
        ("layer.1.DenseReluDense.wi_0", "ffn.gate.0"),
        ("layer.1.DenseReluDense.wi_1", "ffn.fc1"),
        ("layer.1.DenseReluDense.wo", "ffn.fc2"),
        ("encoder.final_layer_norm", "norm"),
        ("shared", "token_embedding"),
    ];
    let folder = renamed("text_encoder", |name| replaced(name, &pairs));
    let goldens = Goldens::open();
    let encoder = TextEncoder::load(folder.path(), &Device::flex()).unwrap();
    let (ids, [_, length]) = goldens.indices("text.batch.input_ids");
    let (mask, _) = goldens.indices("text.batch.attention_mask");
    let present: Vec<bool> = mask.iter().map(|mask| *mask > 0).collect();
    let embeds = encoder.forward(&TextInput { ids: &ids, present: &present, length }).unwrap();
    goldens.compare("text.batch.prompt_embeds", embeds);
}

#[test]
fn of_two_unknown_files_none_is_chosen() {
    let folder = renamed("vae", str::to_owned);
    let file = folder.path().join("wan-single-file.safetensors");
    fs::copy(&file, folder.path().join("another.safetensors")).unwrap();
    let error = Decoder::load(folder.path(), Precision::F32, &Device::flex()).unwrap_err().to_string();
    says(&error, &["there is no diffusion_pytorch_model.safetensors", "no other file of tensors alone"]);
}
