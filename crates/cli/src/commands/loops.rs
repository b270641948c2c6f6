//! `misora loop`.

use clap::Args;

use super::{
    assembly::Piece,
    bridge::Bridge,
    making::Making,
    prompt,
    source::{SourceChoice, passage_frames},
};

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
        let source = self.source.read()?;
        let num_frames = source.clip().frames().len();
        let bridge = Bridge::of([num_frames; 2], passage_frames(self.over, source.frame_rate())?);
        let given = Piece::Given(source.clip().frames().to_vec());
        let pieces = |passage| vec![given, passage];
        bridge.make(&self.making, (target, prompt::read(&self.prompt)?), [&source, &source], pieces)
    }
}
