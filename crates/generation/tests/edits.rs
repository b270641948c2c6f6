//! Videos of which something is given, with tiny random models: what is kept comes back as it was.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod support;

use std::path::Path;

use burn::tensor::{Device, Tensor};
use diffusion::Sigma;
use generation::{Edit, GenerationOptions, GenerationRequest, Generator, Length, Silent, VideoGenerator, WanGenerator};
use support::generator;
use video::{Frame, Resolution};

fn options(size: [u32; 2]) -> GenerationOptions {
    GenerationOptions {
        size: Some(size),
        length: Some(Length::Frames(9)),
        num_inference_steps: Some(4),
        ..GenerationOptions::new("a red ball rolls")
    }
}

/// Pictures that differ from frame to frame and from place to place.
fn frames(request: &GenerationRequest) -> Vec<Frame> {
    let size = request.resolution();
    let value =
        |frame: usize, index: usize| (index * 7 / (3 * size.width() as usize) + 20 * frame + index % 3 * 60) as u8;
    let picture = |frame| (0..size.pixel_count() * 3).map(|index| value(frame, index)).collect();
    (0..request.num_frames()).map(|frame| Frame::new(size, picture(frame)).unwrap()).collect()
}

fn pixels(frames: &[Frame]) -> Tensor<5> {
    generation::pixels::pixels_from_frames(frames, &Device::flex())
}

fn values(tensor: Tensor<5>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

fn latents_of(generator: &Generator, frames: &[Frame]) -> Tensor<5> {
    generator.bundle().autoencoder.encode(pixels(frames))
}

#[test]
fn known_frames_come_back_bit_for_bit_with_an_outline_and_without() {
    let generator = generator();
    for size in [[48, 32], [96, 96]] {
        let request = generator.request(options(size)).unwrap();
        assert_eq!(request.outline().is_some(), size == [96, 96]);
        let all = frames(&request);
        let given: Vec<_> = (0..5).map(|frame| (frame, all[frame].clone())).collect();
        let edit = Edit::keep(&given, &request).unwrap();
        let latents = generator.sample_edit(&request, &edit, 1, &mut Silent).unwrap();
        // Two latent frames are known, and what the encoder makes of them does not depend on what comes after.
        let known = latents_of(&generator, &all[..5]);
        assert_eq!(values(latents.clone().narrow(2, 0, 2)), values(known.clone()), "{size:?}");
        assert_ne!(values(latents.clone().narrow(2, 2, 1)), values(known.narrow(2, 1, 1)), "{size:?}");
        let again = generator.sample_edit(&request, &edit, 1, &mut Silent).unwrap();
        assert_eq!(values(again), values(latents.clone()));
        let other = generator.sample_edit(&request, &edit, 2, &mut Silent).unwrap();
        assert_ne!(values(other), values(latents));
    }
}

#[test]
fn the_end_may_be_known_and_a_single_late_picture() {
    let generator = generator();
    let request = generator.request(options([48, 32])).unwrap();
    let all = frames(&request);
    for known in [5..9, 1..5] {
        let given: Vec<_> = known.clone().map(|frame| (frame, all[frame].clone())).collect();
        let latents = generator.sample_edit(&request, &Edit::keep(&given, &request).unwrap(), 1, &mut Silent).unwrap();
        // Before the first picture that is given stands that picture.
        let held: Vec<Frame> = (0..9).map(|frame| all[frame.clamp(known.start, known.end - 1)].clone()).collect();
        let place = known.end / 4;
        let expected = latents_of(&generator, &held).narrow(2, place, 1);
        assert_eq!(values(latents.narrow(2, place, 1)), values(expected), "{known:?}");
    }
}

#[test]
fn what_a_mask_leaves_is_kept_and_the_rest_is_not() {
    let generator = generator();
    let request = generator.request(options([48, 32])).unwrap();
    let all = frames(&request);
    // From frame 5 on, the left half: latent columns 0 to 2 of 6.
    let mask: Vec<bool> = (0..9 * 48 * 32).map(|pixel| pixel / (48 * 32) >= 5 && pixel % 48 < 24).collect();
    let edit = Edit::inpaint(all.clone(), &mask, &request).unwrap();
    let latents = generator.sample_edit(&request, &edit, 1, &mut Silent).unwrap();
    let known = latents_of(&generator, &all);
    let part = |tensor: &Tensor<5>, frames: [usize; 2], columns: [usize; 2]| {
        values(tensor.clone().narrow(2, frames[0], frames[1]).narrow(4, columns[0], columns[1]))
    };
    assert_eq!(part(&latents, [0, 2], [0, 6]), part(&known, [0, 2], [0, 6]));
    assert_eq!(part(&latents, [2, 1], [3, 3]), part(&known, [2, 1], [3, 3]));
    let (made, given) = (part(&latents, [2, 1], [0, 3]), part(&known, [2, 1], [0, 3]));
    assert!(made.iter().zip(&given).all(|(a, b)| a != b));
}

#[test]
fn a_weak_remix_stays_nearer_than_a_strong_one() {
    let generator = generator();
    let request = generator.request(options([48, 32])).unwrap();
    let all = frames(&request);
    let known = values(latents_of(&generator, &all));
    let distance = |strength: f32| {
        let edit = Edit::remix(all.clone(), Sigma::new(strength).unwrap(), &request).unwrap();
        let latents = values(generator.sample_edit(&request, &edit, 1, &mut Silent).unwrap());
        latents.iter().zip(&known).map(|(a, b)| (a - b).powi(2)).sum::<f32>()
    };
    let distances = [0.1, 0.4, 0.8].map(distance);
    assert!(distances.is_sorted() && distances[0] > 0.0, "{distances:?}");
}

#[test]
fn a_model_that_knows_one_level_keeps_what_is_known_too() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wan/tests/goldens/model");
    let generator = WanGenerator::open(&folder, &Device::flex()).unwrap();
    let request = VideoGenerator::request(&generator, options([48, 32])).unwrap();
    let all = frames(&request);
    let given: Vec<_> = (0..5).map(|frame| (frame, all[frame].clone())).collect();
    let latents = generator.sample_edit(&request, &Edit::keep(&given, &request).unwrap(), 1, &mut Silent).unwrap();
    let encoder = wan::WanFolder::open(&folder).unwrap().encoder(&Device::flex()).unwrap();
    let known = values(encoder.normalise(encoder.encode(pixels(&all[..5])).unwrap()));
    assert_eq!(values(latents.clone().narrow(2, 0, 2)), known);
    assert!(values(latents.narrow(2, 2, 1)).iter().all(|value| value.is_finite()));
}

