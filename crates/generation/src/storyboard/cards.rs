//! A story that is right: every card in its place, with all that it names at hand.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use models::autoencoder::TEMPORAL_FACTOR;
use video::{Clip, Frame, FrameRate};

use super::{CardFile, Join, StoryFile, words, wrong};
use crate::{GenerationError, long::MAX_LONG_FRAMES};

/// How far a time may be from that of a frame, in seconds: what three decimals cannot say.
const SECONDS_TOLERANCE: f64 = 0.001;

/// The pictures and clips that a story names, each under the name that it has there.
pub type Media = BTreeMap<PathBuf, Clip>;

/// A story whose cards follow on one another.
#[derive(Clone, Debug)]
pub struct Story {
    pub(super) frame_rate: FrameRate,
    pub(super) negative_prompt: Option<String>,
    pub(super) cards: Vec<Card>,
}

/// Frames of a story, all given or all made.
#[derive(Clone, Debug)]
pub(super) struct Card {
    pub(super) label: String,
    pub(super) num_frames: usize,
    pub(super) join: Join,
    pub(super) content: Content,
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    /// Frames as they came.
    Given(Vec<Frame>),
    /// What a prompt says.
    Made { prompt: String, key: Option<Key> },
}

/// A picture at one of a card's frames.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) at: usize,
    pub(super) picture: KeyPicture,
}

#[derive(Clone, Debug)]
pub(super) enum KeyPicture {
    Given(Frame),
    /// The story's frame of this number, which lies before.
    OfStory(usize),
}

impl Story {
    /// Checks a story, whose rate is that of the first clip, or else `frame_rate`, where it says none.
    ///
    /// # Errors
    /// [`GenerationError::Story`] that names the card and says what is wrong with it and what would be right.
    pub fn new(file: &StoryFile, media: &Media, frame_rate: FrameRate) -> Result<Self, GenerationError> {
        let first_clip = file.cards.iter().find_map(|card| media.get(card.clip.as_ref()?));
        let frame_rate = match file.fps {
            Some(fps) => FrameRate::new(fps, 1).map_err(|error| wrong(format!("fps: {error}")))?,
            None => first_clip.map_or(frame_rate, Clip::frame_rate),
        };
        if file.cards.is_empty() {
            return Err(wrong("the story has no card".into()));
        }
        let mut reader = Reader { file, media, frame_rate, ends: Vec::new(), cards: Vec::new() };
        for (index, card) in file.cards.iter().enumerate() {
            reader.add(index, card).map_err(|problem| wrong(format!("{}: {problem}", card.label(index))))?;
        }
        Ok(Self { frame_rate, negative_prompt: file.negative_prompt.clone(), cards: reader.cards })
    }

    /// Number of frames of the whole story.
    pub fn num_frames(&self) -> usize {
        self.cards.iter().map(|card| card.num_frames).sum()
    }
}

/// A story on its way from file to [`Story`].
struct Reader<'a> {
    file: &'a StoryFile,
    media: &'a Media,
    frame_rate: FrameRate,
    /// The frame behind the last of each card that was read.
    ends: Vec<usize>,
    cards: Vec<Card>,
}

