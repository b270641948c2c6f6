//! The parts that Wan 2.2's small model has of its own, against what diffusers computes with the same weights.
//!
//! The goldens are made by scripts/goldens/wan.py.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic and explains itself by its name")]

mod common;

use std::fs;

use burn::tensor::{Device, Tensor};
use common::{Goldens, goldens, rewrite, says, values};
use wan::{
    WanFolder,
    autoencoder::{Decoder, Encoder, StreamState},
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
    let error = Decoder::load(copy.path(), &Device::flex()).unwrap_err();
    says(&error.to_string(), &["autoencoder", "encoder.down_blocks.1.downsampler.time_conv.bias is missing"]);
    // Without the paths around the levels it is another architecture, whose tensors have other names.
    let text = fs::read_to_string(place("config.json")).unwrap();
    let plain = text.replace(r#""is_residual": true"#, r#""is_residual": false"#);
    fs::write(place("config.json"), plain.replace(r#""decoder_base_dim": 3"#, r#""decoder_base_dim": 4"#)).unwrap();
    let error = Decoder::load(copy.path(), &Device::flex()).unwrap_err();
    says(&error.to_string(), &["autoencoder", "has shape", "more"]);
}
