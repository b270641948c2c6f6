//! The whole pipeline with a tiny random model: a request becomes frames, always the same ones.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod support;

use std::ops::ControlFlow;

use burn::tensor::{Device, Tensor};
use diffusion::{Canvas, Denoiser, Guidance, Guided, Sampler, Sigma};
use generation::{
    GenerationError, GenerationOptions, GenerationRequest, Generator, Length, ModelDenoiser, Phase, Silent,
    denoiser::GuidedModel,
};
use models::{ModelError, Precision};
use support::generator;
use video::{Frame, VideoError, VideoWriter};

fn options() -> GenerationOptions {
    GenerationOptions {
        size: Some([48, 32]),
        length: Some(Length::Frames(9)),
        num_inference_steps: Some(3),
        ..GenerationOptions::new("a red ball rolls")
    }
}

fn frames(generator: &Generator, options: GenerationOptions, seed: u64) -> Vec<Frame> {
    let request = generator.request(options).unwrap();
    generator.clip(&request, seed, &mut Silent).unwrap().into_frames()
}

#[test]
fn the_same_request_and_seed_give_the_same_frames() {
    let generator = generator();
    let first = frames(&generator, options(), 1);
    assert_eq!((first.len(), first[0].resolution().to_string().as_str()), (9, "48x32"));
    assert_eq!(first, frames(&generator, options(), 1));
    assert_ne!(first, frames(&generator, options(), 2));
}

#[test]
fn every_option_matters() {
    let generator = generator();
    let base = frames(&generator, options(), 1);
    let others = [
        GenerationOptions { prompt: "一个蓝色的立方体落下".into(), ..options() },
        GenerationOptions { negative_prompt: Some("a blue cube".into()), ..options() },
        GenerationOptions { guidance_scale: Some(1.0), ..options() },
        GenerationOptions { guidance_interval: Some([0.9, 1.0]), ..options() },
        GenerationOptions { num_inference_steps: Some(5), ..options() },
        GenerationOptions { sampler: Some(Sampler::Euler), ..options() },
        GenerationOptions { camera: Some("pan left 20".parse().unwrap()), ..options() },
        GenerationOptions { motions: vec!["ball: 0.2,0.5 -> 0.8,0.5".parse().unwrap()], ..options() },
    ];
    for other in others {
        assert_ne!(base, frames(&generator, other.clone(), 1), "{other:?}");
    }
}

#[test]
fn an_outline_comes_first_where_the_size_can_be_halved() {
    let generator = generator();
    let of = |size: [u32; 2], outline_strength| {
        let options = GenerationOptions { size: Some(size), length: Some(Length::Frames(5)), ..options() };
        generator.request(GenerationOptions { outline_strength, ..options })
    };
    let request = of([128, 96], None).unwrap();
    let outline = request.outline().unwrap();
    assert_eq!((outline.resolution.to_string().as_str(), outline.strength.value()), ("64x48", 0.6));
    assert_eq!((request.num_inference_steps(), request.total_steps()), (3, 5));
    let mut heard = Vec::new();
    let mut progress = |phase, done, total| {
        heard.push((phase, done, total));
        ControlFlow::Continue(())
    };
    let latents = generator.sample_latents(&request, 1, &mut progress).unwrap();
    assert_eq!(latents.dims(), [1, 4, 2, 12, 16]);
    assert!(heard.iter().all(|(phase, _, total)| (*phase, *total) == (Phase::Sampling, 5)), "{heard:?}");
    assert!(heard.is_sorted_by_key(|(_, done, _)| *done) && heard.last() == Some(&(Phase::Sampling, 5, 5)));

    // The weaker, the more is kept of the outline: nearer to what hardly any strength leaves of it.
    let at = |strength| {
        let request = of([128, 96], Some(strength)).unwrap();
        generator.sample_latents(&request, 1, &mut Silent).unwrap()
    };
    let kept = at(0.01);
    let distance = |strength| (at(strength) - kept.clone()).abs().mean().into_scalar::<f32>();
    let (near, far) = (distance(0.1), distance(0.9));
    assert!(0.0 < near && near < 0.5 * far, "{near} {far}");

    assert!(of([128, 96], Some(1.0)).unwrap().outline().is_none());
    assert!(of([48, 32], None).unwrap().outline().is_none());
    let refused = |size, strength| of(size, Some(strength)).unwrap_err().to_string();
    assert!(refused([48, 32], 0.5).contains("multiples of 32 and at least 96"));
    for strength in [0.0, -1.0, 1.5, f32::NAN] {
        assert!(refused([128, 96], strength).contains("above 0 and at most 1"));
    }
}

