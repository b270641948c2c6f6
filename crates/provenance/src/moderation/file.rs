//! A policy as it stands in its file, unchecked.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

/// A policy's file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyFile {
    /// What refusals call it.
    pub(super) name: String,
    /// Whether the log holds prompts that are refused.
    #[serde(default)]
    pub(super) log_prompts: bool,
    /// The program that looks at pictures, and its arguments.
    pub(super) image_command: Option<Spanned<Vec<String>>>,
    /// How long it may look at one.
    pub(super) image_timeout_secs: Option<Spanned<f64>>,
    /// How many pictures of a clip it looks at.
    pub(super) image_frames: Option<Spanned<usize>>,
    /// Whether it looks at finished videos too.
    #[serde(default)]
    pub(super) image_finished: bool,
    /// Terms that rules share.
    #[serde(default)]
    pub(super) lists: BTreeMap<String, Vec<Spanned<String>>>,
    /// What is harmless in every category.
    #[serde(default)]
    pub(super) exceptions: Vec<Spanned<String>>,
    /// What is refused.
    #[serde(default, rename = "category")]
    pub(super) categories: Vec<CategoryFile>,
}

/// A kind of content.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CategoryFile {
    /// For logs and programs.
    pub(super) id: Spanned<String>,
    /// Why it is refused, for a person.
    pub(super) explanation: String,
    /// The same in Chinese.
    pub(super) explanation_zh: Option<String>,
    #[serde(default)]
    pub(super) action: Action,
    /// The score from which on a picture belongs to it.
    pub(super) image_threshold: Option<Spanned<f32>>,
    #[serde(default)]
    pub(super) exceptions: Vec<Spanned<String>>,
    #[serde(default, rename = "rule")]
    pub(super) rules: Vec<RuleFile>,
}

/// What becomes of a prompt of a category.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Action {
    /// It is refused.
    #[default]
    Refuse,
    /// It is allowed, as if the category were not there.
    Allow,
}

/// What tells that a prompt belongs to a category.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleFile {
    /// For logs.
    pub(super) name: Spanned<String>,
    /// One of these.
    #[serde(default)]
    pub(super) any: Vec<Spanned<String>>,
    /// Each of these.
    #[serde(default)]
    pub(super) all: Vec<Spanned<String>>,
    /// None of these close by.
    #[serde(default)]
    pub(super) unless: Vec<Spanned<String>>,
    /// Within so many words.
    pub(super) near: Option<u32>,
    #[serde(default)]
    pub(super) judges: Judged,
}

/// Which prompts a rule judges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Judged {
    /// All.
    #[default]
    Both,
    /// Those that say what is shown.
    Prompt,
    /// Those that say what is not shown.
    Negative,
}

impl PolicyFile {
    /// Reads a file's text.
    ///
    /// # Errors
    /// The line, where it is known, and what is wrong there.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| {
            let problem = error.message().lines().collect::<Vec<_>>().join("; ");
            error.span().map_or_else(|| problem.clone(), |span| at(text, span.start, &problem))
        })
    }
}

/// What is wrong, with the line in which it stands.
pub(super) fn at(text: &str, byte: usize, problem: &str) -> String {
    let line = text.bytes().take(byte).filter(|byte| *byte == b'\n').count() + 1;
    format!("line {line}: {problem}")
}
