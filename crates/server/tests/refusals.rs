//! What is refused: every answer is an error in the API's form, and nothing is left behind.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod support;

use std::{io::Write, net::TcpStream, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use server::{
    PromptPolicy, Refusal, Server, ServerError, ServerLimits,
    keys::{KeyLimits, Keys},
};
use support::{Part, Running, config, files, form, small};

/// Wrong values, and the field that the answer names.
fn wrong_fields() -> Vec<(Value, &'static str, &'static str)> {
    let huge = "x".repeat(100_000);
    vec![
        (json!({ "prompt": null }), "prompt", "missing_required_parameter"),
        (json!({ "prompt": "  " }), "prompt", "invalid_value"),
        (json!({ "prompt": 5 }), "prompt", "invalid_value"),
        (json!({ "prompt": ["a"] }), "prompt", "invalid_value"),
        (json!({ "prompt": huge }), "prompt", "invalid_value"),
        (json!({ "model": "dall-e" }), "model", "model_not_found"),
        (json!({ "size": "64" }), "size", "invalid_value"),
        (json!({ "size": "100x100" }), "size", "invalid_value"),
        (json!({ "size": "99999x64" }), "size", "invalid_value"),
        (json!({ "size": "-64x64" }), "size", "invalid_value"),
        (json!({ "size": "1024x1024", "num_frames": 1025 }), "size", "invalid_value"),
        (json!({ "width": 64 }), "size", "invalid_value"),
        (json!({ "width": 64, "height": 64 }), "size", "invalid_value"),
        (json!({ "seconds": "0.3" }), "seconds", "invalid_value"),
        (json!({ "seconds": -4 }), "seconds", "invalid_value"),
        (json!({ "seconds": "nan" }), "seconds", "invalid_value"),
        (json!({ "seconds": "1e300" }), "seconds", "invalid_value"),
        (json!({ "seconds": "four" }), "seconds", "invalid_value"),
        (json!({ "seconds": {} }), "seconds", "invalid_value"),
        (json!({ "num_frames": 6 }), "seconds", "invalid_value"),
        (json!({ "num_frames": -1 }), "num_frames", "invalid_value"),
        (json!({ "num_frames": 5.5 }), "num_frames", "invalid_value"),
        (json!({ "fps": 0 }), "fps", "invalid_value"),
        (json!({ "fps": "fast" }), "fps", "invalid_value"),
        (json!({ "num_inference_steps": 0 }), "num_inference_steps", "invalid_value"),
        (json!({ "num_inference_steps": 1_000_000_000 }), "num_inference_steps", "invalid_value"),
        (json!({ "guidance_scale": "nan" }), "num_inference_steps", "invalid_value"),
        (json!({ "guidance_scale": true }), "guidance_scale", "invalid_value"),
        (json!({ "guidance_interval": "0.5" }), "guidance_interval", "invalid_value"),
        (json!({ "sampler": "magic" }), "sampler", "invalid_value"),
        (json!({ "camera": "fly away" }), "camera", "invalid_value"),
        (json!({ "motions": "ball" }), "motions", "invalid_value"),
        (json!({ "window_seconds": 0.25 }), "window_seconds", "invalid_value"),
        (json!({ "loop": "round" }), "loop", "invalid_value"),
        (json!({ "loop": 1 }), "loop", "invalid_value"),
        (json!({ "loop": true }), "loop", "invalid_value"),
        (json!({ "loop": true, "num_frames": 9, "window_seconds": 0.5 }), "loop", "invalid_value"),
        (json!({ "loop": true, "num_frames": 2401 }), "loop", "invalid_value"),
        (json!({ "loop": true, "num_frames": 9, "camera": "still" }), "loop", "invalid_value"),
        (json!({ "loop": true, "num_frames": 9, "motions": "ball: 0.5,0.5" }), "loop", "invalid_value"),
        (json!({ "mix": true }), "mix", "unknown_parameter"),
        (json!({ "num_frames": 2401, "size": "32x32" }), "seconds", "invalid_value"),
        (json!({ "flow_shift": 3 }), "flow_shift", "unsupported"),
        (json!({ "seed": -1 }), "seed", "invalid_value"),
        (json!({ "seed": "18446744073709551616" }), "seed", "invalid_value"),
        (json!({ "fit": "squeeze" }), "fit", "invalid_value"),
        (json!({ "priority": 1000 }), "priority", "invalid_value"),
        (json!({ "strength": 0.5 }), "strength", "unknown_parameter"),
        (json!({ "colour": "red" }), "colour", "unknown_parameter"),
        (json!({ "input_reference": "picture" }), "input_reference", "invalid_value"),
        (json!({ "input_reference": {} }), "input_reference.image_url", "missing_required_parameter"),
        (json!({ "input_reference": { "file_id": "file_1" } }), "input_reference", "unsupported"),
        (
            json!({ "input_reference": { "image_url": "data:image/png;base64,!!!" } }),
            "input_reference.image_url",
            "invalid_value",
        ),
        (
            json!({ "input_reference": { "image_url": "data:image/png;base64,AAAA" } }),
            "input_reference",
            "invalid_value",
        ),
    ]
}

#[test]
fn wrong_fields_are_named() {
    let (server, folder) = Running::fresh();
    for (wrong, field, code) in wrong_fields() {
        let answer = server.post("/v1/videos", &small(&wrong));
        let message = answer.refused(400, code);
        assert_eq!(answer.json()["error"]["param"], field, "{wrong}: {message}");
        assert!(!message.contains(&*folder.path().to_string_lossy()), "{message}");
    }
    let size = server.post("/v1/videos", &small(&json!({ "size": "100x100" }))).refused(400, "invalid_value");
    assert!(size.contains("96x96 and 112x112"), "{size}");
    for (body, status, code) in [
        ("", 400, "invalid_json"),
        ("[]", 400, "invalid_json"),
        ("{\"prompt\"", 400, "invalid_json"),
        (&"[".repeat(9999), 400, "invalid_json"),
    ] {
        server
            .ask("POST", "/v1/videos", &[("content-type", "application/json")], format!("{body} ").as_bytes())
            .refused(status, code);
    }
    server.ask("POST", "/v1/videos", &[("content-type", "text/xml")], b"<a/>").refused(415, "unsupported_media_type");
    server.ask("POST", "/v1/videos", &[("content-type", "multipart/form-data")], b"x").refused(400, "invalid_body");
    let twice = [("prompt", Part::Text("a")), ("prompt", Part::Text("b"))];
    server.form("/v1/videos", &twice).refused(400, "invalid_value");
    server.form("/v1/videos/extensions", &[("prompt", Part::Text("a"))]).refused(400, "missing_required_parameter");
    let story = |text: &'static str| server.form("/v1/videos/storyboards", &[("story", Part::Text(text))]);
    story("no story").refused(400, "invalid_value");
    story("[[card]]\nfrom = 0\nto = 1\nimage = \"../../secret.png\"\nprompt = \"a\"")
        .refused(400, "missing_required_parameter");
    server.form("/v1/videos/storyboards", &[("prompt", Part::Text("a"))]).refused(400, "missing_required_parameter");
    server.form("/v1/videos/characters", &[("name", Part::Text("a"))]).refused(400, "unsupported");
    for query in [
        "limit=0",
        "limit=101",
        "limit=x",
        "order=up",
        "after=video_1",
        "page=2",
        &format!("after=video_{}", "0".repeat(32)),
    ] {
        server.get(&format!("/v1/videos?{query}")).refused(400, "invalid_value");
    }
    assert!(server.get("/v1/videos").fine()["data"].as_array().unwrap().is_empty());
    assert!(files(&folder.path().join("videos")).is_empty() && files(&folder.path().join("scratch")).is_empty());
}

#[test]
fn what_can_be_no_ring_and_no_mix_is_named() {
    let (server, _folder) = Running::fresh();
    let picture = video::Frame::filled(video::Resolution::new(64, 64).unwrap(), [200, 60, 20]);
    let png = Engine::encode(&STANDARD, video::encode_png(&picture).unwrap());
    let reference = json!({ "image_url": format!("data:image/png;base64,{png}") });
    let ring = small(&json!({ "num_frames": 9, "loop": true, "input_reference": reference }));
    let answer = server.post("/v1/videos", &ring);
    assert!(answer.refused(400, "invalid_value").contains("cannot also be made of a picture"));
    assert_eq!(answer.json()["error"]["param"], "loop");

    let id = &server.completed(&server.create(&json!({})))["id"];
    for (more, field, code) in [
        (json!({ "mix": "both" }), "mix", "invalid_value"),
        (json!({ "mix": false, "strength": 0.5 }), "strength", "invalid_value"),
        (json!({ "mix": true, "strength": 0 }), "strength", "invalid_value"),
        (json!({ "mix": true, "strength": "nan" }), "strength", "invalid_value"),
        (json!({ "mix": true, "strength": 1.5 }), "strength", "invalid_value"),
        (json!({ "mix": true, "seconds": 1 }), "seconds", "invalid_value"),
        (json!({ "seconds": 65 }), "seconds", "invalid_value"),
        (json!({ "loop": true }), "loop", "unknown_parameter"),
    ] {
        let mut blend = json!({ "prompt": "a", "video": { "id": id }, "second_video": { "id": id }, "seconds": 0.25 });
        blend.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = server.post("/v1/videos/blends", &blend);
        answer.refused(400, code);
        assert_eq!(answer.json()["error"]["param"], field, "{more}");
    }
}

#[test]
fn no_id_leads_elsewhere() {
    let (server, _folder) = Running::fresh();
    for id in ["..%2F..%2Fetc%2Fpasswd", "..%2fmisora.sqlite3", "video_", "%00", "video_%2e%2e%2f", &"9".repeat(5000)] {
        for (method, tail) in [
            ("GET", ""),
            ("GET", "/content"),
            ("GET", "/events"),
            ("DELETE", ""),
            ("POST", "/cancel"),
            ("POST", "/remix"),
        ] {
            let answer =
                server.ask(method, &format!("/v1/videos/{id}{tail}"), &[("content-type", "application/json")], b"{}");
            assert_eq!(answer.status, 404, "{method} {id}{tail}");
        }
    }
    for path in ["/v1/videos/../../etc/passwd", "/../Cargo.toml", "/v1/nothing", "/index.html"] {
        assert_eq!(server.get(path).status, 404, "{path}");
    }
    let raw =
        server.raw(b"GET /v1/videos/../../../etc/passwd HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    assert!(raw.starts_with("HTTP/1.1 404"), "{raw}");
    server.ask("PUT", "/v1/videos", &[], b"x").refused(405, "method_not_allowed");
}

#[test]
fn urls_into_private_networks_are_not_fetched() {
    // Whoever listens here must hear nothing.
    let trap = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    trap.set_nonblocking(true).unwrap();
    let port = trap.local_addr().unwrap().port();
    let (server, folder) = Running::fresh();
    for url in [
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        format!("http://localhost:{port}/x.png"),
        format!("http://127.0.0.1:{port}/x.png"),
        format!("http://[::ffff:127.0.0.1]:{port}/x.png"),
        format!("http://2130706433:{port}/x.png"),
        "file:///etc/passwd".to_owned(),
        "ftp://example.com/x.png".to_owned(),
        "nonsense".to_owned(),
    ] {
        let answer = server.post("/v1/videos", &small(&json!({ "input_reference": { "image_url": url } })));
        answer.refused(400, "invalid_url");
    }
    assert!(trap.accept().is_err(), "somebody called");
    assert!(files(&folder.path().join("scratch")).is_empty());
}

#[test]
fn uploads_are_bounded_and_looked_into() {
    let folder = tempfile::tempdir().unwrap();
    let limits = ServerLimits { body_bytes: 1_000_000, ..ServerLimits::default() };
    let server = Running::start(server::ServerConfig { limits, ..config(folder.path()) });
    let upload = |bytes: &[u8]| {
        let parts = [
            ("prompt", Part::Text("a red ball")),
            ("size", Part::Text("64x64")),
            ("input_reference", Part::File(bytes)),
        ];
        server.form("/v1/videos", &parts)
    };
    for bytes in [&b"not a picture"[..], &[0; 1000], b"\x89PNG\r\n\x1a\n", b"", &bomb()] {
        let answer = upload(bytes);
        let message = answer.refused(400, "invalid_value");
        assert!(!message.contains(&*folder.path().to_string_lossy()), "{message}");
    }
    assert!(upload(&bomb()).refused(400, "invalid_value").contains("60000"));

    // Two gigabytes are refused by their announcement, and by their sum where nothing is announced.
    let announced = server.raw(
        b"POST /v1/videos HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=x\r\ncontent-length: 2147483648\r\n\r\n",
    );
    assert!(announced.starts_with("HTTP/1.1 413") && announced.contains("request_too_large"), "{announced}");
    let mut stream = TcpStream::connect(server.address).unwrap();
    let head = "POST /v1/videos HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=line\r\n\
                transfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let (_, start) = form(&[("input_reference", Part::File(b""))]);
    let start = &start[..start.len() - "\r\n--line--\r\n".len()];
    write!(stream, "{:x}\r\n", start.len()).unwrap();
    stream.write_all(start).unwrap();
    let chunk = [b"\r\n10000\r\n".to_vec(), vec![7; 0x10000]].concat();
    let sent = (0..32).take_while(|_| stream.write_all(&chunk).is_ok()).count();
    let mut answer = Vec::new();
    drop(std::io::Read::read_to_end(&mut stream, &mut answer));
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.starts_with("HTTP/1.1 413") || (answer.is_empty() && sent < 32), "{sent} {answer}");
    assert!(files(&folder.path().join("scratch")).is_empty() && files(&folder.path().join("videos")).is_empty());
}

/// A PNG of a few bytes that says it is 60000 pixels wide and high.
fn bomb() -> Vec<u8> {
    let chunk = |kind: &[u8; 4], data: &[u8]| {
        let body = [&kind[..], data].concat();
        let mut crc = u32::MAX;
        for byte in &body {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
            }
        }
        [&(data.len() as u32).to_be_bytes()[..], &body, &(!crc).to_be_bytes()].concat()
    };
    let size = 60_000_u32.to_be_bytes();
    let header = [&size[..], &size, &[8, 2, 0, 0, 0]].concat();
    [
        &b"\x89PNG\r\n\x1a\n"[..],
        &chunk(b"IHDR", &header),
        &chunk(b"IDAT", &[0x78, 0x9C, 3, 0, 0, 0, 0, 1]),
        &chunk(b"IEND", b""),
    ]
    .concat()
}

