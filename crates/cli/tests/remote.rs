//! `--server`: every command that makes videos has them made by a server, with the same files here.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]
#![cfg(unix)]

mod support;

use std::{
    fs,
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::Value;
use support::{
    Place, Ran,
    serving::{PATIENCE, Serving},
};

/// `misora ARGUMENTS --server URL`, few steps, with the server's answer as JSON.
fn run(place: &Place, server: &Serving, arguments: &[&str]) -> Ran {
    let mut command = place.command(arguments);
    command.args(["--server", server.base(), "--steps", "2"]);
    command.output().unwrap().into()
}

fn has_frames(place: &Place, file: &str, frames: u64) {
    assert_eq!(place.run(&["info", file, "--json"]).json()["frames"], frames, "{file}");
}

#[test]
fn every_command_has_its_video_made_by_a_server() {
    let place = Place::new();
    let server = Serving::start(&place, "log");
    let prompt = "a red ball rolls across the grass";
    let said = run(&place, &server, &["generate", prompt, "--size", "48x32", "--frames", "9", "--seed", "3"]).fine();
    assert!(
        said.starts_with("a-red-ball-rolls-across-the-grass.mp4: 48x32, 9 frames, 0.56 s at 16 fps, seed 3, made in"),
        "{said}"
    );
    run(&place, &server, &["generate", prompt, "--size", "48x32", "--frames", "9", "--seed", "3", "-o", "ball.mp4"])
        .fine();
    let again = place.clip("a-red-ball-rolls-across-the-grass.mp4");
    assert!(place.clip("ball.mp4") == again, "the same request made other pictures");
    place.run(&["recut", "ball.mp4", "--to", "0", "-o", "first.png"]).fine();
    let story = "[[card]]\nfrom = 0\nto = 0.5\nprompt = \"a red ball\"\n[[card]]\nfrom = 0.5\nto = 1\nimage = \"first.png\"\nprompt = \"a cube\"";
    fs::write(place.path("story.toml"), story).unwrap();
    for (arguments, file, frames) in [
        (&["animate", "first.png", prompt, "--frames", "5", "--size", "48x32"][..], "a.mp4", 5),
        (&["extend", "ball.mp4", prompt, "--forward", "0.25", "--backward", "0.25"], "e.mp4", 17),
        (&["remix", "ball.mp4", prompt, "--strength", "0.5"], "r.mp4", 9),
        (&["inpaint", "ball.mp4", prompt, "--box", "8,8,16,16", "--from", "0.2"], "i.mp4", 9),
        (&["inpaint", "ball.mp4", prompt, "--mask", "first.png"], "m.mp4", 9),
        (&["generate", prompt, "--size", "48x32", "--frames", "9", "--loop"], "g.gif", 8),
        (&["loop", "ball.mp4", prompt, "--over", "0.25"], "l.gif", 13),
        (&["blend", "ball.mp4", "ball.mp4", prompt, "--over", "0.25"], "b.mp4", 22),
        (&["blend", "ball.mp4", "ball.mp4", prompt, "--over", "0.25", "--mix", "--strength", "0.4"], "x.mp4", 14),
        (&["storyboard", "story.toml", "--size", "48x32"], "s.mp4", 16),
    ] {
        run(&place, &server, &[arguments, &["-o", file]].concat()).fine();
        has_frames(&place, file, frames);
    }
    run(&place, &server, &["generate", prompt, "--size", "48x32", "-o", "still.png"]).fine();
    let sheet = ["generate", prompt, "--size", "48x32", "--frames", "5", "--count", "2", "-o", "many.mp4", "--json"];
    let report = run(&place, &server, &sheet).json();
    assert_eq!((report["videos"].as_array().unwrap().len(), &report["videos"][1]["seed"]), (2, &Value::from(1)));
    for file in ["many-1.mp4", "many-2.mp4", "many-sheet.png", "still.png"] {
        assert!(place.path(file).exists(), "{file}");
    }
    let bytes = run(&place, &server, &["generate", prompt, "--size", "48x32", "--frames", "5", "-o", "-"]);
    assert!(bytes.code == Some(0) && &bytes.stdout[4..8] == b"ftyp");
    assert!(!place.files().iter().any(|name| name.contains(".part")), "{:?}", place.files());
}

#[test]
fn what_a_server_cannot_do_is_said_in_one_line() {
    let place = Place::new();
    let prompt = "a red ball";
    let to = |url: &str, more: &[&str]| place.run(&[&["generate", prompt, "--server", url], more].concat());
    to("http://127.0.0.1:9", &[]).refused("http://127.0.0.1:9 does not answer");
    to("nowhere", &[]).refused("is no address");
    for option in
        [&["--model", "model"][..], &["--precision", "int8"], &["--no-visible-label"], &["--lora", "a.safetensors"]]
    {
        to("http://127.0.0.1:9", option).refused(&format!("{} is not sent to a server", option[0]));
    }
    to("http://127.0.0.1:9", &["-o", "nowhere/a.mp4"]).refused("the folder nowhere does not exist");
    place.run(&["remix", "missing.mp4", prompt, "--server", "http://127.0.0.1:9"]).refused("cannot read missing.mp4");

    let key = place.run(&["keys", "add", "me", "--data", "data"]).fine().trim().to_owned();
    let server = Serving::start(&place, "log");
    let with_key = |key: &str, more: &[&str]| -> Ran {
        let mut command = place.command(&[&["generate", prompt, "--size", "48x32", "--steps", "2"], more].concat());
        command.env("MISORA_SERVER", server.base()).env("MISORA_API_KEY", key).output().unwrap().into()
    };
    with_key("", &[]).refused("put one in MISORA_API_KEY");
    with_key("msk_wrong", &[]).refused("put one in MISORA_API_KEY");
    with_key(&key, &["--frames", "6"]).refused("refuses: seconds: ");
    with_key(&key, &["--seconds", "0.25", "-o", "a.png"]).refused("a picture has one frame");
    with_key(&key, &["--frames", "5", "-o", "fine.mp4"]).fine();
    assert_eq!(place.files(), ["data", "fine.mp4", "log"]);
}

#[test]
fn whoever_stops_waiting_tells_the_server() {
    let place = Place::new();
    let server = Serving::start(&place, "log");
    let arguments =
        ["generate", "a red ball", "--size", "48x32", "--frames", "33", "--steps", "1000", "--server", server.base()];
    let mut child = place.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    let first = || server.json("GET", "/v1/videos", None).unwrap()["data"][0].clone();
    while first()["status"] != "in_progress" {
        assert!(begun.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(first()["error"]["code"], "cancelled");
    assert_eq!(place.files(), ["data", "log"]);
}
