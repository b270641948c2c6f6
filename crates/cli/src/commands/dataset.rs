//! `misora dataset`.

use std::path::PathBuf;

use anyhow::bail;
use clap::{Args, Subcommand};

use crate::print;

/// Look after data sets
#[derive(Subcommand)]
pub enum Dataset {
    Verify(Verify),
}

/// Compare every byte of a data set with what was written
#[derive(Args)]
pub struct Verify {
    /// The data set's folder
    folder: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Dataset {
    pub fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Verify(command) => command.run(),
        }
    }
}

impl Verify {
    fn run(self) -> anyhow::Result<()> {
        let report = dataset::shards::verify(&self.folder)?;
        if self.json {
            print::json(&report)?;
        } else {
            let (samples, shards) =
                (print::counted(report.samples as u64, "sample"), print::counted(report.shards as u64, "shard"));
            let state = if report.complete { "complete" } else { "not finished yet" };
            print::line(format!("{}: {samples} in {shards}, {state}", self.folder.display()))?;
            report.damage.damages.iter().try_for_each(|damage| print::line(format!("  damaged: {damage}")))?;
            report.unlisted.iter().try_for_each(|file| print::line(format!("  not in the index: {file}")))?;
        }
        if !report.is_sound() {
            let lost = print::counted(report.damage.samples_lost(), "sample");
            bail!("{} is damaged: {lost} lost; copy it again, or make it again", self.folder.display());
        }
        Ok(())
    }
}
