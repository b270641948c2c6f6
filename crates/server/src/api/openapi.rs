//! The API for programs, as an OpenAPI document.

use serde::Serialize;
use utoipa::{
    Modify, OpenApi, ToSchema,
    openapi::security::{Http, HttpAuthScheme, SecurityScheme},
};

use super::{about, content, error::ErrorBody, events, json::Json, make, read};

/// `/openapi.json`.
pub(crate) async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(Api::openapi())
}

/// Videos from prompts, pictures and other videos.
#[derive(OpenApi)]
#[openapi(
    info(title = "misora", license(name = "Apache-2.0", identifier = "Apache-2.0")),
    paths(
        make::create, make::remix, make::edit, make::extend, make::make_loop, make::blend, read::list, read::look,
        read::cancel, read::delete, content::content, events::events, about::models, about::health, about::metrics,
    ),
    components(schemas(ErrorBody)),
    modifiers(&Keys),
)]
struct Api;

/// How a key is sent, where one is needed.
struct Keys;

impl Modify for Keys {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let components = api.components.get_or_insert_default();
        components.add_security_scheme("key", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    }
}

/// Where a picture comes from, when it is not sent as a file.
#[derive(Serialize, ToSchema)]
struct PictureReference {
    /// `https://…`, or `data:image/png;base64,…`.
    image_url: String,
}

/// A completed video of this server.
#[derive(Serialize, ToSchema)]
struct VideoReference {
    id: String,
}

/// What all calls that make videos take.
#[derive(Serialize, ToSchema)]
struct Common {
    /// What the video shows.
    prompt: String,
    /// The model's own name, or one of the hosted service's.
    model: Option<String>,
    /// What it should not show.
    negative_prompt: Option<String>,
    /// Width and height, such as `128x128`.
    size: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
    /// Frames per second, such as `24` or `30000/1001`.
    fps: Option<String>,
    num_inference_steps: Option<u32>,
    guidance_scale: Option<f32>,
    /// What becomes of pictures of another shape: `crop`, `pad` or `stretch`.
    fit: Option<String>,
    seed: Option<u64>,
    /// Higher ones are made sooner, from -100 to 100.
    priority: Option<i32>,
}

/// A video of a prompt, and of a picture that it begins with.
#[derive(Serialize, ToSchema)]
pub(super) struct CreateVideo {
    input_reference: Option<PictureReference>,
    /// Length from the first frame to the last, such as `"4"`.
    seconds: Option<String>,
    /// Number of frames, instead of seconds.
    num_frames: Option<u32>,
    #[serde(flatten)]
    common: Common,
}

/// A video made anew after a prompt.
#[derive(Serialize, ToSchema)]
pub(super) struct RemixVideo {
    /// How much is imagined anew, above 0 and at most 1.
    strength: Option<f32>,
    #[serde(flatten)]
    common: Common,
}

/// Any video made anew after a prompt, or a region of it.
#[derive(Serialize, ToSchema)]
pub(super) struct EditVideo {
    /// A file in a form, or the id of a video.
    video: VideoReference,
    /// In a form: a picture or video, white where the region is.
    mask: Option<Vec<u8>>,
    /// Without a mask: how much is imagined anew, above 0 and at most 1.
    strength: Option<f32>,
    #[serde(flatten)]
    common: Common,
}

/// A video that goes on.
#[derive(Serialize, ToSchema)]
pub(super) struct ExtendVideo {
    /// A file in a form, or the id of a video.
    video: VideoReference,
    /// Seconds behind its end.
    seconds: String,
    /// Seconds before its beginning.
    seconds_before: Option<String>,
    #[serde(flatten)]
    common: Common,
}

/// A video that plays round.
#[derive(Serialize, ToSchema)]
pub(super) struct LoopVideo {
    /// A file in a form, or the id of a video.
    video: VideoReference,
    /// Seconds of the passage, 1 unless said.
    seconds: Option<String>,
    #[serde(flatten)]
    common: Common,
}

/// Two videos joined by a passage.
#[derive(Serialize, ToSchema)]
pub(super) struct BlendVideos {
    /// A file in a form, or the id of a video.
    video: VideoReference,
    /// The same for the second.
    second_video: VideoReference,
    /// Seconds of the passage, 1 unless said.
    seconds: Option<String>,
    #[serde(flatten)]
    common: Common,
}
