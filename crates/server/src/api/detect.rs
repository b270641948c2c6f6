//! Which marks a file carries.

use axum::{
    Extension,
    extract::{Request, State},
    http::StatusCode,
};
use provenance::{Detection, ProvenanceError, data_folder};

use super::{
    error::{ApiError, ErrorBody},
    fields::Fields,
    json::Json,
    state::Shared,
    upload::{self, Input},
};
use crate::http::guard::Caller;

/// Tell whether a file was made by misora, and which marks it carries.
#[utoipa::path(
    post, path = "/v1/detect", tag = "marks",
    request_body(content(
        (super::openapi::DetectMarks = "multipart/form-data"), (super::openapi::DetectMarks = "application/json"))),
    responses((status = 200, body = super::openapi::FoundMarks), (status = "4XX", body = ErrorBody)),
)]
pub(crate) async fn detect(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Json<Detection>, ApiError> {
    let mut fields = Fields::read(&app, request).await?;
    let input = match fields.file("file") {
        Some(file) => Input::Sent(file),
        None => upload::clip(&app, &caller, &mut fields, "video").await?.0,
    };
    fields.finish()?;
    let _permit = app.uploads.acquire().await.map_err(|error| ApiError::internal(&error))?;
    app.off(move |app| {
        provenance::detect(input.path(), data_folder().ok().as_deref()).map(Json).map_err(|error| {
            let message = app.files.without_places(&error.to_string());
            match error {
                ProvenanceError::Video(_) => ApiError::field("file", message).coded("unreadable_file"),
                _ => ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "detection_failed", message),
            }
        })
    })
    .await
}
