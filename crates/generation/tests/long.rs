//! Long videos with tiny random models: windows that go on from one another, stopped and gone on with.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod common;
mod support;

use std::{ops::ControlFlow, path::Path};

use burn::tensor::{Device, Tensor};
use generation::{
    GenerationError, GenerationOptions, Length, Phase, Progress, Silent, VideoGenerator, WanGenerator,
    long::{LongVideo, Partial, WindowWishes},
};
use support::generator;
use video::Frame;

/// 9 latent frames; in windows of 5 these are 5, 3 and 1 more.
fn options(size: [u32; 2]) -> GenerationOptions {
    GenerationOptions {
        size: Some(size),
        length: Some(Length::Frames(33)),
        num_inference_steps: Some(2),
        ..GenerationOptions::new("a red ball rolls")
    }
}

const WINDOWS: WindowWishes = WindowWishes { seconds: Some(1.0), anti_drift: None };

fn wan() -> WanGenerator {
    WanGenerator::open(&common::goldens().join("model"), &Device::flex()).unwrap()
}

fn long(generator: &dyn VideoGenerator, size: [u32; 2], wishes: WindowWishes) -> LongVideo {
    LongVideo::new(generator, options(size), wishes).unwrap()
}

fn make(
    video: &LongVideo,
    (generator, seed): (&dyn VideoGenerator, u64),
    partial: Option<&Partial>,
    progress: &mut dyn Progress,
) -> Result<Vec<Frame>, GenerationError> {
    let mut frames = Vec::new();
    let mut sink = |frame| {
        frames.push(frame);
        Ok(())
    };
    video.make((generator, seed), partial, &mut sink, progress)?;
    Ok(frames)
}

fn frames(video: &LongVideo, generator: &dyn VideoGenerator, seed: u64) -> Vec<Frame> {
    make(video, (generator, seed), None, &mut Silent).unwrap()
}

/// Stops as soon as a window is begun, and counts the windows.
struct StopAt {
    window: usize,
    seen: Vec<(usize, usize)>,
}

