//! Fields to orders.

use axum::http::StatusCode;
use generation::{GenerationError, VideoGenerator};
use video::{Fit, FrameRate, Resolution, VideoError};

use super::{error::ApiError, fields::Fields};
use crate::order::{Order, OrderTask};

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
    let mut order = Order {
        task,
        prompt: fields.needed_text("prompt")?,
        negative_prompt: fields.text("negative_prompt")?,
        size: size(fields)?,
        seconds: None,
        num_frames: None,
        frame_rate: None,
        num_inference_steps: fields.parsed("num_inference_steps", "a number of steps, such as 20")?,
        guidance_scale: fields.parsed("guidance_scale", "a number, such as 4")?,
        fit: fields.text("fit")?,
        seed: match fields.parsed("seed", "a whole number from 0")? {
            Some(seed) => seed,
            // What JavaScript can say too.
            None => u64::from(rand::random::<u32>()),
        },
    };
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
        _ => "video",
    };
    let field = match error {
        GenerationError::EmptyPrompt | GenerationError::PromptLength { .. } | GenerationError::Model(_) => "prompt",
        GenerationError::Size { .. } | GenerationError::TooManyTokens { .. } => "size",
        GenerationError::FrameCount { .. } | GenerationError::Duration { .. } => "seconds",
        GenerationError::Edit { .. } if matches!(task, OrderTask::Extend { .. }) => "seconds",
        GenerationError::Edit { .. } if matches!(task, OrderTask::Remix { .. }) => "strength",
        GenerationError::Video(VideoError::OtherShape { .. }) => "fit",
        GenerationError::Video(VideoError::FrameRate { .. }) => "fps",
        GenerationError::Image { .. } | GenerationError::Edit { .. } | GenerationError::Video(_) => given,
        GenerationError::Memory { .. } => "size",
        GenerationError::Diffusion(_) => "num_inference_steps",
        _ => return ApiError::new(StatusCode::BAD_REQUEST, "invalid_request", message),
    };
    ApiError::field(field, message)
}
