//! Open checkpoints: single parts on given tensors, and a video of a prompt.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
};

use burn::tensor::{Device, Tensor};
use support::Place;
use wan::tensor_file::TensorFile;

fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../wan/tests/goldens")
}

/// Inputs of one part out of the goldens, under the names that the part takes.
fn write_input(place: &Place, prefix: &str, names: &[&str]) {
    write_input_of("wan", place, prefix, names);
}

fn write_input_of(goldens_of: &str, place: &Place, prefix: &str, names: &[&str]) {
    let bytes = fs::read(goldens().join(goldens_of).with_extension("safetensors")).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let views = names.iter().map(|name| (*name, file.tensor(&format!("{prefix}.{name}")).unwrap()));
    fs::write(place.path("in.safetensors"), safetensors::serialize(views, None).unwrap()).unwrap();
}

fn module<'a>(part: &'a str, model: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let files = ["--model", model, "--input", "in.safetensors", "--output", "out.safetensors"];
    [&["module", part], &files[..], more].concat()
}

#[test]
fn parts_run_on_given_tensors_and_write_what_they_give() {
    let (place, model) = (Place::new(), goldens().join("model"));
    let model = model.to_str().unwrap();
    for (part, prefix, names, output, shape) in [
        (
            "transformer",
            "transformer.batch",
            &["hidden_states", "timestep", "encoder_hidden_states"][..],
            "sample",
            &[2, 4, 3, 4, 6][..],
        ),
        ("vae-decode", "vae.clip", &["latents"], "sample", &[1, 3, 13, 8, 16]),
        ("vae-encode", "vae.clip", &["sample"], "latents", &[1, 4, 4, 1, 2]),
        ("text", "text.batch", &["input_ids", "attention_mask"], "prompt_embeds", &[2, 7, 16]),
    ] {
        write_input(&place, prefix, names);
        let said = place.run(&module(part, model, &["--repeat", "2", "--threads", "1"])).json();
        assert_eq!(said["seconds"].as_array().unwrap().len(), 2, "{said}");
        assert!(said["peak_rss_bytes"].as_u64().unwrap() > 1 << 20, "{said}");
        let bytes = fs::read(place.path("out.safetensors")).unwrap();
        let written = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(written.tensor(output).unwrap().shape(), shape, "{part}");
        assert_eq!(written.len(), 1);
    }
    let file = TensorFile::open(&place.path("out.safetensors")).unwrap();
    assert!(file.floats::<3>("prompt_embeds", &Device::flex()).is_ok());
    write_input_of("i2v", &place, "clip", &["pixel_values"]);
    let folder = goldens().join("i2v");
    place.run(&module("image", folder.to_str().unwrap(), &[])).json();
    let given: Tensor<3> =
        TensorFile::open(&goldens().join("i2v.safetensors")).unwrap().floats("clip.embeds", &Device::flex()).unwrap();
    let file = TensorFile::open(&place.path("out.safetensors")).unwrap();
    let made: Tensor<3> = file.floats("image_embeds", &Device::flex()).unwrap();
    assert!((made - given).abs().max().into_scalar::<f32>() < 1e-4);
    place.run(&module("image", model, &[])).refused("has no image_encoder");
}

#[test]
fn precision_is_chosen_and_said() {
    let (place, model) = (Place::new(), goldens().join("model"));
    let model = model.to_str().unwrap();
    write_input(&place, "transformer.small", &["hidden_states", "timestep", "encoder_hidden_states"]);
    // The tiny model fits into the memory of any machine.
    for (asked, chosen) in [("f32", "f32"), ("int8", "int8"), ("auto", "f32")] {
        let said = place.run(&module("transformer", model, &["--precision", asked])).json();
        assert_eq!(said["precision"], chosen, "{said}");
        assert_eq!(said["processor_seconds"].as_array().unwrap().len(), 1, "{said}");
    }
    let arguments = ["generate", "a red ball", "--model", model, "--steps", "1", "--size", "32x32", "--frames", "1"];
    let said = place.run(&[&arguments[..], &["-o", "ball.png", "--json", "--precision", "int8"]].concat()).json();
    assert_eq!(said["settings"]["precision"], "int8");
    let fastest = wan::Precision::fastest().name();
    for (asked, chosen) in [(&[][..], fastest), (&["--precision", "f32"], "f32"), (&["--precision", "int8"], "int8")] {
        let own =
            ["generate", "a red ball", "--steps", "1", "--size", "32x32", "--frames", "1", "-o", "own.png", "--json"];
        let said = place.run(&[&own[..], asked].concat()).json();
        assert_eq!(said["settings"]["precision"], chosen, "{said}");
    }
}

