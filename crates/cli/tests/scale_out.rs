//! Servers and workers as processes of their own that share a real PostgreSQL and a real S3 server: workers are killed and
//! frozen in the middle of jobs, and the database goes away and comes back.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]
#![cfg(unix)]

mod support;

use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use support::{
    Place,
    services::{PostgresServer, S3Server, installed},
    serving::{PATIENCE, Serving},
};

/// How long a worker that says nothing keeps its job, in seconds.
const LEASE: u64 = 3;

/// What is shared, and where everything runs.
struct Site {
    place: Place,
    database: PostgresServer,
    bucket: S3Server,
}

impl Site {
    fn new(test: &str) -> Option<Self> {
        let (postgres, s3) = installed(test)?;
        let (database, bucket) = (PostgresServer::start(&postgres), S3Server::start(&s3));
        Some(Self { place: Place::new(), database, bucket })
    }

    fn run(&self, command: &str, more: &[&str], log: &str) -> Serving {
        let (database, lease) = (self.database.url(), LEASE.to_string());
        let shared = ["--database", &database, "--files", "s3://videos/misora", "--lease", &lease, "--log", "json"];
        let arguments = [&[command, "--model", "model"], &shared[..], more].concat();
        Serving::run(&self.place, &arguments, (log, &self.bucket.variables()))
    }

    fn server(&self, data: &str) -> Serving {
        self.run("serve", &["--listen", "127.0.0.1:0", "--data", data, "--no-worker"], "server.log")
    }

    fn worker(&self, log: &str) -> Serving {
        self.run("worker", &[], log)
    }

