//! The whole pipeline with a tiny Wan model, against what diffusers makes of the same noise and prompts.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod common;

use std::path::Path;

use burn::tensor::Device;
use common::{Golden, goldens, options};
use generation::{GenerationError, GenerationOptions, Length, Phase, Silent, VideoGenerator, WanGenerator};

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
    assert!(refused(GenerationOptions { camera: Some(Vec::new()), ..options() }).contains("camera"));
    let error = WanGenerator::open(Path::new("nowhere"), &Device::flex()).unwrap_err();
    assert!(matches!(error, GenerationError::Wan(_)), "{error}");
}
