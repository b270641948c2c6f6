//! Encodes and decodes a long clip chunk by chunk, and tells the memory it took: `stream_memory SECONDS`.
//!
//! Run it with 5 and with 60 seconds: the peak stays where it was.

use burn::tensor::{Device, Tensor, TensorData};
use models::{
    AutoencoderConfig, WeightInit,
    autoencoder::{Chunk, StreamState},
};

const SIDE: usize = 128;
const FRAMES_PER_CHUNK: usize = 16;
const FRAMES_PER_SECOND: usize = 16;

/// A grey disc that goes round, so that no two frames are equal.
fn frames(start: usize, count: usize) -> Tensor<5> {
    let mut values = Vec::with_capacity(3 * count * SIDE * SIDE);
    for _channel in 0..3 {
        for frame in start..start + count {
            let (sin, cos) = (frame as f32 * 0.1).sin_cos();
            for pixel in 0..SIDE * SIDE {
                let x = (pixel % SIDE) as f32 - 64.0 - 30.0 * cos;
                let y = (pixel / SIDE) as f32 - 64.0 - 30.0 * sin;
                values.push(if x * x + y * y < 400.0 { 0.8 } else { -0.5 });
            }
        }
    }
    Tensor::from_data(TensorData::new(values, [1, 3, count, SIDE, SIDE]), &Device::flex())
}

fn peak_rss_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}

fn main() {
    let seconds: usize = std::env::args().nth(1).and_then(|seconds| seconds.parse().ok()).unwrap_or(60);
    let autoencoder = AutoencoderConfig::nano().init(&mut WeightInit::new(&Device::flex(), 0));
    let (mut encoding, mut decoding) = (StreamState::default(), StreamState::default());
    let mut made = 0;
    let mut next = 0;
    while next < seconds * FRAMES_PER_SECOND {
        let (chunk, count) = if next == 0 { (Chunk::First, 1) } else { (Chunk::Later, FRAMES_PER_CHUNK) };
        let latents = autoencoder.encode_chunk(frames(next, count), &mut encoding, chunk);
        let [_, _, decoded, ..] = autoencoder.decode_chunk(latents, &mut decoding, chunk).dims();
        made += decoded;
        next += count;
    }
    println!("{seconds} s, {made} frames of {SIDE}x{SIDE}: peak memory {:.0} MiB", peak_rss_mib());
}
