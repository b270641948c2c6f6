//! The API for programs, as an OpenAPI document.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::{
    Modify, OpenApi, ToSchema,
    openapi::security::{Http, HttpAuthScheme, SecurityScheme},
};

use super::{about, content, detect, error::ErrorBody, events, json::Json, make, read, story};

/// `/openapi.json`.
pub(crate) async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(Api::openapi())
}

/// Videos from prompts, pictures and other videos.
#[derive(OpenApi)]
#[openapi(
    info(title = "misora", license(name = "Apache-2.0", identifier = "Apache-2.0")),
    paths(
        make::create, make::remix, make::edit, make::extend, make::make_loop, make::blend, make::recut,
        story::storyboard, read::list, read::look, read::cancel, read::delete, content::content, events::events,
        detect::detect, about::models, about::health, about::metrics,
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
    /// Noise levels between which guidance acts, such as `0.2-0.9`.
    guidance_interval: Option<String>,
    /// How much of a half-size outline is imagined anew at full size, above 0 and at most 1, which is without an outline.
    outline_strength: Option<f32>,
    /// How the steps are taken, such as `euler`.
    sampler: Option<String>,
    /// Where the camera goes, such as `pan left 14, dolly in 1.5`, for models that follow it.
    camera: Option<String>,
    /// Where things go, such as `red ball: 0.2,0.5 -> 0.8,0.5`; in a form a line for each.
    motions: Option<Vec<String>>,
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
    /// Which frame that picture is: 0 unless said, or a multiple of 4.
    at: Option<u32>,
    /// Length from the first frame to the last, such as `"4"`.
    seconds: Option<String>,
    /// Number of frames, instead of seconds.
    num_frames: Option<u32>,
    /// Lets the last frame lead on to the first, so that the video plays round; not with a picture, windows, `camera` or
    /// `motions`.
    #[serde(rename = "loop")]
    is_ring: Option<bool>,
    /// Makes the video in windows of so many seconds; what is over twice as long as the model likes is made so anyway.
    window_seconds: Option<f64>,
    /// How far what a window goes on from is noised, from 0 to 0.5.
    anti_drift: Option<f32>,
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
    /// The region as left edge, upper edge, width and height in pixels, such as `40,30,64,64`.
    #[serde(rename = "box")]
    rectangle: Option<String>,
    /// When the region begins, in seconds.
    from: Option<f64>,
    /// When it ends.
    to: Option<f64>,
    /// Without a region: how much is imagined anew, above 0 and at most 1.
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

/// Two videos joined by a passage, or mixed.
#[derive(Serialize, ToSchema)]
pub(super) struct BlendVideos {
    /// A file in a form, or the id of a video.
    video: VideoReference,
    /// The same for the second.
    second_video: VideoReference,
    /// Seconds of the passage or the mix, 1 unless said.
    seconds: Option<String>,
    /// Lets the videos overlap, so that both are seen while one turns into the other.
    mix: Option<bool>,
    /// How much of a mix is imagined anew, above 0, which only fades, and at most 1; 0.5 unless said.
    strength: Option<f32>,
    #[serde(flatten)]
    common: Common,
}

/// A part of a video.
#[derive(Serialize, ToSchema)]
pub(super) struct RecutVideo {
    /// A file in a form, or the id of a video.
    video: VideoReference,
    /// Where the part begins, in seconds; with the video when left out.
    from: Option<String>,
    /// Where it ends; with the video when left out.
    to: Option<String>,
}

/// A story in several shots; what is said beside the cards goes for all of them.
#[derive(Serialize, ToSchema)]
pub(super) struct TellStory {
    /// The story in TOML, as `misora storyboard` reads it, with its files as `media_0`, `media_1`, … in the order in which
    /// it names them, each once; or else `cards`.
    story: Option<String>,
    /// One after another; in a form as JSON.
    cards: Option<Vec<Card>>,
    /// The first file that `story` names; `media_1` is the second, and so on.
    media_0: Option<Vec<u8>>,
    /// What every card's prompt ends with.
    prompt: Option<String>,
    /// What no card should show.
    negative_prompt: Option<String>,
    /// Descriptions by names that prompts hold in braces.
    things: Option<BTreeMap<String, String>>,
    /// Whole frames per second; that of the first clip, or the model's own, when left out.
    fps: Option<u32>,
    size: Option<String>,
    num_inference_steps: Option<u32>,
    guidance_scale: Option<f32>,
    sampler: Option<String>,
    fit: Option<String>,
    seed: Option<u64>,
    priority: Option<i32>,
}

/// A card: a time, and what fills it.
#[derive(Serialize, ToSchema)]
struct Card {
    /// What other cards and errors call it.
    name: Option<String>,
    /// When it begins, in seconds: where the card before ends.
    from: f64,
    /// When it ends.
    to: f64,
    prompt: Option<String>,
    /// A picture that is one of its frames.
    image: Option<CardPicture>,
    /// Where the picture stands, in seconds from the card's beginning.
    at: Option<f64>,
    /// A card before, of which a frame is one of its own.
    reference: Option<String>,
    reference_at: Option<f64>,
    /// A clip that comes as it is; with a prompt it goes on to the end of the card.
    clip: Option<CardClip>,
    clip_from: Option<f64>,
    /// How it follows on the card before: `cut` or `passage`.
    join: Option<String>,
}

/// Where a card's picture comes from.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "it describes what `story` reads")]
enum CardPicture {
    /// `https://…`, or `data:image/png;base64,…`.
    ImageUrl(String),
    /// The name of a file in the form.
    File(String),
}

/// Where a card's clip comes from.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "it describes what `story` reads")]
enum CardClip {
    /// A completed video of this server.
    Id(String),
    /// The name of a file in the form.
    File(String),
}

/// A file whose marks are looked for, or a video of this server.
#[derive(Serialize, ToSchema)]
pub(super) struct DetectMarks {
    /// In a form: a video or picture.
    file: Option<Vec<u8>>,
    /// Without a file: the id of a video.
    video: Option<VideoReference>,
}

/// Which marks a file carries.
#[derive(Serialize, ToSchema)]
pub(super) struct FoundMarks {
    /// `misora`: made by it; `generated`: says so, without proof; `no_mark`: none was found, which proves nothing.
    verdict: String,
    /// The mark in the pictures.
    watermark: Option<Object>,
    /// The signed statement; its `standing` is `absent`, `broken`, `valid` or `trusted`.
    credentials: Object,
    /// The label in the metadata.
    aigc: Option<Object>,
}

/// Something with members.
#[derive(Serialize, ToSchema)]
struct Object {}
