//! Jobs that are cancelled, deleted, stopped and begun anew; and what others are told of it.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod support;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    time::Instant,
};

use serde_json::{Value, json};
use server::{PrivateUrls, Server, ServerError, Webhook};
use support::{PATIENCE, Running, config, files, frames, long};

fn path(video: &Value, tail: &str) -> String {
    format!("/v1/videos/{}{tail}", video["id"].as_str().unwrap())
}

#[test]
fn a_cancelled_job_stops_and_the_next_one_begins() {
    let (server, folder) = Running::fresh();
    let (running, waiting) = (server.create(&long()), server.create(&long()));
    let (gone, next) = (server.create(&long()), server.create(&json!({})));
    server.begun(&running);
    server.get(&path(&running, "/content")).refused(409, "video_not_ready");
    server.post(&path(&running, "/remix"), &json!({ "prompt": "x" })).refused(409, "video_not_ready");
    for video in [&waiting, &running] {
        let cancelled = server.post(&path(video, "/cancel"), &json!({})).fine();
        assert_eq!(
            (cancelled["status"].as_str(), cancelled["error"]["code"].as_str()),
            (Some("failed"), Some("cancelled"))
        );
    }
    server.begun(&gone);
    server.delete(&path(&gone, "")).fine();
    server.completed(&next);
    let ended = server.post(&path(&next, "/cancel"), &json!({})).fine();
    assert_eq!(ended["status"], "completed", "what is done stays done");
    for video in [&running, &waiting] {
        assert_eq!(server.finished(video)["error"]["code"], "cancelled");
    }
    server.get(&path(&gone, "")).refused(404, "video_not_found");
    server.stop();
    let made: Vec<_> = files(&folder.path().join("videos"));
    assert!(
        made.len() == 3 && made.iter().all(|file| file.to_string_lossy().contains(next["id"].as_str().unwrap())),
        "{made:?}"
    );
}

#[test]
fn a_server_that_stops_puts_its_job_down_and_goes_on_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(config(folder.path()));
    let video = server.create(&json!({ "num_inference_steps": 60, "num_frames": 17 }));
    server.begun(&video);
    assert!(matches!(Server::open(config(folder.path())), Err(ServerError::InUse { .. })));
    let begun = Instant::now();
    server.stop();
    assert!(begun.elapsed() < PATIENCE / 4, "it did not stop in time");
    let server = Running::start(config(folder.path()));
    assert_ne!(server.get(&path(&video, "")).fine()["status"], "completed");
    let first = server.completed(&video);
    let bytes = server.get(&path(&video, "/content")).bytes;
    // The same order makes the same video, begun once or twice.
    let again = server.completed(&server.create(&json!({ "num_inference_steps": 60, "num_frames": 17 })));
    let same = frames(&server.get(&path(&again, "/content")).bytes).frames() == frames(&bytes).frames();
    assert!(same, "the same order made another video");
    server.stop();
    let server = Running::start(config(folder.path()));
    assert_eq!(server.get(&path(&video, "")).fine(), first);
    assert!(server.get(&path(&video, "/content")).bytes == bytes);
}

#[test]
fn a_job_whose_files_cannot_be_kept_fails_and_says_so() {
    let (server, folder) = Running::fresh();
    let blocking = server.create(&long());
    server.begun(&blocking);
    let video = server.create(&json!({}));
    // Where its folder would be there is a file: nothing can be written there.
    let place = folder.path().join("videos").join(video["id"].as_str().unwrap());
    std::fs::write(&place, b"").unwrap();
    server.post(&path(&blocking, "/cancel"), &json!({})).fine();
    let failed = server.finished(&video);
    assert_eq!((failed["status"].as_str(), failed["error"]["code"].as_str()), (Some("failed"), Some("storage_failed")));
    let message = failed["error"]["message"].as_str().unwrap();
    assert!(!message.contains(&*folder.path().to_string_lossy()), "{message}");
    server.completed(&server.create(&json!({})));
}

#[test]
fn webhooks_are_told_until_they_listen() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let webhook = Webhook::new(&url, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let server = Running::start(server::ServerConfig {
        webhook: Some(webhook),
        private_urls: PrivateUrls::Allowed,
        ..config(folder.path())
    });
    let video = server.create(&json!({}));
    let hear = |status: &str| {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let (mut head, mut length) = (Vec::new(), 0);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if line.trim().is_empty() {
                break;
            }
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            head.push(line.trim().to_owned());
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
        let header = |name: &str| {
            head.iter().find_map(|line| line.strip_prefix(&format!("{name}: ")).map(str::to_owned)).unwrap()
        };
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert!(
            header("webhook-signature").starts_with("v1,") && header("webhook-timestamp").parse::<i64>().unwrap() > 0
        );
        assert_eq!(
            (body["type"].as_str(), body["data"]["id"].as_str()),
            (Some("video.completed"), video["id"].as_str())
        );
        header("webhook-id")
    };
    let first = hear("500 Oh");
    assert_eq!(hear("204 Fine"), first, "the same event keeps its name");
    server.stop();
}
