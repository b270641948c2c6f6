//! An order is checked and becomes a job: its files first, and then, in one transaction, the job itself.

use std::path::PathBuf;

use axum::http::{HeaderMap, StatusCode};
use generation::GenerationError;

use super::{
    error::ApiError,
    fields::Fields,
    json::Json,
    state::{App, Shared},
    upload::{Input, full},
    video::Video,
    wishes::{self, Shape},
};
use crate::{
    Refusal, Unfit, VideoId,
    files::Files,
    http::guard::Caller,
    jobs::{Job, NewJob},
    order::{Order, OrderTask},
    policy,
};

const LONGEST_KEY: usize = 255;

/// A video that somebody wants to be made.
pub(crate) struct Draft {
    pub(crate) caller: Caller,
    pub(crate) fields: Fields,
    pub(crate) task: OrderTask,
    pub(crate) shape: Shape,
    /// In the order of their names: `input-0`, `input-1`, …
    pub(crate) inputs: Vec<Input>,
    pub(crate) remixed_from: Option<VideoId>,
    /// The request's own name, if it has one.
    pub(crate) key: Option<String>,
}

/// The header `Idempotency-Key`.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    match value.to_str() {
        Ok(key) if !key.is_empty() && key.len() <= LONGEST_KEY => Ok(Some(key.to_owned())),
        _ => Err(ApiError::field("Idempotency-Key", format!("it has 1 to {LONGEST_KEY} printable characters"))),
    }
}

/// Takes a job, or says why not.
pub(crate) async fn submit(app: &Shared, draft: Draft) -> Result<Json<Video>, ApiError> {
    let _permit = app.uploads.acquire().await.map_err(|error| ApiError::internal(&error))?;
    let job = app.off(|app| take(app, draft)).await?;
    app.bell.ring();
    Ok(Json(Video::of(&job)))
}

fn take(app: &App, draft: Draft) -> Result<Job, ApiError> {
    let Draft { caller, mut fields, task, shape, inputs, remixed_from, key } = draft;
    let idempotency = key.map(|key| (key, fields.print()));
    if let Some(idempotency) = &idempotency
        && let Some(job) = app.store.taken_before(&caller.owner, idempotency)?
    {
        return Ok(job);
    }
    let (order, priority) = wishes::order(&mut fields, (task, shape), &*app.generator)?;
    fields.finish()?;
    check_texts(app, &order)?;
    let (size, seconds) = check_order(app, &order, &inputs)?;
    check_pictures(app, &order, &inputs)?;
    let new = NewJob {
        id: VideoId::random(),
        owner: caller.owner,
        model: app.generator.name(),
        size,
        seconds,
        remixed_from,
        order,
        priority,
        idempotency,
        daily_quota: caller.daily_quota,
    };
    let job = keep(app, &new, &inputs);
    // Without its job, what was kept of it is nobody's.
    if !matches!(&job, Ok(job) if job.id == new.id) {
        app.files.remove(&new.id);
    }
    job
}

fn keep(app: &App, new: &NewJob, inputs: &[Input]) -> Result<Job, ApiError> {
    for (number, input) in inputs.iter().enumerate() {
        app.files.keep(&new.id, &Files::input_name(number), input.path()).map_err(|error| full(&error))?;
    }
    Ok(app.store.add(new, app.limits.queued)?)
}

/// The one place where the texts of an order are judged.
fn check_texts(app: &App, order: &Order) -> Result<(), ApiError> {
    let (shown, hidden) = policy::words(order);
    let [shown_texts, hidden_texts] =
        [&shown, &hidden].map(|texts| texts.iter().map(String::as_str).collect::<Vec<_>>());
    app.policy.check_all(&shown_texts, &hidden_texts).map_err(|refusal| {
        let Refusal { category, rule, explanation } = refusal;
        if app.policy.logs_prompts() {
            tracing::warn!(category, rule, prompt = shown.join("\n"), "a prompt was refused");
        } else {
            tracing::warn!(category, rule, "a prompt was refused");
        }
        ApiError::field("prompt", explanation).coded("moderation_blocked")
    })?;
    Ok(())
}

/// The one place where the pictures and clips that are given with an order are judged.
fn check_pictures(app: &App, order: &Order, inputs: &[Input]) -> Result<(), ApiError> {
    let field = match &order.task {
        OrderTask::Animate { .. } => "input_reference",
        _ => "video",
    };
    let judged = inputs.iter().try_for_each(|input| app.policy.check_input(input.path(), &app.limits.read));
    judged.map_err(|unfit| match unfit {
        Unfit::Refused(Refusal { category, rule, explanation }) => {
            tracing::warn!(category, rule, field, "a picture was refused");
            ApiError::field(field, explanation).coded("moderation_blocked")
        }
        Unfit::Unreadable(problem) => ApiError::field(field, app.files.without_places(&problem)),
        Unfit::Unknown(problem) => {
            tracing::error!(error = app.files.without_places(&problem), "a picture could not be judged");
            let message =
                "pictures cannot be judged at the moment, and none is used unjudged; try again later".to_owned();
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "moderation_unavailable", message).retry_after(60)
        }
    })
}

/// Reads the inputs and checks everything; the size and length of what will come out.
fn check_order(app: &App, order: &Order, inputs: &[Input]) -> Result<(String, String), ApiError> {
    let find = |name: &str| {
        let numbered = inputs.iter().enumerate().find(|(number, _)| Files::input_name(*number) == name);
        numbered.map_or_else(PathBuf::new, |(_, input)| input.path().to_owned())
    };
    let checked = order.prepare(&*app.generator, &find, &app.limits.read).and_then(|prepared| {
        if let Some(machine) = app.machine {
            prepared.check_memory(&*app.generator, machine)?;
        }
        Ok(prepared)
    });
    let refused =
        |error: GenerationError| wishes::refused(&error, app.files.without_places(&error.to_string()), &order.task);
    let prepared = checked.map_err(refused)?;
    let (size, frames, most) = (prepared.resolution(), prepared.num_frames(), app.limits.read);
    if frames > most.max_frames || (3 * size.pixel_count()).saturating_mul(frames) as u64 > most.max_clip_bytes {
        let message = format!("{frames} frames of {size} are more than this server makes at a time; ask for less");
        return Err(ApiError::field(if frames > most.max_frames { "seconds" } else { "size" }, message));
    }
    Ok((size.to_string(), prepared.seconds()))
}

/// A call that this server does not answer, and why.
pub(crate) fn unsupported(message: &str) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "unsupported", message.to_owned())
}
