//! `misora generate` as a user meets it: outputs of every kind, always the same pictures.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod support;

use std::io::Write;
use std::process::Stdio;

use serde_json::json;
use support::{Place, names_in};
use video::{MediaInfo, probe};

fn about(place: &Place, name: &str) -> MediaInfo {
    probe(&place.path(name)).unwrap()
}

#[test]
fn the_same_command_gives_the_same_pictures_and_another_seed_others() {
    let place = Place::new();
    for (name, seed) in [("a.mp4", "7"), ("b.mp4", "7"), ("c.mp4", "8")] {
        let said = place.generate("a red ball rolls", &["--output", name, "--frames", "9", "--seed", seed]).fine();
        assert!(said.starts_with(&format!("{name}: 48x32, 9 frames, 0.56 s at 16 fps, seed {seed}")), "{said}");
    }
    assert_eq!(place.clip("a.mp4"), place.clip("b.mp4"));
    assert_ne!(place.clip("a.mp4"), place.clip("c.mp4"));
    let info = about(&place, "a.mp4");
    assert_eq!(
        (info.resolution.to_string().as_str(), info.frame_count, info.codec.as_str()),
        ("48x32", Some(9), "h264")
    );
}

#[test]
fn the_model_that_is_built_in_makes_a_still() {
    let place = Place::new();
    let command = ["generate", "a red ball", "--size", "64x64", "--steps", "2", "--output", "a.png"];
    place.run(&command).fine();
    assert_eq!(about(&place, "a.png").resolution.to_string(), "64x64");
}

#[test]
fn the_ending_says_the_format() {
    let place = Place::new();
    for output in ["clip.gif", "still.png", "still.jpg", "frames"] {
        place.generate("a red ball", &["-o", output, "--size", "32x48"]).fine();
    }
    let frames = |name| about(&place, name).frame_count;
    assert_eq!((frames("clip.gif"), frames("still.png"), frames("still.jpg")), (Some(33), Some(1), Some(1)));
    assert_eq!(names_in(&place.path("frames")).len(), 33);
    assert_eq!(place.files(), ["clip.gif", "frames", "still.jpg", "still.png"]);
}

#[test]
fn seconds_and_frame_rate_decide_the_length() {
    let place = Place::new();
    place.generate("a red ball", &["-o", "a.mp4", "--seconds", "1", "--fps", "24"]).fine();
    let info = about(&place, "a.mp4");
    assert_eq!((info.frame_count, info.frame_rate.unwrap().to_string().as_str()), (Some(25), "24"));
}

#[test]
fn without_a_name_the_prompt_gives_one_that_is_free() {
    let place = Place::new();
    for _ in 0..2 {
        place.generate("A red ball, rolling!", &["--frames", "5"]).fine();
    }
    place.generate("一个红色的球", &["--frames", "5"]).fine();
    assert_eq!(place.files(), ["a-red-ball-rolling-2.mp4", "a-red-ball-rolling.mp4", "一个红色的球.mp4"]);
}

#[test]
fn several_seeds_give_numbered_files_and_a_contact_sheet() {
    let place = Place::new();
    let report = place
        .generate("a red ball", &["-o", "ball.mp4", "--frames", "5", "--count", "3", "--seed", "10", "--json"])
        .json();
    assert_eq!(place.files(), ["ball-1.mp4", "ball-2.mp4", "ball-3.mp4", "ball-sheet.png"]);
    assert_eq!(report["contact_sheet"], "ball-sheet.png");
    let videos = report["videos"].as_array().unwrap();
    assert_eq!((videos.len(), &videos[2]["file"], &videos[2]["seed"]), (3, &"ball-3.mp4".into(), &12.into()));
    place.generate("a red ball", &["-o", "alone.mp4", "--frames", "5", "--seed", "12"]).fine();
    assert_eq!(place.clip("alone.mp4"), place.clip("ball-3.mp4"));
}

#[test]
fn json_says_what_was_made_and_how() {
    let place = Place::new();
    let options = ["-o", "a.mp4", "--frames", "5", "--sampler", "euler", "--guidance", "2.5", "--negative", "a cube"];
    let report = place.generate("  a red ball ", &[&options[..], &["--seed", "3", "--json"]].concat()).json();
    let found = ["file", "seed", "size", "frames"].map(|key| report[key].clone());
    assert_eq!(found, [json!("a.mp4"), json!(3), json!("48x32"), json!(5)]);
    assert!(report["seconds_taken"].as_f64().unwrap() > 0.0);
    let settings = &report["settings"];
    assert_eq!((&settings["prompt"], &settings["negative_prompt"]), (&"a red ball".into(), &"a cube".into()));
    assert_eq!((&settings["sampler"], &settings["steps"]), (&"euler".into(), &2.into()));
    assert_eq!(settings["guidance"]["guidance_scale"], 2.5);
}

#[test]
fn a_prompt_may_come_from_standard_input_and_the_video_go_to_standard_output() {
    let place = Place::new();
    let arguments = Place::generate_arguments("-", &["--output", "-", "--frames", "5"]);
    let mut child =
        place.command(&arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all("一个红色的球\n".as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()));
    place.generate("一个红色的球", &["-o", "a.mp4", "--frames", "5"]).fine();
    std::fs::write(place.path("b.mp4"), output.stdout).unwrap();
    assert_eq!(place.clip("a.mp4"), place.clip("b.mp4"));
}

#[test]
fn an_existing_file_is_replaced_only_by_a_whole_one() {
    let place = Place::new();
    std::fs::write(place.path("a.mp4"), "precious").unwrap();
    place.generate("a red ball", &["-o", "a.mp4", "--frames", "6"]).refused("the nearest that work are 5 and 9");
    assert_eq!(place.read("a.mp4"), b"precious");
    place.generate("a red ball", &["-o", "a.mp4", "--frames", "5"]).fine();
    assert_eq!(about(&place, "a.mp4").frame_count, Some(5));
}

#[test]
fn a_preview_shows_the_clip_while_it_forms() {
    let place = Place::new();
    // A still of the tiny model's noise: what matters is that there is a picture, of a fourth of the scale.
    place.generate("a red ball", &["-o", "a.mp4", "--frames", "9", "--preview", "look.gif"]).fine();
    let look = place.run(&["info", "look.gif", "--json"]).json();
    assert_eq!((&look["width"], &look["height"], &look["frames"]), (&24.into(), &16.into(), &3.into()));
    let with = place.clip("a.mp4");
    place.generate("a red ball", &["-o", "a.mp4", "--frames", "9"]).fine();
    assert_eq!(with, place.clip("a.mp4"), "looking changes nothing");
    place.generate("a red ball", &["-o", "a.mp4", "--frames", "9", "--preview", "look.png"]).fine();
    assert!(place.run(&["info", "look.png"]).fine().contains("80x20"));

    place.generate("a red ball", &["-o", "b.mp4", "--preview"]).refused("name a file instead");
    place.generate("a red ball", &["-o", "b.mp4", "--preview", "look.txt"]).refused("look.txt");
    place.generate("a red ball", &["-o", "b.mp4", "--preview", "no/look.gif"]).refused("does not exist");
    assert_eq!(place.files(), ["a.mp4", "look.gif", "look.png"]);
}
