//! Long videos, as somebody would make them with the program: in windows, stopped, and gone on with.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod support;

use std::{fs, process::Stdio, time::Duration};

use support::{Place, names_in};
use video::{ReadLimits, read_clip};

const WINDOWS: [&str; 4] = ["--frames", "49", "--window", "1"];

/// `misora generate` that takes so many steps, and so long enough to be stopped on the way.
fn with_steps<'a>(steps: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = Place::generate_arguments("a red ball", more);
    let place = arguments.iter().position(|argument| *argument == "--steps").unwrap();
    arguments[place + 1] = steps;
    arguments
}

#[test]
fn a_video_in_windows_is_whole_and_leaves_nothing_beside_it() {
    let place = Place::new();
    let made = place.generate("a red ball", &[&WINDOWS[..], &["-o", "a.mp4", "--json"]].concat()).json();
    assert_eq!((&made["frames"], &made["settings"]["windows"]), (&49.into(), &4.into()));
    assert_eq!(made["settings"]["window_frames"], 17);
    assert_eq!(read_clip(&place.path("a.mp4"), &ReadLimits::default()).unwrap().frames().len(), 49);
    place.generate("a red ball", &[&WINDOWS[..], &["-o", "b.mp4", "--anti-drift", "0"]].concat()).fine();
    place.generate("a red ball", &[&WINDOWS[..], &["-o", "c.gif", "--count", "2"]].concat()).fine();
    assert_eq!(place.files(), ["a.mp4", "b.mp4", "c-1.gif", "c-2.gif", "c-sheet.png"]);
    // Into a pipe too, where nothing can be kept beside it.
    let piped = Place::generate_arguments("a red ball", &[&WINDOWS[..], &["-o", "-"]].concat());
    fs::write(place.path("d.mp4"), place.command(&piped).output().unwrap().stdout).unwrap();
    assert!(place.clip("d.mp4") == place.clip("a.mp4"), "the pictures differ");
    assert_eq!(place.files().len(), 6);
}

#[test]
fn a_killed_video_goes_on_and_has_the_same_pictures() {
    let place = Place::new();
    let arguments = |output| with_steps("20", &[&WINDOWS[..], &["-o", output]].concat());
    place.run(&arguments("whole.mp4")).fine();
    // Killed when a window is finished, and then again.
    for window in ["window-00001.safetensors", "window-00003.safetensors"] {
        let mut child = place.command(&arguments("a.mp4")).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while !place.path("a.mp4.partial").join(window).exists() {
            assert!(child.try_wait().unwrap().is_none(), "it ended before it could be killed");
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!place.path("a.mp4").exists());
    }
    // Another request does not go on with it, and says why.
    for (more, expected) in [
        (&["--seed", "5"][..], "another seed: \"0\" there, \"5\" now"),
        (&["--steps", "3"], "another number of steps: \"20\" there, \"3\" now"),
        (&["--anti-drift", "0.2"], "another anti-drift"),
        (&["--window", "0.75"], "another window: \"17 frames\" there, \"13 frames\" now"),
    ] {
        let mut other = arguments("a.mp4");
        for pair in more.chunks(2) {
            match other.iter().position(|argument| *argument == pair[0]) {
                Some(place) => other[place + 1] = pair[1],
                None => other.extend(pair),
            }
        }
        place.run(&other).refused(expected);
    }
    place.run(&arguments("a.mp4")).fine();
    assert!(place.clip("a.mp4") == place.clip("whole.mp4"), "the pictures differ");
    assert!(!place.path("a.mp4.partial").exists());
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_what_can_be_gone_on_with() {
    let place = Place::new();
    let arguments = with_steps("40", &[&WINDOWS[..], &["-o", "a.mp4"]].concat());
    let child = place.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while !place.path("a.mp4.partial/window-00001.safetensors").exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let process = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &process]).status().unwrap().success());
    let ran = support::Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(130));
    assert!(ran.stderr.contains("of 4 windows done; the same command goes on"), "{}", ran.stderr);
    assert_eq!(place.files(), ["a.mp4.partial"]);
    assert!(names_in(&place.path("a.mp4.partial")).contains(&"settings.json".to_owned()));
}

#[test]
fn what_is_too_long_for_once_goes_by_windows_unless_somebody_minds() {
    let place = Place::new();
    let long = ["--frames", "1041", "--guidance", "1"];
    let at_once = [&long[..], &["--at-once", "-o", "b.gif"]].concat();
    place.generate("a red ball", &at_once).refused("without --at-once it is made in windows");
    let short = ["--frames", "9", "--anti-drift", "0.1", "-o", "b.gif"];
    place.generate("a red ball", &short).refused("--anti-drift is for videos in windows");
    place.generate("a red ball", &[&WINDOWS[..], &["--at-once"]].concat()).wrong_usage("cannot be used with");
    place.generate("a red ball", &["--frames", "49", "--window", "0.25"]).refused("the shortest is 0.5 s");
    let large = ["--size", "1024x1024", "--frames", "33", "-o", "b.gif"];
    place.generate("a red ball", &large).refused("windows do not help");
    assert!(place.files().is_empty(), "{:?}", place.files());
}

#[test]
fn a_folder_of_somebody_else_is_left_alone() {
    let place = Place::new();
    fs::create_dir(place.path("a.mp4.partial")).unwrap();
    fs::write(place.path("a.mp4.partial/mine.txt"), "mine").unwrap();
    let arguments = [&WINDOWS[..], &["-o", "a.mp4"]].concat();
    place.generate("a red ball", &arguments).refused("is in the way of an unfinished video");
    assert_eq!(place.read("a.mp4.partial/mine.txt"), b"mine");
}

#[test]
fn a_wan_model_rolls_on_too() {
    let place = Place::new();
    let model = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../wan/tests/goldens/model");
    let model = model.to_str().unwrap();
    let arguments = ["generate", "a red ball", "--model", model, "--steps", "2", "--size", "48x32", "-o", "a.gif"];
    let made = place.run(&[&arguments[..], &WINDOWS, &["--json", "--preview", "look.gif"]].concat()).json();
    assert_eq!((&made["frames"], &made["settings"]["windows"]), (&49.into(), &4.into()));
    assert_eq!(place.files(), ["a.gif", "look.gif"]);
}
