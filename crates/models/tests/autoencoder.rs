//! The autoencoder's promises: shapes, streaming equal to the whole, and no look ahead in time.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use burn::tensor::{Device, Distribution, Tensor};
use models::{
    Autoencoder, AutoencoderConfig, WeightInit,
    autoencoder::{Chunk, StreamState},
};

fn autoencoder() -> Autoencoder {
    let mut config = AutoencoderConfig::tiny();
    config.latent_mean = vec![0.1, -0.2, 0.3, 0.0];
    config.latent_std = vec![0.5, 2.0, 1.0, 1.5];
    config.init(&mut WeightInit::new(&Device::flex(), 7))
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
