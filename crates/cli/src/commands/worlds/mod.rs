//! `misora worlds`: simulated films.

mod choices;
mod dataset;
mod render;
mod truth;

use clap::Subcommand;

/// Simulate small films: physics, pictures, captions and ground truth
#[derive(Subcommand)]
pub enum Worlds {
    Render(render::Render),
    Dataset(dataset::Dataset),
}

impl Worlds {
    pub fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Render(command) => command.run(),
            Self::Dataset(command) => command.run(),
        }
    }
}
