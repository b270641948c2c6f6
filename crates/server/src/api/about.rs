//! Models, health, metrics.

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use generation::{ImageUse, Sampler, VideoGenerator};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{error::ApiError, json::Json, state::Shared};
use crate::jobs::Status;

/// A model.
#[derive(Serialize, ToSchema)]
pub(crate) struct Model {
    id: String,
    /// Always `model`.
    object: &'static str,
    created: i64,
    owned_by: &'static str,
    abilities: ModelAbilities,
}

/// What a model can make, and makes when nothing is said.
#[derive(Serialize, ToSchema)]
pub(crate) struct ModelAbilities {
    /// Width and height when nothing is said.
    size: String,
    /// Both sides are multiples of this.
    side_step: u32,
    min_side: u32,
    max_side: u32,
    /// Frames when nothing is said; a number of frames is 1, 5, 9, 13, …
    num_frames: usize,
    /// Frames per second.
    fps: u32,
    num_inference_steps: usize,
    guidance_scale: f32,
    sampler: String,
    /// Those that there are.
    samplers: Vec<&'static str>,
    /// Whether it follows a camera's path.
    camera: bool,
    /// Whether it follows the ways of things.
    motion: bool,
    /// Whether every video has to begin with a picture.
    needs_picture: bool,
}

impl ModelAbilities {
    fn of(generator: &dyn VideoGenerator) -> Self {
        let abilities = generator.abilities();
        let [width, height] = abilities.size;
        Self {
            size: format!("{width}x{height}"),
            side_step: abilities.limits.side_step(),
            min_side: abilities.limits.min_side(),
            max_side: abilities.limits.max_side,
            num_frames: abilities.num_frames,
            fps: abilities.frame_rate,
            num_inference_steps: abilities.num_inference_steps,
            guidance_scale: abilities.guidance_scale,
            sampler: abilities.sampler.name().to_owned(),
            samplers: Sampler::ALL.map(Sampler::name).to_vec(),
            camera: abilities.camera,
            motion: abilities.motion,
            needs_picture: abilities.image == ImageUse::Always,
        }
    }
}

/// The models that there are.
#[derive(Serialize, ToSchema)]
pub(crate) struct ModelList {
    /// Always `list`.
    object: &'static str,
    data: Vec<Model>,
}

/// The models that there are: one.
#[utoipa::path(get, path = "/v1/models", tag = "about", responses((status = 200, body = ModelList)))]
pub(crate) async fn models(State(app): State<Shared>) -> Json<ModelList> {
    let abilities = ModelAbilities::of(&*app.generator);
    let model = Model { id: app.generator.name(), object: "model", created: app.since, owned_by: "misora", abilities };
    Json(ModelList { object: "list", data: vec![model] })
}

/// Whether the server is well, and how many jobs wait.
#[utoipa::path(get, path = "/health", tag = "about", responses((status = 200), (status = 503)))]
pub(crate) async fn health(State(app): State<Shared>) -> Result<Json<Value>, ApiError> {
    let counts = app.ask(|app| app.store.counts()).await?;
    let count = |wanted: Status| counts.iter().find(|(status, _)| *status == wanted).map_or(0, |(_, count)| *count);
    Ok(Json(json!({ "status": "ok", "queued": count(Status::Queued), "in_progress": count(Status::InProgress) })))
}

/// Counters for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "about", responses((status = 200, content_type = "text/plain")))]
pub(crate) async fn metrics(State(app): State<Shared>) -> Result<Response, ApiError> {
    let counts = app.ask(|app| app.store.counts()).await?;
    let text = app.metrics.text(&counts).map_err(|error| ApiError::internal(&error))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}
