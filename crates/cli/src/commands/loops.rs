//! `misora loop`.

use clap::Args;
use generation::tasks::Passage;

use super::{making::Making, prompt, source::SourceChoice};

/// Let a clip play round without a seam: a passage leads from its end back to its beginning
#[derive(Args)]
#[command(after_help = "\
Example:
  misora loop ball.mp4 \"a red ball bounces\" --over 1 -o round.gif

The frames of the clip come out as they went in.")]
pub struct Loop {
    #[command(flatten)]
    source: SourceChoice,
    /// What the video shows, in English or Chinese; `-` reads it from standard input
    prompt: String,
    /// Seconds of the passage, at least
    #[arg(long, default_value_t = 1.0, allow_negative_numbers = true)]
    over: f64,
    #[command(flatten)]
    making: Making,
}

impl Loop {
    pub fn run(self) -> anyhow::Result<()> {
        let target = self.making.target()?;
        let task = Passage::back(self.source.read()?, self.over)?;
        let wishes = self.making.options(prompt::read(&self.prompt)?)?;
        self.making.run(&[self.source.path()], target, wishes, &task)
    }
}
