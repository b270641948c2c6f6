//! What the studio needs beside the hosted API: parts of clips, stories, marks, recipes, and the page itself.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod support;

use serde_json::{Value, json};
use support::{Part, Running, frames};

fn content(server: &Running, video: &Value) -> Vec<u8> {
    let id = server.completed(video)["id"].as_str().unwrap().to_owned();
    server.get(&format!("/v1/videos/{id}/content")).bytes
}

#[test]
fn a_part_of_a_clip_is_kept_as_it_was() {
    let (server, _folder) = Running::fresh();
    let whole = server.completed(&server.create(&json!({ "num_frames": 9 })));
    let body = json!({ "video": { "id": whole["id"] }, "from": "0.125", "to": 0.375 });
    let cut = server.post("/v1/videos/recuts", &body).fine();
    assert_eq!((&cut["prompt"], &cut["remixed_from_video_id"]), (&whole["prompt"], &whole["id"]));
    assert_eq!((cut["seconds"].as_str(), cut["size"].as_str()), (Some("0.25"), Some("64x64")));
    let (whole, cut) = (frames(&content(&server, &whole)), frames(&content(&server, &cut)));
    assert_eq!(cut.frames().len(), 5);
    for (kept, original) in cut.frames().iter().zip(&whole.frames()[2..]) {
        let off = kept.rgb().iter().zip(original.rgb()).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>();
        assert!(off / (kept.rgb().len() as f64) < 6.0, "{off}");
    }
    let beyond = json!({ "video": { "id": body["video"]["id"] }, "from": 7 });
    let answer = server.post("/v1/videos/recuts", &beyond);
    assert!(answer.refused(400, "invalid_value").contains("lasts 0.56 s"));
    assert_eq!(answer.json()["error"]["param"], "to");
    server.post("/v1/videos/recuts", &json!({ "from": 0 })).refused(400, "missing_required_parameter");
}

#[test]
fn a_story_is_told_in_shots() {
    let (server, _folder) = Running::fresh();
    let clip = server.completed(&server.create(&json!({ "num_frames": 9 })));
    let picture = video::Frame::filled(video::Resolution::new(64, 64).unwrap(), [30, 90, 200]);
    let png = video::encode_png(&picture).unwrap();
    let cards = json!([
        { "name": "one", "from": 0, "to": 0.5, "prompt": "{ball} rolls", "image": { "file": "sky" } },
        { "from": 0.5, "to": 1.0, "clip": { "id": clip["id"] } },
        { "from": 1.0, "to": 1.5, "prompt": "{ball} stops", "join": "passage" },
    ]);
    let (cards, things) = (cards.to_string(), json!({ "ball": "a red ball" }).to_string());
    let told = server.form(
        "/v1/videos/storyboards",
        &[
            ("cards", Part::Text(&cards)),
            ("things", Part::Text(&things)),
            ("prompt", Part::Text("at noon")),
            ("size", Part::Text("64x64")),
            ("num_inference_steps", Part::Text("2")),
            ("seed", Part::Text("7")),
            ("sky", Part::File(&png)),
        ],
    );
    let told = told.fine();
    assert_eq!(told["prompt"], "a red ball rolls, at noon / a red ball stops, at noon");
    assert_eq!((told["seconds"].as_str(), &told["remixed_from_video_id"]), (Some("1.438"), &clip["id"]));
    let kept = &told["recipe"]["task"];
    assert_eq!(kept["story"].as_str().unwrap().matches("[[card]]").count(), 3);
    assert_eq!(kept["media"], json!(["input-0", "input-1"]));
    let made = frames(&content(&server, &told));
    assert_eq!(made.frames().len(), 24);

    let story = "[[card]]\nfrom = 0\nto = 0.5\nprompt = \"a ball\"\nimage = \"sky.png\"\n";
    let fields =
        [("story", Part::Text(story)), ("size", Part::Text("64x64")), ("num_inference_steps", Part::Text("2"))];
    server.form("/v1/videos/storyboards", &fields).refused(400, "missing_required_parameter");
    let written =
        server.form("/v1/videos/storyboards", &[&fields[..], &[("media_0", Part::File(&png))]].concat()).fine();
    assert_eq!((written["prompt"].as_str(), written["seconds"].as_str()), (Some("a ball"), Some("0.438")));

    let wrong = |cards: Value| {
        let answer = server.post("/v1/videos/storyboards", &json!({ "cards": cards, "size": "64x64" }));
        let code = answer.json()["error"]["code"].as_str().unwrap().to_owned();
        assert!(matches!(answer.json()["error"]["param"].as_str(), Some("cards" | "story")), "{}", answer.json());
        answer.refused(400, &code)
    };
    assert!(wrong(json!([])).contains("1 to 64 cards"));
    assert!(wrong(json!([{ "from": 0, "to": 1 }])).contains("card 1 has no prompt"));
    assert!(wrong(json!([{ "from": 0, "to": 1, "prompt": "{cube}" }])).contains("the thing \"cube\""));
    assert!(wrong(json!([{ "from": 1, "to": 2, "prompt": "a" }])).contains("a story begins at 0"));
    assert!(wrong(json!([{ "from": 0, "to": 1, "prompt": "a", "colour": "red" }])).contains("colour"));
    assert!(wrong(json!([{ "from": 0, "to": 1, "prompt": "a", "image": { "file": "b" } }])).contains("was not sent"));
    assert!(wrong(json!("cards")).contains("expected"));
    let gone = format!("video_{}", "0".repeat(32));
    let body = json!({ "cards": [{ "from": 0, "to": 1, "clip": { "id": gone } }] });
    server.post("/v1/videos/storyboards", &body).refused(404, "video_not_found");
}

