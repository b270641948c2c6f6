//! A story as somebody wrote it, unchecked.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{words, wrong};
use crate::GenerationError;

/// A story: what all cards share, and the cards.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoryFile {
    /// What every card's prompt ends with.
    pub prompt: Option<String>,
    /// What no card should show.
    pub negative_prompt: Option<String>,
    /// Frames per second; that of the first clip, or the model's own, when left out.
    pub fps: Option<u32>,
    /// What things look like, by names that prompts hold in braces.
    #[serde(default)]
    pub things: BTreeMap<String, String>,
    /// One after another.
    #[serde(rename = "card")]
    pub cards: Vec<CardFile>,
}

/// A card: a time, and what fills it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardFile {
    /// What other cards and errors call it.
    pub name: Option<String>,
    /// When it begins, in seconds.
    pub from: f64,
    /// When it ends.
    pub to: f64,
    /// What it shows.
    pub prompt: Option<String>,
    /// A picture that is one of its frames.
    pub image: Option<PathBuf>,
    /// The card before, of which a frame is one of its own.
    pub reference: Option<String>,
    /// Which frame that is, in seconds from the other card's beginning; its first when left out.
    pub reference_at: Option<f64>,
    /// Where the picture or the other card's frame stands, in seconds from the beginning of this card, where it stands when
    /// this is left out.
    pub at: Option<f64>,
    /// A clip that comes as it is. With a prompt it goes on to the end of the card.
    pub clip: Option<PathBuf>,
    /// Where the clip is entered, in seconds.
    pub clip_from: Option<f64>,
    /// How it follows on the card before.
    #[serde(default)]
    pub join: Join,
}

/// How a card follows on the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Join {
    /// At once.
    #[default]
    Cut,
    /// The one leads over into the other.
    Passage,
}

impl StoryFile {
    /// Reads a story.
    ///
    /// # Errors
    /// [`GenerationError::Story`] with the place where it is no TOML, or no story.
    pub fn parse(text: &str) -> Result<Self, GenerationError> {
        toml::from_str(text).map_err(|error| {
            let place = error.span().map_or_else(String::new, |span| {
                let line = text.bytes().take(span.start).filter(|byte| *byte == b'\n').count() + 1;
                format!("line {line}: ")
            });
            wrong(format!("{place}{}", error.message().lines().collect::<Vec<_>>().join("; ")))
        })
    }

    /// What each card will say to the model, with what errors call the card. What says nothing, or names an unknown thing, is
    /// refused elsewhere and left out here.
    pub fn prompts(&self) -> Vec<(String, String)> {
        let cards = self.cards.iter().enumerate();
        let said = |(index, card): (usize, &CardFile)| {
            let prompt = words::prompt(card.prompt.as_deref(), self.prompt.as_deref(), &self.things).ok()?;
            Some((card.label(index), prompt))
        };
        cards.filter_map(said).collect()
    }

    /// The files that it names, each once, with the card that names it first.
    pub fn media(&self) -> Vec<(String, &Path)> {
        let mut named = BTreeSet::new();
        let files = self.cards.iter().enumerate().flat_map(|(index, card)| {
            [&card.image, &card.clip].into_iter().flatten().map(move |path| (card.label(index), path.as_path()))
        });
        files.filter(|(_, path)| named.insert(*path)).collect()
    }
}

impl CardFile {
    /// What errors call it: its number from 1 on, and its name.
    pub fn label(&self, index: usize) -> String {
        match &self.name {
            Some(name) => format!("card {} ({name:?})", index + 1),
            None => format!("card {}", index + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_is_read_and_its_files_are_named_once() {
        let story = StoryFile::parse(
            "prompt = \"at noon\"\nfps = 16\n[things]\nball = \"a red ball\"\n[[card]]\nfrom = 0\nto = 1.5\nprompt = \"{ball}\"\n\
             image = \"a.png\"\n[[card]]\nname = \"end\"\nfrom = 1.5\nto = 2\nclip = \"b.mp4\"\njoin = \"passage\"\n\
             [[card]]\nfrom = 2\nto = 3\nimage = \"a.png\"",
        )
        .unwrap();
        assert_eq!((story.cards.len(), story.cards[1].join, story.cards[0].join), (3, Join::Passage, Join::Cut));
        let prompts: Vec<_> = story.prompts().into_iter().map(|(_, prompt)| prompt).collect();
        assert_eq!(prompts, ["a red ball, at noon", "at noon", "at noon"]);
        let files: Vec<_> = story.media().into_iter().map(|(card, path)| (card, path.to_str().unwrap())).collect();
        assert_eq!(files, [("card 1".into(), "a.png"), ("card 2 (\"end\")".into(), "b.mp4")]);
    }

    #[test]
    fn what_is_no_story_is_told_with_its_line() {
        for (text, expected) in [
            ("[[card]]\nfrom = 0\nto = 1\nprmpt = \"a\"", "line 4: unknown field `prmpt`"),
            ("[[card]]\nfrom = 0", "missing field `to`"),
            ("fps = 16", "missing field `card`"),
            ("[[card]]\nfrom = \"0\"\nto = 1", "line 2: invalid type"),
            ("[[card]]\nfrom = 0\nto = 1\njoin = \"fade\"", "expected `cut` or `passage`"),
            ("[[card", "line 1"),
        ] {
            let message = StoryFile::parse(text).unwrap_err().to_string();
            assert!(message.contains(expected) && message.lines().count() == 1, "{message}");
        }
    }
}
