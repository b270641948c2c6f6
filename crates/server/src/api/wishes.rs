//! Fields to orders.

use axum::http::StatusCode;
use generation::{GenerationError, Sampler, VideoGenerator};
use video::{Fit, FrameRate, Resolution, VideoError};

use super::{error::ApiError, fields::Fields};
use crate::order::{Order, OrderTask, words_of};

/// Models of the hosted service, whose names its clients send whatever answers.
const ALIASES: [&str; 2] = ["sora-2", "sora-2-pro"];
const LARGEST_PRIORITY: i32 = 100;

/// Which fields a call has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Size, length and rate are asked for.
    Free,
    /// Length and rate are those of a clip.
    OfClip,
}

/// Reads what all calls that make videos have in common.
pub(crate) fn order(
    fields: &mut Fields,
    (task, shape): (OrderTask, Shape),
    generator: &dyn VideoGenerator,
) -> Result<(Order, i32), ApiError> {
    check_model(fields, generator)?;
    let prompt = match &task {
        OrderTask::Story { story, .. } => {
            words_of(story).map_err(|error| ApiError::field("story", error.to_string()))?
        }
        OrderTask::Recut { .. } => fields.text("prompt")?.unwrap_or_default(),
        _ => fields.needed_text("prompt")?,
    };
    // What JavaScript can say too.
    let seed = fields.parsed("seed", "a whole number from 0")?.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    let mut order = Order {
        negative_prompt: fields.text("negative_prompt")?,
        size: size(fields)?,
        num_inference_steps: fields.parsed("num_inference_steps", "a number of steps, such as 20")?,
        guidance_scale: fields.parsed("guidance_scale", "a number, such as 4")?,
        guidance_interval: interval(fields)?,
        outline_strength: fields.parsed("outline_strength", "a number above 0 and at most 1")?,
        sampler: fields.text("sampler")?,
        camera: fields.text("camera")?,
        motions: fields.texts("motions")?,
        fit: fields.text("fit")?,
        ..Order::new(task, prompt, seed)
    };
    if let Some(sampler) = &order.sampler {
        sampler.parse::<Sampler>().map_err(|error| ApiError::field("sampler", error.to_string()))?;
    }
    if let Some(fit) = &order.fit {
        fit.parse::<Fit>().map_err(|error| ApiError::field("fit", error.to_string()))?;
    }
    if let Some(rate) = fields.parsed::<FrameRate>("fps", "frames per second, such as 24 or 30000/1001")? {
        order.frame_rate = Some([rate.num(), rate.den()]);
    }
    if shape == Shape::Free {
        order.seconds = fields.parsed("seconds", "a number of seconds, such as \"4\"")?;
        order.num_frames = fields.parsed("num_frames", "a number of frames, such as 33")?;
        if order.seconds.is_some() && order.num_frames.is_some() {
            return Err(ApiError::field("num_frames", "give either seconds or num_frames"));
        }
        order.is_ring = fields.parsed("loop", "true or false")?.unwrap_or(false);
        if order.task == OrderTask::Imagine {
            order.window_seconds = fields.parsed("window_seconds", "a number of seconds")?;
            order.anti_drift = fields.parsed("anti_drift", "a number from 0 to 0.5")?;
        }
    }
    if fields.parsed::<f64>("flow_shift", "a number")?.is_some() {
        return Err(ApiError::field("flow_shift", "models here shift by themselves; leave it out").coded("unsupported"));
    }
    let priority = fields.parsed("priority", "a whole number, higher for sooner")?.unwrap_or(0);
    if !(-LARGEST_PRIORITY..=LARGEST_PRIORITY).contains(&priority) {
        let message = format!("it lies between -{LARGEST_PRIORITY} and {LARGEST_PRIORITY}");
        return Err(ApiError::field("priority", message));
    }
    Ok((order, priority))
}

fn check_model(fields: &mut Fields, generator: &dyn VideoGenerator) -> Result<(), ApiError> {
    let (own, asked) = (generator.name(), fields.text("model")?);
    match asked {
        Some(asked) if asked != own && !ALIASES.contains(&asked.as_str()) => {
            let shown: String = asked.chars().take(80).collect();
            let message = format!("there is no model {shown:?} here; there is {own:?}");
            Err(ApiError::field("model", message).coded("model_not_found"))
        }
        _ => Ok(()),
    }
}

fn interval(fields: &mut Fields) -> Result<Option<[f32; 2]>, ApiError> {
    let Some(text) = fields.text("guidance_interval")? else { return Ok(None) };
    let levels =
        text.split_once('-').and_then(|(low, high)| Some([low.trim().parse().ok()?, high.trim().parse().ok()?]));
    let wrong = || ApiError::field("guidance_interval", "it is two noise levels, such as \"0.2-0.9\"");
    levels.map(Some).ok_or_else(wrong)
}

fn size(fields: &mut Fields) -> Result<Option<[u32; 2]>, ApiError> {
    let what = "a number of pixels";
    let sides: (Option<u32>, Option<u32>) = (fields.parsed("width", what)?, fields.parsed("height", what)?);
    match (fields.text("size")?, sides) {
        (None, (None, None)) => Ok(None),
        (None, (Some(width), Some(height))) => Ok(Some([width, height])),
        (None, (Some(_), None)) => Err(ApiError::field("height", "width and height go together")),
        (None, (None, Some(_))) => Err(ApiError::field("width", "width and height go together")),
        (Some(size), (None, None)) => {
            let size: Resolution = size.parse().map_err(|problem: String| ApiError::field("size", problem))?;
            Ok(Some([size.width(), size.height()]))
        }
        (Some(_), _) => Err(ApiError::field("size", "give either size, or width and height")),
    }
}

/// What a model says of an order, as an answer that names the field.
pub(crate) fn refused(error: &GenerationError, message: String, task: &OrderTask) -> ApiError {
    let given = match task {
        OrderTask::Animate { .. } => "input_reference",
        OrderTask::Story { .. } => "story",
        _ => "video",
    };
    let field = match error {
        GenerationError::EmptyPrompt | GenerationError::PromptLength { .. } | GenerationError::Model(_) => "prompt",
        GenerationError::Size { .. } | GenerationError::TooManyTokens { .. } => "size",
        GenerationError::FrameCount { .. } | GenerationError::Duration { .. } => "seconds",
        GenerationError::Edit { .. } => match task {
            OrderTask::Extend { .. } | OrderTask::Loop { .. } | OrderTask::Blend { .. } | OrderTask::Mix { .. } => {
                "seconds"
            }
            OrderTask::Recut { .. } => "to",
            OrderTask::Remix { .. } => "strength",
            _ => given,
        },
        GenerationError::Video(VideoError::OtherShape { .. }) => "fit",
        GenerationError::Video(VideoError::FrameRate { .. }) => "fps",
        GenerationError::Image { .. } | GenerationError::Video(_) => given,
        GenerationError::Memory { .. } => "size",
        GenerationError::Story { .. } => "story",
        GenerationError::Long { .. } => "window_seconds",
        GenerationError::Ring { .. } => "loop",
        GenerationError::Camera { .. } => "camera",
        GenerationError::Motion { .. } => "motions",
        GenerationError::Diffusion(_) => "num_inference_steps",
        _ => return ApiError::new(StatusCode::BAD_REQUEST, "invalid_request", message),
    };
    ApiError::field(field, message)
}
