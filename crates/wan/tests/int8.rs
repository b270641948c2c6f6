//! The transformer and the decoder in 8 bits against themselves in 32.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic and explains itself by its name")]

mod common;

use burn::tensor::{Device, Tensor};
use common::{Goldens, goldens, model, relative_error, values};
use wan::{
    Precision, WanFolder,
    autoencoder::{Decoder, StreamState},
    transformer::{Transformer, TransformerInput},
};

/// The largest part of the norm that rounding may change.
const TOLERANCE: f64 = 3e-2;

#[test]
fn the_transformer_gives_nearly_the_same_in_8_bits() {
    let goldens = Goldens::open();
    let load = |precision| {
        let folder = WanFolder::open(&model()).unwrap().with_precision(precision);
        folder.transformer(&Device::flex()).unwrap()
    };
    let (exact, rounded) = (load(Precision::F32), load(Precision::Int8));
    for name in ["small", "batch"] {
        let timesteps = goldens.numbers(&format!("transformer.{name}.timestep"));
        let run = |transformer: &Transformer| {
            let input = TransformerInput {
                hidden_states: goldens.get(&format!("transformer.{name}.hidden_states")),
                timesteps: &timesteps,
                encoder_hidden_states: goldens.get(&format!("transformer.{name}.encoder_hidden_states")),
                encoder_hidden_states_image: None,
            };
            values(transformer.forward(input).unwrap())
        };
        let (exact, rounded) = (run(&exact), run(&rounded));
        let error = relative_error(&rounded, &exact);
        println!("{name}: {error:.1e}");
        assert!(error > 0.0 && error < TOLERANCE, "{name}: {error}");
    }
}

#[test]
fn the_decoder_gives_nearly_the_same_in_8_bits() {
    let goldens = Goldens::open();
    let load = |precision| {
        let folder = WanFolder::open(&model()).unwrap().with_precision(precision);
        folder.decoder(&Device::flex()).unwrap()
    };
    let (exact, rounded) = (load(Precision::F32), load(Precision::Int8));
    for name in ["still", "clip"] {
        let run = |decoder: &Decoder| values(decoder.decode(goldens.get(&format!("vae.{name}.latents"))).unwrap());
        let (exact, rounded) = (run(&exact), run(&rounded));
        let error = relative_error(&rounded, &exact);
        println!("{name}: {error:.1e}");
        assert!(error > 0.0 && error < TOLERANCE, "{name}: {error}");
    }
    // What is remembered in 8 bits is the same, however the frames come.
    let latents: Tensor<5> = goldens.get("vae.clip.latents");
    let mut state = StreamState::default();
    let first = rounded.decode_next(latents.clone().narrow(2, 0, 1), &mut state);
    let second = rounded.decode_next(latents.clone().narrow(2, 1, 1), &mut state);
    let whole = rounded.decode(latents).unwrap();
    assert_eq!(values(Tensor::cat(vec![first, second], 2)), values(whole.narrow(2, 0, 5)));
}

#[test]
fn weights_in_8_bits_are_checked_like_others() {
    let folder = goldens().join("image_transformer");
    assert!(Transformer::load(&folder, &[], Precision::Int8, &Device::flex()).is_ok());
    // What f32 would take is known without reading a weight.
    let bytes = WanFolder::open(&model()).unwrap().transformer_f32_bytes().unwrap();
    let file = model().join("transformer/diffusion_pytorch_model.safetensors");
    assert!((file.metadata().unwrap().len()..200_000).contains(&bytes), "{bytes}");
}
