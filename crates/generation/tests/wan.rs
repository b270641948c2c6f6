//! The whole pipeline with a tiny Wan model, against what diffusers makes of the same noise and prompts.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod common;

use std::path::Path;

use burn::tensor::Device;
use common::{Golden, goldens, options};
use generation::{GenerationError, GenerationOptions, Length, Machine, Phase, Silent, VideoGenerator, WanGenerator};

fn generator() -> WanGenerator {
    WanGenerator::open(&goldens().join("model"), &Device::flex()).unwrap()
}

#[test]
fn four_steps_give_the_latents_of_diffusers() {
    let (golden, generator) = (Golden::open("wan", "pipeline."), generator());
    let request = generator.request(options()).unwrap();
    golden.compare("latents", generator.sample(&request, golden.input(0), &mut Silent).unwrap());
}

#[test]
fn a_request_becomes_frames_always_the_same_ones() {
    let generator = generator();
    let request = generator.request(options()).unwrap();
    let clip = |seed| {
        let (mut frames, mut phases) = (Vec::new(), Vec::new());
        let mut progress = |phase: Phase, done: usize, total: usize| {
            phases.push((phase, done, total));
            std::ops::ControlFlow::Continue(())
        };
        let latents = generator.sample_latents(&request, seed, &mut progress).unwrap();
        let mut sink = |frame: video::Frame| {
            frames.push(frame);
            Ok(())
        };
        generator.decode(latents, &mut sink, &mut progress).unwrap();
        assert_eq!(phases.first(), Some(&(Phase::Sampling, 0, 4)));
        assert_eq!(phases.last(), Some(&(Phase::Decoding, 5, 5)));
        frames
    };
    let frames = clip(3);
    assert_eq!((frames.len(), frames[0].resolution().width()), (5, 32));
    assert_eq!(frames, clip(3));
    assert_ne!(frames, clip(4));
}

#[test]
fn what_the_model_cannot_make_is_refused() {
    let refused = |options| generator().request(options).unwrap_err().to_string();
    assert!(refused(GenerationOptions { size: Some([840, 480]), ..options() }).contains("832x480"));
    assert!(refused(GenerationOptions { size: Some([1296, 480]), ..options() }).contains("to 1280"));
    assert!(refused(GenerationOptions { length: Some(Length::Frames(6)), ..options() }).contains("5 and 9"));
    let camera = Some("pan left 20".parse().unwrap());
    assert!(refused(GenerationOptions { camera, ..options() }).contains("not told of cameras"));
    let motions = vec!["ball: 0.2,0.5".parse().unwrap()];
    assert!(refused(GenerationOptions { motions, ..options() }).contains("not told of such ways"));
    let error = WanGenerator::open(Path::new("nowhere"), &Device::flex()).unwrap_err();
    assert!(matches!(error, GenerationError::Wan(_)), "{error}");
}

#[test]
fn tiles_make_the_same_frames_but_for_what_they_do_not_see() {
    let options = GenerationOptions { size: Some([96, 64]), ..options() };
    let frames = |generator: WanGenerator| {
        let request = generator.request(options.clone()).unwrap();
        let latents = generator.sample_latents(&request, 3, &mut Silent).unwrap();
        let mut values: Vec<f32> = Vec::new();
        let mut write = |frame: video::Frame| {
            values.extend(frame.rgb().iter().map(|value| f32::from(*value)));
            Ok(())
        };
        generator.decode(latents, &mut write, &mut Silent).unwrap();
        values
    };
    let (whole, tiled) = (frames(generator()), frames(generator().with_tile(64)));
    assert_eq!(whole, frames(generator().with_tile(96)));
    assert_eq!(whole.len(), tiled.len());
    let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f32>() / a.len() as f32;
    let mean = whole.iter().sum::<f32>() / whole.len() as f32;
    let spread = distance(&whole, &vec![mean; whole.len()]);
    let error = distance(&whole, &tiled);
    assert!(error > 0.0 && error < spread / 3.0, "{error} of {spread}");
}

#[test]
fn too_little_memory_is_said_with_what_would_fit() {
    let generator = generator();
    let check_with = |has_frames, size, frames, megabytes: u64| {
        let options = GenerationOptions { size: Some(size), length: Some(Length::Frames(frames)), ..options() };
        let machine = Machine { available_bytes: megabytes << 20, threads: 2 };
        let request = generator.request(options).unwrap();
        generator.check_memory((&request, has_frames), machine).map_err(|error| error.to_string())
    };
    let check = |size, frames, megabytes| check_with(false, size, frames, megabytes);
    assert_eq!(check([32, 32], 5, 100), Ok(()));
    let message = check([1280, 720], 81, 100).unwrap_err();
    assert!(message.contains("only 0.10 GB are there"), "{message}");
    // Frames that are given are encoded in one piece, which takes more than making tiles of them.
    let message = check_with(true, [1280, 720], 81, 100).unwrap_err();
    assert!(message.starts_with("the encoder would need about"), "{message}");
    let message = check([32, 32], 1, 1).unwrap_err();
    assert!(message.contains("not even a still of 32x32 would fit, which takes 0."), "{message}");
    // What is advised does fit, whatever there is.
    let (mut shorter, mut smaller) = (0, 0);
    for megabytes in (60..1500).step_by(5) {
        let Err(message) = check([1280, 720], 81, megabytes) else { break };
        if message.contains("a still of that size") {
            assert_eq!(check([1280, 720], 1, megabytes), Ok(()), "{message}");
            shorter += 1;
        }
        if let Some((_, rest)) = message.split_once("that many frames of ") {
            let (width, height) = rest.split(' ').next().unwrap().split_once('x').unwrap();
            assert_eq!(check([width.parse().unwrap(), height.parse().unwrap()], 81, megabytes), Ok(()), "{message}");
            smaller += 1;
        }
    }
    assert!(shorter > 0 && smaller > shorter, "{shorter} {smaller}");
}
