//! What is said of videos that were made.

use generation::tasks::Plan;
use serde::Serialize;
use serde_json::json;
use video::{FrameRate, Resolution};

use crate::target::Target;

/// How large, long and fast a finished video is.
#[derive(Clone, Copy)]
pub struct Outcome {
    /// Size of the pictures.
    pub resolution: Resolution,
    /// Number of frames.
    pub num_frames: usize,
    /// Frames per second.
    pub frame_rate: FrameRate,
}

/// One video that was made.
#[derive(Serialize)]
pub(super) struct Made {
    pub(super) file: String,
    pub(super) seed: u64,
    pub(super) seconds_taken: f64,
}

impl Outcome {
    pub(super) fn of(plan: &Plan) -> Self {
        Self { resolution: plan.resolution, num_frames: plan.num_frames(), frame_rate: plan.frame_rate }
    }

    pub(super) fn duration_secs(&self) -> f64 {
        self.num_frames as f64 * self.frame_rate.frame_duration_secs()
    }
}

/// What was made, for programs.
pub(super) fn report(
    outcome: Outcome,
    settings: serde_json::Value,
    (made, sheet): (&[Made], Option<&Target>),
) -> serde_json::Value {
    json!({
        "file": made[0].file,
        "seed": made[0].seed,
        "seconds_taken": made.iter().map(|made| made.seconds_taken).sum::<f64>(),
        "size": outcome.resolution.to_string(),
        "frames": outcome.num_frames,
        "fps": outcome.frame_rate.to_string(),
        "duration_secs": outcome.duration_secs(),
        "settings": settings,
        "videos": made,
        "contact_sheet": sheet.map(Target::name),
    })
}

/// The same for people.
pub(super) fn describe(made: &Made, outcome: Outcome) -> String {
    let length = match outcome.num_frames {
        1 => "a still".to_owned(),
        frames => format!("{frames} frames, {:.2} s at {} fps", outcome.duration_secs(), outcome.frame_rate),
    };
    format!("{}: {}, {length}, seed {}, made in {:.1} s", made.file, outcome.resolution, made.seed, made.seconds_taken)
}
