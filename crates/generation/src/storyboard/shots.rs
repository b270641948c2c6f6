//! What is asked of a model for each card of a story.

use std::collections::BTreeSet;

use models::autoencoder::TEMPORAL_FACTOR;
use video::{Fit, Frame, FrameRate, Resolution};

use super::{
    Join, Story,
    cards::{Card, Content, Key, KeyPicture},
    wrong,
};
use crate::{GenerationError, GenerationOptions, GenerationRequest, Length, VideoGenerator, tasks::enough_frames};

/// Most frames that the model sees of the card before; one more than a multiple of 4.
pub(super) const CONTEXT_FRAMES: usize = 17;
/// Most frames that it sees of a clip that follows; a multiple of 4.
const FOLLOWING_FRAMES: usize = 16;

/// A story that a model can tell.
#[derive(Clone, Debug)]
pub struct Storyboard {
    pub(super) resolution: Resolution,
    pub(super) frame_rate: FrameRate,
    pub(super) shots: Vec<Shot>,
}

/// Frames of a story that are given, or made in one canvas.
#[derive(Clone, Debug)]
pub enum Shot {
    /// Frames at the story's size.
    Given(Vec<Frame>),
    /// Frames that are made.
    Made(Box<MadeShot>),
}

/// A canvas of a story: frames of the card before, those that are made, and frames of a clip that follows.
#[derive(Clone, Debug)]
pub struct MadeShot {
    /// What is asked of the model.
    pub request: GenerationRequest,
    /// Frames of the card before that it sees.
    pub(super) before: usize,
    /// Where a picture stands on the canvas.
    pub(super) key: Option<(Vec<usize>, KeyPicture)>,
    /// What follows, and where on the canvas it begins.
    pub(super) after: (usize, Vec<Frame>),
    /// Frames of the canvas that the story takes.
    pub(super) taken: Vec<usize>,
}

/// Frames of a canvas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Spans {
    before: usize,
    /// Frames that are made, as many as the card has or up to three more.
    made: usize,
    after: usize,
}

impl Storyboard {
    /// Asks a model for all cards of a story; `wishes` say the size and how steps are taken.
    ///
    /// # Errors
    /// [`GenerationError::Story`] that names the card which cannot be made, or whose pictures have another shape while no
    /// `fit` is chosen.
    pub fn new(
        story: &Story,
        (generator, wishes): (&dyn VideoGenerator, &GenerationOptions),
        fit: Option<Fit>,
    ) -> Result<Self, GenerationError> {
        let size = wishes.size.unwrap_or(generator.abilities().size);
        let resolution = generator.abilities().limits.check_size(size)?;
        let director = Director { story, generator, wishes, fit, resolution };
        let shot = |(index, card): (usize, &Card)| {
            director.shot(index, card).map_err(|error| wrong(format!("{}: {error}{}", card.label, advice(&error))))
        };
        let shots = story.cards.iter().enumerate().map(shot).collect::<Result<_, _>>()?;
        Ok(Self { resolution, frame_rate: story.frame_rate, shots })
    }

    /// Size of the pictures.
    pub const fn resolution(&self) -> Resolution {
        self.resolution
    }

    /// Frames per second.
    pub const fn frame_rate(&self) -> FrameRate {
        self.frame_rate
    }

    /// Number of frames of the whole story.
    pub fn num_frames(&self) -> usize {
        self.shots.iter().map(Shot::num_frames).sum()
    }

    /// The shots in their order.
    pub fn shots(&self) -> &[Shot] {
        &self.shots
    }

    /// What is asked of the model, shot after shot.
    pub fn requests(&self) -> impl Iterator<Item = &GenerationRequest> {
        self.shots.iter().filter_map(|shot| match shot {
            Shot::Given(_) => None,
            Shot::Made(shot) => Some(&shot.request),
        })
    }

    /// Numbers of the frames that later shots take up again.
    pub(super) fn referenced(&self) -> BTreeSet<usize> {
        let keys = self.shots.iter().filter_map(|shot| match shot {
            Shot::Made(shot) => shot.key.as_ref(),
            Shot::Given(_) => None,
        });
        keys.filter_map(|(_, picture)| match picture {
            KeyPicture::OfStory(frame) => Some(*frame),
            KeyPicture::Given(_) => None,
        })
        .collect()
    }
}

impl Shot {
    /// Frames that it adds to the story.
    pub fn num_frames(&self) -> usize {
        match self {
            Self::Given(frames) => frames.len(),
            Self::Made(shot) => shot.taken.len(),
        }
    }
}

/// Whoever turns cards into shots.
struct Director<'a> {
    story: &'a Story,
    generator: &'a dyn VideoGenerator,
    wishes: &'a GenerationOptions,
    fit: Option<Fit>,
    resolution: Resolution,
}

