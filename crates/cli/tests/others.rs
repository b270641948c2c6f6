//! The other commands: worlds, data sets, training, completions.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod support;

use std::fs;

use support::{Place, names_in};

#[test]
fn worlds_are_rendered_as_wished_with_captions_and_truth() {
    let place = Place::new();
    let wish = ["worlds", "render", "--motion", "roll", "--colour", "red", "--shape", "ball", "--place", "grass"];
    let how = ["--daytime", "noon", "--weather", "clear", "--look", "natural", "--camera", "still", "--seed", "4"];
    let film = ["--size", "48x32", "--frames", "6", "--fps", "12", "-o", "roll.mp4", "--truth", "truth"];
    let said = place.run(&[&wish[..], &how, &film].concat()).fine();
    assert!(said.lines().count() == 5 && said.lines().next().unwrap().contains("red"), "{said}");
    assert!(said.contains("球") && said.ends_with("roll.mp4: 48x32, 6 frames at 12 fps\n"), "{said}");

    let truth: serde_json::Value = serde_json::from_slice(&place.read("truth/truth.json")).unwrap();
    assert_eq!((truth["frames"].as_array().unwrap().len(), &truth["labels"]["colour"]), (6, &"red".into()));
    assert_eq!(names_in(&place.path("truth")).len(), 7);
    let film = place.run(&[&wish[..], &how, &["--size", "48x32", "-o", "still.png", "--json"]].concat()).json();
    assert_eq!((&film["frames"], &film["labels"]["motion"]), (&1.into(), &"roll".into()));
}

#[test]
fn senseless_worlds_are_refused() {
    let place = Place::new();
    let render = |arguments: &[&str]| place.run(&[&["worlds", "render"], arguments].concat());
    render(&["--motion", "roll", "--shape", "cube"]).refused("no world fits these wishes");
    render(&["--frames", "0"]).refused("at least one frame");
    render(&["--frames", "1000000000"]).refused("seconds");
    render(&["--colour", "pink"]).wrong_usage("possible values: red");
    render(&["--size", "0x0"]).wrong_usage("size");
    render(&["-o", "a.png", "--frames", "3"]).refused("a picture has one frame, not 3");
    render(&["-o", "no/where.mp4"]).refused("make the folder no first");
    assert!(place.files().is_empty());
}

#[test]
fn data_sets_are_written_gone_on_with_and_verified() {
    let place = Place::new();
    let build = |count: &str| {
        let buckets = ["--bucket", "48x32x5", "--bucket", "32x32x1:0.5", "--images", "0.3", "--preset", "simple"];
        place.run(&[&["worlds", "dataset", "-o", "data", "--count", count], &buckets[..]].concat()).fine()
    };
    assert_eq!(build("6"), "data: 6 samples in 1 shard\n");
    assert_eq!(build("9"), "data: 9 samples in 2 shards\n");
    assert_eq!(place.run(&["dataset", "verify", "data"]).fine(), "data: 9 samples in 2 shards, complete\n");

    let shard = place.path("data/shard-000001.tar");
    let whole = fs::read(&shard).unwrap();
    fs::write(&shard, &whole[..whole.len() / 2]).unwrap();
    let ran = place.run(&["dataset", "verify", "data"]);
    assert_eq!(ran.code, Some(1));
    assert!(String::from_utf8(ran.stdout).unwrap().contains("shard-000001.tar: the shard is cut short"));
    assert!(ran.stderr.contains("3 samples lost"), "{}", ran.stderr);
    place.run(&["dataset", "verify", "nowhere"]).refused("nowhere");
    place.run(&["worlds", "dataset", "-o", "new", "--count", "0"]).refused("at least 1");
    place.run(&["worlds", "dataset", "-o", "new", "--count", "1", "--bucket", "x"]).wrong_usage("WIDTHxHEIGHTxFRAMES");
}

#[test]
fn info_says_what_a_file_is() {
    let place = Place::new();
    place.generate("a red ball", &["-o", "a.mp4", "--frames", "9"]).fine();
    let text = place.run(&["info", "a.mp4"]).fine();
    assert!(text.starts_with("a.mp4: video (h264), 48x32, 9 frames, 16 fps, 0.56 s"), "{text}");
    let info = place.run(&["info", "a.mp4", "--json"]).json();
    assert_eq!((&info["width"], &info["frames"], &info["fps"]), (&48.into(), &9.into(), &"16".into()));
}

#[test]
fn recipes_that_are_none() {
    let place = Place::new();
    place.run(&["train", "nowhere.toml"]).refused("nowhere.toml");
    fs::write(place.path("bad.toml"), "name = 3").unwrap();
    let ran = place.run(&["train", "bad.toml"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("recipe"), "{}", ran.stderr);
}

#[test]
fn a_training_step_is_timed() {
    let place = Place::new();
    let small = ["--width", "16", "--layers", "1", "--heads", "2", "--clips", "2", "--tokens", "4", "--repeat", "2"];
    let times = place.run(&[&["bench", "train-step"], &small[..]].concat()).json();
    assert_eq!(times["seconds"].as_array().unwrap().len(), 2);
    place.run(&["bench", "train-step", "--heads", "7"]).refused("cannot be shared by 7 heads");
}

#[test]
fn help_and_completions_know_every_command() {
    let place = Place::new();
    let help = place.run(&["--help"]).fine();
    for command in ["generate", "models", "info", "worlds", "dataset", "train", "evaluate", "bench", "completions"] {
        assert!(help.contains(&format!("  {command} ")), "{command}");
        assert!(place.run(&["help", command]).fine().contains("Usage: misora"));
    }
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(place.run(&["completions", shell]).fine().contains("generate"));
    }
    place.run(&["completions", "cmd"]).wrong_usage("possible values");
}
