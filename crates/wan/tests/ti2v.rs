//! The parts that Wan 2.2's small model has of its own, against what diffusers computes with the same weights.
//!
//! The goldens are made by scripts/goldens/wan.py.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic and explains itself by its name")]

mod common;

use std::fs;

use burn::tensor::{Device, Tensor};
use common::{Goldens, goldens, relative_error, rewrite, says, values};
use wan::{
    Precision, WanFolder,
    autoencoder::{Decoder, Encoder, StreamState},
    transformer::TransformerInput,
};

fn folder() -> WanFolder {
    WanFolder::open(&goldens().join("ti2v")).unwrap()
}

#[test]
fn the_residual_autoencoder_gives_what_diffusers_gives() {
    let goldens = Goldens::of("ti2v");
    let (decoder, encoder) = (folder().decoder(&Device::flex()).unwrap(), folder().encoder(&Device::flex()).unwrap());
    for name in ["still", "frames5", "frames9", "frames17"] {
        let pixels = decoder.decode(goldens.get(&format!("vae.{name}.latents"))).unwrap();
        goldens.compare(&format!("vae.{name}.sample"), pixels);
        let latents = encoder.encode(goldens.get(&format!("vae.{name}.sample"))).unwrap();
        goldens.compare(&format!("vae.{name}.mean"), latents);
    }
}

#[test]
fn later_frames_do_not_change_earlier_ones() {
    let (goldens, decoder) = (Goldens::of("ti2v"), folder().decoder(&Device::flex()).unwrap());
    let latents: Tensor<5> = goldens.get("vae.frames9.latents");
    let whole = decoder.decode(latents.clone()).unwrap();
    let mut state = StreamState::default();
    let next = |frame| decoder.decode_next(latents.clone().narrow(2, frame, 1), &mut state);
    let parts: Vec<Tensor<5>> = (0..2).map(next).collect();
    assert_eq!(values(Tensor::cat(parts, 2)), values(whole.narrow(2, 0, 5)));
}

#[test]
fn tensors_and_sizes_that_do_not_fit_are_named() {
    let copy = tempfile::tempdir().unwrap();
    let (file, place) = ("diffusion_pytorch_model.safetensors", |name: &str| copy.path().join(name));
    for name in ["config.json", file] {
        fs::copy(goldens().join("ti2v/vae").join(name), place(name)).unwrap();
    }
    let encoder = Encoder::load(copy.path(), &Device::flex()).unwrap();
    let error = encoder.encode(Tensor::zeros([1, 3, 5, 32, 24], &Device::flex())).unwrap_err();
    says(&error.to_string(), &["16 divides", "[1, 3, 5, 32, 24]"]);
    rewrite(&place(file), |tensors| drop(tensors.remove("encoder.down_blocks.1.downsampler.time_conv.bias")));
    let error = Decoder::load(copy.path(), Precision::F32, &Device::flex()).unwrap_err();
    says(&error.to_string(), &["autoencoder", "encoder.down_blocks.1.downsampler.time_conv.bias is missing"]);
    // Without the paths around the levels it is another architecture, whose tensors have other names.
    let text = fs::read_to_string(place("config.json")).unwrap();
    let plain = text.replace(r#""is_residual": true"#, r#""is_residual": false"#);
    fs::write(place("config.json"), plain.replace(r#""decoder_base_dim": 3"#, r#""decoder_base_dim": 4"#)).unwrap();
    let error = Decoder::load(copy.path(), Precision::F32, &Device::flex()).unwrap_err();
    says(&error.to_string(), &["autoencoder", "has shape", "more"]);
}

#[test]
fn the_transformer_takes_a_timestep_for_each_token_as_diffusers_does() {
    let (goldens, transformer) = (Goldens::of("ti2v"), folder().transformer(&Device::flex()).unwrap());
    let get = |name: &str| goldens.get(&format!("transformer.tokens.{name}"));
    let timesteps = values(goldens.get::<2>("transformer.tokens.timestep"));
    let text: Tensor<3> = goldens.get("transformer.tokens.encoder_hidden_states");
    let run = |timesteps: &[f32]| {
        let (hidden_states, encoder_hidden_states) = (get("hidden_states"), text.clone());
        let encoder_hidden_states_image = None;
        let input = TransformerInput { hidden_states, timesteps, encoder_hidden_states, encoder_hidden_states_image };
        transformer.forward(input)
    };
    goldens.compare("transformer.tokens.sample", run(&timesteps).unwrap());
    // The same for all tokens of a clip is the same as one for the clip.
    let of_tokens: Vec<f32> = [[500.0; 12], [7.0; 12]].concat();
    let error = relative_error(&values(run(&of_tokens).unwrap()), &values(run(&[500.0, 7.0]).unwrap()));
    assert!(error < 1e-6, "{error}");
    let message = run(&timesteps[..23]).unwrap_err().to_string();
    says(&message, &["timestep", "[2, 12], one for each token", "[23]"]);
}

#[test]
fn an_index_that_says_neither_yes_nor_no_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let said = |value: &str| {
        let text = format!(r#"{{"_class_name": "WanPipeline", "expand_timesteps": {value}}}"#);
        fs::write(folder.path().join("model_index.json"), text).unwrap();
        WanFolder::open(folder.path())
    };
    assert!(said("true").unwrap().expands_timesteps());
    assert!(!said("null").unwrap().expands_timesteps());
    says(&said("\"yes\"").unwrap_err().to_string(), &["model_index.json", "expand_timesteps", "true or false"]);
}
