//! Stories with tiny random models: given frames stay, and everything has its place.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod common;
mod support;

use burn::tensor::Device;
use generation::{
    GenerationOptions, Silent, VideoGenerator, WanGenerator,
    storyboard::{Media, Story, StoryFile, Storyboard},
};
use support::generator;
use video::{Clip, Fit, Frame, FrameRate, Resolution};

const STORY: &str = r#"
prompt = "at noon"
[things]
ball = "a red ball"
[[card]]
name = "opening"
from = 0
to = 0.5
prompt = "{ball} rolls"
[[card]]
from = 0.5
to = 0.875
prompt = "{ball} falls"
join = "passage"
[[card]]
from = 0.875
to = 1.375
clip = "clip.mp4"
join = "passage"
[[card]]
from = 1.375
to = 1.75
prompt = "{ball} bounces"
reference = "opening"
reference_at = 0.25
[[card]]
from = 1.75
to = 2.25
prompt = "a blue cube"
image = "picture.png"
at = 0.25
join = "passage"
"#;

fn picture(size: &str, shade: u8) -> Frame {
    let mut frame = Frame::filled(size.parse::<Resolution>().unwrap(), [shade, 90, 30]);
    frame.rgb_mut()[..60].fill(shade / 2);
    frame
}

fn media(size: &str) -> Media {
    let rate = FrameRate::new(16, 1).unwrap();
    let clip = Clip::new((0..8).map(|frame| picture(size, 20 * frame)).collect(), rate).unwrap();
    Media::from([("clip.mp4".into(), clip), ("picture.png".into(), Clip::new(vec![picture(size, 200)], rate).unwrap())])
}

fn story(size: &str) -> Story {
    Story::new(&StoryFile::parse(STORY).unwrap(), &media(size), FrameRate::new(12, 1).unwrap()).unwrap()
}

fn wishes() -> GenerationOptions {
    GenerationOptions { size: Some([48, 32]), num_inference_steps: Some(2), ..GenerationOptions::default() }
}

fn told(generator: &dyn VideoGenerator, seed: u64) -> Vec<Frame> {
    let board = Storyboard::new(&story("48x32"), (generator, &wishes()), None).unwrap();
    let mut frames = Vec::new();
    let mut sink = |frame| {
        frames.push(frame);
        Ok(())
    };
    board.make((generator, seed), &mut sink, &mut Silent).unwrap();
    assert_eq!(frames.len(), board.num_frames());
    frames
}

#[test]
fn a_story_has_all_its_frames_and_clips_come_as_they_are() {
    let (own, wan) = (generator(), WanGenerator::open(&common::goldens().join("model"), &Device::flex()).unwrap());
    let generators: [&dyn VideoGenerator; 2] = [&own, &wan];
    for generator in generators {
        let frames = told(generator, 1);
        assert_eq!(frames.len(), 36);
        assert_eq!(frames[14..22], media("48x32")[std::path::Path::new("clip.mp4")].frames()[..]);
        assert_eq!(frames, told(generator, 1));
        assert_ne!(frames, told(generator, 2));
    }
}

#[test]
fn a_card_that_takes_up_another_one_begins_with_its_frame() {
    let generator = generator();
    let frames = told(&generator, 1);
    // As the autoencoder renders it: nearer than to any other frame of the opening would be chance.
    let pixels = generation::pixels::pixels_from_frames(&frames[4..5], &Device::flex());
    let autoencoder = &generator.bundle().autoencoder;
    let rendered = autoencoder.decode(autoencoder.encode(pixels));
    let expected = generation::pixels::frames_from_pixels(rendered).unwrap();
    let largest = frames[22].rgb().iter().zip(expected[0].rgb()).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
    assert!(largest <= 1, "{largest}");
}

#[test]
fn prompts_hold_what_is_shared_and_passages_see_what_is_around() {
    let generator = generator();
    let board = Storyboard::new(&story("48x32"), (&generator, &wishes()), None).unwrap();
    let asked: Vec<_> = board.requests().map(|request| (request.prompt(), request.num_frames())).collect();
    let expected = [
        ("a red ball rolls, at noon", 9),
        // Five frames of the card before, eight new ones of which six are taken, eight of the clip.
        ("a red ball falls, at noon", 21),
        ("a red ball bounces, at noon", 9),
        ("a blue cube, at noon", 13),
    ];
    assert_eq!(asked, expected);
}

#[test]
fn pictures_of_another_shape_want_a_choice_and_cards_a_length_that_fits() {
    let generator = generator();
    let board = |fit| Storyboard::new(&story("64x64"), (&generator, &wishes()), fit);
    let message = board(None).unwrap_err().to_string();
    assert!(message.starts_with("card 2: ") && message.contains("choose crop, pad or stretch"), "{message}");
    for fit in Fit::ALL {
        assert_eq!(board(Some(fit)).unwrap().num_frames(), 36);
    }
    let long = "[[card]]\nfrom = 0\nto = 40\nprompt = \"a red ball\"";
    let long = Story::new(&StoryFile::parse(long).unwrap(), &Media::new(), FrameRate::new(16, 1).unwrap()).unwrap();
    let large = GenerationOptions { size: Some([256, 256]), ..wishes() };
    let message = Storyboard::new(&long, (&generator, &large), None).unwrap_err().to_string();
    assert!(message.starts_with("card 1: ") && message.ends_with("with join = \"passage\""), "{message}");
}
