//! A whole recipe with a tiny model: it learns, it resumes where it was killed, and it says what went wrong.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use std::{fs, ops::ControlFlow, path::Path};

use burn::tensor::{Device, Tolerance};
use models::{
    Bundle,
    checkpoint::{NamedTensors, named_tensors},
};
use training::{Monitor, Quiet, Recipe, Run, StepReport, TrainingError};

const RECIPE: &str = r#"
name = "tiny"
seed = 5
preset = "tiny"
frame_rate = 16
licence = "Apache-2.0"
trained_on = "a test"

[tokenizer]
vocabulary_size = 400
worlds = 20

[autoencoder]
steps = 12
batch_voxels = 20000
squared_weight = 1.0
gradient_weight = 0.5
kl_weight = 1e-4
latent_noise = 0.1
films = [{ worlds = "simple", size = "32x32", num_frames = 5, count = 6 }]
optimizer = { learning_rate = 3e-3, warmup_steps = 2, final_share = 0.1, weight_decay = 0.0, clip_norm = 1.0, ema_decay = 0.5 }
intervals = { checkpoint_steps = 4, validation_steps = 12 }

[[stages]]
name = "first"
steps = 10
max_tokens = 64
films = [
    { worlds = "simple", size = "32x32", num_frames = 5, count = 12 },
    { worlds = "full", size = "48x32", num_frames = 1, count = 8 },
]
caption_dropout = 0.1
camera_dropout = 0.5
motion_dropout = 0.5
semantic_weight = 1.0
samples = { prompts = ["a red ball rolls"], size = "32x32", num_frames = 5, num_inference_steps = 2, guidance_scale = 2.0 }
optimizer = { learning_rate = 3e-3, warmup_steps = 2, final_share = 0.1, weight_decay = 0.01, clip_norm = 1.0, ema_decay = 0.5 }
intervals = { checkpoint_steps = 4, validation_steps = 10 }
"#;

