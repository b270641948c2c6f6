//! Servers and workers as processes, and what callers say to them.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::process::ExitStatusExt,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::Place;

/// How long anything may take on a slow machine.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// A server or a worker as a process, with its log in a file.
pub struct Serving {
    pub child: Child,
    /// What it said first.
    pub said: String,
}

impl Serving {
    /// `misora serve` on this machine alone.
    pub fn start(place: &Place, log: &str) -> Self {
        let arguments = ["serve", "--model", "model", "--listen", "127.0.0.1:0", "--data", "data", "--log", "json"];
        Self::run(place, &arguments, (log, &[]))
    }

    /// `misora ARGUMENTS` with variables, until its first line.
    pub fn run(place: &Place, arguments: &[&str], (log, variables): (&str, &[(String, String)])) -> Self {
        let log = File::options().create(true).append(true).open(place.path(log)).unwrap();
        let mut command = place.command(arguments);
        command.envs(variables.iter().cloned()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert!(said.starts_with("misora "), "it did not start: {said:?}");
        Self { child, said: said.trim().to_owned() }
    }

    /// Where it listens.
    pub fn base(&self) -> &str {
        self.said.strip_prefix("misora listens on ").unwrap_or_else(|| panic!("{}", self.said))
    }

    /// Status and body of an answer; `None` when the server is gone.
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Option<(u16, Vec<u8>)> {
        self.ask_with(method, (path, ""), body)
    }

    /// The same with more lines of the header.
    pub fn ask_with(&self, method: &str, (path, more): (&str, &str), body: Option<&Value>) -> Option<(u16, Vec<u8>)> {
        let address = self.base().strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let body = body.map(Value::to_string).unwrap_or_default();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\n{more}\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).ok()?;
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

    #[track_caller]
    pub fn json(&self, method: &str, path: &str, body: Option<&Value>) -> Option<Value> {
        let (status, bytes) = self.ask(method, path, body)?;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&bytes));
        Some(serde_json::from_slice(&bytes).unwrap())
    }

    /// Asks for a video; its id.
    #[track_caller]
    pub fn create(&self, order: &Value) -> String {
        self.json("POST", "/v1/videos", Some(order)).unwrap()["id"].as_str().unwrap().to_owned()
    }

    /// Waits until a video is completed.
    #[track_caller]
    pub fn completed(&self, id: &str) -> Value {
        let begun = Instant::now();
        loop {
            let video = self.json("GET", &format!("/v1/videos/{id}"), None).unwrap();
            match video["status"].as_str() {
                Some("completed") => return video,
                Some("failed") => panic!("{video}"),
                _ => assert!(begun.elapsed() < PATIENCE, "{video}"),
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The file of a completed video.
    #[track_caller]
    pub fn content(&self, id: &str) -> Vec<u8> {
        let (status, bytes) = self.ask("GET", &format!("/v1/videos/{id}/content"), None).unwrap();
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&bytes));
        bytes
    }

    /// A signal such as `STOP`.
    pub fn signal(&self, name: &str) {
        let sent =
            std::process::Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    pub fn kill(mut self) {
        self.child.kill().unwrap();
        assert_eq!(self.child.wait().unwrap().signal(), Some(9));
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
