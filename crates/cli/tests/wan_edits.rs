//! Every command that makes videos, on a tiny random Wan: it runs, and what is to be kept is kept.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod support;

use std::{fs, path::Path};

use support::Place;
use video::{Clip, Frame, ReadLimits, Resolution, read_clip, write_clip};

/// A clip of a moving square, as PNG files in a folder, so that nothing is lost.
fn clip(place: &Place, name: &str, num_frames: usize) -> Vec<Frame> {
    let size: Resolution = "32x32".parse().unwrap();
    let frame = |number: usize| {
        let mut frame = Frame::filled(size, [30, 120, 60]);
        for (index, pixel) in frame.rgb_mut().chunks_exact_mut(3).enumerate() {
            if (8..20).contains(&(index / 32)) && (number..number + 12).contains(&(index % 32)) {
                pixel.copy_from_slice(&[200, 30, number as u8]);
            }
        }
        frame
    };
    let clip = Clip::new((0..num_frames).map(frame).collect(), "16".parse().unwrap()).unwrap();
    write_clip(&clip, &place.path(name)).unwrap();
    clip.into_frames()
}

/// Runs a command on the model, and reads what it made.
fn make(place: &Place, command: &[&str]) -> Vec<Frame> {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wan/tests/goldens/model");
    let output = format!("{}-{}", command[0], place.files().len());
    let more = ["--model", model.to_str().unwrap(), "--steps", "2", "--no-visible-label", "-o", &output];
    place.run(&[command, &more[..]].concat()).fine();
    read_clip(&place.path(&output), &ReadLimits::default()).unwrap().into_frames()
}

#[test]
fn pictures_come_to_life_and_clips_go_on() {
    let place = Place::new();
    let given = clip(&place, "clip", 10);
    let animated = make(&place, &["animate", "clip/frame_0001.png", "a ball", "--size", "32x32", "--frames", "9"]);
    assert_eq!(animated.len(), 9);
    let extended = make(&place, &["extend", "clip", "a ball", "--forward", "0.3", "--backward", "0.3"]);
    let first = extended.windows(given.len()).position(|frames| frames == given).unwrap();
    assert!(first > 0 && first + given.len() < extended.len());
    let round = make(&place, &["loop", "clip", "a ball", "--over", "0.3"]);
    assert_eq!(round[..10], given[..]);
    assert!(round.len() > 10);
}

#[test]
fn clips_are_joined_mixed_and_made_anew() {
    let place = Place::new();
    let (first, second) = (clip(&place, "clip", 10), clip(&place, "other", 9));
    let joined = make(&place, &["blend", "clip", "other", "a ball", "--over", "0.3"]);
    assert_eq!((&joined[..10], &joined[joined.len() - 9..]), (&first[..], &second[..]));
    let mixed = make(&place, &["blend", "clip", "other", "a ball", "--mix", "--over", "0.15"]);
    assert_eq!((&mixed[..6], &mixed[10..]), (&first[..6], &second[4..]));
    assert_ne!(mixed[6..10], first[6..]);
    let remixed = make(&place, &["remix", "clip", "a ball", "--strength", "0.5"]);
    assert_eq!(remixed.len(), 10);
    let inpainted = make(&place, &["inpaint", "clip", "a ball", "--box", "16,8,16,16"]);
    for (made, given) in inpainted.iter().zip(&first) {
        let pixels = made.rgb().chunks_exact(3).zip(given.rgb().chunks_exact(3)).enumerate();
        let outside = |index: usize| index % 32 < 16 || !(8..24).contains(&(index / 32));
        assert!(pixels.clone().all(|(index, (made, given))| !outside(index) || made == given));
    }
    assert_ne!(inpainted, first);
}

#[test]
fn stories_long_videos_and_rings_are_made() {
    let place = Place::new();
    let given = clip(&place, "clip", 12);
    let story = "fps = 24\n[[card]]\nfrom = 0\nto = 0.5\nclip = \"clip\"\n\
                 [[card]]\nfrom = 0.5\nto = 1\nprompt = \"a ball\"\njoin = \"passage\"";
    fs::write(place.path("story.toml"), story).unwrap();
    let told = make(&place, &["storyboard", "story.toml", "--size", "32x32"]);
    assert!(told[..12] == given[..] && told.len() > 12);
    let generate = ["generate", "a ball", "--size", "32x32", "--fps", "16"];
    let long = make(&place, &[&generate[..], &["--frames", "33", "--window", "1"]].concat());
    assert_eq!(long.len(), 33);
    let ring = make(&place, &[&generate[..], &["--frames", "17", "--loop"]].concat());
    assert_eq!(ring.len(), 16);
}

#[test]
fn what_it_was_not_taught_is_refused() {
    let place = Place::new();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wan/tests/goldens/model");
    for (option, value, expected) in
        [("--camera", "pan left 10", "was not told of cameras"), ("--motion", "ball: 0.2,0.5 -> 0.8,0.5", "such ways")]
    {
        let command = ["generate", "a ball", "--size", "32x32", "--model", model.to_str().unwrap(), option, value];
        place.run(&command).refused(expected);
    }
}
