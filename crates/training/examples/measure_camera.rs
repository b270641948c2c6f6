//! What a model makes of the camera's path: its loss on held-out films of which none stands still, told of it and not.
//!
//! ```text
//! cargo run --release -p training --example measure_camera -- models/nano 64x64 48
//! ```

use std::path::Path;

use burn::tensor::Device;
use models::{Bundle, WeightInit, layers::LinearConfig};
use training::{
    Quiet,
    denoising::{DenoisingModel, StageData, validation_losses},
    latents::{self, CacheRequest},
    recipe::{FilmsRecipe, WorldsRecipe},
    semantics::SEMANTIC_FEATURES,
};
use worlds::Split;

/// Frames of each film.
const NUM_FRAMES: usize = 33;
/// Films that no recipe shows.
const FIRST_SEED: u64 = 1 << 60;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, size, count] = arguments.as_slice() else {
        return Err("give a model folder, a size such as 64x64, and a number of films".into());
    };
    let (device, folder) = (Device::flex(), tempfile::tempdir()?);
    let bundle = Bundle::load(Path::new(model), &device)?;
    let films =
        FilmsRecipe { worlds: WorldsRecipe::Moving, size: size.clone(), num_frames: NUM_FRAMES, count: count.parse()? };
    let request = CacheRequest {
        sets: &[films],
        frame_rate: bundle.info.frame_rate,
        split: Split::HeldOut,
        first_seed: FIRST_SEED,
    };
    let cache = latents::cache(&bundle.autoencoder, request, folder.path(), &mut Quiet)?;
    let width = bundle.transformer.config().width;
    let model = DenoisingModel {
        text_encoder: bundle.text_encoder.clone(),
        transformer: bundle.transformer.clone(),
        semantic_head: LinearConfig::new(width, SEMANTIC_FEATURES).init(&mut WeightInit::new(&device, 0)),
    };
    let data = StageData {
        training: &cache,
        validation: &cache,
        tokenizer: &bundle.tokenizer,
        bundle: &bundle,
        target: folder.path(),
    };
    let [untold, told] = [false, true].map(|tells_camera| validation_losses(&model, &data, tells_camera));
    println!("level  untold    told      change");
    for ((level, untold), (_, told)) in untold?.into_iter().zip(told?) {
        println!("{level:<5}  {untold:.5}  {told:.5}  {:+.2} %", 100.0 * (told / untold - 1.0));
    }
    Ok(())
}