#[test]
fn what_has_32_bits_only_refuses_8() {
    let (place, model) = (Place::new(), goldens().join("model"));
    let model = model.to_str().unwrap();
    write_input(&place, "vae.clip", &["latents"]);
    assert_eq!(place.run(&module("vae-decode", model, &["--precision", "auto"])).json()["precision"], "f32");
    assert_eq!(place.run(&module("vae-decode", model, &["--precision", "int8"])).json()["precision"], "int8");
    write_input(&place, "vae.clip", &["sample"]);
    let refused = module("vae-encode", model, &["--precision", "int8"]);
    place.run(&refused).refused("vae-encode computes in f32 only");
    place.run(&["generate", "a red ball", "--precision", "int8", "--device", "cuda"]).refused("int8 is for the CPU");
}

#[test]
fn parts_refuse_what_does_not_fit() {
    let (place, model) = (Place::new(), goldens().join("model"));
    let model = model.to_str().unwrap();
    write_input(&place, "vae.clip", &["latents"]);
    place.run(&module("vae-decode", "nowhere", &[])).refused("model_index.json");
    place.run(&module("transformer", model, &[])).refused("hidden_states");
    place.run(&module("vae-decode", model, &["--precision", "f8"])).wrong_usage("f32");
    place.run(&module("decoder", model, &[])).wrong_usage("vae-decode");
    assert!(!place.path("out.safetensors").exists());
}

#[test]
fn a_wan_folder_makes_a_video_of_a_prompt() {
    let (place, model) = (Place::new(), goldens().join("model"));
    let arguments = ["generate", "a red ball", "--model", model.to_str().unwrap(), "--steps", "2", "--size", "32x32"];
    let said = place.run(&[&arguments[..], &["--frames", "5", "-o", "ball.mp4", "--json"]].concat()).json();
    assert_eq!((&said["frames"], &said["fps"], &said["settings"]["model"]), (&5.into(), &"16".into(), &"model".into()));
    assert!(fs::metadata(place.path("ball.mp4")).unwrap().len() > 500);
    let look = ["--frames", "5", "-o", "ball.gif", "--preview", "look.gif"];
    place.run(&[&arguments[..], &look[..]].concat()).fine();
    let look = place.run(&["info", "look.gif", "--json"]).json();
    assert_eq!((&look["width"], &look["frames"]), (&16.into(), &2.into()));
}

#[test]
fn loras_change_what_a_wan_folder_makes_and_nothing_else_takes_them() {
    let (place, model) = (Place::new(), goldens().join("model"));
    let lora = goldens().join("lora/comfy.safetensors");
    let (model, half) = (model.to_str().unwrap(), format!("{}:0.5", lora.display()));
    write_input(&place, "transformer.small", &["hidden_states", "timestep", "encoder_hidden_states"]);
    let transformer = |more: &[&str]| {
        place.run(&module("transformer", model, more)).fine();
        place.read("out.safetensors")
    };
    assert_ne!(transformer(&[]), transformer(&["--lora", &half]));
    let arguments = ["generate", "a red ball", "--model", model, "--steps", "2", "--size", "32x32", "-o", "ball.png"];
    let said = place.run(&[&arguments[..], &["--json", "--lora", &half]].concat()).json();
    assert_eq!(said["settings"]["loras"], serde_json::json!([half]));
    place.run(&[&arguments[..], &["--lora", "none.safetensors"]].concat()).refused("none.safetensors");
    place.run(&[&arguments[..], &["--lora", "a.safetensors:big"]].concat()).wrong_usage("FILE:SCALE");
    place.generate("a red ball", &["--lora", &half]).refused("--lora changes Wan models only");
    place.run(&module("vae-decode", model, &["--lora", &half])).refused("--lora changes the transformer only");
}