#[test]
fn guided_passes_side_by_side_are_those_one_after_another() {
    let generator = generator();
    let models::Bundle { transformer, text_encoder, tokenizer, .. } = generator.bundle();
    let embed = |prompt| text_encoder.forward(&[tokenizer.encode(prompt, 20).unwrap()]);
    let (prompt, negative) = (embed("a red ball rolls"), embed("a blue cube"));
    let told = |prompt_embeds| ModelDenoiser { transformer, prompt_embeds, cameras: &[None], motions: None };
    let (conditional, unconditional) = (told(&prompt), told(&negative));
    let canvas = Canvas::imagined(diffusion::noise([4, 3, 4, 6], &[3], &Device::flex()));
    let guidance = Guidance::new(3.0).unwrap().within(Sigma::new(0.5).unwrap(), Sigma::PURE_NOISE).unwrap();
    let apart = Guided { conditional: &conditional, unconditional: &unconditional, guidance };
    let together = GuidedModel { conditional: conditional.clone(), unconditional: unconditional.clone(), guidance };
    let [guided, alone] = [0.8, 0.2].map(|level| {
        let sigma = Sigma::new(level).unwrap();
        let [apart, together] = [&apart as &dyn Denoiser, &together].map(|way| way.velocity(&canvas, sigma).unwrap());
        together.clone().into_data().assert_eq(&apart.into_data(), true);
        together
    });
    assert!((guided - alone).abs().max().into_scalar::<f32>() > 1e-3);
}

#[test]
fn eight_bits_make_nearly_the_same() {
    let generator = generator();
    let request = generator.request(options()).unwrap();
    let exact = generator.sample_latents(&request, 1, &mut Silent).unwrap();
    let rounded = generator.with_precision(Precision::Int8).sample_latents(&request, 1, &mut Silent).unwrap();
    let size = |x: Tensor<5>| x.powi_scalar(2).mean().sqrt().into_scalar::<f32>();
    let error = size(rounded - exact.clone()) / size(exact);
    assert!((1e-4..5e-2).contains(&error), "{error}");
}

#[test]
fn every_sampler_makes_a_still_and_a_clip() {
    let generator = generator();
    for sampler in Sampler::ALL {
        let options = GenerationOptions { sampler: Some(sampler), ..options() };
        assert_eq!(frames(&generator, options.clone(), 1).len(), 9);
        assert_eq!(frames(&generator, options.still(), 1).len(), 1);
    }
}

#[test]
fn decoding_in_chunks_equals_decoding_the_whole() {
    let generator = generator();
    let latents = diffusion::noise([4, 40, 8, 8], &[3], &Device::flex());
    let mut frames = Vec::new();
    let mut sink = |frame| {
        frames.push(frame);
        Ok(())
    };
    generator.decode(latents.clone(), &mut sink, &mut Silent).unwrap();
    let whole = generation::pixels::frames_from_pixels(generator.bundle().autoencoder.decode(latents)).unwrap();
    assert_eq!(frames.len(), whole.len());
    for (chunked, whole) in frames.iter().zip(&whole) {
        let differ = chunked.rgb().iter().zip(whole.rgb()).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(differ <= 1, "rounding alone may differ");
    }
}

#[test]
fn known_patches_of_a_canvas_stay_as_they_are() {
    let generator = generator();
    let request = generator.request(options()).unwrap();
    let [t, h, w] = request.latent_sides();
    let known = diffusion::noise([4, t, h, w], &[8], &Device::flex());
    let noise = diffusion::noise([4, t, h, w], &[9], &Device::flex());
    let levels = diffusion::levels_per_frame(&[vec![0.0, 1.0, 1.0]], [h, w], &Device::flex()).unwrap();
    let canvas = Canvas::noised(known.clone(), noise.clone(), levels).unwrap();
    let latents = generator.sample_canvas(&request, canvas, &mut Silent).unwrap();
    latents.clone().narrow(2, 0, 1).into_data().assert_eq(&known.narrow(2, 0, 1).into_data(), true);
    let moved = (latents.narrow(2, 1, 2) - noise.narrow(2, 1, 2)).abs().min().into_scalar::<f32>();
    assert!(moved > 0.0);
}

