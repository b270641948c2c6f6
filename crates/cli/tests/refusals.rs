//! Bad input: each case is one clear line, and leaves nothing behind.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod support;

use std::{fs, io::Write, process::Stdio};

use support::Place;

#[test]
fn sizes_that_the_model_cannot_make_name_the_nearest() {
    let place = Place::new();
    for (size, expected) in [
        ("100x100", "the nearest that work are 96x96 and 112x112"),
        ("128x129", "the nearest that work are 128x128 and 128x144"),
        ("0x0", "the nearest that works is 32x32"),
        ("100000x100000", "the nearest that works is 1024x1024"),
    ] {
        place.generate("a red ball", &["--size", size]).refused(expected);
    }
    place.generate("a red ball", &["--size", "big"]).wrong_usage("WIDTHxHEIGHT");
    place.generate("a red ball", &["--size", "1024x1024", "--frames", "65"]).refused("at most 5 frames");
    assert!(place.files().is_empty());
}

#[test]
fn lengths_that_the_model_cannot_make_name_the_nearest() {
    let place = Place::new();
    for (frames, expected) in [("0", "works is 1"), ("32", "work are 29 and 33"), ("999999999", "works is 86401")] {
        place.generate("a red ball", &["--frames", frames]).refused(expected);
    }
    for (seconds, expected) in [
        ("0", "the shortest is 0.25 s"),
        ("-1", "the shortest is 0.25 s"),
        ("nan", "the shortest is 0.25 s"),
        ("2.1", "the nearest: 2 s or 2.25 s"),
        ("1e12", "the longest is 5400 s"),
        ("inf", "0.25 s"),
    ] {
        place.generate("a red ball", &["--seconds", seconds]).refused(expected);
    }
    place.generate("a red ball", &["--seconds", "1", "--frames", "5"]).wrong_usage("cannot be used with");
    place.generate("a red ball", &["-o", "a.png", "--frames", "5"]).refused("a picture has one frame, not 5");
    place.generate("a red ball", &["--fps", "0"]).wrong_usage("frame rate");
    assert!(place.files().is_empty());
}

#[test]
fn prompts_that_say_nothing_or_too_much() {
    let place = Place::new();
    place.generate("", &[]).refused("the prompt is empty");
    place.generate(" \t\n", &[]).refused("the prompt is empty");
    place.generate(&"a".repeat(100_000), &[]).refused("the prompt has 100000 characters");
    place.generate(&"球".repeat(40_000), &[]).refused("the prompt has 40000 characters");
    place.generate("a red ball", &["--negative", &"a".repeat(100_000)]).refused("the negative prompt has 100000");
    place.generate(&"x y ".repeat(100), &[]).refused("tokens, but the text encoder reads at most 256");
    // From standard input: nothing, and bytes that are not text.
    place.generate("-", &[]).refused("the prompt is empty");
    let arguments = Place::generate_arguments("-", &[]);
    let mut child = place.command(&arguments).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&[0xFF, 0xFE, 0x80]).unwrap();
    let ran: support::Ran = child.wait_with_output().unwrap().into();
    ran.refused("cannot read the prompt from standard input");
    place.run(&["generate"]).wrong_usage("PROMPT");
    assert!(place.files().is_empty());
}

#[test]
fn settings_out_of_range() {
    let place = Place::new();
    place.generate("a red ball", &["--sampler", "ddim"]).wrong_usage("possible values: euler, heun, dpmpp-2m, unipc");
    place.run(&["generate", "a ball", "--model", "model", "--steps", "0"]).refused("between 1 and 1000");
    place.run(&["generate", "a ball", "--model", "model", "--steps", "1000000"]).refused("between 1 and 1000");
    place.generate("a red ball", &["--guidance", "-1"]).refused("guidance_scale must be between 0 and 100");
    place.generate("a red ball", &["--guidance", "nan"]).refused("guidance_scale must be between 0 and 100");
    place.generate("a red ball", &["--guidance-interval", "0.9-0.1"]).refused("guidance interval");
    place.generate("a red ball", &["--guidance-interval", "0-7"]).refused("noise level");
    place.generate("a red ball", &["--outline", "0"]).refused("the outline's strength must be above 0");
    place.generate("a red ball", &["--outline", "0.5"]).refused("48x32 has no outline");
    place.generate("a red ball", &["--seed=-1"]).wrong_usage("--seed");
    place.generate("a red ball", &["--count", "0"]).wrong_usage("--count");
    place.generate("a red ball", &["--count", "2", "--seed", "18446744073709551615"]).refused("smaller --seed");
    place.generate("a red ball", &["--device", "abacus"]).wrong_usage("possible values: cpu, vulkan, cuda");
    place.run(&["fly"]).wrong_usage("unrecognized subcommand");
    assert!(place.files().is_empty());
}

