//! `misora inpaint`.

use std::path::PathBuf;

use clap::Args;
use generation::tasks::{self, Region};
use video::{ReadLimits, read_clip};

use super::{making::Making, prompt, source::SourceChoice};
use crate::value;

/// Imagine a region of a clip anew, in space, in time, or both
#[derive(Args)]
#[command(after_help = "\
Examples:
  misora inpaint ball.mp4 \"a blue cube on the grass\" --box 40,30,64,64
  misora inpaint ball.mp4 \"a red ball rolls\" --mask region.png --from 0.5 --to 1.5 -o new.mp4

All that lies outside of the region comes out as it went in.")]
pub struct Inpaint {
    #[command(flatten)]
    source: SourceChoice,
    /// What the video shows, in English or Chinese; `-` reads it from standard input
    prompt: String,
    /// The region as left edge, upper edge, width and height in pixels of the clip [default: all of the picture]
    #[arg(long = "box", value_name = "X,Y,W,H", value_parser = value::rectangle, conflicts_with = "mask")]
    rectangle: Option<[u32; 4]>,
    /// The region as a picture or clip of the clip's size, white where the region is; the last frame of it is held
    #[arg(long, value_name = "FILE")]
    mask: Option<PathBuf>,
    /// Where the region begins in time, in seconds
    #[arg(long, default_value_t = 0.0)]
    from: f64,
    /// Where it ends, in seconds [default: with the clip]
    #[arg(long)]
    to: Option<f64>,
    #[command(flatten)]
    making: Making,
}

impl Inpaint {
    pub fn run(self) -> anyhow::Result<()> {
        let target = self.making.target()?;
        let source = self.source.read()?;
        let region = match (&self.mask, self.rectangle) {
            (Some(path), _) => Region::Mask(read_clip(path, &ReadLimits::default())?),
            (None, Some(rectangle)) => Region::Box(rectangle),
            (None, None) => Region::Whole,
        };
        let seconds = self.from..=self.to.unwrap_or(f64::INFINITY);
        let task = tasks::Inpaint::new(source, &region, seconds)?;
        let wishes = self.making.options(prompt::read(&self.prompt)?)?;
        self.making.run(&[self.source.path()], target, wishes, &task)
    }
}
