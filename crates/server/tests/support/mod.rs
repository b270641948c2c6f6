//! What the tests share: a server in this process with the model that is built in, and what callers say to it.
#![allow(dead_code, reason = "each test file uses its part")]

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use generation::{DeviceKind, Generator};
use serde_json::{Value, json};
use server::{Anything, PrivateUrls, Server, ServerConfig, ServerError, ServerLimits};
use tempfile::TempDir;

/// How long anything may take on a slow machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A server that runs until it is dropped.
pub struct Running {
    pub address: SocketAddr,
    pub key: Option<String>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<(), ServerError>>>,
}

/// An answer.
pub struct Answer {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub bytes: Vec<u8>,
}

impl Answer {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|_| panic!("not JSON: {}", String::from_utf8_lossy(&self.bytes)))
    }

    /// It is what was asked for.
    #[track_caller]
    pub fn fine(self) -> Value {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.bytes));
        self.json()
    }

    /// It is an error of the API's form.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) -> String {
        let body = self.json();
        assert_eq!((self.status, body["error"]["code"].as_str()), (status, Some(code)), "{body}");
        assert!(body["error"]["type"].is_string());
        body["error"]["message"].as_str().unwrap().to_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub fn config(data: &Path) -> ServerConfig {
    ServerConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        data: data.to_owned(),
        generator: Arc::new(Generator::nano(&DeviceKind::Cpu.open().unwrap()).unwrap()),
        machine: None,
        policy: Arc::new(Anything),
        webhook: None,
        private_urls: PrivateUrls::Refused,
        limits: ServerLimits { farewell: Duration::from_secs(5), ..ServerLimits::default() },
    }
}

impl Running {
    pub fn start(config: ServerConfig) -> Self {
        let server = Server::open(config).unwrap();
        let (address, stop) = (server.address(), Arc::new(AtomicBool::new(false)));
        let asked = Arc::clone(&stop);
        let thread = std::thread::spawn(move || server.run(move || asked.load(Ordering::SeqCst)));
        Self { address, key: None, stop, thread: Some(thread) }
    }

    /// A server with a folder of its own.
    pub fn fresh() -> (Self, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        (Self::start(config(folder.path())), folder)
    }

    /// Stops it, and waits until it has stopped.
    pub fn stop(mut self) {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.take().unwrap().join().unwrap().unwrap();
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], &[])
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.ask("DELETE", path, &[], &[])
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, &[("content-type", "application/json")], body.to_string().as_bytes())
    }

    /// A form of texts and files.
    pub fn form(&self, path: &str, parts: &[(&str, Part<'_>)]) -> Answer {
        let (kind, body) = form(parts);
        self.ask("POST", path, &[("content-type", &kind)], &body)
    }

    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let config =
            ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).proxy(None);
        let agent = ureq::Agent::new_with_config(config.allow_non_standard_methods(true).build());
        let mut request = ureq::http::Request::builder().method(method).uri(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let mut response = if body.is_empty() {
            agent.run(request.body(()).unwrap()).unwrap()
        } else {
            agent.run(request.body(body).unwrap()).unwrap()
        };
        let mut bytes = Vec::new();
        response.body_mut().as_reader().read_to_end(&mut bytes).unwrap();
        Answer { status: response.status().as_u16(), headers: response.headers().clone(), bytes }
    }

    /// Bytes as they are, and whatever comes back until the connection ends.
    pub fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer));
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Asks for a small video.
    #[track_caller]
    pub fn create(&self, more: &Value) -> Value {
        self.post("/v1/videos", &small(more)).fine()
    }

    /// Waits for the end of a job.
    #[track_caller]
    pub fn finished(&self, video: &Value) -> Value {
        let id = video["id"].as_str().unwrap();
        let begun = Instant::now();
        loop {
            let video = self.get(&format!("/v1/videos/{id}")).fine();
            if matches!(video["status"].as_str(), Some("completed" | "failed")) {
                return video;
            }
            assert!(begun.elapsed() < PATIENCE, "{video}");
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// Waits for a job to be completed.
    #[track_caller]
    pub fn completed(&self, video: &Value) -> Value {
        let video = self.finished(video);
        assert_eq!(video["status"], "completed", "{video}");
        video
    }

    /// Waits until a worker has a job.
    #[track_caller]
    pub fn begun(&self, video: &Value) {
        let (path, begun) = (format!("/v1/videos/{}", video["id"].as_str().unwrap()), Instant::now());
        while self.get(&path).fine()["status"] == "queued" {
            assert!(begun.elapsed() < PATIENCE);
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// A part of a form.
#[derive(Clone, Copy)]
pub enum Part<'a> {
    Text(&'a str),
    File(&'a [u8]),
}

pub fn form(parts: &[(&str, Part<'_>)]) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for (name, part) in parts {
        let (more, bytes) = match part {
            Part::Text(text) => ("", text.as_bytes()),
            Part::File(bytes) => ("; filename=\"upload\"\r\ncontent-type: application/octet-stream", *bytes),
        };
        write!(body, "--line\r\ncontent-disposition: form-data; name=\"{name}\"{more}\r\n\r\n").unwrap();
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--line--\r\n");
    ("multipart/form-data; boundary=line".to_owned(), body)
}

/// A request for a small video that is made fast, with other fields on top.
pub fn small(more: &Value) -> Value {
    let mut body = json!({
        "prompt": "a red ball rolls across the grass", "size": "64x64", "num_frames": 5, "num_inference_steps": 2, "seed": 1,
    });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
        if name == "seconds" {
            body.as_object_mut().unwrap().remove("num_frames");
        }
    }
    body
}

/// Many steps: it takes long.
pub fn long() -> Value {
    json!({ "num_inference_steps": 400, "num_frames": 33 })
}

/// Frames of a video in memory.
#[track_caller]
pub fn frames(bytes: &[u8]) -> video::Clip {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    video::read_clip(file.path(), &video::ReadLimits::default()).unwrap()
}

/// All files below a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}
