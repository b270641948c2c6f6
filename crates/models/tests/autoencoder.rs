//! The autoencoder's promises: shapes, streaming equal to the whole, and no look ahead in time.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use std::path::Path;

use burn::tensor::{Device, Distribution, Tensor, TensorData};
use models::{
    Autoencoder, AutoencoderConfig, WeightInit,
    autoencoder::{BLOCK_VALUES, Chunk, LinearPath, StreamState},
    checkpoint,
};

fn autoencoder() -> Autoencoder {
    let mut config = AutoencoderConfig::tiny();
    config.latent_mean = vec![0.1, -0.2, 0.3, 0.0];
    config.latent_std = vec![0.5, 2.0, 1.0, 1.5];
    let fresh = config.init(&mut WeightInit::new(&Device::flex(), 7));
    // The networks beside the linear path begin at nothing; here they are to show.
    let mut tensors = checkpoint::named_tensors(&fresh);
    for name in ["encoder.conv_out.weight", "decoder.conv_out.weight"] {
        let values = tensors[name].as_slice::<f32>().unwrap().iter().enumerate();
        let values: Vec<f32> = values.map(|(index, _)| (index as f32 * 0.7).sin()).collect();
        let shape = tensors[name].shape().clone();
        tensors.insert(name.into(), TensorData::new(values, shape));
    }
    checkpoint::put_tensors(fresh, &tensors, Path::new("test"), "autoencoder").unwrap()
}

fn noise(shape: [usize; 5]) -> Tensor<5> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), &Device::flex())
}

fn largest_difference(a: Tensor<5>, b: Tensor<5>) -> f32 {
    assert_eq!(a.dims(), b.dims());
    (a - b).abs().max().into_scalar::<f32>()
}

#[test]
fn a_clip_of_4k_plus_1_frames_has_k_plus_1_latent_frames() {
    let autoencoder = autoencoder();
    for (frames, latent_frames) in [(1, 1), (5, 2), (17, 5)] {
        let latents = autoencoder.encode(noise([2, 3, frames, 16, 24]));
        assert_eq!(latents.dims(), [2, 4, latent_frames, 2, 3]);
        assert_eq!(autoencoder.decode(latents).dims(), [2, 3, frames, 16, 24]);
    }
}

#[test]
fn encoding_chunk_by_chunk_equals_encoding_the_whole() {
    let (autoencoder, pixels) = (autoencoder(), noise([1, 3, 17, 16, 16]));
    let whole = autoencoder.encode(pixels.clone());
    let mut state = StreamState::default();
    let chunks = [(0, 5, Chunk::First), (5, 4, Chunk::Later), (9, 8, Chunk::Later)];
    let parts = chunks.map(|(start, length, chunk)| {
        autoencoder.encode_chunk(pixels.clone().narrow(2, start, length), &mut state, chunk)
    });
    assert!(largest_difference(whole, Tensor::cat(parts.to_vec(), 2)) < 1e-5);
}

#[test]
fn decoding_chunk_by_chunk_equals_decoding_the_whole() {
    let (autoencoder, latents) = (autoencoder(), noise([1, 4, 6, 2, 3]));
    let whole = autoencoder.decode(latents.clone());
    let mut state = StreamState::default();
    let chunks = [(0, 1, Chunk::First), (1, 2, Chunk::Later), (3, 3, Chunk::Later)];
    let parts = chunks.map(|(start, length, chunk)| {
        autoencoder.decode_chunk(latents.clone().narrow(2, start, length), &mut state, chunk)
    });
    assert!(largest_difference(whole, Tensor::cat(parts.to_vec(), 2)) < 1e-5);
}

#[test]
fn the_past_does_not_see_the_future() {
    let (autoencoder, latents) = (autoencoder(), noise([1, 4, 5, 2, 2]));
    let changed = Tensor::cat(vec![latents.clone().narrow(2, 0, 3), noise([1, 4, 2, 2, 2])], 2);
    let (a, b) = (autoencoder.decode(latents), autoencoder.decode(changed));
    assert_eq!(largest_difference(a.clone().narrow(2, 0, 9), b.clone().narrow(2, 0, 9)), 0.0);
    assert!(largest_difference(a.narrow(2, 9, 8), b.narrow(2, 9, 8)) > 0.0);
}

#[test]
fn a_fresh_autoencoder_is_its_linear_path() {
    let config = AutoencoderConfig::tiny();
    let fresh = config.init(&mut WeightInit::new(&Device::flex(), 7));
    // Four of the 768 directions, twice as long in the latents, and an offset.
    let mut path = LinearPath {
        analysis: vec![0.0; BLOCK_VALUES * 4],
        analysis_bias: vec![0.0; 4],
        synthesis: vec![0.0; 4 * BLOCK_VALUES],
        synthesis_bias: vec![0.25; BLOCK_VALUES],
    };
    for channel in 0..4 {
        let value = 190 * channel + 5;
        path.analysis[value * 4 + channel] = 2.0;
        path.analysis_bias[channel] = -0.5;
        path.synthesis[channel * BLOCK_VALUES + value] = 0.5;
    }
    let autoencoder = fresh.with_linear_path(&path).unwrap();
    let pixels = noise([1, 3, 5, 16, 24]);
    let decoded = autoencoder.decode(autoencoder.encode(pixels.clone()));
    let (blocks, decoded) = (Autoencoder::blocks(pixels), Autoencoder::blocks(decoded));
    let [rows, values] = blocks.dims();
    assert_eq!((rows, values), (2 * 2 * 3, BLOCK_VALUES));
    // Of the first latent frame only the last of its four frames is decoded, so the second one is looked at.
    let (blocks, decoded) = (blocks.narrow(0, 6, 6), decoded.narrow(0, 6, 6));
    for channel in 0..4 {
        let column = |x: &Tensor<2>| x.clone().narrow(1, 190 * channel + 5, 1);
        assert!((column(&blocks) - column(&decoded)).abs().max().into_scalar::<f32>() < 1e-6);
    }
    let unseen = decoded.narrow(1, 0, 5);
    assert!((unseen - 0.25).abs().max().into_scalar::<f32>() < 1e-6);
    let short = LinearPath { analysis_bias: vec![0.0; 3], ..path };
    assert!(config.init(&mut WeightInit::new(&Device::flex(), 7)).with_linear_path(&short).is_err());
}
