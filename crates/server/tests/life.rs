//! The whole life of videos: made, looked at, fetched, made into others, and deleted.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod support;

use serde_json::json;
use support::{Part, Running, files, frames, small};
use video::Resolution;

#[test]
fn a_video_is_made_fetched_changed_and_deleted() {
    let (server, folder) = Running::fresh();
    let taken = server.create(&json!({ "model": "sora-2", "seconds": "0.5" }));
    assert_eq!((taken["object"].as_str(), taken["status"].as_str()), (Some("video"), Some("queued")));
    assert_eq!((taken["size"].as_str(), taken["seconds"].as_str()), (Some("64x64"), Some("0.5")));
    assert!(taken["completed_at"].is_null() && taken["error"].is_null() && taken["expires_at"].is_null());
    let video = server.completed(&taken);
    assert_eq!((video["progress"].as_u64(), video["seed"].as_u64()), (Some(100), Some(1)));
    assert!(video["completed_at"].as_i64() >= video["created_at"].as_i64());
    let id = video["id"].as_str().unwrap();
    let content = format!("/v1/videos/{id}/content");

    let whole = server.get(&content);
    assert_eq!((whole.status, whole.header("content-type")), (200, "video/mp4"));
    let clip = frames(&whole.bytes);
    assert_eq!((clip.frames().len(), clip.resolution()), (9, Resolution::new(64, 64).unwrap()));
    let part = server.ask("GET", &content, &[("range", "bytes=10-19")], &[]);
    assert_eq!((part.status, &part.bytes[..]), (206, &whole.bytes[10..20]));
    assert_eq!(part.header("content-range"), format!("bytes 10-19/{}", whole.bytes.len()));
    let end = server.ask("GET", &content, &[("range", "bytes=-5")], &[]);
    assert_eq!((end.status, &end.bytes[..]), (206, &whole.bytes[whole.bytes.len() - 5..]));
    let beyond = server.ask("GET", &content, &[("range", "bytes=99999999-")], &[]);
    beyond.refused(416, "invalid_range");
    assert_eq!(server.ask("GET", &content, &[("if-none-match", whole.header("etag"))], &[]).status, 304);
    for (variant, size) in [("thumbnail", (64, 64)), ("spritesheet", (4 * 66 + 2, 3 * 66 + 2))] {
        let picture = server.get(&format!("{content}?variant={variant}"));
        assert_eq!((picture.status, picture.header("content-type")), (200, "image/jpeg"));
        assert_eq!(frames(&picture.bytes).resolution(), Resolution::new(size.0, size.1).unwrap());
    }

    let common = json!({ "prompt": "a blue cube", "num_inference_steps": 2, "seed": 3 });
    let with = |more: serde_json::Value| {
        let mut body = common.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let remix = server.post(&format!("/v1/videos/{id}/remix"), &common).fine();
    assert_eq!(remix["remixed_from_video_id"].as_str(), Some(id));
    let extended =
        server.post("/v1/videos/extensions", &with(json!({ "seconds": "0.25", "video": { "id": id } }))).fine();
    assert_eq!(extended["seconds"], "0.75");
    let round = server.post("/v1/videos/loops", &with(json!({ "seconds": "0.25", "video": { "id": id } }))).fine();
    let blended = with(json!({ "seconds": "0.25", "video": { "id": id }, "second_video": { "id": id } }));
    let blended = server.post("/v1/videos/blends", &blended).fine();
    let fields = [("prompt", Part::Text("a green cone")), ("num_inference_steps", Part::Text("2"))];
    let edited = server.form("/v1/videos/edits", &[&fields[..], &[("video[id]", Part::Text(id))]].concat()).fine();
    let uploaded =
        server.form("/v1/videos/edits", &[&fields[..], &[("video", Part::File(&whole.bytes))]].concat()).fine();

    // The original may go: each job has its own copy.
    assert_eq!(
        server.delete(&format!("/v1/videos/{id}")).fine(),
        json!({ "id": id, "deleted": true, "object": "video.deleted" })
    );
    server.get(&content).refused(404, "video_not_found");
    server.delete(&format!("/v1/videos/{id}")).refused(404, "video_not_found");
    for (made, length) in [(&remix, 9), (&extended, 13), (&round, 13), (&blended, 22), (&edited, 9), (&uploaded, 9)] {
        let made = server.completed(made);
        let clip = frames(&server.get(&format!("/v1/videos/{}/content", made["id"].as_str().unwrap())).bytes);
        assert_eq!(clip.frames().len(), length, "{made}");
    }
    assert!(!files(folder.path()).iter().any(|file| file.to_string_lossy().contains(id)));

    let all = server.get("/v1/videos?order=asc").fine();
    assert_eq!((all["data"].as_array().unwrap().len(), all["has_more"].as_bool()), (6, Some(false)));
    let first = server.get("/v1/videos?limit=4").fine();
    assert_eq!((first["data"].as_array().unwrap().len(), first["has_more"].as_bool()), (4, Some(true)));
    assert_eq!(first["first_id"], uploaded["id"]);
    let rest = server.get(&format!("/v1/videos?limit=4&after={}", first["last_id"].as_str().unwrap())).fine();
    assert_eq!((rest["data"].as_array().unwrap().len(), rest["last_id"].as_str()), (2, remix["id"].as_str()));
    server.stop();
}

#[test]
fn a_video_that_plays_round_and_a_mix_say_so() {
    let (server, _folder) = Running::fresh();
    let round = server.create(&json!({ "num_frames": 9, "loop": true }));
    assert_eq!((&round["recipe"]["loop"], round["seconds"].as_str()), (&json!(true), Some("0.438")));
    let (prompt, size, length) = (Part::Text("a red ball"), Part::Text("64x64"), Part::Text("9"));
    let fields = [("prompt", prompt), ("size", size), ("num_frames", length), ("num_inference_steps", Part::Text("2"))];
    let line = server.form("/v1/videos", &[&fields[..], &[("loop", Part::Text("false"))]].concat()).fine();
    assert!(line["recipe"]["loop"].is_null(), "{line}");
    let line = server.completed(&line);
    let mix = |more: serde_json::Value| {
        let id = &line["id"];
        let mut body = json!({
            "prompt": "a blue cube", "num_inference_steps": 2, "video": { "id": id }, "second_video": { "id": id },
            "seconds": "0.25", "mix": true,
        });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        server.post("/v1/videos/blends", &body).fine()
    };
    let (usual, gentle) = (mix(json!({})), mix(json!({ "strength": 0.25 })));
    for (mix, strength) in [(&usual, 0.5), (&gentle, 0.25)] {
        let expected =
            json!({ "kind": "mix", "first": "input-0", "second": "input-1", "over": 0.25, "strength": strength });
        assert_eq!((&mix["recipe"]["task"], mix["seconds"].as_str()), (&expected, Some("0.812")));
    }
    // A ring has one frame less than was asked for, a mix those in which both are seen once.
    for (made, length) in [(&round, 8), (&line, 9), (&usual, 14), (&gentle, 14)] {
        let made = server.completed(made);
        let clip = frames(&server.get(&format!("/v1/videos/{}/content", made["id"].as_str().unwrap())).bytes);
        assert_eq!(clip.frames().len(), length, "{made}");
    }
}

#[test]
fn pictures_come_to_life() {
    let (server, _folder) = Running::fresh();
    let picture = video::Frame::filled(Resolution::new(64, 64).unwrap(), [200, 60, 20]);
    let png = video::encode_png(&picture).unwrap();
    let fields = [
        ("prompt", Part::Text("a red ball")),
        ("size", Part::Text("64x64")),
        ("num_frames", Part::Text("5")),
        ("num_inference_steps", Part::Text("2")),
        ("seed", Part::Text("1")),
    ];
    let sent = server.form("/v1/videos", &[&fields[..], &[("input_reference", Part::File(&png))]].concat()).fine();
    let url =
        format!("data:image/png;base64,{}", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &png));
    let inside = server.create(&json!({ "prompt": "a red ball", "input_reference": { "image_url": url } }));
    let content = |video: &serde_json::Value| {
        let id = server.completed(video)["id"].as_str().unwrap().to_owned();
        // Signatures differ, pictures do not.
        frames(&server.get(&format!("/v1/videos/{id}/content")).bytes)
    };
    let (sent, inside) = (content(&sent), content(&inside));
    assert!(sent == inside, "the same picture and seed made different videos");
    // The first frame is the picture as the autoencoder renders it.
    let first = &sent.frames()[0];
    let off = first.rgb().iter().zip(picture.rgb()).map(|(made, given)| f64::from(made.abs_diff(*given))).sum::<f64>();
    assert!(off / (first.rgb().len() as f64) < 30.0, "{off}");
}

