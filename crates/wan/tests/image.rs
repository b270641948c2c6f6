//! The image encoder against what transformers computes with the same weights.
//!
//! The goldens are made by scripts/goldens/wan.py.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic and explains itself by its name")]

mod common;

use std::fs;

use burn::tensor::{Device, Tensor};
use common::{Goldens, goldens, rewrite, says};
use wan::{WanFolder, image::ImageEncoder};

const FILES: [&str; 2] = ["config.json", "model.safetensors"];

#[test]
fn the_image_encoder_gives_what_transformers_gives() {
    let (goldens, folder) = (Goldens::of("i2v"), WanFolder::open(&goldens().join("i2v")).unwrap());
    let encoder = folder.image_encoder(&Device::flex()).unwrap();
    goldens.compare("clip.embeds", encoder.forward(goldens.get("clip.pixel_values")).unwrap());
    let message = encoder.forward(Tensor::zeros([1, 3, 8, 9], &Device::flex())).unwrap_err().to_string();
    says(&message, &["pixel_values", "[B, 3, 8, 8]", "[1, 3, 8, 9]"]);
}

#[test]
fn tensors_of_the_image_encoder_that_do_not_fit_are_named() {
    let copy = tempfile::tempdir().unwrap();
    FILES.iter().for_each(|name| {
        fs::copy(goldens().join("i2v/image_encoder").join(name), copy.path().join(name)).unwrap();
    });
    let load = || ImageEncoder::load(copy.path(), &Device::flex());
    // The half of CLIP alone has no projection, and older files count the positions.
    rewrite(&copy.path().join(FILES[1]), |tensors| {
        tensors.remove("visual_projection.weight").unwrap();
        let positions = (safetensors::Dtype::I64, vec![1, 1], vec![0; 8]);
        tensors.insert("vision_model.embeddings.position_ids".into(), positions);
    });
    load().unwrap();
    // The fifth version of transformers writes the same half under shorter names.
    let whole = fs::read(copy.path().join(FILES[1])).unwrap();
    rewrite(&copy.path().join(FILES[1]), |tensors| {
        let short = |(name, tensor): (String, _)| (name.replace("vision_model.", ""), tensor);
        *tensors = std::mem::take(tensors).into_iter().map(short).collect();
    });
    load().unwrap();
    fs::write(copy.path().join(FILES[1]), whole).unwrap();
    // The last layer is not asked, and is checked all the same.
    rewrite(&copy.path().join(FILES[1]), |tensors| {
        drop(tensors.remove("vision_model.encoder.layers.2.mlp.fc1.bias"));
        let norm = tensors["vision_model.post_layernorm.bias"].clone();
        tensors.insert("vision_model.new".into(), norm);
    });
    let message = load().unwrap_err().to_string();
    says(&message, &["image encoder", "layers.2.mlp.fc1.bias is missing", "vision_model.new is left over"]);
}

#[test]
fn folders_without_what_sees_images_are_named() {
    let folder = WanFolder::open(&goldens().join("model")).unwrap();
    says(&folder.image_encoder(&Device::flex()).unwrap_err().to_string(), &["has no image_encoder"]);
    says(&folder.image_processor().unwrap_err().to_string(), &["has no image_processor"]);
    let place = tempfile::tempdir().unwrap();
    let index = r#"{"_class_name": "WanImageToVideoPipeline", "image_encoder": ["transformers", "SiglipVisionModel"]}"#;
    fs::write(place.path().join("model_index.json"), index).unwrap();
    let folder = WanFolder::open(place.path()).unwrap();
    let message = folder.image_encoder(&Device::flex()).unwrap_err().to_string();
    says(&message, &["SiglipVisionModel", "CLIPVisionModel"]);
}