#[test]
fn marks_are_found_in_what_is_made_here_and_in_nothing_else() {
    let (server, _folder) = Running::fresh();
    let video = server.completed(&server.create(&json!({ "size": "128x128", "num_frames": 17 })));
    let found = server.post("/v1/detect", &json!({ "video": { "id": video["id"] } })).fine();
    assert_eq!((&found["verdict"], &found["aigc"]["ContentProducer"]), (&json!("misora"), &json!("misora")), "{found}");
    assert!(matches!(found["credentials"]["standing"].as_str(), Some("valid" | "trusted")), "{found}");
    // The same from a file without a name.
    let bytes = content(&server, &video);
    let again = server.form("/v1/detect", &[("file", Part::File(&bytes))]).fine();
    assert_eq!((&again["verdict"], &again["watermark"]), (&found["verdict"], &found["watermark"]));
    assert_eq!(again["credentials"]["standing"], found["credentials"]["standing"]);

    let plain = video::Frame::filled(video::Resolution::new(128, 128).unwrap(), [120, 90, 40]);
    let png = video::encode_png(&plain).unwrap();
    let nothing = server.form("/v1/detect", &[("file", Part::File(&png))]).fine();
    assert_eq!((nothing["verdict"].as_str(), &nothing["aigc"]), (Some("no_mark"), &Value::Null));
    let broken = server.form("/v1/detect", &[("file", Part::File(b"no picture"))]);
    assert!(!broken.refused(400, "unreadable_file").contains("scratch"));
    server.post("/v1/detect", &json!({})).refused(400, "missing_required_parameter");
    server.post("/v1/detect", &json!({ "video": { "id": "video_x" } })).refused(404, "video_not_found");
}

#[test]
fn a_recipe_says_all_that_was_asked_for() {
    let (server, _folder) = Running::fresh();
    let more = json!({
        "sampler": "heun", "guidance_scale": 2.5, "negative_prompt": "a cube", "camera": "pan left 5",
        "motions": ["red ball: 0.2,0.6 -> 0.8,0.6"],
    });
    let video = server.create(&more);
    for (name, value) in more.as_object().unwrap() {
        assert_eq!(&video["recipe"][name], value);
    }
    assert_eq!((&video["recipe"]["task"]["kind"], &video["recipe"]["seed"]), (&json!("imagine"), &json!(1)));
    server.completed(&video);
    for (wrong, field) in [
        (json!({ "sampler": "fast" }), "sampler"),
        (json!({ "camera": "wobble" }), "camera"),
        (json!({ "motions": "ball to the left" }), "motions"),
        (json!({ "motions": [1] }), "motions"),
    ] {
        let answer = server.post("/v1/videos", &support::small(&wrong));
        answer.refused(400, "invalid_value");
        assert_eq!(answer.json()["error"]["param"], field, "{wrong}");
    }
    let abilities = &server.get("/v1/models").fine()["data"][0]["abilities"];
    assert_eq!((&abilities["size"], &abilities["fps"]), (&json!("128x128"), &json!(16)));
    assert!(abilities["samplers"].as_array().unwrap().contains(&json!("unipc")));
}

#[test]
fn the_page_is_sent_packed_and_seldom() {
    let (server, _folder) = Running::fresh();
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/studio.css", "text/css; charset=utf-8"),
        ("/studio.js", "text/javascript; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
    ] {
        let ask = |headers: &[(&str, &str)]| server.ask("GET", path, headers, &[]);
        let plain = ask(&[("accept-encoding", "identity")]);
        assert_eq!((plain.status, plain.header("content-type")), (200, kind), "{path}");
        assert!(plain.header("content-encoding").is_empty() && plain.header("cache-control") == "no-cache");
        assert!(plain.header("content-security-policy").contains("script-src 'self'"));
        // As it comes: a client that unpacks hides that it did.
        let asked = format!(
            "GET {path} HTTP/1.1\r\nhost: {}\r\naccept-encoding: br, gzip\r\nconnection: close\r\n\r\n",
            server.address
        );
        let packed = server.raw(asked.as_bytes());
        assert!(packed.contains("content-encoding: gzip\r\n") && packed.contains(plain.header("etag")), "{packed}");
        let known = ask(&[("if-none-match", plain.header("etag"))]);
        assert_eq!((known.status, known.bytes.len()), (304, 0));
    }
}
