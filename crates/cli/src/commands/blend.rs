//! `misora blend`.

use std::path::PathBuf;

use clap::Args;

use super::{
    assembly::Piece,
    bridge::Bridge,
    making::Making,
    prompt,
    source::{SourceChoice, passage_frames},
};

/// Join two clips by a passage from the one to the other
#[derive(Args)]
#[command(after_help = "\
Example:
  misora blend ball.mp4 cube.mp4 \"a ball turns into a cube\" --over 1.5 -o blend.mp4

The frames of both clips come out as they went in; the second clip is fitted to the size of the first.")]
pub struct Blend {
    #[command(flatten)]
    source: SourceChoice,
    /// The second clip
    second: PathBuf,
    /// What the passage shows, in English or Chinese; `-` reads it from standard input
    prompt: String,
    /// Seconds of the passage, at least
    #[arg(long, default_value_t = 1.0, allow_negative_numbers = true)]
    over: f64,
    #[command(flatten)]
    making: Making,
}

impl Blend {
    pub fn run(self) -> anyhow::Result<()> {
        let target = self.making.target()?;
        let first = self.source.read()?;
        let second = self.source.read_beside(&self.second, &first)?;
        let frames = passage_frames(self.over, first.frame_rate())?;
        let bridge = Bridge::of([&first, &second].map(|source| source.clip().frames().len()), frames);
        let given = [&first, &second].map(|source| Piece::Given(source.clip().frames().to_vec()));
        let [before, after] = given;
        let pieces = |passage| vec![before, passage, after];
        bridge.make(&self.making, (target, prompt::read(&self.prompt)?), [&first, &second], pieces)
    }
}
