//! What may be asked for.

use std::path::Path;

use generation::storyboard::StoryFile;
use provenance::{
    ProvenanceError,
    moderation::{Moderator, Wish},
};
use serde_json::Value;
use video::{Frame, ReadLimits};

use crate::Order;

/// Fields of an order that hold no words of whoever asked.
const NO_WORDS: [&str; 3] = ["kind", "fit", "sampler"];
/// The field that says what is not to be shown.
const NEGATIVE: &str = "negative_prompt";
/// The field that is a story in TOML.
const STORY: &str = "story";

/// Decides what may be asked for. Every order that is to become a video passes here before its job is taken.
pub trait PromptPolicy: Send + Sync {
    /// Looks at a prompt.
    ///
    /// # Errors
    /// [`Refusal`], which whoever asked is told.
    fn check(&self, prompt: &str) -> Result<(), Refusal>;

    /// Looks at all texts of an order: those that say what is shown, and those that say what is not.
    ///
    /// # Errors
    /// [`Refusal`], which whoever asked is told.
    fn check_all(&self, shown: &[&str], _hidden: &[&str]) -> Result<(), Refusal> {
        shown.iter().try_for_each(|prompt| self.check(prompt))
    }

    /// Looks at a picture or a clip that is given.
    ///
    /// # Errors
    /// [`Unfit`] when it must not be used.
    fn check_input(&self, _path: &Path, _limits: &ReadLimits) -> Result<(), Unfit> {
        Ok(())
    }

    /// Looks at a frame of a finished video, with its number and that of all frames.
    ///
    /// # Errors
    /// [`Unfit`] when the video must not be kept.
    fn check_finished(&self, _frame: &Frame, _place: (usize, usize)) -> Result<(), Unfit> {
        Ok(())
    }

    /// Whether the log is to hold prompts that are refused.
    fn logs_prompts(&self) -> bool {
        false
    }
}

/// Why a prompt is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// What kind of prompt it is, for logs and programs.
    pub category: String,
    /// Which rule said so, for logs.
    pub rule: String,
    /// The same for a person.
    pub explanation: String,
}

/// Why a picture must not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// The policy does not allow it.
    Refused(Refusal),
    /// It cannot be read to its end.
    Unreadable(String),
    /// Nothing is known of it: whatever looks at pictures fails.
    Unknown(String),
}

/// Refuses nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Anything;

impl PromptPolicy for Anything {
    fn check(&self, _prompt: &str) -> Result<(), Refusal> {
        Ok(())
    }
}

impl PromptPolicy for Moderator {
    fn check(&self, prompt: &str) -> Result<(), Refusal> {
        self.check_all(&[prompt], &[])
    }

    fn check_all(&self, shown: &[&str], hidden: &[&str]) -> Result<(), Refusal> {
        let wish = Wish { shown: shown.to_vec(), hidden: hidden.to_vec() };
        self.policy().check(&wish).map_err(|refusal| Refusal::from(*refusal))
    }

    fn check_input(&self, path: &Path, limits: &ReadLimits) -> Result<(), Unfit> {
        self.check_file(path, limits).map_err(Unfit::from)
    }

    fn check_finished(&self, frame: &Frame, place: (usize, usize)) -> Result<(), Unfit> {
        Self::check_finished(self, frame, place).map_err(Unfit::from)
    }

    fn logs_prompts(&self) -> bool {
        self.policy().logs_prompts()
    }
}

impl From<provenance::moderation::Refusal> for Refusal {
    fn from(refusal: provenance::moderation::Refusal) -> Self {
        let explanation = refusal.to_string();
        Self { category: refusal.category, rule: refusal.rule, explanation }
    }
}

impl From<ProvenanceError> for Unfit {
    fn from(error: ProvenanceError) -> Self {
        match error {
            ProvenanceError::Refused(refusal) => Self::Refused((*refusal).into()),
            ProvenanceError::Video(error) => Self::Unreadable(error.to_string()),
            other => Self::Unknown(other.to_string()),
        }
    }
}

/// The words of an order, wherever they stand in it: what is shown, and what is not. None can be forgotten that a later
/// field brings.
pub(crate) fn words(order: &Order) -> (Vec<String>, Vec<String>) {
    let (mut shown, mut hidden) = (Vec::new(), Vec::new());
    if let Ok(order) = serde_json::to_value(order) {
        collect(&order, &mut shown, &mut hidden);
    }
    (shown, hidden)
}

fn collect(value: &Value, shown: &mut Vec<String>, hidden: &mut Vec<String>) {
    match value {
        Value::String(text) => shown.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| collect(value, shown, hidden)),
        Value::Object(fields) => {
            for (name, value) in fields.iter().filter(|(name, _)| !NO_WORDS.contains(&name.as_str())) {
                match value {
                    Value::String(text) if name == NEGATIVE => hidden.push(text.clone()),
                    Value::String(text) if name == STORY => collect_story(text, shown, hidden),
                    value => collect(value, shown, hidden),
                }
            }
        }
        _ => {}
    }
}

/// What a story shows, card by card with its things in place, and what it does not.
fn collect_story(text: &str, shown: &mut Vec<String>, hidden: &mut Vec<String>) {
    match StoryFile::parse(text) {
        Ok(story) => {
            shown.extend(story.prompts().into_iter().map(|(_, prompt)| prompt));
            shown.extend(story.things.into_values());
            hidden.extend(story.negative_prompt);
        }
        Err(_) => shown.push(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::OrderTask;

    #[test]
    fn all_words_of_an_order_are_found() {
        let order = r#"{"task": {"kind": "extend", "clip": "input-0", "backward": 0, "forward": 1}, "prompt": "a ball",
            "negative_prompt": "a cube", "fit": "crop", "seed": 1}"#;
        let (mut shown, hidden) = words(&serde_json::from_str(order).unwrap());
        shown.sort();
        assert_eq!((shown, hidden), (vec!["a ball".to_owned(), "input-0".to_owned()], vec!["a cube".to_owned()]));

        let story = "negative_prompt = \"fog\"\n[things]\nball = \"a red ball\"\n[[card]]\nfrom = 0\nto = 1\nprompt = \"{ball} falls\"";
        let task = OrderTask::Story { story: story.to_owned(), media: Vec::new() };
        let (mut shown, hidden) = words(&Order::new(task, "at noon", 1));
        shown.sort();
        assert_eq!(
            (shown.join(", "), hidden.join(", ")),
            ("a red ball, a red ball falls, at noon".into(), "fog".into())
        );
    }
}