/// Stops at one step of one stage, as a kill would, but after the checkpoint.
struct StopAt(&'static str, u64);

impl Monitor for StopAt {
    fn note(&mut self, _message: &str) {}

    fn step(&mut self, report: &StepReport<'_>) -> ControlFlow<()> {
        if (report.stage, report.step) == (self.0, self.1) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

fn run_in(folder: &Path) -> Run {
    Run { recipe: Recipe::parse(RECIPE).unwrap(), folder: folder.into(), device: Device::flex() }
}

fn losses(path: &Path) -> Vec<(u64, f64)> {
    let lines = training::log::read(path).unwrap();
    let steps = lines.iter().filter(|line| line["kind"] == "step");
    steps.map(|line| (line["step"].as_u64().unwrap(), line["loss"].as_f64().unwrap())).collect()
}

#[test]
fn a_recipe_becomes_a_model_and_resuming_continues_the_same_curve() {
    let (whole, broken) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let model = training::run(&run_in(whole.path()), &mut Quiet).unwrap();
    Bundle::load(&model, &Device::flex()).unwrap();
    assert!(whole.path().join("first/samples/step-000000010.png").is_file());
    assert!(whole.path().join("first/curves.svg").is_file());

    let run = run_in(broken.path());
    for (stage, step) in [("autoencoder", 7), ("latents", 12), ("first", 5)] {
        let error = training::run(&run, &mut StopAt(stage, step)).unwrap_err();
        assert!(matches!(error, TrainingError::Interrupted { .. }), "{error}");
    }
    // A kill leaves log lines after the last checkpoint, and half a line; neither may stay.
    let log = broken.path().join("first/log.jsonl");
    let torn = fs::read_to_string(&log).unwrap() + "{\"kind\":\"step\",\"step\":6,\"loss\":9.0}\n{\"kind\":\"st";
    fs::write(&log, torn).unwrap();
    training::run(&run, &mut Quiet).unwrap();

    for stage in ["autoencoder", "first"] {
        let (whole, broken) =
            (losses(&whole.path().join(stage).join("log.jsonl")), losses(&broken.path().join(stage).join("log.jsonl")));
        assert_eq!(whole, broken, "stage {stage}");
    }
}

#[test]
fn the_autoencoder_learns() {
    let folder = tempfile::tempdir().unwrap();
    let mut recipe = Recipe::parse(RECIPE).unwrap();
    recipe.stages.clear();
    // Always the same two films, so that losses can be compared.
    recipe.autoencoder.films[0].count = 2;
    recipe.autoencoder.latent_noise = 0.0;
    recipe.autoencoder.steps = 200;
    training::run(&Run { recipe, folder: folder.path().into(), device: Device::flex() }, &mut Quiet).unwrap();
    let losses = losses(&folder.path().join("autoencoder/log.jsonl"));
    let (first, last) = (losses[0].1, losses[199].1);
    assert!(last < 0.9 * first, "{first} became {last}");
}

#[test]
fn a_frozen_encoder_stays_while_its_decoder_learns() {
    let trained = |steps| {
        let folder = tempfile::tempdir().unwrap();
        let mut recipe = Recipe::parse(RECIPE).unwrap();
        (recipe.autoencoder.steps, recipe.autoencoder.encoder_steps) = (steps, Some(0));
        let run = Run { recipe, folder: folder.path().into(), device: Device::flex() };
        named_tensors(&training::autoencoder::train(&run, None, &mut Quiet).unwrap())
    };
    let (early, late) = (trained(1), trained(12));
    let values = |tensors: &NamedTensors, name: &String| tensors[name].as_slice::<f32>().unwrap().to_vec();
    let (stay, change): (Vec<_>, Vec<_>) = early.keys().partition(|name| values(&early, name) == values(&late, name));
    assert!(stay.iter().all(|name| name.starts_with("encoder.")), "{stay:?}");
    assert!(change.iter().all(|name| name.starts_with("decoder.")), "{change:?}");
}

#[test]
fn a_model_to_begin_from_gives_what_fits() {
    let folder = tempfile::tempdir().unwrap();
    let run = run_in(&folder.path().join("first"));
    let model = training::run(&run, &mut Quiet).unwrap();
    let mut recipe = run.recipe.clone();
    recipe.from = Some(model.clone());
    recipe.autoencoder.steps = 0;
    recipe.stages[0].steps = 1;
    recipe.stages[0].optimizer.learning_rate = 1e-9;
    let next = Run { recipe, folder: folder.path().join("next"), device: Device::flex() };
    let next = training::run(&next, &mut Quiet).unwrap();
    let load = |path: &Path| Bundle::load(path, &Device::flex()).unwrap();
    let (model, next) = (load(&model), load(&next));
    assert_eq!(model.info, next.info);
    for (name, data) in named_tensors(&model.transformer) {
        data.assert_approx_eq::<f32>(&named_tensors(&next.transformer)[&name], Tolerance::absolute(1e-3));
    }
    for (name, data) in named_tensors(&model.autoencoder) {
        data.assert_eq(&named_tensors(&next.autoencoder)[&name], true);
    }
}

#[test]
fn a_decoder_that_learns_alone_leaves_the_latents_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let run = run_in(&folder.path().join("first"));
    let model = training::run(&run, &mut Quiet).unwrap();
    let mut recipe = run.recipe.clone();
    recipe.from = Some(model.clone());
    recipe.stages.clear();
    (recipe.autoencoder.steps, recipe.autoencoder.encoder_steps) = (3, Some(0));
    recipe.autoencoder.structure_weight = 1.0;
    let next = Run { recipe, folder: folder.path().join("next"), device: Device::flex() };
    let next = training::run(&next, &mut Quiet).unwrap();
    let load = |path: &Path| Bundle::load(path, &Device::flex()).unwrap();
    let (model, next) = (load(&model), load(&next));
    assert_eq!(model.info.autoencoder, next.info.autoencoder);
    let (before, after) = (named_tensors(&model.autoencoder), named_tensors(&next.autoencoder));
    let (stay, change): (Vec<_>, Vec<_>) =
        before.keys().partition(|name| before[*name].as_bytes() == after[*name].as_bytes());
    assert!(stay.iter().all(|name| name.starts_with("encoder.")), "{stay:?}");
    assert!(change.iter().all(|name| name.starts_with("decoder.")), "{change:?}");
}

#[test]
fn a_loss_that_is_not_a_number_stops_the_run_and_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let mut recipe = Recipe::parse(RECIPE).unwrap();
    recipe.autoencoder.optimizer.learning_rate = 1e30;
    let error =
        training::run(&Run { recipe, folder: folder.path().into(), device: Device::flex() }, &mut Quiet).unwrap_err();
    let TrainingError::NotFinite { stage, step, batch, .. } = &error else { panic!("{error}") };
    assert_eq!(stage, "autoencoder");
    assert!(*step > 1 && batch.contains("seeds"), "{error}");
    assert!(error.to_string().contains("last good checkpoint"), "{error}");
}

#[test]
fn two_runs_in_one_folder_are_one_too_many() {
    let folder = tempfile::tempdir().unwrap();
    let run = run_in(folder.path());
    let other = std::fs::File::create(folder.path().join("lock")).unwrap();
    other.lock().unwrap();
    let error = training::run(&run, &mut Quiet).unwrap_err().to_string();
    assert!(error.contains("another run works in"), "{error}");
}

#[test]
fn every_recipe_of_the_repository_can_be_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| Recipe::load(&entry.unwrap().path()).unwrap_or_else(|error| panic!("{error}")).name)
        .collect();
    names.sort();
    assert_eq!(names, ["base", "large", "nano", "nano", "nano", "nano", "nano", "nano", "nano", "small"]);
}

#[test]
fn wrong_recipes_say_what_is_wrong() {
    for (right, wrong, named) in [
        ("num_frames = 5, count = 12", "num_frames = 6, count = 12", "6 frames"),
        ("\"48x32\"", "\"40x32\"", "40x32"),
        ("name = \"first\"", "name = \"../first\"", "../first"),
        ("preset = \"tiny\"", "preset = \"huge\"", "huge"),
        ("frame_rate = 16", "frame_rate = 0", "frame_rate"),
        ("size = \"32x32\", num_frames = 5, count = 6", "size = \"32x8\", num_frames = 5, count = 6", "at least 11"),
        ("num_frames = 5, count = 12", "num_frames = 5, count = 1200000000", "fewer films"),
        ("caption_dropout = 0.1", "caption_droput = 0.1", "caption_droput"),
    ] {
        let error = Recipe::parse(&RECIPE.replace(right, wrong)).unwrap_err().to_string();
        assert!(error.contains(named), "{wrong}: {error}");
    }
}
