//! The calls that make videos.

use axum::{
    Extension,
    extract::{Path, Request, State},
};

use super::{
    error::{ApiError, ErrorBody},
    fields::Fields,
    json::Json,
    read,
    state::Shared,
    submit::{Draft, idempotency_key, submit, unsupported},
    upload::{self, Input},
    video::Video,
    wishes::Shape,
};
use crate::{VideoId, files::Files, http::guard::Caller, order::OrderTask};

const REMIX_STRENGTH: f32 = 0.6;
const MIX_STRENGTH: f32 = 0.5;
const PASSAGE_SECONDS: f64 = 1.0;

pub(super) type Made = Result<Json<Video>, ApiError>;

/// What a request that makes a video is made of.
pub(super) struct Parts {
    pub(super) caller: Caller,
    pub(super) fields: Fields,
    key: Option<String>,
}

impl Parts {
    pub(super) async fn read(app: &Shared, caller: Caller, request: Request) -> Result<Self, ApiError> {
        let key = idempotency_key(request.headers())?;
        Ok(Self { caller, fields: Fields::read(app, request).await?, key })
    }

    pub(super) async fn submit(
        self,
        app: &Shared,
        (task, shape): (OrderTask, Shape),
        (inputs, remixed_from): (Vec<Input>, Option<VideoId>),
    ) -> Made {
        let Self { caller, fields, key } = self;
        submit(app, Draft { caller, fields, task, shape, inputs, remixed_from, key }).await
    }

    fn seconds(&mut self, name: &str) -> Result<Option<f64>, ApiError> {
        self.fields.parsed(name, "a number of seconds, such as \"4\"")
    }
}

/// Make a video of a prompt, and of a picture that it begins with.
#[utoipa::path(
    post, path = "/v1/videos", tag = "videos",
    request_body(content(
        (super::openapi::CreateVideo = "application/json"), (super::openapi::CreateVideo = "multipart/form-data"))),
    params(("Idempotency-Key" = Option<String>, Header, description = "the same request a second time gives the first job")),
    responses((status = 200, body = Video), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)),
)]
pub(crate) async fn create(State(app): State<Shared>, Extension(caller): Extension<Caller>, request: Request) -> Made {
    let mut parts = Parts::read(&app, caller, request).await?;
    let picture = upload::picture(&app, &mut parts.fields, "input_reference").await?;
    let task = match &picture {
        None => OrderTask::Imagine,
        Some(_) => {
            let at = parts.fields.parsed("at", "the number of a frame from 0")?.unwrap_or(0);
            OrderTask::Animate { picture: Files::input_name(0), at }
        }
    };
    parts.submit(&app, (task, Shape::Free), (picture.into_iter().collect(), None)).await
}

/// Make a video anew after a prompt.
#[utoipa::path(
    post, path = "/v1/videos/{id}/remix", tag = "videos",
    params(("id" = String, Path, description = "the video that is made anew")),
    request_body(content((super::openapi::RemixVideo = "application/json"))),
    responses((status = 200, body = Video), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)),
)]
pub(crate) async fn remix(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    request: Request,
) -> Made {
    let (clip, id) = upload::made(&app, &caller, &id).await?;
    let mut parts = Parts::read(&app, caller, request).await?;
    let task = remixed(&mut parts.fields)?;
    parts.submit(&app, (task, Shape::OfClip), (vec![clip], Some(id))).await
}

/// Make any video anew after a prompt, or imagine a region of it anew.
#[utoipa::path(
    post, path = "/v1/videos/edits", tag = "videos",
    request_body(content(
        (super::openapi::EditVideo = "multipart/form-data"), (super::openapi::EditVideo = "application/json"))),
    responses((status = 200, body = Video), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)),
)]
pub(crate) async fn edit(State(app): State<Shared>, Extension(caller): Extension<Caller>, request: Request) -> Made {
    let mut parts = Parts::read(&app, caller, request).await?;
    let (clip, id) = upload::clip(&app, &parts.caller, &mut parts.fields, "video").await?;
    let (from, to) = (parts.seconds("from")?, parts.seconds("to")?);
    let (mask, rectangle) = (parts.fields.file("mask"), rectangle(&mut parts.fields)?);
    if mask.is_some() && rectangle.is_some() {
        return Err(ApiError::field("box", "give either mask or box"));
    }
    let task = if mask.is_some() || rectangle.is_some() || from.is_some() || to.is_some() {
        let mask = mask.is_some().then(|| Files::input_name(1));
        OrderTask::Inpaint { clip: Files::input_name(0), mask, rectangle, from: from.unwrap_or(0.0), to }
    } else {
        remixed(&mut parts.fields)?
    };
    let inputs = [clip].into_iter().chain(mask.map(Input::Sent)).collect();
    parts.submit(&app, (task, Shape::OfClip), (inputs, id)).await
}

/// Let a video go on, behind its end or before its beginning.
#[utoipa::path(
    post, path = "/v1/videos/extensions", tag = "videos",
    request_body(content(
        (super::openapi::ExtendVideo = "multipart/form-data"), (super::openapi::ExtendVideo = "application/json"))),
    responses((status = 200, body = Video), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)),
)]
pub(crate) async fn extend(State(app): State<Shared>, Extension(caller): Extension<Caller>, request: Request) -> Made {
    let mut parts = Parts::read(&app, caller, request).await?;
    let forward = parts.seconds("seconds")?.ok_or_else(|| super::fields::missing("seconds"))?;
    let backward = parts.seconds("seconds_before")?.unwrap_or(0.0);
    let (clip, id) = upload::clip(&app, &parts.caller, &mut parts.fields, "video").await?;
    let task = OrderTask::Extend { clip: Files::input_name(0), backward, forward };
    parts.submit(&app, (task, Shape::OfClip), (vec![clip], id)).await
}