impl Reader<'_> {
    fn add(&mut self, index: usize, card: &CardFile) -> Result<(), String> {
        let num_frames = self.check_time(index, card)?;
        check_wishes(card)?;
        let mut names = self.file.cards[..index].iter().filter_map(|other| other.name.as_deref());
        if let Some(name) = names.find(|name| card.name.as_deref() == Some(*name)) {
            return Err(format!("another card is called {name:?} already; give it a name of its own"));
        }
        if index == 0 && card.join == Join::Passage {
            return Err("nothing stands before it that a passage could lead from; leave its join out".into());
        }
        let label = card.label(index);
        let add = |num_frames, join, content| Card { label: label.clone(), num_frames, join, content };
        let cards = match &card.clip {
            None => {
                let key = self.key(index, card, num_frames)?;
                vec![add(num_frames, card.join, Content::Made { prompt: self.prompt(card)?, key })]
            }
            Some(path) => {
                let frames = self.clip(card, path, num_frames)?;
                let rest = num_frames - frames.len();
                let given = add(frames.len(), card.join, Content::Given(frames));
                let mut cards = vec![given];
                if rest > 0 {
                    cards.push(add(rest, Join::Passage, Content::Made { prompt: self.prompt(card)?, key: None }));
                }
                cards
            }
        };
        self.cards.extend(cards);
        self.ends.push(self.ends.last().unwrap_or(&0) + num_frames);
        Ok(())
    }

    fn prompt(&self, card: &CardFile) -> Result<String, String> {
        words::prompt(card.prompt.as_deref(), self.file.prompt.as_deref(), &self.file.things)
    }

    /// The number of frames of a card that follows at once on the one before.
    fn check_time(&self, index: usize, card: &CardFile) -> Result<usize, String> {
        let (from, to) = (self.frame(card.from)?, self.frame(card.to)?);
        let end = self.ends.last().copied().unwrap_or(0);
        let (begins, ends) = (seconds(card.from), self.seconds(end));
        if from != end {
            return Err(match index.checked_sub(1) {
                None => format!("it begins at {begins} s, but a story begins at 0"),
                Some(before) => {
                    let what = if from < end { "overlaps with" } else { "leaves a gap behind" };
                    let before = self.file.cards[before].label(before);
                    format!("it {what} {before}, which ends at {ends} s: it begins at {begins} s; begin it at {ends} s")
                }
            });
        }
        if to <= from {
            return Err(format!("it ends at {} s, but begins at {begins} s; let it end later", seconds(card.to)));
        }
        Ok(to - from)
    }

    /// The frame at a time, which is that of a frame.
    fn frame(&self, time: f64) -> Result<usize, String> {
        let rate = self.frame_rate.as_f64();
        let longest = MAX_LONG_FRAMES as f64 / rate;
        if !(0.0..=longest).contains(&time) {
            return Err(format!("times lie between 0 and {} s, not at {time} s", seconds(longest)));
        }
        let frame = (time * rate).round();
        if (frame / rate - time).abs() > SECONDS_TOLERANCE {
            let [before, behind] = [(time * rate).floor(), (time * rate).ceil()].map(|frame| seconds(frame / rate));
            let rate = self.frame_rate;
            return Err(format!(
                "{time} s lies between two frames at {rate} fps; the nearest: {before} s or {behind} s"
            ));
        }
        Ok(frame as usize)
    }

    fn seconds(&self, frames: usize) -> String {
        seconds(frames as f64 / self.frame_rate.as_f64())
    }

    fn key(&self, index: usize, card: &CardFile, num_frames: usize) -> Result<Option<Key>, String> {
        let picture = match (&card.image, &card.reference) {
            (None, None) => return Ok(None),
            (Some(path), _) => {
                let picture = self.medium(path)?;
                if picture.frames().len() > 1 {
                    return Err(format!("{} is a video; name it as its clip", path.display()));
                }
                KeyPicture::Given(picture.frames()[0].clone())
            }
            (None, Some(name)) => KeyPicture::OfStory(self.reference(index, name, card.reference_at)?),
        };
        let at = self.frame(card.at.unwrap_or(0.0))?;
        if at >= num_frames {
            return Err(format!("its picture stands at {} s, behind its end; let it stand earlier", self.seconds(at)));
        }
        if at == 0 && card.join == Join::Passage {
            return Err(
                "a passage leads into it, so that it cannot begin with a picture; say at which of its seconds the \
                        picture stands, or leave its join out"
                    .into(),
            );
        }
        Ok(Some(Key { at, picture }))
    }

    /// The frame of the story that a card takes over from another one.
    fn reference(&self, index: usize, name: &str, at: Option<f64>) -> Result<usize, String> {
        let earlier = &self.file.cards[..index];
        let Some(other) = earlier.iter().position(|card| card.name.as_deref() == Some(name)) else {
            return Err(format!("no card before it is called {name:?}, which it names as its reference"));
        };
        let (begins, ends) = (other.checked_sub(1).map_or(0, |before| self.ends[before]), self.ends[other]);
        let frame = begins + self.frame(at.unwrap_or(0.0))?;
        if frame >= ends {
            let lasts = self.seconds(ends - begins);
            return Err(format!("its reference {name:?} lasts {lasts} s; name a frame inside of it"));
        }
        Ok(frame)
    }

    /// The frames of a clip from where it is entered, at most so many, and fewer only where a prompt says how it goes on.
    fn clip(&self, card: &CardFile, path: &Path, num_frames: usize) -> Result<Vec<Frame>, String> {
        let is_given = self.cards.last().is_some_and(|before| matches!(before.content, Content::Given(_)));
        if card.join == Join::Passage && is_given {
            return Err("a passage between two clips needs a card with a prompt between them".into());
        }
        let (clip, path) = (self.medium(path)?, path.display());
        if clip.frame_rate() != self.frame_rate {
            let (own, rate) = (clip.frame_rate(), self.frame_rate);
            return Err(format!(
                "{path} plays at {own} fps, but the story at {rate}; set fps, or bring the clip to that rate"
            ));
        }
        let start = self.frame(card.clip_from.unwrap_or(0.0))?.min(clip.frames().len());
        let found = clip.frames().len() - start;
        if found < TEMPORAL_FACTOR {
            return Err(format!(
                "{path} gives {found} frames, less than one latent frame, which is {TEMPORAL_FACTOR}; name a picture as \
                 its image, or a longer clip"
            ));
        }
        if found < num_frames && card.prompt.is_none() {
            let [lasts, wants] = [found, num_frames].map(|frames| self.seconds(frames));
            return Err(format!(
                "{path} gives {lasts} s, but the card takes {wants} s; end the card earlier, or give it a prompt to go on with"
            ));
        }
        Ok(clip.frames()[start..start + found.min(num_frames)].to_vec())
    }

    fn medium(&self, path: &Path) -> Result<&Clip, String> {
        self.media.get(path).ok_or_else(|| format!("{} was not read", path.display()))
    }
}

