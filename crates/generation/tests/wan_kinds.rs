//! The kinds of Wan folders beside text to video with Wan 2.1, against what others make of the same noise and prompts.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod common;

use std::path::Path;

use burn::tensor::Device;
use common::{Folder, Golden, goldens, options};
use generation::{GenerationOptions, Length, Silent, VideoGenerator, WanGenerator};

fn open(folder: &Path) -> WanGenerator {
    WanGenerator::open(folder, &Device::flex()).unwrap()
}

fn ti2v_options() -> GenerationOptions {
    GenerationOptions { size: Some([96, 64]), ..options() }
}

#[test]
fn a_timestep_for_each_token_gives_the_latents_of_diffusers() {
    let (golden, generator) = (Golden::open("ti2v", "pipeline."), open(&goldens().join("ti2v")));
    let request = generator.request(ti2v_options()).unwrap();
    assert_eq!(request.latent_sides(), [2, 4, 6]);
    golden.compare("latents", generator.sample(&request, golden.input(0), &mut Silent).unwrap());
}

#[test]
fn the_5b_model_of_wan_2_2_has_its_own_sizes() {
    let folder = Folder::of("ti2v");
    let generator = open(folder.path());
    let request = generator.request(GenerationOptions::new("a red ball")).unwrap();
    assert_eq!(request.resolution().to_string(), "1280x704");
    assert_eq!((request.num_frames(), request.frame_rate().to_string().as_str()), (121, "24"));
    let refused = |options| generator.request(options).unwrap_err().to_string();
    let message = refused(GenerationOptions { size: Some([1280, 720]), ..ti2v_options() });
    assert!(message.contains("multiples of 32 from 64 to 1280"), "{message}");
    assert!(message.contains("1280x704 and 1280x736"), "{message}");
    let message = refused(GenerationOptions { length: Some(Length::Frames(125)), ..GenerationOptions::new("a ball") });
    assert!(message.contains("at most 121 frames"), "{message}");
    let frames = folder.frames(&generator, &generator.request(ti2v_options()).unwrap());
    assert_eq!((frames.len(), frames[0].resolution().to_string().as_str()), (5, "96x64"));
}

#[test]
fn what_fastvideo_distilled_takes_its_three_steps() {
    let folder = Folder::of("model").with("model_index.json", ["WanPipeline", "WanDMDPipeline"]);
    let (golden, generator) = (Golden::open("dmd", ""), open(folder.path()));
    let options = |steps| GenerationOptions { size: Some([48, 32]), num_inference_steps: steps, ..options() };
    let request = generator.request(options(None)).unwrap();
    assert_eq!((request.num_inference_steps(), request.guidance().guidance_scale()), (3, 1.0));
    golden.compare("latents", generator.sample(&request, golden.input(7), &mut Silent).unwrap());
    let message = generator.request(options(Some(4))).unwrap_err().to_string();
    assert!(message.contains("distilled to 3 steps") && message.contains("leave their number out"), "{message}");
}

#[test]
fn autoencoders_of_other_proportions_are_refused() {
    let folder =
        Folder::of("model").with("vae/config.json", ["false,\n    true,\n    true", "false,\n    false,\n    true"]);
    let message = WanGenerator::open(folder.path(), &Device::flex()).unwrap_err().to_string();
    assert!(message.contains("2 frames of 8x8 pixels") && message.contains("4 frames and 8x8 or 16x16"), "{message}");
}
