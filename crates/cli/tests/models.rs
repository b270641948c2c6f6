//! Models: listed, found by name, checked, converted.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
};

use support::Place;

const WEIGHTS: &str = "transformer/diffusion_pytorch_model.safetensors";
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn wan() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../wan/tests/goldens/model")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &target) } else { fs::write(target, fs::read(path).unwrap()).unwrap() }
    }
}

/// A tiny Wan folder `wan`, and the same in the cache as `owner/tiny`.
fn place_with_wan() -> Place {
    let place = Place::new();
    copy(&wan(), &place.path("wan"));
    let cached = place.path("hub/models--owner--tiny");
    copy(&wan(), &cached.join("snapshots").join(COMMIT));
    fs::create_dir_all(cached.join("refs")).unwrap();
    fs::write(cached.join("refs/main"), COMMIT).unwrap();
    fs::write(cached.join("snapshots").join(COMMIT).join("README.md"), "---\nlicense: apache-2.0\n---\nTiny.\n")
        .unwrap();
    place
}

#[test]
fn models_are_listed_with_size_licence_and_training() {
    let place = Place::new();
    let listed = place.run(&["models", "model", "--json"]).json();
    let listed = listed.as_array().unwrap();
    assert_eq!((listed.len(), &listed[0]["place"]), (2, &"built in".into()));
    let tiny = &listed[1];
    assert_eq!((&tiny["name"], &tiny["licence"]), (&"tiny".into(), &"Apache-2.0".into()));
    assert!(tiny["parameters"]["total"].as_u64().unwrap() > 1000 && tiny["bytes"].as_u64().unwrap() > 1000);
    // A folder of model folders.
    let text = place.run(&["models", "."]).fine();
    assert!(text.contains("tiny (./model)") && text.contains("nothing: random weights"), "{text}");
    place.run(&["models", "nowhere"]).refused("there is no folder nowhere");
    fs::create_dir(place.path("hollow")).unwrap();
    place.run(&["models", "hollow"]).refused("holds no model");
}

#[test]
fn a_model_in_the_cache_goes_by_its_name() {
    let place = place_with_wan();
    let listed = place.run(&["models", "--json"]).json();
    let tiny = &listed.as_array().unwrap()[1];
    assert_eq!((&tiny["name"], &tiny["licence"]), (&"owner/tiny".into(), &"apache-2.0".into()));
    assert_eq!(tiny["architecture"], "WanPipeline");
    let text = place.run(&["models", "list"]).fine();
    assert!(text.contains("owner/tiny (") && text.contains("pipeline    WanPipeline"), "{text}");

    let made = ["--frames", "5", "--size", "32x32", "--steps", "2", "-o", "made.mp4"];
    let generate = |model| [&["generate", "a red ball", "--model", model], &made[..]].concat();
    place.run(&generate("owner/tiny")).fine();
    let by_name = place.clip("made.mp4");
    place.run(&generate("wan")).fine();
    assert_eq!(by_name, place.clip("made.mp4"));
    assert!(place.run(&["models", "verify", "owner/tiny"]).fine().contains("tensors fit and are finite"));
}

#[test]
fn a_name_that_is_not_here_says_how_to_get_it() {
    let place = Place::new();
    let ran = place.run(&["generate", "a red ball", "--model", "owner/missing"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("no folder owner/missing") && ran.stderr.contains("HF_HUB_OFFLINE"), "{}", ran.stderr);
    place.run(&["models", "verify", "owner/missing"]).refused("misora models pull owner/missing");
    place.run(&["models", "pull", "owner/missing"]).refused("HF_HUB_OFFLINE");
    place.run(&["models", "pull", "missing"]).wrong_usage("no / between owner and name");
    // Nobody listens at that port.
    let mut pull = place.command(&["models", "pull", "owner/missing"]);
    let ran: support::Ran =
        pull.env_remove("HF_HUB_OFFLINE").env("HF_ENDPOINT", "http://127.0.0.1:9").output().unwrap().into();
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("cannot reach http://127.0.0.1:9"), "{}", ran.stderr);
}

#[test]
fn a_converted_model_is_whole_and_smaller() {
    let place = place_with_wan();
    let said = place.run(&["models", "convert", "wan", "small", "--precision", "bf16"]).fine();
    assert!(said.starts_with("small: "), "{said}");
    let size = |name: &str| fs::metadata(place.path(name)).unwrap().len();
    assert!(place.run(&["models", "verify", "small"]).fine().contains("small: whole"));
    let made = ["--frames", "5", "--size", "32x32", "--steps", "2", "-o", "made.mp4"];
    place.run(&[&["generate", "a red ball", "--model", "small"], &made[..]].concat()).fine();

    // There and back is the same, since 32 bits hold all of 16.
    place.run(&["models", "convert", "small", "wide", "--precision", "f32"]).fine();
    let (narrow, wide) = (size(&format!("small/{WEIGHTS}")), size(&format!("wide/{WEIGHTS}")));
    assert!(narrow < wide * 6 / 10, "{wide} became {narrow}");
    place.run(&["models", "convert", "wide", "again", "--precision", "bf16"]).fine();
    assert_eq!(place.read(&format!("small/{WEIGHTS}")), place.read(&format!("again/{WEIGHTS}")));

    place.run(&["models", "convert", "wan", "small", "--precision", "f16"]).refused("there already");
    place.run(&["models", "convert", "wan", "new", "--precision", "int3"]).wrong_usage("bf16");
    place.run(&["models", "convert", "model", "new", "--precision", "bf16"]).refused("f16 or f32");
    place.run(&["models", "convert", "model", "own", "--precision", "f16"]).fine();
    assert!(place.run(&["models", "verify", "own"]).fine().contains("parameters fit"));
    assert!(!place.path("new").exists());
}

#[test]
fn damage_is_named_and_nothing_is_left_behind() {
    let place = place_with_wan();
    let path = place.path(&format!("wan/{WEIGHTS}"));
    let whole = fs::read(&path).unwrap();
    let header = 8 + usize::try_from(u64::from_le_bytes(whole[..8].try_into().unwrap())).unwrap();
    let with = |value: f32| {
        let mut bytes = whole.clone();
        bytes[header..header + 4].copy_from_slice(&value.to_le_bytes());
        fs::write(&path, bytes).unwrap();
    };
    with(f32::NAN);
    place.run(&["models", "verify", "wan"]).refused("not finite");
    place.run(&["models", "convert", "wan", "new", "--precision", "bf16"]).refused("NaN");
    with(1e6);
    place.run(&["models", "convert", "wan", "new", "--precision", "f16"]).refused("bf16 and f32 can hold it");
    fs::write(&path, &whole[..whole.len() - 10]).unwrap();
    place.run(&["models", "verify", "wan"]).refused("cut short");
    assert_eq!(place.files(), ["hub", "wan"]);
}