#[test]
fn slow_and_broken_senders_hold_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    let limits =
        ServerLimits { idle: Duration::from_millis(300), arrival: Duration::from_secs(2), ..ServerLimits::default() };
    let server = Running::start(server::ServerConfig { limits, ..config(folder.path()) });
    let head = "POST /v1/videos HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"prompt\"";
    let silent = server.raw(head.as_bytes());
    assert!(silent.starts_with("HTTP/1.1 408") && silent.contains("request_timeout"), "{silent}");

    // A byte now and then is not silence, but too slow all the same.
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    let dripped = (0..40).take_while(|_| {
        std::thread::sleep(Duration::from_millis(100));
        stream.write_all(b" ").is_ok()
    });
    assert!(dripped.count() < 40);

    // Cut short in a file, and in JSON; and gone in the middle of an answer.
    let (kind, body) = form(&[("prompt", Part::Text("a")), ("input_reference", Part::File(&[9; 5000]))]);
    let head = format!(
        "POST /v1/videos HTTP/1.1\r\nhost: localhost\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    for end in [0, 60, 3000] {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&body[..end]).unwrap();
        drop(stream);
    }
    let cut = format!(
        "{}{}",
        head.replace(&format!("{}\r\n\r\n", body.len()), "60\r\n\r\n"),
        String::from_utf8_lossy(&body[..60])
    );
    let cut = server.raw(cut.replace("\r\nhost", "\r\nconnection: close\r\nhost").as_bytes());
    assert!(cut.starts_with("HTTP/1.1 400") && cut.contains("invalid_body"), "{cut}");
    let video = server.completed(&server.create(&json!({})));
    let mut stream = TcpStream::connect(server.address).unwrap();
    write!(stream, "GET /v1/videos/{}/content HTTP/1.1\r\nhost: localhost\r\n\r\n", video["id"].as_str().unwrap())
        .unwrap();
    drop(stream);
    assert_eq!(server.get("/health").fine()["status"], "ok");
    assert!(files(&folder.path().join("scratch")).is_empty());
}

