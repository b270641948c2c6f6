//! `misora train`.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use clap::Args;
use indicatif::ProgressBar;
use training::{Monitor, Recipe, Run, StepReport};

use super::model_choice::DeviceChoice;
use crate::{interrupt, interrupt::Careful, print, progress};

/// Train a model by a recipe, or go on where it stopped
#[derive(Args)]
#[command(after_help = "\
Stopped with Ctrl-C, killed or switched off, the same command goes on from the last checkpoint.

Example:
  misora train recipes/nano.toml --output runs/nano")]
pub struct Train {
    /// The recipe, a TOML file
    recipe: PathBuf,
    /// The run's folder: checkpoints, logs, curves and, in the end, the model [default: runs/ and the recipe's name]
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceChoice,
}

impl Train {
    pub fn run(self) -> anyhow::Result<()> {
        let recipe = Recipe::load(&self.recipe)?;
        let name = self.recipe.file_stem().unwrap_or_default();
        let folder = self.output.clone().unwrap_or_else(|| Path::new("runs").join(name));
        let device = self.device.device.open()?;
        let _careful = Careful::begin();
        let model = training::run(&Run { recipe, folder, device }, &mut Watcher::default())?;
        print::line(format!("{}: the model is trained", model.display()))
    }
}

/// Shows a bar for each stage.
#[derive(Default)]
struct Watcher {
    current: Option<(String, ProgressBar)>,
}

impl Monitor for Watcher {
    fn note(&mut self, message: &str) {
        match &self.current {
            Some((_, bar)) if !bar.is_hidden() => bar.println(message),
            // In a log file every line counts, and there is no bar to be torn.
            _ => eprintln!("{message}"),
        }
    }

    fn step(&mut self, report: &StepReport<'_>) -> ControlFlow<()> {
        if self.current.as_ref().is_none_or(|(stage, _)| stage != report.stage) {
            if let Some((_, bar)) = self.current.take() {
                bar.finish();
            }
            let bar = progress::bar(report.steps);
            // The time left is reckoned from the steps of this session.
            bar.set_position(report.step);
            bar.reset_eta();
            self.current = Some((report.stage.to_owned(), bar));
        }
        if let Some((stage, bar)) = &self.current {
            bar.set_position(report.step);
            bar.set_message(format!("{stage}, loss {:.4}", report.loss));
        }
        interrupt::flow()
    }
}