#[test]
fn the_same_request_twice_is_one_job() {
    let (server, _folder) = Running::fresh();
    let body = small(&json!({})).to_string();
    let headers = [("content-type", "application/json"), ("idempotency-key", "once")];
    let first = server.ask("POST", "/v1/videos", &headers, body.as_bytes()).fine();
    let again = server.ask("POST", "/v1/videos", &headers, body.as_bytes()).fine();
    assert_eq!(first["id"], again["id"]);
    let other = small(&json!({ "seed": 2 })).to_string();
    server.ask("POST", "/v1/videos", &headers, other.as_bytes()).refused(409, "idempotency_key_reused");
    assert_eq!(server.get("/v1/videos").fine()["data"].as_array().unwrap().len(), 1);
}

#[test]
fn what_happens_is_told_as_it_happens() {
    let (server, _folder) = Running::fresh();
    let first = server.create(&json!({ "num_inference_steps": 20, "num_frames": 17 }));
    // Long enough to be seen by whoever looks twice a second.
    let second = server.create(&json!({ "num_inference_steps": 120, "num_frames": 17 }));
    let events = |video: &serde_json::Value| {
        let answer = server.get(&format!("/v1/videos/{}/events", video["id"].as_str().unwrap()));
        assert_eq!((answer.header("content-type"), answer.header("x-accel-buffering")), ("text/event-stream", "no"));
        String::from_utf8(answer.bytes).unwrap()
    };
    let told = events(&second);
    assert!(told.contains("event: queued\ndata: {\"position\":0}"), "{told}");
    let done = told.split("event: done\ndata: ").nth(1).unwrap();
    let done: serde_json::Value = serde_json::from_str(done.trim()).unwrap();
    assert_eq!((done["id"].as_str(), done["status"].as_str()), (second["id"].as_str(), Some("completed")));
    for event in ["event: progress", "\"phase\":\"sampling\"", "event: preview", "data:image/gif;base64,R0lGOD"] {
        assert!(told.contains(event), "{event} is not in: {told}");
    }
    // Whoever comes late hears the end only.
    let late = events(&first);
    assert!(late.starts_with("event: done") && late.matches("event:").count() == 1, "{late}");
}

