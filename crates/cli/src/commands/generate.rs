//! `misora generate`.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use generation::{GenerationOptions, Length, tasks::Imagine};
use video::{Frame, FrameRate, ReadLimits, VideoReader};

use super::{
    long::{self, LongChoice},
    making::Making,
    prompt,
};
use crate::{target::Target, value};

/// Make a video, or a picture, of a prompt
#[derive(Args)]
#[command(after_help = "\
Examples:
  misora generate \"a red ball rolls across the grass\"
  misora generate \"a blue cube falls on snow\" -o cube.gif --seconds 3 --size 160x96
  misora generate \"a purple cone at sunset\" -o cone.png
  misora generate \"two balls collide\" --count 4 --seed 10 --steps 30 --guidance 5
  misora generate \"a cat in the rain\" --model Wan2.1-T2V-1.3B-Diffusers --lora style.safetensors:0.8
  misora generate \"a red ball bounces\" --loop -o round.gif
  misora generate \"she turns to us\" --image she.jpg --model Wan-AI/Wan2.2-TI2V-5B-Diffusers
  echo \"一个红色的球滚过草地\" | misora generate - --output - > ball.mp4

The same command gives the same pictures, and only the signature differs; another --seed gives another video. What is too
long to be made at once is made in windows that go on from one another; when it was stopped, the same command goes on with it.")]
pub struct Generate {
    /// What the video shows, in English or Chinese; `-` reads it from standard input
    prompt: String,
    /// Length from the first frame to the last
    #[arg(long, conflicts_with = "frames", allow_negative_numbers = true)]
    seconds: Option<f64>,
    /// Number of frames: 1, 5, 9, 13, … [default: the model's own, such as 33; 1 for a picture]
    #[arg(long)]
    frames: Option<usize>,
    /// Width and height in pixels, multiples of 16 or 32 [default: the model's own, such as 128x128]
    #[arg(long, value_name = "WxH", value_parser = value::size)]
    size: Option<[u32; 2]>,
    /// Frames per second, such as 24 or 30000/1001 [default: the model's own]
    #[arg(long)]
    fps: Option<FrameRate>,
    /// A picture that the video begins with, for Wan models that take one; `animate` does so with any model
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// Let the last frame lead on to the first, so that the video plays round without a seam; `loop` does so with a clip
    #[arg(long = "loop", conflicts_with_all = ["window", "anti_drift", "image"])]
    is_ring: bool,
    #[command(flatten)]
    long: LongChoice,
    #[command(flatten)]
    making: Making,
}

impl Generate {
    pub fn run(self) -> anyhow::Result<()> {
        let target = self.making.target()?;
        if let Some(server) = self.making.remote()? {
            let is_still = target.as_ref().is_some_and(Target::is_still) && self.seconds.is_none();
            let order =
                self.making.order("/v1/videos")?.field("prompt", Some(prompt::read(&self.prompt)?)).size(self.size);
            let order = order.field("seconds", self.seconds).field("fps", self.fps);
            let order = order.field("num_frames", self.frames.or(is_still.then_some(1)));
            let order = self.long.order(order.field("loop", self.is_ring.then_some(true)))?;
            let order = self.image.iter().fold(order, |order, image| order.file("input_reference", image));
            return self.making.run_on_server(&server, target, order);
        }
        let length = match (self.frames, self.seconds) {
            (Some(frames), _) => Some(Length::Frames(frames)),
            (None, Some(seconds)) => Some(Length::Seconds(seconds)),
            (None, None) => target.as_ref().filter(|target| Target::is_still(target)).map(|_| Length::Frames(1)),
        };
        let wishes = GenerationOptions {
            size: self.size,
            length,
            frame_rate: self.fps,
            is_ring: self.is_ring,
            image: self.image.as_deref().map(read_picture).transpose()?,
            ..self.making.options(prompt::read(&self.prompt)?)?
        };
        let inputs: Vec<&Path> = self.image.as_deref().into_iter().collect();
        let model = self.making.load(&inputs)?;
        match self.long.wishes(model.generator.as_ref(), &wishes)? {
            Some(windows) => long::run(&self.making, model, (target, wishes), windows),
            None => self.making.run_on(model, target, wishes, &Imagine),
        }
    }
}

/// The only frame of a picture's file.
fn read_picture(path: &Path) -> anyhow::Result<Frame> {
    let mut reader = VideoReader::open(path, &ReadLimits::default())?;
    let first = reader.next().context("--image has no frame")??;
    if reader.next().is_some() {
        bail!("--image {} is a video; name a picture, such as one of its frames", path.display());
    }
    Ok(first)
}
