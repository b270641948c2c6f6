//! `misora extend`.

use clap::Args;
use generation::tasks;
use video::FrameRate;

use super::{making::Making, prompt, source::SourceChoice};

/// Let a clip go on, before its beginning, behind its end, or both
#[derive(Args)]
#[command(after_help = "\
Examples:
  misora extend ball.mp4 \"a red ball rolls across the grass\"
  misora extend ball.mp4 \"a red ball rolls across the grass\" --forward 0 --backward 1 -o longer.mp4

The frames that are given come out as they went in, at their own size and rate.")]
pub struct Extend {
    #[command(flatten)]
    source: SourceChoice,
    /// What the video shows, in English or Chinese; `-` reads it from standard input
    prompt: String,
    /// Seconds behind the end [default: 1, or 0 with --backward]
    #[arg(long, allow_negative_numbers = true)]
    forward: Option<f64>,
    /// Seconds before the beginning
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    backward: f64,
    /// Frames per second at which the model works [default: the clip's own]
    #[arg(long)]
    fps: Option<FrameRate>,
    #[command(flatten)]
    making: Making,
}

impl Extend {
    pub fn run(self) -> anyhow::Result<()> {
        let target = self.making.target()?;
        let forward = self.forward.unwrap_or(if self.backward > 0.0 { 0.0 } else { 1.0 });
        let task = tasks::Extend::new(self.source.read()?, [self.backward, forward], self.fps)?;
        let wishes = self.making.options(prompt::read(&self.prompt)?)?;
        self.making.run(&[self.source.path()], target, wishes, &task)
    }
}