#[test]
fn programs_and_people_are_told_what_there_is() {
    let (server, _folder) = Running::fresh();
    let models = server.get("/v1/models").fine();
    assert_eq!(models["data"].as_array().unwrap().len(), 1);
    assert_eq!(server.get("/health").fine()["status"], "ok");
    server.completed(&server.create(&json!({})));
    let metrics = String::from_utf8(server.get("/metrics").bytes).unwrap();
    for line in [
        "misora_jobs_ended_total{outcome=\"completed\"} 1",
        "misora_jobs{status=\"completed\"} 1",
        "route=\"/v1/videos/{id}\"",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    let api = server.get("/openapi.json").fine();
    for path in
        ["/v1/videos", "/v1/videos/{id}", "/v1/videos/{id}/remix", "/v1/videos/extensions", "/v1/videos/{id}/events"]
    {
        assert!(api["paths"][path].is_object(), "{path}");
    }
    let fields = |name: &str| api["components"]["schemas"][name].to_string();
    assert!(fields("Common").contains("\"prompt\"") && fields("CreateVideo").contains("input_reference"), "{api}");
    assert!(fields("CreateVideo").contains("\"loop\"") && fields("BlendVideos").contains("\"mix\""), "{api}");
    let page = server.get("/");
    assert!(
        page.header("content-type").starts_with("text/html")
            && page.header("content-security-policy").contains("default-src")
    );
}
