//! `misora blend`.

use std::path::PathBuf;

use clap::Args;
use generation::tasks::{Mix, Passage, Task};
use video::{ReadLimits, read_clip};

use super::{making::Making, prompt, source::SourceChoice};

/// Join two clips by a passage from the one to the other, or mix them
#[derive(Args)]
#[command(after_help = "\
Example:
  misora blend ball.mp4 cube.mp4 \"a ball turns into a cube\" --over 1.5 -o blend.mp4
  misora blend day.mp4 night.mp4 \"the sun sets over the sea\" --mix --over 1 -o dusk.mp4

A passage adds new time between the clips, whose frames all come out as they went in. With --mix the end of the first clip
overlaps the beginning of the second: both are seen there, and made one by the model. The second clip is fitted to the size
of the first.")]
pub struct Blend {
    #[command(flatten)]
    source: SourceChoice,
    /// The second clip
    second: PathBuf,
    /// What the passage shows, in English or Chinese; `-` reads it from standard input
    prompt: String,
    /// Seconds of the passage or the mix, at least
    #[arg(long, default_value_t = 1.0, allow_negative_numbers = true)]
    over: f64,
    /// Let the clips overlap, so that both are seen while one turns into the other
    #[arg(long)]
    mix: bool,
    /// How much of a mix is imagined anew, above 0 (a plain fade) to 1 (nothing of either clip)
    #[arg(long, requires = "mix", default_value_t = 0.5, allow_negative_numbers = true)]
    strength: f32,
    #[command(flatten)]
    making: Making,
}

impl Blend {
    pub fn run(self) -> anyhow::Result<()> {
        let target = self.making.target()?;
        if let Some(server) = self.making.remote()? {
            let order = self.source.order(self.making.order("/v1/videos/blends")?);
            let order = order.field("prompt", Some(prompt::read(&self.prompt)?));
            let order = order.field("seconds", Some(self.over)).file("second_video", &self.second);
            let order = order.field("mix", self.mix.then_some(true));
            let order = order.field("strength", self.mix.then_some(self.strength));
            return self.making.run_on_server(&server, target, order);
        }
        let first = self.source.read()?;
        let second = first.followed_by(&read_clip(&self.second, &ReadLimits::default())?)?;
        let task: &dyn Task = if self.mix {
            &Mix::new(first, second, (self.over, self.strength))?
        } else {
            &Passage::between(first, second, self.over)?
        };
        let inputs = [self.source.path(), &self.second];
        let wishes = self.making.options(prompt::read(&self.prompt)?)?;
        self.making.run(&inputs, target, wishes, task)
    }
}
