//! `misora serve`, the program itself: killed with SIGKILL and started again, no job is lost or done twice; stopped with
//! SIGTERM it ends in order.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]
#![cfg(unix)]

mod support;

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    os::unix::process::ExitStatusExt,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use support::Place;

const JOBS: u64 = 6;
const KILLS: u64 = 8;
const PATIENCE: Duration = Duration::from_secs(180);

/// A server as a process, with its log in a file.
struct Serving {
    child: Child,
    base: String,
}

impl Serving {
    fn start(place: &Place, log: &str) -> Self {
        let arguments = ["serve", "--model", "model", "--listen", "127.0.0.1:0", "--data", "data", "--log", "json"];
        let log = File::options().create(true).append(true).open(place.path(log)).unwrap();
        let mut child = place.command(&arguments).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let base = line.trim().strip_prefix("misora listens on ").unwrap_or_else(|| panic!("{line}")).to_owned();
        Self { child, base }
    }

    /// Status and body of an answer; `None` when the server is gone.
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Option<(u16, Vec<u8>)> {
        let address = self.base.strip_prefix("http://").unwrap();
        let mut stream = std::net::TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let body = body.map(Value::to_string).unwrap_or_default();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        std::io::Write::write_all(&mut stream, head.as_bytes()).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let split = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&answer[..split]).into_owned();
        let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let body = answer.split_off(split + 4);
        // A body that was cut short by the end of the server is no answer.
        if length.is_some_and(|length: usize| length != body.len()) {
            return None;
        }
        Some((head.split(' ').nth(1)?.parse().ok()?, body))
    }

    fn json(&self, method: &str, path: &str, body: Option<&Value>) -> Option<Value> {
        let (status, bytes) = self.ask(method, path, body)?;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&bytes));
        Some(serde_json::from_slice(&bytes).unwrap())
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        assert_eq!(self.child.wait().unwrap().signal(), Some(9));
    }
}

/// What is different each time, without a generator of random numbers.
fn moment(kill: u64) -> Duration {
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().subsec_nanos();
    Duration::from_millis(20 + (u64::from(nanos) / 1000 + kill * 7919) % 600)
}

/// What a completed video holds must not change, and must be whole.
fn check(server: &Serving, seen: &mut HashMap<String, (Value, Vec<u8>)>) -> Option<usize> {
    let list = server.json("GET", "/v1/videos?limit=100", None)?;
    let videos = list["data"].as_array().unwrap().clone();
    for video in &videos {
        let id = video["id"].as_str().unwrap().to_owned();
        assert_ne!(video["status"], "failed", "{video}");
        if video["status"] == "completed" {
            let (status, bytes) = server.ask("GET", &format!("/v1/videos/{id}/content"), None)?;
            assert_eq!(status, 200);
            let (known, content) = seen.entry(id).or_insert_with(|| (video.clone(), bytes.clone()));
            assert_eq!(known, video, "a completed job was done again");
            assert!(*content == bytes, "a completed video changed");
        }
    }
    Some(videos.len())
}

#[test]
fn no_job_is_lost_or_done_twice_however_often_the_server_is_killed() {
    let place = Place::new();
    let (mut taken, mut seen) = (Vec::new(), HashMap::new());
    let mut server = Serving::start(&place, "log");
    for kill in 0..KILLS {
        for number in 0..JOBS / 2 {
            if taken.len() as u64 >= JOBS {
                break;
            }
            let order = json!({
                "prompt": "a red ball", "size": "48x32", "num_frames": 17, "num_inference_steps": 40, "seed": number,
            });
            taken.extend(server.json("POST", "/v1/videos", Some(&order)).map(|video| video["id"].clone()));
        }
        std::thread::sleep(moment(kill));
        check(&server, &mut seen).unwrap();
        server.kill();
        server = Serving::start(&place, "log");
    }
    let begun = Instant::now();
    while seen.len() < taken.len() {
        check(&server, &mut seen).unwrap();
        assert!(begun.elapsed() < PATIENCE, "{} of {} are done", seen.len(), taken.len());
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(check(&server, &mut seen), Some(taken.len()));
    assert!(taken.iter().all(|id| seen.contains_key(id.as_str().unwrap())), "a job was lost");
    for (name, (_, bytes)) in &seen {
        fs::write(place.path("made.mp4"), bytes).unwrap();
        let info = place.run(&["info", "made.mp4", "--json"]).json();
        assert_eq!(info["frames"], 17, "{name}: {info}");
    }
    server.kill();

    let log = fs::read_to_string(place.path("log")).unwrap();
    let ends =
        |id: &str| log.lines().filter(|line| line.contains(id) && line.contains("\"outcome\":\"completed\"")).count();
    assert!(seen.keys().all(|id| ends(id) <= 1), "a job was completed twice");
    assert!(support::names_in(&place.path("data/scratch")).is_empty());
}

#[test]
fn a_server_that_is_asked_to_stop_ends_in_order() {
    let place = Place::new();
    let mut server = Serving::start(&place, "log");
    let order = json!({ "prompt": "a red ball", "size": "48x32", "num_frames": 33, "num_inference_steps": 400 });
    let id = server.json("POST", "/v1/videos", Some(&order)).unwrap()["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/videos/{id}");
    let begun = Instant::now();
    while server.json("GET", &path, None).unwrap()["status"] == "queued" {
        assert!(begun.elapsed() < PATIENCE);
    }
    assert!(Command::new("kill").args(["-TERM", &server.child.id().to_string()]).status().unwrap().success());
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    let log = fs::read_to_string(place.path("log")).unwrap();
    assert!(log.contains("\"outcome\":\"given_back\"") && log.contains("\"message\":\"stopped\""), "{log}");
    assert!(log.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{log}");
    let server = Serving::start(&place, "log");
    assert_ne!(server.json("GET", &path, None).unwrap()["status"], "failed");
    server.kill();
}

#[test]
fn what_cannot_be_served_is_refused_in_one_line() {
    let place = Place::new();
    place.run(&["serve", "--model", "model", "--listen", "0.0.0.0:0"]).refused("callers need keys");
    place.run(&["serve", "--model", "model", "--webhook", "https://example.com/"]).refused("MISORA_WEBHOOK_SECRET");
    place.run(&["serve", "--listen", "nowhere"]).wrong_usage("--listen");
    fs::write(place.path("file"), b"x").unwrap();
    place.run(&["serve", "--model", "model", "--data", "file"]).refused("cannot use file");
    place.run(&["keys", "revoke", "nobody", "--data", "data"]).refused("no key called \"nobody\"");
    let key = place.run(&["keys", "add", "studio", "--per-day", "5", "--data", "data"]).fine();
    assert!(key.starts_with("msk_") && key.len() > 40, "{key}");
    assert_eq!(place.run(&["keys", "list", "--json", "--data", "data"]).json()[0]["per_day"], 5);
    assert!(place.run(&["keys", "list", "--data", "data"]).fine().starts_with("studio: 600 calls a minute, 5 videos"));
}
