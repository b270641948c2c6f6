//! What a server's log says of a prompt that it refuses: category and rule, and the prompt only where the policy says so.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]
#![cfg(unix)]

mod support;

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::Stdio,
};

use serde_json::Value;
use support::Place;

/// The answer to a prompt, and what the server logged.
fn asked(place: &Place, arguments: &[&str], prompt: &str) -> (String, Vec<Value>) {
    let serve = ["serve", "--model", "model", "--listen", "127.0.0.1:0", "--data", "data", "--log", "json"];
    let log = File::create(place.path("log")).unwrap();
    let mut command = place.command(&[&serve, arguments].concat());
    let mut server = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let mut stream = TcpStream::connect(line.trim().strip_prefix("misora listens on http://").unwrap()).unwrap();
    let body = serde_json::json!({ "prompt": prompt, "size": "48x32" }).to_string();
    let head = "POST /v1/videos HTTP/1.1\r\nhost: misora\r\nconnection: close\r\ncontent-type: application/json\r\n";
    write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    let log = fs::read_to_string(place.path("log")).unwrap();
    (answer, log.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[test]
fn the_log_says_which_rule_refused_and_not_what_was_asked() {
    let place = Place::new();
    let (answer, log) = asked(&place, &[], "a naked man named Zebulon");
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("moderation_blocked"), "{answer}");
    assert!(answer.contains("it asks for nudity or sex") && !answer.contains("Zebulon"), "{answer}");
    let line = log.iter().find(|line| line["message"] == "a prompt was refused").unwrap();
    assert_eq!(
        (&line["category"], &line["rule"], &line["level"]),
        (&"sexual".into(), &"nudity".into(), &"WARN".into())
    );
    assert!(log.iter().all(|line| !line.to_string().contains("Zebulon")), "{log:?}");

    let policy = place.run(&["policy", "show"]).fine().replace("log_prompts = false", "log_prompts = true");
    fs::write(place.path("policy.toml"), policy).unwrap();
    let (_, log) = asked(&place, &["--policy", "policy.toml"], "a naked man named Zebulon");
    let line = log.iter().find(|line| line["message"] == "a prompt was refused").unwrap();
    assert!(line["prompt"].as_str().unwrap().contains("Zebulon"), "{line}");
}