#[test]
fn other_peoples_pages_and_names_are_refused() {
    let (server, _folder) = Running::fresh();
    for (headers, code) in [
        ("host: evil.example", "wrong_host"),
        ("host: localhost\r\norigin: http://evil.example", "wrong_origin"),
        ("host: localhost\r\norigin: null", "wrong_origin"),
    ] {
        let answer =
            server.raw(format!("GET /v1/videos HTTP/1.1\r\n{headers}\r\nconnection: close\r\n\r\n").as_bytes());
        assert!(answer.starts_with("HTTP/1.1 403") && answer.contains(code), "{answer}");
    }
}

#[test]
fn keys_open_only_what_is_theirs() {
    let folder = tempfile::tempdir().unwrap();
    let open = server::ServerConfig { listen: "0.0.0.0:0".parse().unwrap(), ..config(folder.path()) };
    assert!(matches!(Server::open(open), Err(ServerError::OpenWithoutKeys { .. })));
    let keys = Keys::open(folder.path()).unwrap();
    let limits = |calls, videos| KeyLimits { requests_per_minute: calls, videos_per_day: Some(videos) };
    let (first, second) = (keys.add("first", limits(1000, 2)).unwrap(), keys.add("second", limits(2, 9)).unwrap());
    let mut server =
        Running::start(server::ServerConfig { listen: "0.0.0.0:0".parse().unwrap(), ..config(folder.path()) });
    server.address.set_ip("127.0.0.1".parse().unwrap());
    server.get("/v1/videos").refused(401, "invalid_api_key");
    server.get("/metrics").refused(401, "invalid_api_key");
    assert_eq!((server.get("/health").status, server.get("/").status), (200, 200));
    server.key = Some("msk_wrong".into());
    server.get("/v1/videos").refused(401, "invalid_api_key");

    server.key = Some(first);
    let video = server.create(&json!({}));
    server.delete(&format!("/v1/videos/{}", video["id"].as_str().unwrap())).fine();
    let video = server.create(&json!({}));
    // Deleting gives nothing back.
    server.post("/v1/videos", &small(&json!({}))).refused(429, "insufficient_quota");
    let id = video["id"].as_str().unwrap().to_owned();
    server.key = Some(second);
    server.get(&format!("/v1/videos/{id}")).refused(404, "video_not_found");
    server.delete(&format!("/v1/videos/{id}")).refused(404, "video_not_found");
    let slow = server.get("/v1/videos");
    slow.refused(429, "rate_limit_exceeded");
    assert!(slow.header("retry-after").parse::<u64>().unwrap() > 0);
    keys.revoke("second").unwrap();
    server.get("/v1/videos").refused(401, "invalid_api_key");
}

struct NoBalls;

impl PromptPolicy for NoBalls {
    fn check(&self, prompt: &str) -> Result<(), Refusal> {
        match prompt.contains("ball") {
            true => Err(Refusal { category: "toys".into(), rule: "balls".into(), explanation: "no balls here".into() }),
            false => Ok(()),
        }
    }
}

#[test]
fn a_policy_refuses_prompts_and_a_full_queue_all() {
    let folder = tempfile::tempdir().unwrap();
    let limits = ServerLimits { queued: 1, ..ServerLimits::default() };
    let server = Running::start(server::ServerConfig { policy: Arc::new(NoBalls), limits, ..config(folder.path()) });
    let message = server.post("/v1/videos", &small(&json!({}))).refused(400, "moderation_blocked");
    assert!(message.contains("no balls here"));
    let cube = |steps: u32| small(&json!({ "prompt": "a blue cube", "num_frames": 33, "num_inference_steps": steps }));
    let running = server.post("/v1/videos", &cube(400)).fine();
    server.begun(&running);
    server.post("/v1/videos", &cube(2)).fine();
    let full = server.post("/v1/videos", &cube(2));
    full.refused(429, "queue_full");
    assert_eq!(full.header("retry-after"), "30");
}
