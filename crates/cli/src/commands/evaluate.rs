//! `misora evaluate`.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Args;
use evaluation::{EvaluationSettings, Monitor, Phase, VideoSettings, classifier::Classifier, html, prompts};
use generation::{GenerationOptions, Length};
use indicatif::ProgressBar;

use super::{model_choice::ModelChoice, precision_choice::PrecisionChoice, sampling_choice::SamplingChoice};
use crate::{interrupt, print, progress, target::check_folder, value};

/// Held-out renders on which the classifier is tried.
const RENDERS: usize = 256;
const DEFAULT_PROMPTS: usize = 64;

/// Measure a model: its autoencoder, its loss, and whether its videos show what prompts ask for
#[derive(Args)]
#[command(after_help = "\
A prompt file holds one prompt on each line, or prompt, colour, shape, motion and camera with tabs between them.
Labels that are not given are read from the prompt's words, in English or Chinese; what is not said is not counted.

Examples:
  misora evaluate
  misora evaluate --count 16 --seeds 2 --html report.html
  misora evaluate --guidance 6 --steps 40
  misora evaluate --model runs/nano/model --prompts mine.txt --json --output results/")]
pub struct Evaluate {
    #[command(flatten)]
    model: ModelChoice,
    #[command(flatten)]
    precision: PrecisionChoice,
    /// A file of prompts, instead of held-out ones
    #[arg(long, value_name = "FILE")]
    prompts: Option<PathBuf>,
    /// How many prompts [default: 64, or all of the file]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    count: Option<u64>,
    /// Videos of each prompt
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    /// Width and height of the videos in pixels, multiples of 16 [default: the model's own, such as 128x128]
    #[arg(long, value_name = "WxH", value_parser = value::size)]
    size: Option<[u32; 2]>,
    /// Frames of each video: 1, 5, 9, 13, … [default: the model's own, such as 33]
    #[arg(long)]
    frames: Option<usize>,
    #[command(flatten)]
    sampling: SamplingChoice,
    /// Held-out clips on which autoencoder and loss are measured
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    clips: u64,
    /// Held-out films that are edited, to measure what edits keep and change
    #[arg(long, value_name = "FILMS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=10_000))]
    edits: u64,
    /// Held-out films whose camera and objects are told where to go, to measure whether they do
    #[arg(long, value_name = "FILMS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=10_000))]
    guides: u64,
    /// Prompts of which a minute is made, in windows and at once, to measure whether it stays what it is
    #[arg(long, value_name = "PROMPTS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=10_000))]
    minutes: u64,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Write a page with contact sheets
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Keep the videos, the page and the JSON there
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// A trained classifier's folder, instead of the one that is built in
    #[arg(long, value_name = "DIR")]
    classifier: Option<PathBuf>,
}

impl Evaluate {
    pub fn run(self) -> anyhow::Result<()> {
        let prompts = self.prompts()?;
        let classifier = self.classifier.as_deref().map_or_else(Classifier::built_in, Classifier::load)?;
        if let Some(file) = &self.html {
            check_folder(file)?;
        }
        if let Some(folder) = &self.output {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        let (generator, _) = self.model.load(&self.precision)?;
        let mut watcher = Watcher::default();
        let settings = EvaluationSettings {
            clips: self.clips as usize,
            renders: RENDERS,
            edits: self.edits as usize,
            guides: self.guides as usize,
            minutes: self.minutes as usize,
            prompts,
            videos: VideoSettings {
                options: GenerationOptions {
                    size: self.size,
                    length: self.frames.map(Length::Frames),
                    ..self.sampling.options("")
                },
                seeds: self.seeds,
                folder: self.output.as_ref().map(|folder| folder.join("videos")),
            },
        };
        evaluation::adherence::requests(&generator, &settings.prompts, &settings.videos)?;
        let report = evaluation::evaluate(&generator, &classifier, &settings, &mut watcher)?;
        drop(watcher);

        let (page, json) = (html::page(&report), report.json()?);
        if let Some(file) = &self.html {
            write(file, &page)?;
        }
        if let Some(folder) = &self.output {
            write(&folder.join("report.html"), &page)?;
            write(&folder.join("report.json"), &json)?;
        }
        print::line(if self.json { json } else { report.table() })
    }

    fn prompts(&self) -> anyhow::Result<Vec<evaluation::LabelledPrompt>> {
        let count = self.count.map(|count| count as usize);
        let Some(file) = &self.prompts else { return Ok(prompts::held_out(count.unwrap_or(DEFAULT_PROMPTS))) };
        let mut read = prompts::read_file(file)?;
        read.truncate(count.unwrap_or(usize::MAX));
        let incomplete = |prompt: &&evaluation::LabelledPrompt| {
            evaluation::Question::ALL.iter().any(|question| prompt.expected.get(*question).is_none())
        };
        let unsaid = read.iter().filter(incomplete).count();
        if unsaid > 0 {
            eprintln!(
                "{unsaid} of {} prompts leave colour, shape, motion or camera open; what is open is not counted",
                read.len()
            );
        }
        Ok(read)
    }
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

/// Shows a bar for each phase.
#[derive(Default)]
struct Watcher {
    current: Option<(Phase, ProgressBar)>,
}

impl Monitor for Watcher {
    fn step(&mut self, phase: Phase, done: u64, total: u64) -> ControlFlow<()> {
        if self.current.as_ref().is_none_or(|(current, _)| *current != phase) {
            self.finish();
            let bar = progress::bar(total);
            bar.set_message(phase.name());
            self.current = Some((phase, bar));
        }
        if let Some((_, bar)) = &self.current {
            bar.set_position(done);
        }
        interrupt::flow()
    }
}

impl Watcher {
    fn finish(&mut self) {
        if let Some((_, bar)) = self.current.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.finish();
    }
}
