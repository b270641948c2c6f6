//! What somebody asked for, as it is kept with its job; and how it becomes a video.
//!
//! | module | what is in it |
//! | --- | --- |
//! | `prepare` | [`Prepared`], an order that a model can carry out |

mod prepare;

use serde::{Deserialize, Serialize};

pub use prepare::Prepared;
pub(crate) use prepare::{count_media, words_of};

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
    /// Lowest and highest noise level at which guidance acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guidance_interval: Option<[f32; 2]>,
    /// How much of a half-size outline is imagined anew at full size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outline_strength: Option<f32>,
    /// How the steps are taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampler: Option<String>,
    /// Where the camera goes, in words or as lines of poses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub camera: Option<String>,
    /// Where things go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub motions: Vec<String>,
    /// Whether its last frame leads on to its first.
    #[serde(default, rename = "loop", skip_serializing_if = "std::ops::Not::not")]
    pub is_ring: bool,
    /// Length of a window of a video that is made in windows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_seconds: Option<f64>,
    /// How far what a window goes on from is noised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anti_drift: Option<f32>,
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
        /// One of its frames.
        picture: String,
        /// Which one; the first unless said.
        #[serde(default)]
        at: usize,
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
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mask: Option<String>,
        /// The region as left edge, upper edge, width and height, where there is no mask; all of the picture without either.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rectangle: Option<[u32; 4]>,
        /// When it begins, in seconds.
        #[serde(default)]
        from: f64,
        /// When it ends; with the clip unless said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<f64>,
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
    /// Two clips are joined by a passage.
    Blend {
        /// The first clip.
        first: String,
        /// The second clip.
        second: String,
        /// Seconds of the passage.
        over: f64,
    },
    /// One clip turns into another while both are seen.
    Mix {
        /// The first clip.
        first: String,
        /// The second clip.
        second: String,
        /// Seconds in which both are seen.
        over: f64,
        /// How much of them is imagined anew.
        strength: f32,
    },
    /// A part of a clip is kept, and nothing made.
    Recut {
        /// The clip.
        clip: String,
        /// Where the part begins, in seconds.
        from: f64,
        /// Where it ends; with the clip when left out.
        to: Option<f64>,
    },
    /// Several shots along a time line.
    Story {
        /// The story in TOML.
        story: String,
        /// The pictures and clips that it names, in the order in which it names them.
        media: Vec<String>,
    },
}

impl OrderTask {
    /// The files that it names.
    pub fn inputs(&self) -> Vec<&str> {
        match self {
            Self::Imagine => vec![],
            Self::Animate { picture: only, .. }
            | Self::Remix { clip: only, .. }
            | Self::Extend { clip: only, .. }
            | Self::Loop { clip: only, .. }
            | Self::Recut { clip: only, .. } => vec![only],
            Self::Inpaint { clip, mask, .. } => [clip].into_iter().chain(mask).map(String::as_str).collect(),
            Self::Blend { first, second, .. } | Self::Mix { first, second, .. } => vec![first, second],
            Self::Story { media, .. } => media.iter().map(String::as_str).collect(),
        }
    }
}

impl Order {
    /// What makes a video of a prompt, with all else as the model likes it.
    pub fn new(task: OrderTask, prompt: impl Into<String>, seed: u64) -> Self {
        Self {
            task,
            prompt: prompt.into(),
            negative_prompt: None,
            size: None,
            seconds: None,
            num_frames: None,
            frame_rate: None,
            num_inference_steps: None,
            guidance_scale: None,
            guidance_interval: None,
            outline_strength: None,
            sampler: None,
            camera: None,
            motions: vec![],
            is_ring: false,
            window_seconds: None,
            anti_drift: None,
            fit: None,
            seed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_kept_as_it_was() {
        let task = OrderTask::Extend { clip: "input-0".into(), backward: 0.0, forward: 1.5 };
        let order = Order {
            size: Some([64, 64]),
            frame_rate: Some([30_000, 1001]),
            num_inference_steps: Some(3),
            fit: Some("crop".into()),
            motions: vec!["red ball: 0.2,0.5 -> 0.8,0.5".into()],
            is_ring: true,
            ..Order::new(task, "一个红色的球", u64::MAX)
        };
        let text = serde_json::to_string(&order).unwrap();
        assert_eq!(serde_json::from_str::<Order>(&text).unwrap(), order);
        // What was kept before there was more to say.
        let before = r#"{"task":{"kind":"inpaint","clip":"input-0","mask":"input-1"},"prompt":"a","seed":1}"#;
        let before: Order = serde_json::from_str(before).unwrap();
        assert_eq!(before.task.inputs(), ["input-0", "input-1"]);
        assert_eq!(before, Order::new(before.task.clone(), "a", 1));
        assert!(!serde_json::to_string(&before).unwrap().contains("loop"));
    }
}
