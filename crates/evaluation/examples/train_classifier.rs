//! Trains the classifier and tells how well it reads:
//! `cargo run --release -p evaluation --example train_classifier RUN_FOLDER [FILMS] [STEPS]`.
//!
//! Films, the state of training and the classifier as it is by now lie in the folder; a run that was stopped goes on
//! where it was. What is to be shipped, `classifier.json` and `classifier.safetensors`, goes into `models/evaluator`.
#![allow(missing_docs, reason = "an example")]

use std::{path::Path, process::ExitCode, time::Instant};

use evaluation::{
    Confusion, EvaluationError, PerQuestion, Question,
    classifier::{
        Classifier, ClassifierConfig,
        examples::{self, Example},
        held_out_worlds, recipe,
        training::{FitSettings, Training},
    },
    films::{FilmSet, HELD_OUT_SEED},
    pixels::at_reading_scale,
};
use video::{FrameRate, Resolution};
use worlds::FilmSettings;

/// A training step makes the same large tensors every time.
#[global_allocator]
static ALLOCATOR: kernels::ReusingAllocator = kernels::ReusingAllocator::new(1 << 30);

const FILMS: usize = 8000;
/// Steps between two lines.
const REPORT: usize = 25;
/// Steps between two looks at renders; by then everything is written, too.
const WATCH: usize = 250;
/// Seeds of the renders that are looked at on the way, so that those of the end stay unseen.
const WATCH_SEED: u64 = HELD_OUT_SEED + (1 << 32);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize| arguments.get(index).and_then(|text| text.parse().ok());
    let Some(folder) = arguments.first() else {
        eprintln!("usage: train_classifier RUN_FOLDER [FILMS] [STEPS]");
        return ExitCode::FAILURE;
    };
    let fit = FitSettings::default();
    let settings = FitSettings { steps: number(2).unwrap_or(fit.steps), ..fit };
    match train(Path::new(folder), number(1).unwrap_or(FILMS), settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn train(folder: &Path, films: usize, settings: FitSettings) -> Result<(), EvaluationError> {
    let create = |source| EvaluationError::File { action: "create", path: folder.into(), source };
    std::fs::create_dir_all(folder).map_err(create)?;
    let began = Instant::now();
    let seconds = || began.elapsed().as_secs();
    let portions = recipe::training_films(films)?;
    let mut films = Vec::new();
    for (index, portion) in portions.iter().enumerate() {
        for film in examples::films(portion, folder)? {
            films.push(Example { frames: at_reading_scale(&film.frames)?, ..film });
        }
        if (index + 1).is_multiple_of(8) || index + 1 == portions.len() {
            println!("[{:5} s] {} films", seconds(), films.len());
        }
    }
    let mut training = Training::resume(&ClassifierConfig::standard(), settings, folder)?;
    let mut losses = 0.0;
    while !training.is_done() {
        losses += training.step(&films)?;
        let done = training.steps_done();
        if done.is_multiple_of(REPORT) {
            println!("[{:5} s] step {done} of {}: loss {:.3}", seconds(), settings.steps, losses / REPORT as f32);
            losses = 0.0;
        }
        if done.is_multiple_of(WATCH) || training.is_done() {
            training.save(folder)?;
            let classifier = training.classifier()?;
            classifier.save(folder)?;
            let confusions = confusions(&classifier, &renders(96, 17, 8, (192, WATCH_SEED))?, folder)?;
            println!("[{:5} s] {}", seconds(), shares(&confusions));
        }
    }
    tell(&training.classifier()?, folder)
}

/// How well it reads renders of several sizes and speeds, and what it takes for what.
fn tell(classifier: &Classifier, folder: &Path) -> Result<(), EvaluationError> {
    for (side, num_frames, per_second, count) in
        [(128, 33, 16, 256), (64, 17, 16, 96), (64, 9, 8, 96), (64, 65, 16, 64)]
    {
        let set = renders(side, num_frames, per_second, (count, HELD_OUT_SEED))?;
        let confusions = confusions(classifier, &set, folder)?;
        println!("{count} renders of {side}x{side}, {num_frames} frames, {per_second} per second");
        println!("    {}", shares(&confusions));
        for question in Question::ALL {
            let mistakes = confusions.get(question).mistakes();
            let named = mistakes.iter().take(8).map(|(truth, read, times)| {
                format!("{} as {} {times}×", question.answer_name(*truth), question.answer_name(*read))
            });
            println!("    {}: {}", question.name(), named.collect::<Vec<_>>().join(", "));
        }
    }
    Ok(())
}

/// What it takes for what in a set of films, which `folder` keeps.
fn confusions(
    classifier: &Classifier,
    set: &FilmSet,
    folder: &Path,
) -> Result<PerQuestion<Confusion>, EvaluationError> {
    let mut confusions = PerQuestion::from_fn(Confusion::new);
    for example in examples::films(set, folder)? {
        confusions.add(example.answers, classifier.read(&example.frames)?);
    }
    Ok(confusions)
}

/// Held-out renders, so many from a seed on.
fn renders(
    side: u32,
    num_frames: usize,
    per_second: u32,
    (count, first_seed): (usize, u64),
) -> Result<FilmSet, EvaluationError> {
    let settings = FilmSettings {
        resolution: Resolution::new(side, side)?,
        frame_rate: FrameRate::new(per_second, 1)?,
        num_frames,
    };
    Ok(FilmSet { distribution: held_out_worlds(), settings, count, first_seed })
}

fn shares(confusions: &PerQuestion<Confusion>) -> String {
    let share = |question: Question| 100.0 * confusions.get(question).share().unwrap_or_default();
    Question::ALL.map(|question| format!("{} {:.1} %", question.name(), share(question))).join(", ")
}