#[test]
fn progress_counts_steps_then_frames_and_may_stop_either() {
    let generator = generator();
    let request = generator.request(options()).unwrap();
    let mut heard = Vec::new();
    let mut progress = |phase, done, total| {
        heard.push((phase, done, total));
        ControlFlow::Continue(())
    };
    generator.clip(&request, 1, &mut progress).unwrap();
    assert_eq!(heard[..4], [0, 1, 2, 3].map(|done| (Phase::Sampling, done, 3)));
    assert_eq!((heard[4], *heard.last().unwrap()), ((Phase::Decoding, 0, 9), (Phase::Decoding, 9, 9)));

    for stop_in in [Phase::Sampling, Phase::Decoding] {
        let mut stop = |phase, _, _| if phase == stop_in { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        assert!(matches!(generator.clip(&request, 1, &mut stop), Err(GenerationError::Interrupted)));
    }
}

#[test]
fn frames_go_straight_into_a_file_and_a_failing_sink_ends_it() {
    let (generator, folder) = (generator(), tempfile::tempdir().unwrap());
    let request = generator.request(options()).unwrap();
    let path = folder.path().join("clip.mp4");
    let write = || {
        let mut writer = VideoWriter::create(&path, request.resolution(), request.frame_rate()).unwrap();
        generator.generate(&request, 1, &mut |frame| writer.write(&frame), &mut Silent).unwrap();
        writer.finish().unwrap();
        std::fs::read(&path).unwrap()
    };
    assert_eq!(write(), write(), "the same bytes, twice");

    let mut full = |_| Err(VideoError::NoFrames);
    let result = generator.generate(&request, 1, &mut full, &mut Silent);
    assert!(matches!(result, Err(GenerationError::Video(VideoError::NoFrames))));
}

#[test]
fn wishes_that_cannot_be_met_are_refused() {
    let generator = generator();
    let refused = |options: GenerationOptions| generator.request(options).unwrap_err().to_string();
    for prompt in ["", "  \n\t "] {
        assert!(refused(GenerationOptions::new(prompt)).starts_with("the prompt is empty"));
    }
    let message = refused(GenerationOptions::new("球".repeat(100_000)));
    assert!(message.contains("100000 characters") && message.len() < 200, "{message}");
    let message = refused(GenerationOptions { size: Some([50, 32]), ..options() });
    assert!(message.ends_with("the nearest that work are 48x32 and 64x32"), "{message}");
    let message = refused(GenerationOptions { length: Some(Length::Frames(10)), ..options() });
    assert!(message.ends_with("the nearest that work are 9 and 13"), "{message}");
    let message = refused(GenerationOptions { length: Some(Length::Seconds(0.0)), ..options() });
    assert!(message.contains("0 seconds"), "{message}");
    let message = refused(GenerationOptions { num_inference_steps: Some(0), ..options() });
    assert!(message.contains("between 1 and 1000"), "{message}");
    let message = refused(GenerationOptions { guidance_scale: Some(f32::NAN), ..options() });
    assert!(message.contains("guidance_scale must be between 0 and 100"), "{message}");
    // Few enough characters, too many tokens.
    let long = GenerationOptions::new("x y ".repeat(100));
    assert!(GenerationRequest::new(long.clone(), &generator.bundle().info).is_ok());
    assert!(matches!(generator.request(long), Err(GenerationError::Model(ModelError::PromptTooLong { .. }))));
}

#[test]
fn a_moving_camera_begins_where_it_stands_and_is_one_course_of_steps() {
    let generator = generator();
    let sides = |camera: &str| {
        let options =
            GenerationOptions { camera: Some(camera.parse().unwrap()), length: Some(Length::Frames(9)), ..options() };
        let request = generator.request(options).unwrap();
        let mut heard = Vec::new();
        let mut progress = |phase, done, total| {
            heard.push((phase, done, total));
            ControlFlow::Continue(())
        };
        let latents = generator.sample_latents(&request, 3, &mut progress).unwrap();
        let part = |from: usize, count: usize| -> Vec<f32> {
            latents.clone().narrow(2, from, count).try_into_vec_as().unwrap()
        };
        (part(0, 1), part(1, latents.dims()[2] - 1), heard)
    };
    let (first, rest, _) = sides("still");
    for camera in ["pan left 12", "dolly out 1"] {
        let (found, moved, heard) = sides(camera);
        assert_eq!(first, found, "{camera}");
        assert_ne!(rest, moved, "{camera}");
        let (_, done, total) = *heard.last().unwrap();
        assert_eq!(done, total, "{camera}");
        assert!(heard.iter().all(|heard| heard.2 == total) && heard.is_sorted_by_key(|heard| heard.1), "{heard:?}");
    }
}