impl Director<'_> {
    fn shot(&self, index: usize, card: &Card) -> Result<Shot, GenerationError> {
        let (prompt, key) = match &card.content {
            Content::Given(frames) => return Ok(Shot::Given(self.fitted(frames)?)),
            Content::Made { prompt, key } => (prompt, key),
        };
        let following = self.following(index);
        let before = index.checked_sub(1).filter(|_| card.join == Join::Passage);
        let before = before.map_or(0, |before| self.story.cards[before].num_frames);
        let spans = Spans::of([before, following.len()], card.num_frames);
        let request = self.generator.request(GenerationOptions {
            prompt: prompt.clone(),
            negative_prompt: self.story.negative_prompt.clone().or_else(|| self.wishes.negative_prompt.clone()),
            size: Some([self.resolution.width(), self.resolution.height()]),
            length: Some(Length::Frames(spans.total())),
            frame_rate: Some(self.story.frame_rate),
            ..self.wishes.clone()
        })?;
        Ok(Shot::Made(Box::new(MadeShot {
            request,
            before: spans.before,
            key: key.as_ref().map(|key| self.key(key, spans)).transpose()?,
            after: (spans.before + spans.made, held(self.fitted(&following)?, spans.after)),
            taken: spans.taken(card.num_frames),
        })))
    }

    /// Frames of a clip that the card leads over into.
    fn following(&self, index: usize) -> Vec<Frame> {
        match self.story.cards.get(index + 1) {
            Some(Card { join: Join::Passage, content: Content::Given(frames), .. }) => {
                frames[..frames.len().min(FOLLOWING_FRAMES)].to_vec()
            }
            _ => Vec::new(),
        }
    }

    fn key(&self, key: &Key, spans: Spans) -> Result<(Vec<usize>, KeyPicture), GenerationError> {
        let picture = match &key.picture {
            KeyPicture::Given(frame) => KeyPicture::Given(frame.fitted(self.resolution, self.fit)?),
            KeyPicture::OfStory(frame) => KeyPicture::OfStory(*frame),
        };
        let place = spans.latent_frame(key.at).ok_or_else(|| {
            wrong("is too short for a picture; a latent frame takes 4 frames, so let it last longer".into())
        })?;
        Ok((place, picture))
    }

    fn fitted(&self, frames: &[Frame]) -> Result<Vec<Frame>, GenerationError> {
        Ok(frames.iter().map(|frame| frame.fitted(self.resolution, self.fit)).collect::<Result<_, _>>()?)
    }
}

impl Spans {
    /// A card of so many frames between one before and a clip behind of so many.
    fn of([before, after]: [usize; 2], num_frames: usize) -> Self {
        let before =
            if before == 0 { 0 } else { (before.min(CONTEXT_FRAMES) - 1) / TEMPORAL_FACTOR * TEMPORAL_FACTOR + 1 };
        let made = enough_frames(before + num_frames) - before;
        Self { before, made, after: after.next_multiple_of(TEMPORAL_FACTOR) }
    }

    const fn total(self) -> usize {
        self.before + self.made + self.after
    }

    /// So many of the frames that are made. Where something follows they reach up to it, and leave out some between.
    fn taken(self, num_frames: usize) -> Vec<usize> {
        let last = num_frames.saturating_sub(1).max(1);
        let spread = |frame: usize| (frame * (self.made - 1) + last / 2) / last;
        (0..num_frames).map(|frame| self.before + if self.after > 0 { spread(frame) } else { frame }).collect()
    }

    /// The frames of the latent frame among those that are made which is nearest to one of the card's frames.
    fn latent_frame(self, at: usize) -> Option<Vec<usize>> {
        let first = self.before.div_ceil(TEMPORAL_FACTOR);
        let last = (self.before + self.made - 1) / TEMPORAL_FACTOR;
        let latent = (self.before + at + TEMPORAL_FACTOR / 2) / TEMPORAL_FACTOR;
        let end = latent.clamp(first, last.max(first)) * TEMPORAL_FACTOR;
        (first <= last).then(|| ((end + 1).saturating_sub(TEMPORAL_FACTOR)..=end).collect())
    }
}

/// The same frames, the last one held for as long as there are fewer.
fn held(mut frames: Vec<Frame>, count: usize) -> Vec<Frame> {
    if let Some(last) = frames.last().cloned() {
        frames.resize(count.max(frames.len()), last);
    }
    frames
}

fn advice(error: &GenerationError) -> &'static str {
    match error {
        GenerationError::TooManyTokens { .. } | GenerationError::FrameCount { .. } => {
            "; or make two cards of it, the second with join = \"passage\""
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canvases_are_whole_latent_frames() {
        for (around, frames, [before, made, after]) in [
            ([0, 0], 16, [0, 17, 0]),
            ([0, 0], 1, [0, 1, 0]),
            ([40, 0], 16, [17, 16, 0]),
            ([3, 0], 5, [1, 8, 0]),
            ([40, 16], 14, [17, 16, 16]),
            ([0, 5], 8, [0, 9, 8]),
        ] {
            let spans = Spans::of(around, frames);
            assert_eq!([spans.before, spans.made, spans.after], [before, made, after]);
            assert_eq!(enough_frames(spans.total()), spans.total());
            let taken = spans.taken(frames);
            assert!(taken.len() == frames && taken.is_sorted() && taken[0] == before);
            assert!(taken.windows(2).all(|pair| pair[0] < pair[1]));
            assert!(*taken.last().unwrap() < before + made);
        }
    }

    #[test]
    fn what_leads_over_into_a_clip_reaches_up_to_it() {
        assert_eq!(Spans { before: 0, made: 9, after: 8 }.taken(7), [0, 1, 3, 4, 5, 7, 8]);
        assert_eq!(Spans { before: 17, made: 4, after: 0 }.taken(3), [17, 18, 19]);
        assert_eq!(Spans { before: 1, made: 4, after: 4 }.taken(1), [1]);
    }

    #[test]
    fn a_picture_stands_at_the_nearest_latent_frame_that_is_made() {
        let place = |before, made, at| Spans { before, made, after: 0 }.latent_frame(at);
        assert_eq!(place(0, 17, 0).unwrap(), [0]);
        assert_eq!(place(0, 17, 1).unwrap(), [0]);
        assert_eq!(place(0, 17, 5).unwrap(), [1, 2, 3, 4]);
        assert_eq!(place(0, 17, 16).unwrap(), [13, 14, 15, 16]);
        assert_eq!(place(17, 16, 1).unwrap(), [17, 18, 19, 20]);
        assert_eq!(place(17, 16, 15).unwrap(), [29, 30, 31, 32]);
        assert_eq!(place(0, 1, 0).unwrap(), [0]);
    }
}
