//! The kinds of Wan folders beside text to video with Wan 2.1, against what others make of the same noise and prompts.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod common;

use std::path::Path;

use burn::tensor::Device;
use common::{Folder, Golden, goldens, options, relative_error, values};
use generation::{GenerationOptions, Length, Silent, VideoGenerator, WanGenerator, WanImage, WanInput};
use video::{Filter, Frame};

fn open(folder: &Path) -> WanGenerator {
    WanGenerator::open(folder, &Device::flex()).unwrap()
}

fn ti2v_options() -> GenerationOptions {
    GenerationOptions { size: Some([96, 64]), ..options() }
}

#[test]
fn a_timestep_for_each_token_gives_the_latents_of_diffusers() {
    let (golden, generator) = (Golden::open("ti2v", "pipeline."), open(&goldens().join("ti2v")));
    let request = generator.request(ti2v_options()).unwrap();
    assert_eq!(request.latent_sides(), [2, 4, 6]);
    golden.compare("latents", generator.sample(&request, golden.input(0), &mut Silent).unwrap());
}

#[test]
fn the_5b_model_of_wan_2_2_has_its_own_sizes() {
    let folder = Folder::of("ti2v");
    let generator = open(folder.path());
    let request = generator.request(GenerationOptions::new("a red ball")).unwrap();
    assert_eq!(request.resolution().to_string(), "1280x704");
    assert_eq!((request.num_frames(), request.frame_rate().to_string().as_str()), (121, "24"));
    let refused = |options| generator.request(options).unwrap_err().to_string();
    let message = refused(GenerationOptions { size: Some([1280, 720]), ..ti2v_options() });
    assert!(message.contains("multiples of 32 from 64 to 1280"), "{message}");
    assert!(message.contains("1280x704 and 1280x736"), "{message}");
    let message = refused(GenerationOptions { length: Some(Length::Frames(125)), ..GenerationOptions::new("a ball") });
    assert!(message.contains("at most 121 frames"), "{message}");
    let frames = folder.frames(&generator, &generator.request(ti2v_options()).unwrap());
    assert_eq!((frames.len(), frames[0].resolution().to_string().as_str()), (5, "96x64"));
}

#[test]
fn what_fastvideo_distilled_takes_its_three_steps() {
    let folder = Folder::of("model").with("model_index.json", ["WanPipeline", "WanDMDPipeline"]);
    let (golden, generator) = (Golden::open("dmd", ""), open(folder.path()));
    let options = |steps| GenerationOptions { size: Some([48, 32]), num_inference_steps: steps, ..options() };
    let request = generator.request(options(None)).unwrap();
    assert_eq!((request.num_inference_steps(), request.guidance().guidance_scale()), (3, 1.0));
    golden.compare("latents", generator.sample(&request, golden.input(7), &mut Silent).unwrap());
    let message = generator.request(options(Some(4))).unwrap_err().to_string();
    assert!(message.contains("distilled to 3 steps") && message.contains("leave their number out"), "{message}");
}

#[test]
fn autoencoders_of_other_proportions_are_refused() {
    let folder =
        Folder::of("model").with("vae/config.json", ["false,\n    true,\n    true", "false,\n    false,\n    true"]);
    let message = WanGenerator::open(folder.path(), &Device::flex()).unwrap_err().to_string();
    assert!(message.contains("2 frames of 8x8 pixels") && message.contains("4 frames and 8x8 or 16x16"), "{message}");
}

/// A model like Wan 2.1's for image to video.
fn i2v() -> Folder {
    Folder::of("i2v").and("image_transformer", "transformer")
}

fn picture(golden: &Golden, name: &str, size: &str) -> Frame {
    let (numbers, _) = golden.file.indices(name).unwrap();
    Frame::new(size.parse().unwrap(), numbers.into_iter().map(|number| number as u8).collect()).unwrap()
}

#[test]
fn pictures_are_resized_bit_for_bit_as_pillow_does() {
    let golden = Golden::open("i2v", "");
    let whole = picture(&golden, "picture", "60x40");
    for (name, size, filter) in [("lanczos", "48x32", Filter::Lanczos), ("bicubic", "30x50", Filter::Bicubic)] {
        let theirs = picture(&golden, name, size);
        assert_eq!(whole.resized(theirs.resolution(), filter).unwrap(), theirs, "{name}");
    }
}

#[test]
fn an_image_gives_the_latents_of_diffusers() {
    for (folder, name, prefix, size) in
        [(i2v(), "i2v", "pipeline.", [48, 32]), (Folder::of("ti2v"), "ti2v", "image.", [96, 64])]
    {
        let (golden, generator) = (Golden::open(name, prefix), open(folder.path()));
        let image = Some(picture(&Golden::open("i2v", ""), "picture", "60x40"));
        let (size, length) = (Some(size), Some(Length::Frames(9)));
        let request = generator.request(GenerationOptions { size, length, image, ..options() }).unwrap();
        let image = generator.prepare_image(&request).unwrap();
        if let Some(WanImage::FirstFrame(latents)) = &image {
            let theirs = golden.get::<5>("latents").narrow(2, 0, 1);
            assert!(relative_error(&values(latents.clone()), &values(theirs)) < 1e-5);
        }
        let input = WanInput { image, ..golden.input(0) };
        golden.compare("latents", generator.sample(&request, input, &mut Silent).unwrap());
    }
}

#[test]
fn a_video_that_begins_with_an_image_has_its_proportions() {
    let folder = Folder::of("ti2v");
    let generator = open(folder.path());
    let image = |size: &str| Some(Frame::filled(size.parse().unwrap(), [200, 100, 50]));
    let asked = |image| GenerationOptions { image, ..GenerationOptions::new("a red ball") };
    let size = |asked| generator.request(asked).unwrap().resolution().to_string();
    assert_eq!(size(asked(image("1080x1920"))), "704x1248");
    assert_eq!(size(GenerationOptions { size: Some([96, 64]), ..asked(image("1080x1920")) }), "96x64");
    let frames = folder
        .frames(&generator, &generator.request(GenerationOptions { image: image("60x40"), ..ti2v_options() }).unwrap());
    assert_eq!(frames.len(), 5);
}

#[test]
fn images_that_cannot_be_begun_with_are_refused() {
    let image = |size: &str| Some(Frame::filled(size.parse().unwrap(), [200, 100, 50]));
    let refused = |folder: &Folder, options| open(folder.path()).request(options).unwrap_err().to_string();
    let asked = |size| GenerationOptions { image: image(size), ..options() };
    let message = refused(&Folder::of("model"), asked("60x40"));
    assert!(message.contains("makes videos of prompts alone; leave it out"), "{message}");
    let message = refused(&i2v(), options());
    assert!(message.contains("the image is missing"), "{message}");
    let message = refused(&i2v(), asked("90x10"));
    assert!(message.contains("is 90x10") && message.contains("at most 8 times"), "{message}");
    let message = refused(&i2v(), GenerationOptions { length: Some(Length::Frames(1)), ..asked("60x40") });
    assert!(message.contains("make 5 frames or more"), "{message}");
    // An encoder of another size than what pictures are brought to.
    let folder = i2v().with("image_processor/preprocessor_config.json", ["\"width\": 8", "\"width\": 6"]);
    let generator = open(folder.path());
    let request = generator.request(asked("60x40")).unwrap();
    let message = generator.prepare_image(&request).unwrap_err().to_string();
    assert!(message.contains("crop_size is 6x8"), "{message}");
}
