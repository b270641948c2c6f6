//! `misora train`, killed with SIGKILL: the same command goes on, and the curve is that of a run never stopped.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]
#![cfg(unix)]

mod support;

use std::{fs, os::unix::process::ExitStatusExt, path::Path, process::Stdio, time::Duration};

use support::Place;

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
steps = 60
batch_voxels = 20000
squared_weight = 1.0
gradient_weight = 0.5
kl_weight = 1e-4
latent_noise = 0.1
films = [{ worlds = "simple", size = "32x32", num_frames = 5, count = 6 }]
optimizer = { learning_rate = 3e-3, warmup_steps = 2, final_share = 0.1, weight_decay = 0.0, clip_norm = 1.0, ema_decay = 0.5 }
intervals = { checkpoint_steps = 7, validation_steps = 30 }

[[stages]]
name = "first"
steps = 60
max_tokens = 64
films = [{ worlds = "simple", size = "32x32", num_frames = 5, count = 12 }]
caption_dropout = 0.1
camera_dropout = 0.5
motion_dropout = 0.5
semantic_weight = 1.0
optimizer = { learning_rate = 3e-3, warmup_steps = 2, final_share = 0.1, weight_decay = 0.01, clip_norm = 1.0, ema_decay = 0.5 }
intervals = { checkpoint_steps = 7, validation_steps = 30 }
"#;

/// All that a log says of steps and validations.
fn curve(run: &Path, stage: &str) -> Vec<String> {
    let log = fs::read_to_string(run.join(stage).join("log.jsonl")).unwrap();
    log.lines().map(str::to_owned).collect()
}

#[test]
fn a_killed_run_goes_on_with_the_same_curve() {
    let place = Place::new();
    fs::write(place.path("recipe.toml"), RECIPE).unwrap();
    let train = |folder: &str| {
        let ran = place.run(&["train", "recipe.toml", "-o", folder]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    };
    train("whole");

    // Killed in either stage, after a step that no checkpoint holds.
    for (stage, step) in [("autoencoder", 25), ("first", 17), ("first", 40)] {
        let arguments = ["train", "recipe.toml", "-o", "killed"];
        let mut child = place.command(&arguments).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let log = place.path("killed").join(stage).join("log.jsonl");
        let reached = || fs::read_to_string(&log).is_ok_and(|log| log.contains(&format!("\"step\":{step}")));
        while !reached() {
            assert!(child.try_wait().unwrap().is_none(), "it ended before it could be killed in stage {stage}");
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9));
    }
    train("killed");
    for stage in ["autoencoder", "first"] {
        assert_eq!(curve(&place.path("whole"), stage), curve(&place.path("killed"), stage), "stage {stage}");
    }
    for file in ["transformer.safetensors", "autoencoder.safetensors", "text_encoder.safetensors"] {
        let weights = |run: &str| place.read(&format!("{run}/model/{file}"));
        assert!(weights("whole") == weights("killed"), "{file} differs");
    }
}