/// Let a video play round: a passage leads from its end back to its beginning.
#[utoipa::path(
    post, path = "/v1/videos/loops", tag = "videos",
    request_body(content(
        (super::openapi::LoopVideo = "multipart/form-data"), (super::openapi::LoopVideo = "application/json"))),
    responses((status = 200, body = Video), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)),
)]
pub(crate) async fn make_loop(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Made {
    let mut parts = Parts::read(&app, caller, request).await?;
    let over = parts.seconds("seconds")?.unwrap_or(PASSAGE_SECONDS);
    let (clip, id) = upload::clip(&app, &parts.caller, &mut parts.fields, "video").await?;
    let task = OrderTask::Loop { clip: Files::input_name(0), over };
    parts.submit(&app, (task, Shape::OfClip), (vec![clip], id)).await
}

/// Join two videos by a passage, or mix the end of one with the beginning of the other.
#[utoipa::path(
    post, path = "/v1/videos/blends", tag = "videos",
    request_body(content(
        (super::openapi::BlendVideos = "multipart/form-data"), (super::openapi::BlendVideos = "application/json"))),
    responses((status = 200, body = Video), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)),
)]
pub(crate) async fn blend(State(app): State<Shared>, Extension(caller): Extension<Caller>, request: Request) -> Made {
    let mut parts = Parts::read(&app, caller, request).await?;
    let over = parts.seconds("seconds")?.unwrap_or(PASSAGE_SECONDS);
    let (first, id) = upload::clip(&app, &parts.caller, &mut parts.fields, "video").await?;
    let (second, _) = upload::clip(&app, &parts.caller, &mut parts.fields, "second_video").await?;
    let inputs = vec![first, second];
    let (first, second) = (Files::input_name(0), Files::input_name(1));
    let strength = strength(&mut parts.fields)?;
    let task = match (parts.fields.parsed("mix", "true or false")?.unwrap_or(false), strength) {
        (true, strength) => OrderTask::Mix { first, second, over, strength: strength.unwrap_or(MIX_STRENGTH) },
        (false, None) => OrderTask::Blend { first, second, over },
        (false, Some(_)) => {
            let message = "a passage has none; leave it out, or say \"mix\": true";
            return Err(ApiError::field("strength", message));
        }
    };
    parts.submit(&app, (task, Shape::OfClip), (inputs, id)).await
}

/// Keep a part of a video.
#[utoipa::path(
    post, path = "/v1/videos/recuts", tag = "videos",
    request_body(content(
        (super::openapi::RecutVideo = "multipart/form-data"), (super::openapi::RecutVideo = "application/json"))),
    responses((status = 200, body = Video), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)),
)]
pub(crate) async fn recut(State(app): State<Shared>, Extension(caller): Extension<Caller>, request: Request) -> Made {
    let mut parts = Parts::read(&app, caller, request).await?;
    let (from, to) = (parts.seconds("from")?.unwrap_or(0.0), parts.seconds("to")?);
    let (clip, id) = upload::clip(&app, &parts.caller, &mut parts.fields, "video").await?;
    if let Some(id) = &id {
        let source = read::find(&app, &parts.caller, id.as_str()).await?;
        parts.fields.suggest("prompt", source.order.prompt);
    }
    let task = OrderTask::Recut { clip: Files::input_name(0), from, to };
    parts.submit(&app, (task, Shape::OfClip), (vec![clip], id)).await
}

/// Characters, which no model here knows.
pub(crate) async fn character() -> ApiError {
    unsupported("no model here keeps a character from video to video; begin with a picture of it as input_reference")
}

/// The region that is imagined anew.
fn rectangle(fields: &mut Fields) -> Result<Option<[u32; 4]>, ApiError> {
    let Some(text) = fields.text("box")? else { return Ok(None) };
    let sides: Option<Vec<u32>> = text.split(',').map(|side| side.trim().parse().ok()).collect();
    let sides = sides.and_then(|sides| sides.try_into().ok());
    let wrong =
        || ApiError::field("box", "it is left edge, upper edge, width and height in pixels, such as \"40,30,64,64\"");
    sides.map(Some).ok_or_else(wrong)
}

/// A clip that is imagined anew.
fn remixed(fields: &mut Fields) -> Result<OrderTask, ApiError> {
    let strength = strength(fields)?.unwrap_or(REMIX_STRENGTH);
    Ok(OrderTask::Remix { clip: Files::input_name(0), strength })
}

/// How much of what is there is imagined anew.
fn strength(fields: &mut Fields) -> Result<Option<f32>, ApiError> {
    let what = "a number above 0 and at most 1";
    match fields.parsed("strength", what)? {
        Some(strength) if !(strength > 0.0 && strength <= 1.0) => {
            Err(ApiError::field("strength", format!("it is {what}, not {strength}")))
        }
        strength => Ok(strength),
    }
}
