//! `misora worlds render`.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use serde_json::json;
use video::{Clip, Extras, FrameRate, Resolution};
use worlds::{FilmSettings, Split, World};

use super::{choices::Choices, truth};
use crate::{preview, print, target::Target};

/// Render one simulated film and print its captions
#[derive(Args)]
#[command(after_help = "\
Examples:
  misora worlds render --seed 3
  misora worlds render --motion bounce --colour red --place sea --daytime sunset -o bounce.gif
  misora worlds render --motion topple --size 320x180 --frames 96 --fps 24 --truth truth/")]
pub struct Render {
    #[command(flatten)]
    choices: Choices,
    /// Which of all worlds that fit
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Width and height in pixels
    #[arg(long, value_name = "WxH", default_value = "256x256")]
    size: Resolution,
    /// Number of frames [default: 33, or 1 for a picture]
    #[arg(long)]
    frames: Option<usize>,
    /// Frames per second, such as 24 or 30000/1001
    #[arg(long, default_value = "16")]
    fps: FrameRate,
    /// A file that ends in .mp4, .gif, .png or .jpg, or a folder for PNG frames [default: world-SEED.mp4]
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Write the ground truth there: truth.json and one id mask as PNG for each frame
    #[arg(long, value_name = "DIR")]
    truth: Option<PathBuf>,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

impl Render {
    pub fn run(self) -> anyhow::Result<()> {
        let output = self.output.clone().unwrap_or_else(|| PathBuf::from(format!("world-{}.mp4", self.seed)));
        let target = Target::from_option(&output)?;
        if target == Target::Stdout && (self.json || self.truth.is_some()) {
            bail!("only the film can go to standard output; name a file with --output");
        }
        let num_frames = self.frames.unwrap_or(if target.is_still() { 1 } else { 33 });
        if target.is_still() && num_frames > 1 {
            bail!("a picture has one frame, not {num_frames}; leave out --frames, or end --output in .mp4 or .gif");
        }
        let settings = FilmSettings { resolution: self.size, frame_rate: self.fps, num_frames };
        settings.check()?;
        let seconds = settings.time_secs(num_frames) as f32;
        let distribution = self.choices.distribution(Split::Any).with_duration_secs(seconds);
        let world = World::try_sample(&distribution, self.seed)?;
        target.check(self.size, self.fps)?;
        if let Some(folder) = &self.truth {
            truth::prepare(folder)?;
        }

        let clip = match &self.truth {
            None => Clip::new(world.frames(settings), self.fps)?,
            Some(folder) => {
                let film = world.film(settings)?;
                truth::write(folder, &world, &film)?;
                film.clip
            }
        };
        // Simulated, not generated: it carries no marks.
        target.write(&clip, Extras::default())?;
        self.tell(&target, &world, &clip)
    }

    fn tell(&self, target: &Target, world: &World, clip: &Clip) -> anyhow::Result<()> {
        let captions = world.captions();
        if self.json {
            return print::json(&json!({
                "file": target.name(),
                "seed": self.seed,
                "size": clip.resolution().to_string(),
                "frames": clip.frames().len(),
                "fps": clip.frame_rate().to_string(),
                "captions": captions,
                "labels": world.labels(),
            }));
        }
        if *target == Target::Stdout {
            return Ok(());
        }
        for caption in [&captions.short_en, &captions.detailed_en, &captions.short_zh, &captions.detailed_zh] {
            print::line(caption)?;
        }
        let frames = print::counted(clip.frames().len() as u64, "frame");
        print::line(format!("{}: {}, {frames} at {} fps", target.name(), clip.resolution(), clip.frame_rate()))?;
        preview::show(clip);
        Ok(())
    }
}
