//! Storyboards: cards along a time line become one video.

use std::{collections::BTreeMap, path::PathBuf};

use axum::{
    Extension,
    extract::{Request, State},
};
use generation::storyboard::{CardFile, Join, StoryFile};
use serde::Deserialize;

use super::{
    error::{ApiError, ErrorBody},
    fields::missing,
    make::{Made, Parts},
    state::Shared,
    upload::{self, Input},
    video::Video,
    wishes::Shape,
};
use crate::{
    VideoId,
    files::Files,
    http::guard::Caller,
    order::{OrderTask, count_media},
};

const MOST_CARDS: usize = 64;

/// A card as somebody sent it; times are in seconds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SentCard {
    name: Option<String>,
    from: f64,
    to: f64,
    prompt: Option<String>,
    image: Option<SentPicture>,
    at: Option<f64>,
    reference: Option<String>,
    reference_at: Option<f64>,
    clip: Option<SentClip>,
    clip_from: Option<f64>,
    #[serde(default)]
    join: Join,
}

/// A picture: a URL, or the name of a file in the form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum SentPicture {
    ImageUrl(String),
    File(String),
}

/// A clip: a video of this server, or the name of a file in the form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum SentClip {
    Id(String),
    File(String),
}

/// Tell a story in several shots: cards with prompts, pictures and clips along a time line.
#[utoipa::path(
    post, path = "/v1/videos/storyboards", tag = "videos",
    request_body(content(
        (super::openapi::TellStory = "application/json"), (super::openapi::TellStory = "multipart/form-data"))),
    responses((status = 200, body = Video), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)),
)]
pub(crate) async fn storyboard(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Made {
    let mut parts = Parts::read(&app, caller, request).await?;
    if let Some(story) = parts.fields.text("story")? {
        return written(&app, parts, story).await;
    }
    let cards: Vec<SentCard> = parts.fields.shaped("cards")?.ok_or_else(|| missing("cards"))?;
    if cards.is_empty() || cards.len() > MOST_CARDS {
        return Err(ApiError::field("cards", format!("a story has 1 to {MOST_CARDS} cards, not {}", cards.len())));
    }
    let mut gathered = Gathered::default();
    let mut told = Vec::with_capacity(cards.len());
    for (index, card) in cards.into_iter().enumerate() {
        told.push(gathered.card(&app, &mut parts, (index, card)).await?);
    }
    let story = StoryFile {
        prompt: parts.fields.text("prompt")?,
        // The order's own says it for all cards.
        negative_prompt: None,
        fps: parts.fields.parsed("fps", "a whole number of frames per second, such as 16")?,
        things: parts.fields.shaped::<BTreeMap<String, String>>("things")?.unwrap_or_default(),
        cards: told,
    };
    let Gathered { inputs, first } = gathered;
    let media = (0..inputs.len()).map(Files::input_name).collect();
    let story = story.to_text().map_err(|error| ApiError::field("cards", error.to_string()))?;
    parts.submit(&app, (OrderTask::Story { story, media }, Shape::OfClip), (inputs, first)).await
}

/// A story in TOML, with its files beside it.
async fn written(app: &Shared, mut parts: Parts, story: String) -> Made {
    let count = count_media(&story).map_err(|error| ApiError::field("story", error.to_string()))?;
    let names: Vec<String> = (0..count).map(|number| format!("media_{number}")).collect();
    let sent = |name: &String| parts.fields.file(name).map(Input::Sent).ok_or_else(|| missing(name));
    let inputs: Vec<Input> = names.iter().map(sent).collect::<Result<_, _>>()?;
    let media = (0..count).map(Files::input_name).collect();
    parts.submit(app, (OrderTask::Story { story, media }, Shape::OfClip), (inputs, None)).await
}

/// The files of a story's cards.
#[derive(Default)]
struct Gathered {
    inputs: Vec<Input>,
    /// The first video of this server among them.
    first: Option<VideoId>,
}

impl Gathered {
    async fn card(
        &mut self,
        app: &Shared,
        parts: &mut Parts,
        (index, card): (usize, SentCard),
    ) -> Result<CardFile, ApiError> {
        let image = match card.image {
            None => None,
            Some(SentPicture::ImageUrl(url)) => {
                Some(upload::behind_url(app, format!("cards[{index}].image.image_url"), url).await?)
            }
            Some(SentPicture::File(name)) => Some(sent(parts, index, &name)?),
        };
        let clip = match card.clip {
            None => None,
            Some(SentClip::Id(id)) => Some(self.made(app, &parts.caller, &id).await?),
            Some(SentClip::File(name)) => Some(sent(parts, index, &name)?),
        };
        let SentCard { name, from, to, prompt, at, reference, reference_at, clip_from, join, .. } = card;
        let (image, clip) = (image.map(|input| self.keep(input)), clip.map(|input| self.keep(input)));
        Ok(CardFile { name, from, to, prompt, image, reference, reference_at, at, clip, clip_from, join })
    }

    async fn made(&mut self, app: &Shared, caller: &Caller, id: &str) -> Result<Input, ApiError> {
        let (input, id) = upload::made(app, caller, id).await?;
        self.first.get_or_insert(id);
        Ok(input)
    }

    /// The name under which the job keeps it.
    fn keep(&mut self, input: Input) -> PathBuf {
        self.inputs.push(input);
        Files::input_name(self.inputs.len() - 1).into()
    }
}

/// A file of the form, which one card may name.
fn sent(parts: &mut Parts, index: usize, name: &str) -> Result<Input, ApiError> {
    let missing = || {
        let shown: String = name.chars().take(80).collect();
        ApiError::field("cards", format!("card {} names the file {shown:?}, which was not sent", index + 1))
    };
    parts.fields.file(name).map(Input::Sent).ok_or_else(missing)
}
