//! What is said of a video.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    VideoId,
    jobs::{Job, Status},
};

/// A video, or the job that makes it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Video {
    id: String,
    /// Always `video`.
    object: &'static str,
    model: String,
    /// `queued`, `in_progress`, `completed` or `failed`.
    status: &'static str,
    /// From 0 to 100.
    progress: u8,
    /// Seconds since 1970.
    created_at: i64,
    completed_at: Option<i64>,
    expires_at: Option<i64>,
    prompt: Option<String>,
    /// Width and height, such as `128x128`.
    size: String,
    /// Length from the first frame to the last.
    seconds: String,
    remixed_from_video_id: Option<String>,
    error: Option<VideoError>,
    /// Which of all possible videos: the same request with it makes the same one.
    seed: u64,
}

/// Why there is no video.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct VideoError {
    /// For programs, such as `cancelled`.
    code: String,
    /// For people.
    message: String,
}

impl Video {
    pub(crate) fn of(job: &Job) -> Self {
        let failure = job.failure.as_ref().filter(|_| job.status == Status::Failed);
        Self {
            id: job.id.to_string(),
            object: "video",
            model: job.model.clone(),
            status: job.status.name(),
            progress: job.progress,
            created_at: job.created_at,
            completed_at: job.completed_at,
            expires_at: None,
            prompt: Some(job.order.prompt.clone()),
            size: job.size.clone(),
            seconds: job.seconds.clone(),
            remixed_from_video_id: job.remixed_from.as_ref().map(VideoId::to_string),
            error: failure.map(|failure| VideoError { code: failure.code.clone(), message: failure.message.clone() }),
            seed: job.order.seed,
        }
    }
}

/// A part of the list of all videos.
#[derive(Serialize, ToSchema)]
pub(crate) struct VideoList {
    /// Always `list`.
    pub(crate) object: &'static str,
    pub(crate) data: Vec<Video>,
    pub(crate) first_id: Option<String>,
    pub(crate) last_id: Option<String>,
    pub(crate) has_more: bool,
}

/// What is said of a video that is gone.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeletedVideo {
    pub(crate) id: String,
    /// Always `true`.
    pub(crate) deleted: bool,
    /// Always `video.deleted`.
    pub(crate) object: &'static str,
}
