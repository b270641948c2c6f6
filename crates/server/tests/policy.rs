//! What the policy refuses of a server: texts, pictures that are given, and finished videos.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod support;

use std::{path::Path, sync::Arc};

use provenance::moderation::{Moderator, Policy};
use serde_json::{Value, json};
use server::ServerConfig;
use support::{Part, Running, config, files, small};
use video::{Frame, Resolution, still::encode_png};

fn start(folder: &Path, policy: Arc<Policy>) -> Running {
    Running::start(ServerConfig { policy: Arc::new(Moderator::new(policy)), ..config(folder) })
}

fn nothing_is_left(server: &Running, folder: &Path) {
    assert!(server.get("/v1/videos").fine()["data"].as_array().unwrap().is_empty());
    assert!(files(&folder.join("videos")).is_empty() && files(&folder.join("scratch")).is_empty());
}

#[test]
fn texts_are_judged_before_a_job_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), Policy::standard().unwrap());
    for (order, category) in [
        (json!({ "prompt": "a naked man" }), "sexual"),
        (json!({ "prompt": "n.a.k.e.d" }), "sexual"),
        (json!({ "prompt": "a 裸 体 statue of nobody" }), "sexual"),
        (json!({ "prompt": "Taylor Swift sings" }), "likeness"),
        (json!({ "prompt": "a woman", "negative_prompt": "clothes" }), "sexual"),
    ] {
        let answer = server.post("/v1/videos", &small(&order));
        let message = answer.refused(400, "moderation_blocked");
        let error = &answer.json()["error"];
        assert_eq!((&error["param"], &error["type"]), (&Value::from("prompt"), &Value::from("invalid_request_error")));
        assert!(message.contains(category) && !message.contains("nobody"), "{message}");
    }
    nothing_is_left(&server, folder.path());
    let video = server.completed(&server.create(&json!({ "prompt": "a shooting star" })));
    let remix = format!("/v1/videos/{}/remix", video["id"].as_str().unwrap());
    server.post(&remix, &json!({ "prompt": "a naked man" })).refused(400, "moderation_blocked");
    let extend = [("prompt", Part::Text("a naked man")), ("seconds", Part::Text("1")), ("video", Part::File(b"x"))];
    server.form("/v1/videos/extensions", &extend).refused(400, "moderation_blocked");
}

#[cfg(unix)]
fn judging(script: &str, finished: bool) -> Arc<Policy> {
    let text = format!(
        "name = \"test\"\nimage_command = [\"sh\", \"-c\", '''cat > /dev/null; {script}''']\nimage_finished = {finished}\n\
         [[category]]\nid = \"gore\"\nexplanation = \"too cruel\"\nimage_threshold = 0.5\n"
    );
    Arc::new(Policy::parse(&text).unwrap())
}

#[test]
#[cfg(unix)]
fn pictures_that_are_given_are_judged() {
    let picture = encode_png(&Frame::filled(Resolution::new(64, 64).unwrap(), [200, 30, 30])).unwrap();
    let order = [
        ("prompt", Part::Text("a ball")),
        ("size", Part::Text("64x64")),
        ("num_frames", Part::Text("5")),
        ("num_inference_steps", Part::Text("2")),
        ("input_reference", Part::File(&picture)),
    ];
    for (script, status, code) in [
        ("echo '{\"gore\": 0.9}'", 400, "moderation_blocked"),
        ("echo rubbish", 503, "moderation_unavailable"),
        ("exit 1", 503, "moderation_unavailable"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let server = start(folder.path(), judging(script, false));
        let answer = server.form("/v1/videos", &order);
        let message = answer.refused(status, code);
        assert!(!message.contains(&*folder.path().to_string_lossy()), "{message}");
        if status == 400 {
            assert_eq!(answer.json()["error"]["param"], "input_reference");
            assert!(message.contains("too cruel"), "{message}");
        }
        nothing_is_left(&server, folder.path());
    }
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), judging("echo '{\"gore\": 0.1}'", false));
    server.completed(&server.form("/v1/videos", &order).fine());
    let broken = [("prompt", Part::Text("a ball")), ("input_reference", Part::File(b"no picture"))];
    server.form("/v1/videos", &broken).refused(400, "invalid_value");
}

#[test]
#[cfg(unix)]
fn finished_videos_are_judged_before_they_can_be_fetched() {
    for (script, message) in [("echo '{\"gore\": 0.9}'", "too cruel"), ("exit 1", "none is kept unjudged")] {
        let folder = tempfile::tempdir().unwrap();
        let server = start(folder.path(), judging(script, true));
        let video = server.finished(&server.create(&json!({})));
        assert_eq!(
            (&video["status"], &video["error"]["code"]),
            (&"failed".into(), &"moderation_blocked".into()),
            "{video}"
        );
        assert!(video["error"]["message"].as_str().unwrap().contains(message), "{video}");
        let made = files(&folder.path().join("videos"));
        assert!(made.iter().all(|path| !path.to_string_lossy().contains("made-")), "{made:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), judging("echo '{\"gore\": 0.1}'", true));
    server.completed(&server.create(&json!({})));
}