impl Progress for StopAt {
    fn report(&mut self, _: Phase, _: usize, _: usize) -> ControlFlow<()> {
        if self.seen.len() > self.window { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn part(&mut self, index: usize, count: usize) {
        self.seen.push((index, count));
    }
}

#[test]
fn windows_make_a_whole_video_whose_first_one_is_the_video_at_once() {
    let generator = generator();
    let video = long(&generator, [48, 32], WINDOWS);
    assert_eq!((video.num_windows(), video.num_frames()), (3, 33));
    let made = frames(&video, &generator, 1);
    assert_eq!(made.len(), 33);
    assert_eq!(made, frames(&video, &generator, 1));
    assert_ne!(made, frames(&video, &generator, 2));
    let at_once = GenerationOptions { length: Some(Length::Frames(17)), ..options([48, 32]) };
    let at_once = generator.clip(&generator.request(at_once).unwrap(), 1, &mut Silent).unwrap();
    // The last latent frame of a window is led to the next window.
    assert_eq!(made[..13], at_once.frames()[..13]);
    assert_ne!(made[13..17], at_once.frames()[13..]);
}

#[test]
fn a_stopped_video_goes_on_and_is_the_same_with_an_outline_and_without() {
    let (generator, place) = (generator(), tempfile::tempdir().unwrap());
    for size in [[48, 32], [96, 96]] {
        let video = long(&generator, size, WINDOWS);
        assert_eq!(video.window().outline().is_some(), size == [96, 96]);
        let (whole, folder) = (frames(&video, &generator, 3), place.path().join(format!("{size:?}")));
        let open = || Partial::open(&folder, &video.settings(&generator, 3)).unwrap();
        for window in [1, 2] {
            let mut stop = StopAt { window, seen: Vec::new() };
            let stopped = make(&video, (&generator, 3), Some(&open()), &mut stop);
            assert!(matches!(stopped, Err(GenerationError::Interrupted)));
            assert_eq!((open().num_windows(), stop.seen.last()), (window, Some(&(window, 3))));
        }
        assert_eq!(make(&video, (&generator, 3), Some(&open()), &mut Silent).unwrap(), whole, "{size:?}");
        open().remove().unwrap();
        assert!(!folder.exists());
    }
}

#[test]
fn a_camera_moves_on_from_window_to_window_and_a_stopped_one_is_not_gone_on_with_by_another() {
    let (generator, place) = (generator(), tempfile::tempdir().unwrap());
    let video = |camera: &str| {
        let options = GenerationOptions { camera: Some(camera.parse().unwrap()), ..options([48, 32]) };
        LongVideo::new(&generator, options, WINDOWS).unwrap()
    };
    let (still, pan) = (video("still"), video("pan left 30"));
    let (standing, moving) = (frames(&still, &generator, 5), frames(&pan, &generator, 5));
    assert_eq!((standing.len(), moving.len()), (33, 33));
    assert_eq!(standing[0], moving[0], "both begin at the same place");
    // Windows are frames 0 to 16, 17 to 28, and 29 to 32.
    for window in [5..17, 17..29, 29..33] {
        assert_ne!(standing[window.clone()], moving[window.clone()], "{window:?}");
    }
    let open = |video: &LongVideo| Partial::open(place.path(), &video.settings(&generator, 5));
    let mut stop = StopAt { window: 1, seen: Vec::new() };
    make(&pan, (&generator, 5), Some(&open(&pan).unwrap()), &mut stop).unwrap_err();
    assert!(open(&still).unwrap_err().to_string().contains("camera"));
    assert_eq!(make(&pan, (&generator, 5), Some(&open(&pan).unwrap()), &mut Silent).unwrap(), moving);
}

#[test]
fn noise_against_drift_changes_what_follows_and_not_what_is_carried() {
    let generator = generator();
    let with =
        |level| frames(&long(&generator, [48, 32], WindowWishes { anti_drift: Some(level), ..WINDOWS }), &generator, 1);
    let (clean, noised) = (with(0.0), with(0.4));
    // The last latent frame of a window is led to the next window.
    assert_eq!(clean[..13], noised[..13]);
    assert_ne!(clean[17..], noised[17..]);
}

#[test]
fn a_model_of_one_level_and_tiles_rolls_on_too() {
    let generator = wan();
    let video = long(&generator, [48, 32], WINDOWS);
    let made = frames(&video, &generator, 1);
    assert_eq!(made.len(), 33);
    assert_eq!(made, frames(&video, &generator, 1));
    let place = tempfile::tempdir().unwrap();
    let partial = Partial::open(&place.path().join("p"), &video.settings(&generator, 1)).unwrap();
    let stopped = make(&video, (&generator, 1), Some(&partial), &mut StopAt { window: 1, seen: Vec::new() });
    assert!(matches!(stopped, Err(GenerationError::Interrupted)));
    assert_eq!(make(&video, (&generator, 1), Some(&partial), &mut Silent).unwrap(), made);
}

/// The largest difference of a value between two videos of one length.
fn distance(ours: &[Frame], theirs: &[Frame]) -> u8 {
    assert_eq!(ours.len(), theirs.len());
    let values = ours.iter().zip(theirs).flat_map(|(ours, theirs)| ours.rgb().iter().zip(theirs.rgb()));
    values.map(|(ours, theirs)| ours.abs_diff(*theirs)).max().unwrap()
}

#[test]
fn parts_are_decoded_without_a_seam_whole_and_in_tiles() {
    let (own, wan) = (generator(), wan());
    let tiled = wan.clone().with_tile(32);
    let generators: [&dyn VideoGenerator; 3] = [&own, &wan, &tiled];
    for generator in generators {
        let latents: Tensor<5> = diffusion::noise([generator.latent_channels(), 6, 4, 8], &[5], generator.device());
        let mut whole = Vec::new();
        let mut sink = |frame| {
            whole.push(frame);
            Ok(())
        };
        generator.decode(latents.clone(), &mut sink, &mut Silent).unwrap();
        let (mut parts, mut stream) = (Vec::new(), generator.frame_stream());
        for (start, count) in [(0, 2), (2, 3), (5, 1)] {
            let mut sink = |frame| {
                parts.push(frame);
                Ok(())
            };
            stream.push(latents.clone().narrow(2, start, count), &mut sink, &mut Silent).unwrap();
        }
        assert_eq!(whole.len(), 21);
        assert!(distance(&whole, &parts) <= 1, "{}", distance(&whole, &parts));
    }
}

#[test]
fn what_windows_cannot_do_is_refused() {
    let generator = generator();
    let says = |result: Result<LongVideo, GenerationError>, expected: &str| {
        let message = result.unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    };
    let wish = |seconds, anti_drift| WindowWishes { seconds, anti_drift };
    let new = |wishes| LongVideo::new(&generator, options([48, 32]), wishes);
    says(
        new(wish(Some(0.25), None)),
        "a window of 0.25 s is too short to go on from the one before; the shortest is 0.5 s",
    );
    says(new(wish(Some(0.3), None)), "the nearest: 0.25 s or 0.5 s");
    says(new(wish(Some(-1.0), None)), "the shortest is");
    says(new(wish(None, Some(0.6))), "between 0 and 0.5, such as 0.15, but is 0.6");
    says(new(wish(None, Some(f32::NAN))), "but is NaN");
    let camera = GenerationOptions { camera: Some("still".parse().unwrap()), ..options([48, 32]) };
    says(LongVideo::new(&wan(), camera, WINDOWS), "was not told of cameras");
    let ring = GenerationOptions { is_ring: true, ..options([48, 32]) };
    says(LongVideo::new(&generator, ring.clone(), WINDOWS), "is made at once; leave out what is said of windows");
    says(LongVideo::new(&generator, ring, WindowWishes::default()), "is made at once; make it shorter or smaller");
    let large = GenerationOptions { size: Some([1024, 1024]), ..options([48, 32]) };
    assert!(LongVideo::is_needed(&generator, &large).unwrap());
    says(LongVideo::new(&generator, large, WindowWishes::default()), "windows do not help");
    let endless = GenerationOptions { length: Some(Length::Seconds(1e9)), ..options([48, 32]) };
    assert!(LongVideo::is_needed(&generator, &endless).unwrap_err().to_string().contains("the longest is 5400 s"));
    assert!(!LongVideo::is_advised(&generator, &options([48, 32])).unwrap());
    let image = common::Folder::of("i2v");
    let image = WanGenerator::open(Path::new(image.path()), &Device::flex()).unwrap();
    says(LongVideo::new(&image, options([48, 32]), WINDOWS), "begins every clip with an image");
}

#[test]
fn what_is_over_twice_as_long_as_the_model_likes_goes_by_windows() {
    let generator = generator();
    let lasting = |frames| GenerationOptions { length: Some(Length::Frames(frames)), ..options([48, 32]) };
    // The model likes 33 frames.
    assert!(!LongVideo::is_advised(&generator, &lasting(65)).unwrap());
    assert!(LongVideo::is_advised(&generator, &lasting(69)).unwrap());
    assert!(!LongVideo::is_needed(&generator, &lasting(69)).unwrap());
    let ring = GenerationOptions { is_ring: true, ..lasting(69) };
    assert!(!LongVideo::is_advised(&generator, &ring).unwrap());
    let image = common::Folder::of("i2v");
    let image = WanGenerator::open(Path::new(image.path()), &Device::flex()).unwrap();
    assert!(!LongVideo::is_advised(&image, &lasting(4 * 81 + 1)).unwrap());
    let minute = GenerationOptions { length: Some(Length::Seconds(60.0)), ..options([128, 128]) };
    assert!(LongVideo::is_needed(&generator, &minute).unwrap());
    let video = LongVideo::new(&generator, minute, WindowWishes::default()).unwrap();
    assert_eq!((video.num_frames(), video.window().num_frames(), video.num_windows()), (961, 33, 40));
}
