//! Which noise levels a recipe's training clips get.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic and explains itself by its name")]

use diffusion::noise::stream;
use diffusion::training_levels::{LevelShift, TrainingLevelsConfig};

fn draw(config: TrainingLevelsConfig, frames: usize, count: usize) -> Vec<Vec<f32>> {
    let levels = config.init().unwrap();
    let mut rng = stream(1, 0);
    (0..count).map(|_| levels.sample(frames, 576, &mut rng)).collect()
}

/// Only the layout that `choose` sets.
fn only(choose: impl Fn(&mut TrainingLevelsConfig)) -> TrainingLevelsConfig {
    let mut config = TrainingLevelsConfig { one_level: 0.0, ..TrainingLevelsConfig::one_level_only() };
    choose(&mut config);
    config
}

#[test]
fn every_clip_has_levels_in_range_and_something_to_learn() {
    for frames in 1..6 {
        for clip in draw(TrainingLevelsConfig::default(), frames, 2000) {
            assert_eq!(clip.len(), frames);
            assert!(clip.iter().all(|level| (0.0..=1.0).contains(level)) && clip.iter().any(|&level| level > 0.0));
        }
    }
}

#[test]
fn layouts_come_up_as_often_as_their_weights_say() {
    let clips = draw(TrainingLevelsConfig::default(), 9, 20_000);
    let share = |is: fn(&[f32]) -> bool| clips.iter().filter(|clip| is(clip)).count() as f64 / clips.len() as f64;
    let one_level = share(|clip| clip.iter().all(|&level| level == clip[0]));
    let independent = share(|clip| clip.iter().all(|&level| level > 0.0) && clip[0] != clip[1]);
    let both_ends = share(|clip| clip[0] == 0.0 && clip[8] == 0.0);
    // Any frames given may leave all, or give both ends, hence the wider ranges.
    assert!((0.58..0.65).contains(&one_level), "{one_level}");
    assert!((0.09..0.11).contains(&independent), "{independent}");
    assert!((0.05..0.09).contains(&both_ends), "{both_ends}");
}

#[test]
fn given_frames_stand_where_their_layout_says() {
    let given = |clip: &[f32]| clip.iter().map(|&level| level == 0.0).collect::<Vec<_>>();
    for clip in draw(only(|config| config.first_given = 1.0), 5, 500) {
        let given = given(&clip);
        assert!(given[0] && !given[4] && given.is_sorted_by(|a, b| a >= b), "{clip:?}");
    }
    for clip in draw(only(|config| config.last_given = 1.0), 5, 500) {
        let given = given(&clip);
        assert!(!given[0] && given[4] && given.is_sorted(), "{clip:?}");
    }
    for clip in draw(only(|config| config.both_ends_given = 1.0), 5, 500) {
        let given = given(&clip);
        assert!(given[0] && given[4] && given.contains(&false), "{clip:?}");
    }
    let both_of_two = draw(only(|config| config.both_ends_given = 1.0), 2, 100);
    assert!(both_of_two.iter().all(|clip| clip[0] == 0.0 && clip[1] > 0.0));
}

#[test]
fn levels_are_logit_normal_and_then_shifted() {
    let plain = TrainingLevelsConfig {
        mean: 0.5,
        std: 0.8,
        uniform_share: 0.0,
        shift: LevelShift::Fixed(1.0),
        ..TrainingLevelsConfig::one_level_only()
    };
    let logits = |config| -> Vec<f64> {
        draw(config, 1, 20_000).iter().map(|clip| f64::from(clip[0])).map(|s| (s / (1.0 - s)).ln()).collect()
    };
    let mean_and_std = |logits: Vec<f64>| {
        let n = logits.len() as f64;
        let mean = logits.iter().sum::<f64>() / n;
        [mean, (logits.iter().map(|z| (z - mean).powi(2)).sum::<f64>() / n).sqrt()]
    };
    let [mean, std] = mean_and_std(logits(plain.clone()));
    assert!((mean - 0.5).abs() < 0.02 && (std - 0.8).abs() < 0.02, "{mean} {std}");
    // A shift by s adds ln s to the logit.
    let [mean, std] = mean_and_std(logits(TrainingLevelsConfig { shift: LevelShift::Fixed(4.0), ..plain }));
    assert!((mean - 0.5 - 4f64.ln()).abs() < 0.02 && (std - 0.8).abs() < 0.02, "{mean} {std}");
}

#[test]
fn the_same_seed_draws_the_same_levels() {
    let config = TrainingLevelsConfig::default;
    assert_eq!(draw(config(), 9, 50), draw(config(), 9, 50));
}

#[test]
fn unusable_settings_are_named() {
    let message = |change: fn(&mut TrainingLevelsConfig)| only(change).init().unwrap_err().to_string();
    assert!(message(|config| config.first_given = -1.0).contains("first_given must be a weight of at least 0"));
    assert!(message(|config| config.std = f64::NAN).contains("std must be"));
    assert!(message(|config| config.uniform_share = 1.5).contains("uniform_share must be between 0 and 1"));
    assert!(message(|config| config.shift = LevelShift::Fixed(0.0)).contains("shift must be a number above 0"));
    assert!(message(|_| {}).contains("sum of the weights of all layouts must be above 0"));
}
