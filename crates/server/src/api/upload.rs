//! Files, from wherever they come: sent, inside of the request, behind a URL, or made here before.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use axum::{extract::multipart::Field, http::StatusCode};
use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt;

use super::{
    error::ApiError,
    fields::{Fields, broken, missing},
    state::{App, Shared},
};
use crate::{VideoId, files::Variant, http::guard::Caller, jobs::Status};

/// A file that a video is made of.
pub(crate) enum Input {
    /// It came with the request.
    Sent(NamedTempFile),
    /// It was made here.
    Made(PathBuf),
}

impl Input {
    pub(crate) fn path(&self) -> PathBuf {
        match self {
            Self::Sent(file) => file.path().to_owned(),
            Self::Made(path) => path.clone(),
        }
    }
}

/// Writes a part of a form to the disk as it comes, and says what it was in short.
pub(super) async fn receive(app: &Shared, mut field: Field<'_>) -> Result<(NamedTempFile, Vec<u8>), ApiError> {
    let file = app.files.scratch_file().map_err(|error| full(&error))?;
    let mut to = tokio::fs::File::from_std(file.reopen().map_err(|error| full(&error))?);
    let mut print = Sha256::new();
    while let Some(chunk) = field.chunk().await.map_err(|error| broken(&error))? {
        print.update(&chunk);
        to.write_all(&chunk).await.map_err(|error| full(&error))?;
    }
    to.flush().await.map_err(|error| full(&error))?;
    Ok((file, print.finalize().to_vec()))
}

/// The picture that a video begins with: a file, or an object with a URL.
pub(crate) async fn picture(app: &Shared, fields: &mut Fields, name: &str) -> Result<Option<Input>, ApiError> {
    if let Some(file) = fields.file(name) {
        return Ok(Some(Input::Sent(file)));
    }
    let Some(mut object) = fields.object(name)? else { return Ok(None) };
    if object.text("file_id")?.is_some() {
        return Err(
            ApiError::field(name, "this server keeps no files by id; send the file, or image_url").coded("unsupported")
        );
    }
    let inner = format!("{name}.image_url");
    let url = object.text("image_url")?.ok_or_else(|| missing(&inner))?;
    object.finish()?;
    app.off(move |app| fetched(app, &inner, &url)).await.map(|file| Some(Input::Sent(file)))
}

/// A clip: a file, or an object with the id of a video.
pub(crate) async fn clip(
    app: &Shared,
    caller: &Caller,
    fields: &mut Fields,
    name: &str,
) -> Result<(Input, Option<VideoId>), ApiError> {
    if let Some(file) = fields.file(name) {
        return Ok((Input::Sent(file), None));
    }
    let mut object = fields.object(name)?.ok_or_else(|| missing(name))?;
    let id = object.text("id")?.ok_or_else(|| missing(&format!("{name}.id")))?;
    object.finish()?;
    made(app, caller, &id).await.map(|(input, id)| (input, Some(id)))
}

/// A video that was made here, by its id.
pub(crate) async fn made(app: &Shared, caller: &Caller, text: &str) -> Result<(Input, VideoId), ApiError> {
    let id: VideoId = text.parse().map_err(|_| ApiError::no_video(text))?;
    let (owner, asked) = (caller.owner.clone(), id.clone());
    let job = app.ask(move |app| app.store.get(&asked, &owner)).await?.ok_or_else(|| ApiError::no_video(text))?;
    if job.status != Status::Completed {
        let message = format!("the video {id} is {}; only a completed one can be used", job.status.name());
        return Err(ApiError::new(StatusCode::CONFLICT, "video_not_ready", message));
    }
    Ok((Input::Made(app.files.path(&id, &Variant::Video.file_name(job.attempt))), id))
}

fn fetched(app: &App, name: &str, url: &str) -> Result<NamedTempFile, ApiError> {
    let mut file = app.files.scratch_file().map_err(|error| full(&error))?;
    if let Some(data) = url.strip_prefix("data:") {
        let (kind, coded) = data.split_once(',').unwrap_or_default();
        let decoded = kind.ends_with(";base64").then(|| STANDARD.decode(coded.trim()));
        let Some(Ok(bytes)) = decoded else {
            return Err(ApiError::field(name, "a data: URL is `data:image/png;base64,` and the picture in base64"));
        };
        file.write_all(&bytes).map_err(|error| full(&error))?;
        return Ok(file);
    }
    let got = app.fetcher.get(url, (app.limits.body_bytes, &mut file));
    got.map_err(|problem| ApiError::field(name, format!("it cannot be fetched: {problem}")).coded("invalid_url"))?;
    Ok(file)
}

/// The disk refuses.
pub(super) fn full(error: &io::Error) -> ApiError {
    tracing::error!(%error, "a file cannot be kept");
    let message = "the server cannot keep the file: its disk may be full".to_owned();
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "storage_failed", message).retry_after(60)
}
