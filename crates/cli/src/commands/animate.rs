//! `misora animate`.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use generation::{GenerationOptions, Length, tasks};
use video::{Fit, FrameRate, ReadLimits, VideoReader};

use super::{making::Making, prompt};
use crate::value;

/// Bring a picture to life
#[derive(Args)]
#[command(after_help = "\
Examples:
  misora animate ball.png \"a red ball rolls across the grass\"
  misora animate photo.jpg \"waves roll in\" --fit crop --seconds 3 -o waves.mp4

The picture is the first frame, or with --at any frame, and comes out as the autoencoder renders it.")]
pub struct Animate {
    /// The picture: PNG, JPEG, or the first frame of a GIF or a video
    image: PathBuf,
    /// What the video shows, in English or Chinese; `-` reads it from standard input
    prompt: String,
    /// Which frame the picture is: 0, or a multiple of 4, for which the three frames before are held
    #[arg(long, default_value_t = 0, value_name = "FRAME")]
    at: usize,
    /// What becomes of a picture of another shape than the video's
    #[arg(long, value_parser = value::named::<Fit>(Fit::ALL.map(Fit::name)))]
    fit: Option<Fit>,
    /// Length from the first frame to the last
    #[arg(long, conflicts_with = "frames", allow_negative_numbers = true)]
    seconds: Option<f64>,
    /// Number of frames: 5, 9, 13, … [default: the model's own, such as 33]
    #[arg(long)]
    frames: Option<usize>,
    /// Width and height in pixels, multiples of 16 [default: the model's own, such as 128x128]
    #[arg(long, value_name = "WxH", value_parser = value::size)]
    size: Option<[u32; 2]>,
    /// Frames per second, such as 24 or 30000/1001 [default: the model's own]
    #[arg(long)]
    fps: Option<FrameRate>,
    #[command(flatten)]
    making: Making,
}

impl Animate {
    pub fn run(self) -> anyhow::Result<()> {
        let target = self.making.target()?;
        let Some(picture) = VideoReader::open(&self.image, &ReadLimits::default())?.next().transpose()? else {
            bail!("{} holds no picture", self.image.display());
        };
        let length = match (self.frames, self.seconds) {
            (Some(frames), _) => Some(Length::Frames(frames)),
            (None, seconds) => seconds.map(Length::Seconds),
        };
        let wishes = GenerationOptions {
            size: self.size,
            length,
            frame_rate: self.fps,
            ..self.making.options(prompt::read(&self.prompt)?)?
        };
        let task = tasks::Animate::new(picture, self.at, self.fit)?;
        self.making.run(&[&self.image], target, wishes, &task)
    }
}
