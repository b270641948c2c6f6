//! Trains the classifier for a model's autoencoder and tells how well it reads:
//! `cargo run --release -p evaluation --example train_classifier MODEL_FOLDER OUTPUT_FOLDER [FILMS] [STEPS]`.
#![allow(missing_docs, clippy::unwrap_used, reason = "an example")]

use std::{ops::ControlFlow, path::Path, time::Instant};

use burn::tensor::Device;
use evaluation::{
    Monitor, Phase, Question,
    classifier::{Reader, held_out_worlds, training},
    films::{FilmSet, HELD_OUT_SEED},
};
use video::{FrameRate, Resolution};
use worlds::FilmSettings;

struct Lines(Instant);

impl Monitor for Lines {
    fn note(&mut self, message: &str) {
        println!("{message}");
    }

    fn step(&mut self, phase: Phase, done: u64, total: u64) -> ControlFlow<()> {
        if done.is_multiple_of((total / 20).max(1)) {
            println!("[{:6.1} s] {} {done}/{total}", self.0.elapsed().as_secs_f64(), phase.name());
        }
        ControlFlow::Continue(())
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |index: usize, default: usize| arguments.get(index).map_or(default, |text| text.parse().unwrap());
    let bundle = models::Bundle::load(Path::new(&arguments[1]), &Device::flex()).unwrap();
    let mut recipe = training::ClassifierRecipe::standard(number(3, 4000)).unwrap();
    recipe.fit.steps = number(4, recipe.fit.steps);
    let mut monitor = Lines(Instant::now());
    let trained = training::train(&bundle.autoencoder, &recipe, &mut monitor).unwrap();
    trained.save(Path::new(&arguments[2])).unwrap();

    let reader = Reader { classifier: &trained.classifier, autoencoder: &bundle.autoencoder };
    for (side, num_frames, per_second, count) in [(64, 17, 8, 256), (64, 17, 16, 128), (128, 33, 16, 96)] {
        let settings = FilmSettings {
            resolution: Resolution::new(side, side).unwrap(),
            frame_rate: FrameRate::new(per_second, 1).unwrap(),
            num_frames,
        };
        let set = FilmSet { distribution: held_out_worlds(), settings, count, first_seed: HELD_OUT_SEED };
        let confusions = reader.confusions(&set, &mut monitor).unwrap();
        println!("{count} held-out renders of {side}x{side}, {num_frames} frames, {per_second} per second");
        for question in Question::ALL {
            let confusion = confusions.get(question);
            println!("{:<8} {:.1} %", question.name(), 100.0 * confusion.share().unwrap());
            for (truth, read, times) in confusion.mistakes().into_iter().take(8) {
                println!("    {} as {} {times}×", question.answer_name(truth), question.answer_name(read));
            }
        }
    }
}
