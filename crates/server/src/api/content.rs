//! The files of a video, and parts of them.

use std::{io::SeekFrom, ops::RangeInclusive};

use axum::{
    Extension,
    body::Body,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use http_range_header::parse_range_header;
use serde::Deserialize;
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt},
};

use super::{
    error::{ApiError, ErrorBody},
    read,
    state::Shared,
};
use crate::{files::Variant, http::guard::Caller, jobs::Status};

const CHUNK_BYTES: u64 = 256 << 10;

/// Which file.
#[derive(Deserialize)]
pub(crate) struct ContentQuery {
    variant: Option<String>,
}

/// The file of a completed video, or a part of it.
#[utoipa::path(
    get, path = "/v1/videos/{id}/content", tag = "videos",
    params(
        ("id" = String, Path),
        ("variant" = Option<String>, Query, description = "video, thumbnail or spritesheet"),
        ("Range" = Option<String>, Header),
    ),
    responses(
        (status = 200, content_type = "video/mp4"), (status = 206, content_type = "video/mp4"),
        (status = "4XX", body = ErrorBody)),
)]
pub(crate) async fn content(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    query: Result<Query<ContentQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let Query(query) = query.map_err(|error| ApiError::field("query", error.body_text()))?;
    let variant = query.variant.as_deref().map_or(Some(Variant::Video), Variant::named);
    let variant = variant.ok_or_else(|| ApiError::field("variant", "it is video, thumbnail or spritesheet"))?;
    let job = read::find(&app, &caller, &id).await?;
    if job.status != Status::Completed {
        let message = format!("the video is {}; it can be fetched once it is completed", job.status.name());
        return Err(ApiError::new(StatusCode::CONFLICT, "video_not_ready", message));
    }
    let name = variant.file_name(job.attempt);
    // A job that was deleted a moment ago has no file any more.
    let file = File::open(app.files.path(&job.id, &name)).await.map_err(|_| ApiError::no_video(&id))?;
    let length = file.metadata().await.map_err(|error| ApiError::internal(&error))?.len();
    let tag = format!("\"{}-{name}\"", job.id);
    let same = |name: header::HeaderName| {
        headers.get(name).is_some_and(|value: &HeaderValue| value.as_bytes() == tag.as_bytes())
    };
    let mut response = if same(header::IF_NONE_MATCH) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let asked =
            headers.get(header::RANGE).filter(|_| !headers.contains_key(header::IF_RANGE) || same(header::IF_RANGE));
        part(file, length, asked).await?
    };
    let told = response.headers_mut();
    told.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    told.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=31536000, immutable"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        told.insert(header::ETAG, tag);
    }
    if response.status().is_success() {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(variant.content_type()));
    }
    Ok(response)
}

/// All of a file, or the part that was asked for.
async fn part(file: File, length: u64, asked: Option<&HeaderValue>) -> Result<Response, ApiError> {
    match asked.map(|asked| range(asked, length)) {
        Some(Range::Part(part)) => {
            let content_range = format!("bytes {}-{}/{length}", part.start(), part.end());
            let bytes = part.end() - part.start() + 1;
            let headers = [(header::CONTENT_RANGE, content_range), (header::CONTENT_LENGTH, bytes.to_string())];
            let body = body(file, *part.start(), bytes).await?;
            Ok((StatusCode::PARTIAL_CONTENT, headers, body).into_response())
        }
        Some(Range::Impossible) => {
            let mut refusal = ApiError::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "invalid_range",
                format!("the file has {length} bytes"),
            )
            .into_response();
            let size = HeaderValue::from_str(&format!("bytes */{length}"));
            size.into_iter().for_each(|size| drop(refusal.headers_mut().insert(header::CONTENT_RANGE, size)));
            Ok(refusal)
        }
        Some(Range::All) | None => {
            let headers = [(header::CONTENT_LENGTH, length.to_string())];
            Ok((headers, body(file, 0, length).await?).into_response())
        }
    }
}

enum Range {
    All,
    Part(RangeInclusive<u64>),
    Impossible,
}

/// What a `Range` header asks for; several parts at once are answered with all, as one may.
fn range(asked: &HeaderValue, length: u64) -> Range {
    let Ok(parsed) = asked.to_str().map(parse_range_header) else { return Range::All };
    let Ok(parsed) = parsed else { return Range::All };
    match parsed.validate(length) {
        Ok(mut ranges) if ranges.len() == 1 => ranges.pop().map_or(Range::All, Range::Part),
        Ok(_) => Range::All,
        Err(_) => Range::Impossible,
    }
}

async fn body(mut file: File, start: u64, bytes: u64) -> Result<Body, ApiError> {
    file.seek(SeekFrom::Start(start)).await.map_err(|error| ApiError::internal(&error))?;
    Ok(Body::from_stream(stream::try_unfold((file, bytes), |(mut file, left)| async move {
        let mut chunk = vec![0; usize::try_from(left.min(CHUNK_BYTES)).unwrap_or_default()];
        if chunk.is_empty() {
            return Ok::<_, std::io::Error>(None);
        }
        file.read_exact(&mut chunk).await?;
        let left = left - chunk.len() as u64;
        Ok(Some((chunk, (file, left))))
    })))
}
