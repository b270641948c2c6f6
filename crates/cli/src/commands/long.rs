//! Long videos: `misora generate` in windows.

use anyhow::{anyhow, bail};
use clap::Args;
use generation::{
    GenerationError, GenerationOptions, VideoGenerator,
    long::{LongVideo, Partial, Settings, WindowWishes},
};

use super::making::{Loaded, Making, Outcome, Production};
use crate::{interrupt::Careful, remote::RemoteOrder, target::Target};

/// Options of videos that may be made in windows.
#[derive(Args)]
pub struct LongChoice {
    /// Make the video in windows of so many seconds, each going on from the one before [default: as long as the model likes,
    /// where the video is more than twice as long; otherwise none]
    #[arg(long, value_name = "SECONDS", conflicts_with = "at_once", allow_negative_numbers = true)]
    window: Option<f64>,
    /// How far what a window goes on from is noised for the model to look at, so that faults do not add up: 0 to 0.5, such
    /// as 0.15 [default: 0, not at all]
    #[arg(long, value_name = "LEVEL", conflicts_with = "at_once", allow_negative_numbers = true)]
    anti_drift: Option<f32>,
    /// Never make the video in windows
    #[arg(long)]
    at_once: bool,
}

impl LongChoice {
    /// The same in an order to a server.
    pub fn order(&self, order: RemoteOrder) -> anyhow::Result<RemoteOrder> {
        if self.at_once {
            bail!(
                "--at-once is not sent to a server, which makes long videos in windows; leave it out, or name their length with --window"
            );
        }
        Ok(order.field("window_seconds", self.window).field("anti_drift", self.anti_drift))
    }

    /// How windows are wished for, if the video is to be made in windows.
    pub fn wishes(
        &self,
        generator: &dyn VideoGenerator,
        options: &GenerationOptions,
    ) -> anyhow::Result<Option<WindowWishes>> {
        if self.at_once {
            if LongVideo::is_needed(generator, options)? {
                let refused = generator.request(options.clone()).err();
                let refused = refused.map_or_else(String::new, |error| error.to_string());
                bail!("{refused}; without --at-once it is made in windows")
            }
            return Ok(None);
        }
        let is_advised = LongVideo::is_advised(generator, options)?;
        match self {
            Self { window: None, anti_drift: Some(_), .. } if !is_advised => {
                bail!(
                    "--anti-drift is for videos in windows, and this one is made at once; name their length with --window"
                )
            }
            Self { window: None, .. } if !is_advised => Ok(None),
            Self { window, anti_drift, .. } => Ok(Some(WindowWishes { seconds: *window, anti_drift: *anti_drift })),
        }
    }
}

/// Makes a video window after window.
pub fn run(
    making: &Making,
    model: Loaded,
    (target, options): (Option<Target>, GenerationOptions),
    wishes: WindowWishes,
) -> anyhow::Result<()> {
    let Loaded { generator, precision, look, signer } = model;
    let generator = generator.as_ref();
    let video = LongVideo::new(generator, options, wishes)?;
    let target = target.unwrap_or_else(|| Target::from_prompt(video.window().prompt()));
    making.check_memory(&|machine| generator.check_window_memory(video.window(), machine))?;
    let mut settings = making.settings((generator, precision), video.window());
    settings["windows"] = video.num_windows().into();
    settings["window_frames"] = video.window().num_frames().into();
    settings["anti_drift"] = video.anti_drift().value().into();
    let production = Production {
        marks: signer.marks(generator, &[video.window()], &settings.to_string()),
        target: target.clone(),
        outcome: Outcome {
            resolution: video.resolution(),
            num_frames: video.num_frames(),
            frame_rate: video.frame_rate(),
        },
        parts: ("window", video.window().total_steps()),
        settings,
        look,
    };
    let more = making.weights(precision);
    let mut partials = Vec::new();
    making.produce(production, &mut |job| {
        // From here on something may be half written.
        let _careful = Careful::begin();
        let settings: Settings = video.settings(generator, job.seed).into_iter().chain(more.clone()).collect();
        let partial = job.output.partial().map(|folder| Partial::open(&folder, &settings)).transpose()?;
        let windows = video.num_windows();
        let num_done = || partial.as_ref().map_or(0, Partial::num_windows);
        let done = num_done();
        if done > 0 {
            job.progress.tell(&format!("{}: goes on behind window {done} of {windows}", job.output.name()));
        }
        let made = video.make((generator, job.seed), partial.as_ref(), job.write, job.progress);
        made.map_err(|error| match error {
            GenerationError::Interrupted if partial.is_some() => {
                anyhow!("{error} with {} of {windows} windows done; the same command goes on", num_done())
            }
            other => other.into(),
        })?;
        partials.extend(partial);
        Ok(())
    })?;
    Ok(partials.into_iter().try_for_each(Partial::remove)?)
}
