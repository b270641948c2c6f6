//! An order is checked and becomes a job: its files first, and then, in one transaction, the job itself.

use std::path::PathBuf;

use axum::http::{HeaderMap, StatusCode};

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
    VideoId,
    files::Files,
    http::guard::Caller,
    jobs::{Job, NewJob},
    order::{Order, OrderTask},
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
    check_policy(app, &order)?;
    let (size, seconds) = check_order(app, &order, &inputs)?;
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
    app.files.begin(&new.id).map_err(|error| full(&error))?;
    for (number, input) in inputs.iter().enumerate() {
        app.files.keep(&new.id, &Files::input_name(number), &input.path()).map_err(|error| full(&error))?;
    }
    Ok(app.store.add(new, app.limits.queued)?)
}

/// The one place where a prompt is judged.
fn check_policy(app: &App, order: &Order) -> Result<(), ApiError> {
    app.policy.check(&order.prompt).map_err(|refusal| {
        tracing::warn!(category = refusal.category, "a prompt was refused");
        ApiError::field("prompt", refusal.explanation).coded("moderation_blocked")
    })
}

/// Reads the inputs and checks everything; the size and length of what will come out.
fn check_order(app: &App, order: &Order, inputs: &[Input]) -> Result<(String, String), ApiError> {
    let find = |name: &str| {
        let numbered = inputs.iter().enumerate().find(|(number, _)| Files::input_name(*number) == name);
        numbered.map_or_else(PathBuf::new, |(_, input)| input.path())
    };
    let checked = order.prepare(&*app.generator, &find, &app.limits.read).and_then(|prepared| {
        if let Some(machine) = app.machine {
            app.generator.check_memory(&prepared.request, machine)?;
        }
        Ok((prepared.plan.resolution.to_string(), prepared.seconds()))
    });
    checked.map_err(|error| wishes::refused(&error, app.files.without_places(&error.to_string()), &order.task))
}

/// A call that this server does not answer, and why.
pub(crate) fn unsupported(message: &str) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "unsupported", message.to_owned())
}
