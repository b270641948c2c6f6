//! A policy, ready to judge.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    path::Path,
    sync::{Arc, LazyLock},
};

use super::{
    Refusal, Scores,
    compile::compile,
    file::{Action, Judged},
    images::ImageRules,
    matcher::{Matcher, Occurrence, TermId},
    rules::{Group, Rule},
};
use crate::{Language, ProvenanceError};

/// The policy that holds unless another one is named.
pub const DEFAULT_POLICY: &str = include_str!("../../policy/default.toml");

/// More bytes than any policy.
const MOST_BYTES: u64 = 4 << 20;

static DEFAULT: LazyLock<Result<Arc<Policy>, String>> = LazyLock::new(|| compile(DEFAULT_POLICY).map(Arc::new));

/// What may be asked for, ready to judge; built once, and then asked as often as needed.
pub struct Policy {
    pub(super) name: String,
    pub(super) log_prompts: bool,
    pub(super) images: ImageRules,
    pub(super) matcher: Matcher,
    pub(super) exceptions: Group,
    pub(super) categories: Vec<Category>,
    /// For each term the groups of rules that it belongs to, so that only rules of which all is there are looked at.
    pub(super) uses: Vec<Vec<Use>>,
}

/// A place of a term: category, rule and group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Use {
    pub(super) category: usize,
    pub(super) rule: usize,
    pub(super) group: usize,
}

pub(super) struct Category {
    pub(super) id: String,
    pub(super) explanation: String,
    pub(super) explanation_zh: Option<String>,
    pub(super) action: Action,
    pub(super) image_threshold: Option<f32>,
    pub(super) exceptions: Group,
    pub(super) rules: Vec<Rule>,
}

/// All texts of one request.
#[derive(Clone, Debug, Default)]
pub struct Wish<'a> {
    /// What is to be shown: prompts, each card of a story, what things are called.
    pub shown: Vec<&'a str>,
    /// What is not to be shown.
    pub hidden: Vec<&'a str>,
}

impl<'a> Wish<'a> {
    /// One prompt and nothing else.
    pub fn prompt(prompt: &'a str) -> Self {
        Self { shown: vec![prompt], hidden: Vec::new() }
    }
}

/// What a policy holds, for a person who edits it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// What the policy calls itself.
    pub name: String,
    /// Each category with what becomes of it and its rules' names.
    pub categories: Vec<(String, &'static str, Vec<String>)>,
    /// How many phrases are looked for.
    pub phrases: usize,
}

impl Policy {
    /// The policy that holds unless another one is named.
    ///
    /// # Errors
    /// None in a build that passes its tests; [`ProvenanceError::Policy`] otherwise.
    pub fn standard() -> Result<Arc<Self>, ProvenanceError> {
        let place = "that is built in".to_owned();
        DEFAULT.clone().map_err(|problem| ProvenanceError::Policy { place, problem })
    }

    /// Reads a policy's text.
    ///
    /// # Errors
    /// [`ProvenanceError::Policy`] with the line that is wrong and why.
    pub fn parse(text: &str) -> Result<Self, ProvenanceError> {
        compile(text).map_err(|problem| ProvenanceError::Policy { place: "given".to_owned(), problem })
    }