#[test]
fn pictures_that_cannot_be_laid_out_are_refused() {
    let generator = generator();
    let request = generator.request(options([48, 32])).unwrap();
    let all = frames(&request);
    let small = Frame::filled(Resolution::new(32, 32).unwrap(), [0; 3]);
    let says = |result: Result<Edit, generation::GenerationError>, expected: &str| {
        let message = result.unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    };
    says(Edit::keep(&[(0, small)], &request), "a picture is 32x32, but the video 48x32");
    says(Edit::keep(&[(9, all[0].clone())], &request), "frame 9 lies outside of the video, which has 9 frames");
    says(Edit::keep(&[(3, all[0].clone())], &request), "too few frames are given to keep any");
    says(Edit::keep(&[], &request), "too few frames");
    says(Edit::remix(all[..5].to_vec(), Sigma::KNOWN, &request), "the clip has 5 frames, but the video 9");
    says(Edit::inpaint(all.clone(), &[true; 3], &request), "the mask has 3 numbers for 13824 pixels");
    says(Edit::inpaint(all.clone(), &[false; 9 * 48 * 32], &request), "the mask covers nothing");
    let ring = generator.request(GenerationOptions { is_ring: true, ..options([48, 32]) }).unwrap();
    for edit in [
        Edit::keep(&[(0, all[0].clone())], &ring),
        Edit::remix(all.clone(), Sigma::KNOWN, &ring),
        Edit::inpaint(all.clone(), &[true; 9 * 48 * 32], &ring),
    ] {
        says(edit, "a video that plays round cannot also be made of a picture or a clip");
    }
}
