//! `misora remix`.

use clap::Args;
use diffusion::Sigma;
use generation::{Edit, GenerationOptions, Length};

use super::{
    assembly::Piece,
    making::{Given, Making},
    prompt,
    source::{SourceChoice, enough_frames},
};

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
        let strength = Sigma::new(self.strength).ok().filter(|strength| *strength > Sigma::KNOWN);
        let Some(strength) = strength else {
            anyhow::bail!("--strength lies above 0 and is at most 1, such as 0.6, but is {}", self.strength);
        };
        let source = self.source.read()?;
        let num_frames = source.clip().frames().len();
        let options = GenerationOptions {
            size: Some(source.size()),
            length: Some(Length::Frames(enough_frames(num_frames))),
            frame_rate: Some(source.frame_rate()),
            ..self.making.options(prompt::read(&self.prompt)?)
        };
        self.making.run(target, options, |request| {
            let edit = Edit::remix(source.all_fitted(request)?, strength, request)?;
            Ok(Given {
                edit: Some(edit),
                pieces: vec![Piece::Made((0..num_frames).collect())],
                ..Given::nothing(request)
            })
        })
    }
}