#[cfg(not(feature = "vulkan"))]
#[test]
fn a_device_that_was_not_built_in_says_how_to_get_it() {
    Place::new().generate("a red ball", &["--device", "vulkan"]).refused("--features vulkan");
}

#[test]
fn model_folders_that_are_none() {
    let place = Place::new();
    let with = |model: &str| place.run(&["generate", "a red ball", "--model", model, "--size", "32x32"]);
    with("nowhere").refused("nowhere is not a model folder");
    fs::create_dir(place.path("hollow")).unwrap();
    with("hollow").refused("it has no model.json");
    with("model/model.json").refused("is not a model folder");

    // Each break is mended again by the original bytes.
    let broken = |name: &str, bytes: &[u8], expected: &str| {
        let path = place.path("model").join(name);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, bytes).unwrap();
        with("model").refused(expected);
        fs::write(&path, whole).unwrap();
    };
    let manifest = String::from_utf8(place.read("model/model.json")).unwrap();
    let other_version = manifest.replace("\"format_version\": 1", "\"format_version\": 99");
    broken("model.json", other_version.as_bytes(), "has checkpoint format 99, but this misora reads format 1");
    broken("model.json", &manifest.as_bytes()[..100], "model.json is damaged");
    broken("model.json", b"", "model.json is damaged");
    broken("tokenizer.json", b"{}", "tokenizer");
    let weights = place.read("model/transformer.safetensors");
    broken("transformer.safetensors", &weights[..weights.len() / 2], "transformer.safetensors is damaged");
    broken("transformer.safetensors", b"", "transformer.safetensors is damaged");
    let mut spoiled = weights.clone();
    let end = spoiled.len();
    spoiled[end - 64..].fill(0xFF); // F32 NaN
    broken("transformer.safetensors", &spoiled, "holds a number that is not finite");
    fs::rename(place.path("model/autoencoder.safetensors"), place.path("away")).unwrap();
    with("model").refused("autoencoder.safetensors");
}

#[test]
fn places_that_cannot_be_written() {
    let place = Place::new();
    let output = |output: &str| place.generate("a red ball", &["-o", output]);
    output("no/such/folder/a.mp4").refused("make the folder no/such/folder first");
    output("no/such/folder/a.png").refused("make the folder no/such/folder first");
    output("model").refused("which is not a frame");
    output("").wrong_usage("a value is required for '--output <PATH>'");
    output("a.webm").refused(".webm files are not written here");
    fs::write(place.path("file"), "text").unwrap();
    output("file/a.mp4").refused("file");
    fs::create_dir(place.path("folder.mp4")).unwrap();
    output("folder.mp4").refused("that is a folder");
    place.generate("a red ball", &["-o", "-", "--json"]).refused("cannot both go to standard output");
    place.generate("a red ball", &["-o", "-", "--count", "2"]).refused("standard output takes one video");
    assert_eq!(place.files(), ["file", "folder.mp4"]);
}

#[test]
fn files_that_are_no_videos() {
    let place = Place::new();
    let info = |name: &str| place.run(&["info", name]);
    info("nowhere.mp4").refused("cannot read nowhere.mp4");
    fs::write(place.path("empty.mp4"), "").unwrap();
    info("empty.mp4").refused("it is empty");
    fs::write(place.path("text.mp4"), "not a video").unwrap();
    info("text.mp4").refused("it is text");
    info("model").refused("holds no frame_0001.png");

    place.generate("a red ball", &["-o", "a.mp4", "--frames", "5"]).fine();
    let whole = place.read("a.mp4");
    fs::write(place.path("cut.mp4"), &whole[..whole.len() * 2 / 3]).unwrap();
    info("cut.mp4").refused("cut.mp4 is damaged");
    fs::write(place.path("cut.mp4"), &whole[..200]).unwrap();
    info("cut.mp4").refused("cut.mp4");

    // A PNG header that claims 100000 × 100000 pixels, with its check sum right.
    let claim = [0, 1, 0x86, 0xA0, 0, 1, 0x86, 0xA0, 8, 2, 0, 0, 0];
    let mut png = b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR".to_vec();
    png.extend(claim);
    png.extend(crc32(&[b"IHDR".as_slice(), &claim].concat()).to_be_bytes());
    png.extend(b"\0\0\0\0IDAT\x35\xAF\x06\x1E");
    fs::write(place.path("huge.png"), png).unwrap();
    info("huge.png").refused("100000");
}

/// Source: PNG specification, annex D.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}
