//! List, look, cancel, delete.

use axum::{
    Extension,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::header,
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::{
    error::{ApiError, ErrorBody},
    json::Json,
    state::Shared,
    video::{DeletedVideo, Video, VideoList},
};
use crate::{
    VideoId,
    http::guard::Caller,
    jobs::{Job, Page, PageOrder},
};

const USUAL_LIMIT: usize = 20;
const LARGEST_LIMIT: usize = 100;

/// Which part of the list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    after: Option<String>,
    limit: Option<usize>,
    order: Option<String>,
}

/// The videos that there are, the newest first.
#[utoipa::path(
    get, path = "/v1/videos", tag = "videos",
    params(
        ("after" = Option<String>, Query, description = "those that follow this video"),
        ("limit" = Option<u8>, Query, minimum = 1, maximum = 100, description = "so many, 20 unless said"),
        ("order" = Option<String>, Query, description = "asc or desc by the time of making"),
    ),
    responses((status = 200, body = VideoList), (status = "4XX", body = ErrorBody)),
)]
pub(crate) async fn list(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<VideoList>, ApiError> {
    let Query(query) = query.map_err(|error| ApiError::field("query", error.body_text()))?;
    let limit = query.limit.unwrap_or(USUAL_LIMIT);
    if !(1..=LARGEST_LIMIT).contains(&limit) {
        return Err(ApiError::field("limit", format!("it lies between 1 and {LARGEST_LIMIT}")));
    }
    let order = match query.order.as_deref() {
        None | Some("desc") => PageOrder::Descending,
        Some("asc") => PageOrder::Ascending,
        Some(_) => return Err(ApiError::field("order", "it is asc or desc")),
    };
    let unknown = || ApiError::field("after", "there is no such video");
    let after = query.after.map(|after| after.parse::<VideoId>().map_err(|_| unknown())).transpose()?;
    let page = Page { owner: caller.owner, after, limit: limit + 1, order };
    let mut jobs = app.ask(move |app| app.store.list(&page)).await?.ok_or_else(unknown)?;
    let has_more = jobs.len() > limit;
    jobs.truncate(limit);
    let id = |job: Option<&Job>| job.map(|job| job.id.to_string());
    let (first_id, last_id) = (id(jobs.first()), id(jobs.last()));
    Ok(Json(VideoList { object: "list", data: jobs.iter().map(Video::of).collect(), first_id, last_id, has_more }))
}

/// How far a video is.
#[utoipa::path(
    get, path = "/v1/videos/{id}", tag = "videos", params(("id" = String, Path)),
    responses((status = 200, body = Video), (status = "4XX", body = ErrorBody)),
)]
pub(crate) async fn look(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let job = find(&app, &caller, &id).await?;
    let video = Json(Video::of(&job));
    if job.status.is_final() {
        return Ok(video.into_response());
    }
    Ok(([("openai-poll-after-ms", app.polls.next_ms().to_string())], video).into_response())
}

/// End a job that has not ended; it stops at its next step.
#[utoipa::path(
    post, path = "/v1/videos/{id}/cancel", tag = "videos", params(("id" = String, Path)),
    responses((status = 200, body = Video), (status = "4XX", body = ErrorBody)),
)]
pub(crate) async fn cancel(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<Video>, ApiError> {
    let parsed: VideoId = id.parse().map_err(|_| ApiError::no_video(&id))?;
    let job = app.ask(move |app| app.store.cancel(&parsed, &caller.owner)).await?;
    job.map(|job| Json(Video::of(&job))).ok_or_else(|| ApiError::no_video(&id))
}

/// Delete a video and its files; a job that makes it stops at its next step.
#[utoipa::path(
    delete, path = "/v1/videos/{id}", tag = "videos", params(("id" = String, Path)),
    responses((status = 200, body = DeletedVideo), (status = "4XX", body = ErrorBody)),
)]
pub(crate) async fn delete(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let parsed: VideoId = id.parse().map_err(|_| ApiError::no_video(&id))?;
    let removed = app
        .off(move |app| {
            let removed = app.store.remove(&parsed, &caller.owner)?;
            if removed && app.live.watch(&parsed).is_none() {
                app.files.remove(&parsed);
            }
            Ok(removed)
        })
        .await?;
    if !removed {
        return Err(ApiError::no_video(&id));
    }
    let deleted = Json(DeletedVideo { id, deleted: true, object: "video.deleted" });
    Ok(([(header::CACHE_CONTROL, "no-store")], deleted).into_response())
}

/// A job of the caller.
pub(super) async fn find(app: &Shared, caller: &Caller, id: &str) -> Result<Job, ApiError> {
    let parsed: VideoId = id.parse().map_err(|_| ApiError::no_video(id))?;
    let owner = caller.owner.clone();
    app.ask(move |app| app.store.get(&parsed, &owner)).await?.ok_or_else(|| ApiError::no_video(id))
}
