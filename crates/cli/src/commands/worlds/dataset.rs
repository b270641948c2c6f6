//! `misora worlds dataset`.

use std::path::PathBuf;

use anyhow::bail;
use clap::{Args, ValueEnum};
use dataset::worlds_dataset::{WorldsBucket, WorldsDatasetRequest, WorldsSource, build};
use video::{FrameRate, Resolution};
use worlds::Split;

use super::choices::Choices;
use crate::{interrupt, interrupt::Careful, print, progress};

/// Write a data set of simulated films, or go on with one
#[derive(Args)]
#[command(after_help = "\
The data set is a folder of tar files in WebDataset's layout and an index. Run again, the same command goes on after the
last whole shard.

Examples:
  misora worlds dataset --output data/worlds --count 10000
  misora worlds dataset -o data/mixed --count 5000 --bucket 128x128x33 --bucket 160x96x17:0.5 --images 0.2")]
pub struct Dataset {
    /// The data set's folder
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Number of clips and images in the end
    #[arg(long)]
    count: u64,
    #[command(flatten)]
    choices: Choices,
    /// Size and frames of clips, and how often they occur: WxHxFRAMES or WxHxFRAMES:WEIGHT; may be repeated
    #[arg(long = "bucket", value_name = "WxHxF", default_value = "128x128x33", value_parser = bucket)]
    buckets: Vec<WorldsBucket>,
    /// Frames per second of all clips
    #[arg(long, default_value = "16")]
    fps: FrameRate,
    /// Share of images among the samples, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    images: f64,
    /// Seed of the first sample; each further one has the next
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Combinations of colour, shape and motion
    #[arg(long, value_enum, default_value_t = SplitName::Training)]
    split: SplitName,
    /// Size of a shard in megabytes
    #[arg(long, value_name = "MB", default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    shard_size: u64,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Which combinations occur.
#[derive(Clone, Copy, ValueEnum)]
enum SplitName {
    /// Those that are not held out
    Training,
    /// Those that training never sees
    HeldOut,
    /// All
    Any,
}

impl Dataset {
    pub fn run(self) -> anyhow::Result<()> {
        let split = match self.split {
            SplitName::Training => Split::Training,
            SplitName::HeldOut => Split::HeldOut,
            SplitName::Any => Split::Any,
        };
        let request = WorldsDatasetRequest {
            output: self.output,
            count: self.count,
            source: WorldsSource {
                first_seed: self.seed,
                distribution: self.choices.distribution(split),
                buckets: self.buckets,
                frame_rate: self.fps,
                images_share: self.images,
            },
            max_shard_bytes: self.shard_size * 1_000_000,
        };
        let bar = progress::bar(self.count);
        bar.set_message("rendering");
        let mut begun = false;
        let _careful = Careful::begin();
        let summary = build(&request, &mut |progress| {
            bar.set_position(progress.done);
            if !begun {
                // Samples of earlier runs took no time in this one.
                bar.reset_eta();
                begun = true;
            }
            interrupt::flow()
        })?;
        bar.finish_and_clear();
        if !summary.complete {
            bail!("stopped after {} of {} samples; the same command goes on", summary.samples, request.count);
        }
        if self.json {
            return print::json(&summary);
        }
        let (samples, shards) =
            (print::counted(summary.samples, "sample"), print::counted(summary.shards as u64, "shard"));
        print::line(format!("{}: {samples} in {shards}", request.output.display()))
    }
}

/// Reads `WxHxF` or `WxHxF:WEIGHT`.
fn bucket(text: &str) -> Result<WorldsBucket, String> {
    let wrong = || "write it as WIDTHxHEIGHTxFRAMES, for example 128x128x33, or 128x128x33:0.5".to_owned();
    let (size, weight) = match text.split_once(':') {
        Some((size, weight)) => (size, weight.parse().map_err(|_| wrong())?),
        None => (text, 1.0),
    };
    let (resolution, num_frames) = size.rsplit_once('x').ok_or_else(wrong)?;
    let num_frames = num_frames.parse().map_err(|_| wrong())?;
    Ok(WorldsBucket { resolution: resolution.parse::<Resolution>().map_err(|_| wrong())?, num_frames, weight })
}