    /// Reads a policy's file.
    ///
    /// # Errors
    /// [`ProvenanceError::Policy`] with the file, the line that is wrong and why.
    pub fn read(path: &Path) -> Result<Self, ProvenanceError> {
        let failed = |problem: String| ProvenanceError::Policy { place: path.display().to_string(), problem };
        let mut text = String::new();
        let read = File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_string(&mut text));
        read.map_err(|error| failed(format!("it cannot be read: {error}")))?;
        if text.len() as u64 > MOST_BYTES {
            return Err(failed(format!("it is larger than {} MiB", MOST_BYTES >> 20)));
        }
        compile(&text).map_err(failed)
    }

    /// Judges all texts of a request: each by itself, and what is shown together as one.
    ///
    /// # Errors
    /// The refusal of the first category that any of them belongs to.
    pub fn check(&self, wish: &Wish<'_>) -> Result<(), Box<Refusal>> {
        wish.shown.iter().try_for_each(|text| self.judge(text, Judged::Prompt))?;
        if wish.shown.len() > 1 {
            self.judge(&wish.shown.join("\n"), Judged::Prompt)?;
        }
        wish.hidden.iter().try_for_each(|text| self.judge(text, Judged::Negative))
    }

    /// Judges what a classifier says of a picture.
    ///
    /// # Errors
    /// The category whose threshold is reached, or the name of one that has no score: then nothing is known of it.
    pub fn check_scores(&self, scores: &Scores) -> Result<Result<(), Box<Refusal>>, String> {
        for category in self.categories.iter().filter(|category| category.action == Action::Refuse) {
            let Some(threshold) = category.image_threshold else { continue };
            let score = scores.get(&category.id).ok_or_else(|| category.id.clone())?;
            if *score >= threshold {
                return Ok(Err(self.refusal(category, "image", Language::English)));
            }
        }
        Ok(Ok(()))
    }

    /// Whether the log is to hold prompts that are refused.
    pub const fn logs_prompts(&self) -> bool {
        self.log_prompts
    }

    /// What pictures are looked at, and by which program.
    pub const fn images(&self) -> &ImageRules {
        &self.images
    }

    /// What it holds.
    pub fn summary(&self) -> Summary {
        let described = |category: &Category| {
            let action = match category.action {
                Action::Refuse => "refuse",
                Action::Allow => "allow",
            };
            (category.id.clone(), action, category.rules.iter().map(|rule| rule.name.clone()).collect())
        };
        Summary {
            name: self.name.clone(),
            categories: self.categories.iter().map(described).collect(),
            phrases: self.matcher.num_patterns(),
        }
    }

    fn judge(&self, text: &str, judged: Judged) -> Result<(), Box<Refusal>> {
        let found = self.matcher.find(text);
        if found.is_empty() {
            return Ok(());
        }
        for (number, rules) in self.rules_in_question(&found) {
            let category = &self.categories[number];
            if category.action == Action::Allow {
                continue;
            }
            let left = self.without_exceptions(&found, category);
            let applies = |rule: &&Rule| (rule.judges == Judged::Both || rule.judges == judged) && rule.applies(&left);
            if let Some(rule) = rules.into_iter().map(|rule| &category.rules[rule]).find(applies) {
                return Err(self.refusal(category, &rule.name, Language::of(text)));
            }
        }
        Ok(())
    }

    /// By category the rules of whose groups all have a term in the text.
    fn rules_in_question(&self, found: &[Occurrence]) -> BTreeMap<usize, Vec<usize>> {
        let mut terms: Vec<TermId> = found.iter().map(|place| place.term).collect();
        terms.sort_unstable();
        terms.dedup();
        let mut there: BTreeMap<(usize, usize), u64> = BTreeMap::new();
        for Use { category, rule, group } in terms.iter().flat_map(|term| &self.uses[*term as usize]) {
            *there.entry((*category, *rule)).or_default() |= 1 << group;
        }
        let mut rules: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for ((category, rule), groups) in there {
            if groups.count_ones() as usize == self.categories[category].rules[rule].groups.len() {
                rules.entry(category).or_default().push(rule);
            }
        }
        rules
    }

    /// What is left where nothing counts that stands inside of an exception.
    fn without_exceptions(&self, found: &[Occurrence], category: &Category) -> Vec<Occurrence> {
        let is_exception =
            |place: &&Occurrence| self.exceptions.holds(place.term) || category.exceptions.holds(place.term);
        let exceptions: Vec<&Occurrence> = found.iter().filter(is_exception).collect();
        let counts = |place: &&Occurrence| {
            !exceptions.iter().any(|exception| exception.start <= place.start && place.end <= exception.end)
        };
        found.iter().filter(counts).copied().collect()
    }

    fn refusal(&self, category: &Category, rule: &str, language: Language) -> Box<Refusal> {
        let (explanation, language) = match (language, &category.explanation_zh) {
            (Language::Chinese, Some(chinese)) => (chinese, language),
            _ => (&category.explanation, Language::English),
        };
        Box::new(Refusal {
            policy: self.name.clone(),
            category: category.id.clone(),
            rule: rule.to_owned(),
            explanation: explanation.clone(),
            language,
        })
    }
}