    /// Lines of a worker's log that are about a video.
    fn log(&self, log: &str, id: &str) -> Vec<Value> {
        let lines = fs::read_to_string(self.place.path(log)).unwrap_or_default();
        let lines = lines.lines().filter(|line| line.contains(id));
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Waits until one of two workers has begun a video for the so-many-eth time, and says which.
    #[track_caller]
    fn beginner(&self, logs: [&str; 2], id: &str, attempt: u64) -> usize {
        let begun = Instant::now();
        let has_begun = |log: &&str| {
            self.log(log, id).iter().any(|line| line["message"] == "video begun" && line["attempt"] == attempt)
        };
        loop {
            if let Some(number) = logs.iter().position(has_begun) {
                return number;
            }
            assert!(begun.elapsed() < PATIENCE, "nobody began attempt {attempt}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// How often a video was completed, by all workers.
    fn completions(&self, id: &str) -> usize {
        let ends = |log| self.log(log, id).iter().filter(|line| line["outcome"] == "completed").count();
        ["a.log", "b.log"].into_iter().map(ends).sum()
    }

    #[track_caller]
    fn check_whole(&self, bytes: &[u8]) {
        fs::write(self.place.path("made.mp4"), bytes).unwrap();
        assert_eq!(self.place.run(&["info", "made.mp4", "--json"]).json()["frames"], 17);
    }
}

fn order(steps: u32, seed: u32) -> Value {
    json!({
        "prompt": "a red ball", "size": "48x32", "num_frames": 17, "num_inference_steps": steps, "seed": seed,
    })
}

#[test]
fn a_killed_workers_job_is_taken_over_within_the_lease_and_done_once() {
    let Some(site) = Site::new("a killed worker") else { return };
    let server = site.server("data");
    let other_server = site.server("data-2");
    let logs = ["a.log", "b.log"];
    let mut workers = logs.map(|log| Some(site.worker(log)));
    // Long enough that it cannot be done before the kill.
    let long = server.create(&order(1000, 1));
    let short = [server.create(&order(3, 2)), other_server.create(&order(3, 3))];
    let first = site.beginner(logs, &long, 1);
    let path = format!("/v1/videos/{long}");
    let begun = Instant::now();
    while other_server.json("GET", &path, None).unwrap()["progress"].as_u64() < Some(1) {
        assert!(begun.elapsed() < PATIENCE, "no progress came through the database");
        std::thread::sleep(Duration::from_millis(20));
    }
    workers[first].take().unwrap().kill();
    let killed = Instant::now();
    assert_eq!(site.beginner(logs, &long, 2), 1 - first);
    let taken_over = killed.elapsed();
    println!("taken over {:.1} s after the kill, with a lease of {LEASE} s", taken_over.as_secs_f64());
    // A lease counts from when it was renewed last; the other worker may be busy with a short job first.
    assert!(taken_over < Duration::from_secs(LEASE + 5), "{taken_over:?}");
    for id in short.iter().chain([&long]) {
        server.completed(id);
        let bytes = server.content(id);
        site.check_whole(&bytes);
        assert!(other_server.content(id) == bytes);
        let part = other_server.ask_with("GET", (&format!("/v1/videos/{id}/content"), "range: bytes=9-99\r\n"), None);
        assert!(part.unwrap() == (206, bytes[9..=99].to_vec()));
        assert_eq!(site.completions(id), 1, "{id}");
    }
    assert!(site.bucket.names().iter().all(|name| !name.contains("/made-1") || !name.contains(&long)));
    server.json("DELETE", &path, None).unwrap();
    assert!(!site.bucket.names().iter().any(|name| name.contains(&long)), "{:?}", site.bucket.names());
}

#[test]
fn a_frozen_worker_publishes_nothing_of_a_job_that_another_has_taken_over() {
    let Some(site) = Site::new("a frozen worker") else { return };
    let server = site.server("data");
    let logs = ["a.log", "b.log"];
    let frozen = site.worker(logs[0]);
    let id = server.create(&order(400, 1));
    assert_eq!(site.beginner(logs, &id, 1), 0);
    frozen.signal("STOP");
    let other = site.worker(logs[1]);
    let video = server.completed(&id);
    let bytes = server.content(&id);
    site.check_whole(&bytes);
    frozen.signal("CONT");
    // It wakes, hears that the job is another's, and goes on with the next.
    let begun = Instant::now();
    while !site.log(logs[0], &id).iter().any(|line| line["outcome"] == "stopped") {
        assert!(begun.elapsed() < PATIENCE, "{:?}", site.log(logs[0], &id));
        std::thread::sleep(Duration::from_millis(20));
    }
    other.kill();
    server.completed(&server.create(&order(2, 2)));
    assert_eq!(server.json("GET", &format!("/v1/videos/{id}"), None).unwrap(), video);
    assert!(server.content(&id) == bytes);
    assert_eq!(site.completions(&id), 1);
    let names = site.bucket.names();
    let made: Vec<_> = names.iter().filter(|name| name.contains(&id)).collect();
    assert!(made.len() == 3 && made.iter().all(|name| name.contains("made-2")), "{made:?}");
}

#[test]
fn a_database_that_goes_away_and_comes_back_loses_nothing() {
    let Some(site) = Site::new("a database that goes away") else { return };
    let server = site.server("data");
    let worker = site.worker("a.log");
    let jobs: Vec<String> = (0..6).map(|seed| server.create(&order(60, seed))).collect();
    let asking = |status: u16| {
        let begun = Instant::now();
        loop {
            let (answered, body) = server.ask("GET", "/v1/videos", None).unwrap();
            assert!(answered == 200 || answered == 503, "{}", String::from_utf8_lossy(&body));
            if answered == status {
                return (begun.elapsed(), String::from_utf8_lossy(&body).into_owned());
            }
            assert!(begun.elapsed() < PATIENCE, "it did not answer {status}");
        }
    };
    for _ in 0..2 {
        site.beginner(["a.log", "server.log"], &jobs[0], 1);
        site.database.stop();
        let (_, body) = asking(503);
        assert!(body.contains("store_unavailable"), "{body}");
        assert_eq!(server.ask("POST", "/v1/videos", Some(&order(3, 9))).unwrap().0, 503);
        assert_eq!(server.ask("GET", "/health", None).unwrap().0, 503);
        // Longer than a lease: what is being made meanwhile is still its maker's, for nobody could take it.
        std::thread::sleep(Duration::from_secs(LEASE + 1));
        site.database.again();
        let (waited, _) = asking(200);
        println!("answers {:.2} s after the database came back", waited.as_secs_f64());
        assert!(waited < Duration::from_secs(10));
    }
    for id in &jobs {
        server.completed(id);
        site.check_whole(&server.content(id));
        assert_eq!(site.completions(id), 1, "{id}");
    }
    assert_eq!(site.database.say("SELECT COUNT(*) FROM misora.videos WHERE status = 'completed'"), "6");
    worker.signal("TERM");
}

#[test]
fn what_cannot_be_shared_is_refused_in_one_line() {
    let place = Place::new();
    let run = |arguments: &[&str]| place.run(&[arguments, &["--model", "model"]].concat());
    run(&["worker"]).refused("a worker needs --database and --files");
    run(&["serve", "--no-worker"]).refused("name --database and --files");
    run(&["serve", "--database", "postgres://localhost/x"]).refused("--database goes with --files");
    run(&["serve", "--files", "files"]).refused("--files goes with --database");
    for (database, problem) in [
        ("nonsense", "the database cannot be used"),
        ("postgres://", "the database cannot be used"),
        ("postgres://localhost/x?sslmode=require", "TLS"),
        ("postgres://misora@127.0.0.1:9/x", "the database failed"),
    ] {
        run(&["worker", "--database", database, "--files", "files"]).refused(problem);
    }
    assert!(!place.path("files").exists());
}
