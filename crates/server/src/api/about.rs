//! Models, health, metrics, the page.

use axum::{
    extract::State,
    http::header,
    response::{Html, IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{error::ApiError, json::Json, state::Shared};
use crate::jobs::Status;

const PAGE: &str = include_str!("../page/index.html");
/// Only what came with the page may run, and only this server may be asked.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; \
                           img-src 'self' data: blob:; media-src 'self' blob:; base-uri 'none'; form-action 'none'; \
                           frame-ancestors 'none'";

/// A model.
#[derive(Serialize, ToSchema)]
pub(crate) struct Model {
    id: String,
    /// Always `model`.
    object: &'static str,
    created: i64,
    owned_by: &'static str,
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
    let model = Model { id: app.generator.name(), object: "model", created: app.since, owned_by: "misora" };
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

/// The page.
pub(crate) async fn page() -> Response {
    ([(header::CONTENT_SECURITY_POLICY, PAGE_POLICY), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")], Html(PAGE))
        .into_response()
}