/// Refuses wishes of a card that say nothing beside one another.
fn check_wishes(card: &CardFile) -> Result<(), String> {
    let is_clip = card.clip.is_some();
    let has_picture = card.image.is_some() || card.reference.is_some();
    for (is_wrong, problem) in [
        (is_clip && has_picture, "it names a clip and a picture; make two cards of them"),
        (card.image.is_some() && card.reference.is_some(), "it names a picture and a reference; choose one of them"),
        (card.at.is_some() && !has_picture, "\"at\" says where a picture stands, but it names none"),
        (card.reference_at.is_some() && card.reference.is_none(), "\"reference_at\" needs a reference"),
        (card.clip_from.is_some() && !is_clip, "\"clip_from\" needs a clip"),
    ] {
        if is_wrong {
            return Err(problem.into());
        }
    }
    Ok(())
}

/// Seconds with at most three decimals.
fn seconds(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use video::Resolution;

    use super::*;

    fn clip(num_frames: usize) -> Clip {
        let frame = Frame::filled(Resolution::new(48, 32).unwrap(), [90; 3]);
        Clip::new(vec![frame; num_frames], FrameRate::new(16, 1).unwrap()).unwrap()
    }

    fn story(cards: &str) -> Result<Story, GenerationError> {
        let media = Media::from([("a.png".into(), clip(1)), ("b.mp4".into(), clip(20)), ("c.mp4".into(), clip(3))]);
        let text = format!("[things]\nball = \"a red ball\"\n{}", cards.replace('|', "\n"));
        Story::new(&StoryFile::parse(&text)?, &media, FrameRate::new(16, 1).unwrap())
    }

    #[test]
    fn cards_become_frames_of_a_time_line() {
        let story = story(
            "[[card]]|name = \"one\"|from = 0|to = 1|prompt = \"{ball}\"|image = \"a.png\"|\
             [[card]]|from = 1|to = 3|clip = \"b.mp4\"|clip_from = 0.25|prompt = \"{ball}\"|join = \"passage\"|\
             [[card]]|from = 3|to = 3.5|reference = \"one\"|reference_at = 0.5|prompt = \"{ball}\"",
        )
        .unwrap();
        let lengths: Vec<_> = story.cards.iter().map(|card| (card.num_frames, card.join)).collect();
        assert_eq!(lengths, [(16, Join::Cut), (16, Join::Passage), (16, Join::Passage), (8, Join::Cut)]);
        assert_eq!(story.num_frames(), 56);
        assert!(matches!(&story.cards[1].content, Content::Given(frames) if frames.len() == 16));
        let Content::Made { key: Some(key), prompt } = &story.cards[3].content else { panic!("a key frame") };
        assert!(matches!(key.picture, KeyPicture::OfStory(8)) && prompt == "a red ball");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_card() {
        let first = "[[card]]|name = \"one\"|from = 0|to = 1|prompt = \"p\"|[[card]]|";
        let second = |rest: &str| story(&format!("{first}{rest}")).unwrap_err().to_string();
        for (rest, expected) in [
            ("from = 0.5|to = 2|prompt = \"p\"", "card 2: it overlaps with card 1 (\"one\"), which ends at 1 s"),
            ("from = 1.5|to = 2|prompt = \"p\"", "card 2: it leaves a gap behind card 1 (\"one\"), which ends at 1 s"),
            ("from = 1|to = 1|prompt = \"p\"", "let it end later"),
            (
                "from = 1|to = 1.03|prompt = \"p\"",
                "1.03 s lies between two frames at 16 fps; the nearest: 1 s or 1.062 s",
            ),
            ("from = 1|to = nan|prompt = \"p\"", "times lie between 0 and"),
            ("from = 1|to = 1e300|prompt = \"p\"", "times lie between 0 and"),
            ("from = 1|to = 2|prompt = \"{cube}\"", "card 2: names the thing \"cube\", which is not among [things]"),
            ("from = 1|to = 2", "card 2: has no prompt"),
            ("from = 1|to = 2|clip = \"c.mp4\"", "c.mp4 gives 3 frames, less than one latent frame"),
            ("from = 1|to = 2|clip = \"b.mp4\"|clip_from = 9", "b.mp4 gives 0 frames"),
            ("from = 1|to = 3|clip = \"b.mp4\"", "b.mp4 gives 1.25 s, but the card takes 2 s"),
            ("from = 1|to = 2|clip = \"d.mp4\"", "d.mp4 was not read"),
            ("from = 1|to = 2|prompt = \"p\"|image = \"b.mp4\"", "b.mp4 is a video"),
            ("from = 1|to = 2|prompt = \"p\"|reference = \"two\"", "no card before it is called \"two\""),
            ("from = 1|to = 2|prompt = \"p\"|reference = \"one\"|reference_at = 1", "its reference \"one\" lasts 1 s"),
            ("from = 1|to = 2|prompt = \"p\"|image = \"a.png\"|at = 1", "behind its end"),
            ("from = 1|to = 2|prompt = \"p\"|image = \"a.png\"|join = \"passage\"", "it cannot begin with a picture"),
            ("name = \"one\"|from = 1|to = 2|prompt = \"p\"", "another card is called \"one\" already"),
            ("from = 1|to = 2|prompt = \"p\"|at = 0.5", "\"at\" says where a picture stands"),
            ("from = 1|to = 2|clip = \"b.mp4\"|image = \"a.png\"", "make two cards of them"),
            (
                "from = 1|to = 2|clip = \"b.mp4\"|[[card]]|from = 2|to = 3|clip = \"b.mp4\"|join = \"passage\"",
                "card 3: a passage between two clips needs a card with a prompt between them",
            ),
        ] {
            let message = second(rest);
            assert!(message.contains(expected), "{message}");
        }
        let message = story("[[card]]|from = 1|to = 2|prompt = \"p\"").unwrap_err().to_string();
        assert!(message.contains("card 1: it begins at 1 s, but a story begins at 0"), "{message}");
        let message = story("[[card]]|from = 0|to = 2|prompt = \"p\"|join = \"passage\"").unwrap_err().to_string();
        assert!(message.contains("nothing stands before it"), "{message}");
    }

    #[test]
    fn the_rate_of_clips_is_that_of_the_story() {
        let message = story("[[card]]|from = 0|to = 1|clip = \"b.mp4\"").map(|story| story.frame_rate.to_string());
        assert_eq!(message.unwrap(), "16");
        let text = "fps = 24\n[[card]]\nfrom = 0\nto = 1\nclip = \"b.mp4\"";
        let media = Media::from([("b.mp4".into(), clip(20))]);
        let story = Story::new(&StoryFile::parse(text).unwrap(), &media, FrameRate::new(12, 1).unwrap());
        let message = story.unwrap_err().to_string();
        assert!(message.contains("b.mp4 plays at 16 fps, but the story at 24"), "{message}");
    }
}
