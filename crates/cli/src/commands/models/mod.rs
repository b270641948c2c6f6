//! `misora models`: what there is, and how it gets here.

mod convert;
mod list;
mod pull;
mod verify;

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// List models, fetch them by name, check them, convert them
#[derive(Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  misora models
  misora models runs/nano/model --json
  misora models pull Wan-AI/Wan2.1-T2V-1.3B-Diffusers
  misora models verify Wan-AI/Wan2.1-T2V-1.3B-Diffusers
  misora models convert wan-1.3b wan-1.3b-bf16 --precision bf16"
)]
pub struct Models {
    #[command(subcommand)]
    command: Option<ModelsCommand>,
    #[command(flatten)]
    list: list::List,
}

#[derive(Subcommand)]
enum ModelsCommand {
    List(list::List),
    Pull(pull::Pull),
    Verify(verify::Verify),
    Convert(convert::Convert),
}

impl Models {
    pub fn run(self) -> anyhow::Result<()> {
        match self.command {
            None => self.list.run(),
            Some(ModelsCommand::List(command)) => command.run(),
            Some(ModelsCommand::Pull(command)) => command.run(),
            Some(ModelsCommand::Verify(command)) => command.run(),
            Some(ModelsCommand::Convert(command)) => command.run(),
        }
    }
}

/// A folder, or a name on the hub.
#[derive(Args)]
struct Place {
    /// A model folder, or a name such as Wan-AI/Wan2.1-T2V-1.3B-Diffusers
    #[arg(value_name = "DIR-OR-NAME")]
    model: PathBuf,
}
