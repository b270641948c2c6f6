//! `misora remix`.

use clap::Args;
use generation::tasks;

use super::{making::Making, prompt, source::SourceChoice};

/// Make a clip anew after a prompt: its structure stays, its style or content changes
#[derive(Args)]
#[command(after_help = "\
Examples:
  misora remix ball.mp4 \"a blue ball rolls across the snow\"
  misora remix ball.mp4 \"a red ball rolls at sunset\" --strength 0.4 -o sunset.mp4")]
pub struct Remix {
    #[command(flatten)]
    source: SourceChoice,
    /// What the video shows, in English or Chinese; `-` reads it from standard input
    prompt: String,
    /// How much is imagined anew: above 0, which keeps all, to 1, which keeps nothing
    #[arg(long, default_value_t = 0.6, allow_negative_numbers = true)]
    strength: f32,
    #[command(flatten)]
    making: Making,
}

impl Remix {
    pub fn run(self) -> anyhow::Result<()> {
        let target = self.making.target()?;
        let task = tasks::Remix::new(self.source.read()?, self.strength)?;
        let wishes = self.making.options(prompt::read(&self.prompt)?)?;
        self.making.run(&[self.source.path()], target, wishes, &task)
    }
}
