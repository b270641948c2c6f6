//! `misora recut`.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use provenance::origin::AIGC_KEY;
use video::{Clip, Extras, ReadLimits, read_clip, read_tags};

use crate::{print, target::Target};

/// Keep a part of a clip, to extend it anew
#[derive(Args)]
#[command(after_help = "\
Example:
  misora recut ball.mp4 --to 1.5 -o good.mp4 && misora extend good.mp4 \"a red ball rolls\"")]
pub struct Recut {
    /// The clip
    clip: PathBuf,
    /// Where the part begins, in seconds
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    from: f64,
    /// Where it ends, in seconds [default: with the clip]
    #[arg(long, allow_negative_numbers = true)]
    to: Option<f64>,
    /// A file that ends in .mp4, .gif, .png or .jpg, a folder for PNG frames, or `-` for MP4 on standard output
    #[arg(short, long, value_name = "PATH")]
    output: PathBuf,
}

impl Recut {
    pub fn run(self) -> anyhow::Result<()> {
        let target = Target::from_option(&self.output)?;
        let clip = read_clip(&self.clip, &ReadLimits::default())?;
        let (rate, frame_rate) = (clip.frame_rate().as_f64(), clip.frame_rate());
        let (duration, to) = (clip.duration_secs(), self.to.unwrap_or(f64::INFINITY));
        let number = |seconds: f64| (seconds * rate).round();
        let wanted = |index: usize| (number(self.from)..=number(to)).contains(&(index as f64));
        let frames: Vec<_> = clip
            .into_frames()
            .into_iter()
            .enumerate()
            .filter(|(index, _)| wanted(*index))
            .map(|(_, frame)| frame)
            .collect();
        if frames.is_empty() {
            bail!("nothing of {} lies between --from and --to: it lasts {duration} s", self.clip.display());
        }
        let cut = Clip::new(frames, frame_rate)?;
        // The watermark goes on with the pictures, and so does what the file says of where it comes from.
        let tags = read_tags(&self.clip)?.into_iter().filter(|tag| tag.key == AIGC_KEY).collect();
        target.write(&cut, Extras { tags, seal: None })?;
        if target == Target::Stdout {
            return Ok(());
        }
        print::line(format!("{}: {} frames, {:.2} s", target.name(), cut.frames().len(), cut.duration_secs()))
    }
}
