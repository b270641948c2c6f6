//! What somebody asked for, as it is kept with its job; and how it becomes a task.

use std::path::{Path, PathBuf};

use generation::{
    GenerationError, GenerationOptions, GenerationRequest, Length, VideoGenerator,
    tasks::{Animate, Extend, Imagine, Inpaint, Passage, Plan, Region, Remix, Source, Task},
};
use serde::{Deserialize, Serialize};
use video::{Fit, Frame, FrameRate, ReadLimits, VideoError, VideoReader, read_clip};

/// What somebody asked for. Together with its files it makes the same video whenever it is carried out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// How the video comes about.
    pub task: OrderTask,
    /// What it shows.
    pub prompt: String,
    /// What it should not show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negative_prompt: Option<String>,
    /// Width and height in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<[u32; 2]>,
    /// Seconds from the first frame to the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Number of frames, instead of seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub num_frames: Option<usize>,
    /// Frames per second as a fraction in lowest terms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame_rate: Option<[u32; 2]>,
    /// Steps from noise to video.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub num_inference_steps: Option<usize>,
    /// How strongly the prompt is followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guidance_scale: Option<f32>,
    /// What becomes of pictures of another shape.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fit: Option<String>,
    /// Which of all possible videos.
    pub seed: u64,
}

/// How a video comes about; files are named as they lie in the job's folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum OrderTask {
    /// From nothing but the prompt.
    Imagine,
    /// A picture comes to life.
    Animate {
        /// The first frame.
        picture: String,
    },
    /// A clip is made anew.
    Remix {
        /// The clip.
        clip: String,
        /// How much of it.
        strength: f32,
    },
    /// A region of a clip is imagined anew.
    Inpaint {
        /// The clip.
        clip: String,
        /// White where the region is.
        mask: String,
    },
    /// A clip goes on.
    Extend {
        /// The clip.
        clip: String,
        /// Seconds before its beginning.
        backward: f64,
        /// Seconds behind its end.
        forward: f64,
    },
    /// A clip plays round.
    Loop {
        /// The clip.
        clip: String,
        /// Seconds of the passage.
        over: f64,
    },
    /// Two clips are joined.
    Blend {
        /// The first clip.
        first: String,
        /// The second clip.
        second: String,
        /// Seconds of the passage.
        over: f64,
    },
}

/// An order that a model can carry out.
pub struct Prepared {
    /// What is asked of the model.
    pub request: GenerationRequest,
    /// What is given, and the finished video's order.
    pub plan: Plan,
}

impl Prepared {
    /// Length from the first frame to the last, as the API says it.
    pub fn seconds(&self) -> String {
        let frames = self.plan.num_frames().saturating_sub(1);
        let text = format!("{:.3}", frames as f64 * self.plan.frame_rate.frame_duration_secs());
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

impl Order {
    /// Reads what is given and checks everything, with files at the places that `find` says.
    ///
    /// # Errors
    /// [`GenerationError`] that says what cannot be met, and what would work.
    pub fn prepare(
        &self,
        generator: &dyn VideoGenerator,
        find: &dyn Fn(&str) -> PathBuf,
        limits: &ReadLimits,
    ) -> Result<Prepared, GenerationError> {
        let task = self.task(find, limits)?;
        let request = generator.request(task.options(self.wishes()?))?;
        let plan = task.plan(&request)?;
        Ok(Prepared { request, plan })
    }

    fn wishes(&self) -> Result<GenerationOptions, GenerationError> {
        let length = self.num_frames.map(Length::Frames).or(self.seconds.map(Length::Seconds));
        Ok(GenerationOptions {
            negative_prompt: self.negative_prompt.clone(),
            size: self.size,
            length,
            frame_rate: self.frame_rate()?,
            num_inference_steps: self.num_inference_steps,
            guidance_scale: self.guidance_scale,
            ..GenerationOptions::new(self.prompt.clone())
        })
    }

    fn frame_rate(&self) -> Result<Option<FrameRate>, VideoError> {
        self.frame_rate.map(|[num, den]| FrameRate::new(num, den)).transpose()
    }

    fn fit(&self) -> Result<Option<Fit>, VideoError> {
        self.fit.as_deref().map(str::parse).transpose()
    }

    fn task(&self, find: &dyn Fn(&str) -> PathBuf, limits: &ReadLimits) -> Result<Box<dyn Task>, GenerationError> {
        let fit = self.fit()?;
        let source = |name: &str| -> Result<Source, GenerationError> {
            Ok(Source::new(read_clip(&find(name), limits)?, self.size, fit))
        };
        Ok(match &self.task {
            OrderTask::Imagine => Box::new(Imagine),
            OrderTask::Animate { picture } => Box::new(Animate::new(first_frame(&find(picture), limits)?, 0, fit)?),
            OrderTask::Remix { clip, strength } => Box::new(Remix::new(source(clip)?, *strength)?),
            OrderTask::Inpaint { clip, mask } => {
                let region = Region::Mask(read_clip(&find(mask), limits)?);
                Box::new(Inpaint::new(source(clip)?, &region, 0.0..=f64::INFINITY)?)
            }
            OrderTask::Extend { clip, backward, forward } => {
                Box::new(Extend::new(source(clip)?, [*backward, *forward], self.frame_rate()?)?)
            }
            OrderTask::Loop { clip, over } => Box::new(Passage::back(source(clip)?, *over)?),
            OrderTask::Blend { first, second, over } => {
                let first = source(first)?;
                let second = first.followed_by(&read_clip(&find(second), limits)?)?;
                Box::new(Passage::between(first, second, *over)?)
            }
        })
    }
}

fn first_frame(path: &Path, limits: &ReadLimits) -> Result<Frame, VideoError> {
    VideoReader::open(path, limits)?.next().unwrap_or(Err(VideoError::NoFrames))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_kept_as_it_was() {
        let order = Order {
            task: OrderTask::Extend { clip: "input-0".into(), backward: 0.0, forward: 1.5 },
            prompt: "一个红色的球".into(),
            negative_prompt: None,
            size: Some([64, 64]),
            seconds: None,
            num_frames: None,
            frame_rate: Some([30_000, 1001]),
            num_inference_steps: Some(3),
            guidance_scale: None,
            fit: Some("crop".into()),
            seed: u64::MAX,
        };
        let text = serde_json::to_string(&order).unwrap();
        assert_eq!(serde_json::from_str::<Order>(&text).unwrap(), order);
    }
}