#[test]
fn tiles_are_for_decoding() {
    let (place, model) = (Place::new(), goldens().join("model"));
    let model = model.to_str().unwrap();
    write_input(&place, "vae.clip", &["latents"]);
    place.run(&module("vae-decode", model, &["--tile", "64"])).fine();
    place.run(&module("vae-decode", model, &["--tile", "8"])).wrong_usage("64..=8192");
    place.run(&module("vae-encode", model, &["--tile", "64"])).refused("--tile is for vae-decode only");
    place.generate("a red ball", &["--tile", "64"]).refused("--tile is for Wan models only");
}

#[cfg(target_os = "linux")]
#[test]
fn more_than_the_machine_has_is_refused_before_it_is_read() {
    let (place, model) = (Place::new(), goldens().join("model"));
    let model = model.to_str().unwrap();
    // Nobody has half a terabyte of latents, nor does the file: it has a header, and then a hole.
    let sides = "[1,4,4000,4000,4000]";
    let bytes = 2u64 * 4 * 4000 * 4000 * 4000;
    let header = format!(r#"{{"latents":{{"dtype":"F16","shape":{sides},"data_offsets":[0,{bytes}]}}}}"#);
    let mut start = (header.len() as u64).to_le_bytes().to_vec();
    start.extend(header.as_bytes());
    fs::write(place.path("in.safetensors"), &start).unwrap();
    let file = fs::OpenOptions::new().write(true).open(place.path("in.safetensors")).unwrap();
    file.set_len(start.len() as u64 + bytes).unwrap();
    place.run(&module("vae-decode", model, &[])).refused("--ignore-memory goes on all the same");
    assert!(!place.path("out.safetensors").exists());
    write_input(&place, "vae.clip", &["latents"]);
    place.run(&module("vae-decode", model, &["--ignore-memory"])).fine();
}

#[test]
fn a_video_begins_with_a_picture_where_the_model_takes_one() {
    let (place, parts) = (Place::new(), [("model", ""), ("i2v", ""), ("image_transformer", "transformer")]);
    for (golden, part) in parts {
        copy(&goldens().join(golden), &place.path("i2v").join(part));
    }
    place.generate("a red ball", &["-o", "ball.png", "--frames", "1"]).fine();
    let arguments = ["generate", "a red ball", "--steps", "1", "--frames", "5", "-o", "on.mp4", "--json", "--model"];
    let run = |more: &[&str]| place.run(&[&arguments[..], more].concat());
    let said = run(&["i2v", "--image", "ball.png", "--size", "48x32"]).json();
    assert_eq!((&said["settings"]["image"], &said["size"]), (&"48x32".into(), &"48x32".into()));
    let listed = place.run(&["models", "i2v", "--json"]).json();
    let model = &listed.as_array().unwrap()[1];
    assert_eq!(model["architecture"], "WanImageToVideoPipeline");
    assert!(model["parameters"]["image_encoder"].as_u64().unwrap() > 1000, "{model}");
    assert!(String::from_utf8(place.run(&["models", "verify", "i2v"]).stdout).unwrap().contains("whole"));
    run(&["i2v", "--size", "48x32"]).refused("the image is missing");
    run(&["i2v", "--size", "48x32", "--image", "on.mp4"]).refused("is a video; name a picture");
    run(&["i2v", "--size", "48x32", "--image", "nowhere.png"]).refused("nowhere.png");
    let plain = goldens().join("model");
    run(&[plain.to_str().unwrap(), "--size", "48x32", "--image", "ball.png"]).refused("videos of prompts alone");
    place.generate("a red ball", &["--image", "ball.png"]).refused("videos of prompts alone");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
