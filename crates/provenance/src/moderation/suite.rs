//! Prompts that test a policy: some that it must refuse, and harmless ones that come near to them.
//!
//! A suite is a folder with `refuse/CATEGORY.txt` and `allow/CATEGORY.txt`, one prompt a line; lines that begin with `#` are
//! remarks.

use std::{fs, io, path::Path};

use super::{Policy, Wish};
use crate::ProvenanceError;

/// Prompts of one category.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The category.
    pub category: String,
    /// Prompts that belong to it.
    pub refuse: Vec<String>,
    /// Harmless prompts that come near to it.
    pub allow: Vec<String>,
}

/// Prompts that test a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suite {
    /// By category, in alphabetical order.
    pub sections: Vec<Section>,
}

/// How a policy does on prompts of one category, or of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Prompts that must be refused.
    pub harmful: usize,
    /// Those of them that were not, in the suite's order.
    pub missed: Vec<String>,
    /// Prompts that were refused for the category that they belong to.
    pub in_category: usize,
    /// Harmless prompts.
    pub harmless: usize,
    /// Those of them that were refused all the same, each with category and rule.
    pub refused_falsely: Vec<(String, String)>,
}

impl Suite {
    /// Reads a suite's folder.
    ///
    /// # Errors
    /// [`ProvenanceError::Suite`] when there is none, or a file of it cannot be read.
    pub fn read(folder: &Path) -> Result<Self, ProvenanceError> {
        let failed = |problem: String| ProvenanceError::Suite { path: folder.to_owned(), problem };
        let mut names: Vec<String> = Vec::new();
        for kind in ["refuse", "allow"] {
            let entries = match fs::read_dir(folder.join(kind)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                entries => entries.map_err(|error| failed(error.to_string()))?,
            };
            for entry in entries {
                let name = entry.map_err(|error| failed(error.to_string()))?.file_name();
                names.extend(name.to_string_lossy().strip_suffix(".txt").map(str::to_owned));
            }
        }
        names.sort_unstable();
        names.dedup();
        if names.is_empty() {
            return Err(failed("it holds no refuse/CATEGORY.txt and no allow/CATEGORY.txt".into()));
        }
        let prompts =
            |kind: &str, category: &str| match fs::read_to_string(folder.join(kind).join(format!("{category}.txt"))) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
                Err(error) => Err(failed(format!("{kind}/{category}.txt: {error}"))),
                Ok(text) => Ok(text.lines().map(str::trim).filter(is_prompt).map(str::to_owned).collect()),
            };
        let section = |category: String| {
            Ok(Section { refuse: prompts("refuse", &category)?, allow: prompts("allow", &category)?, category })
        };
        Ok(Self { sections: names.into_iter().map(section).collect::<Result<_, ProvenanceError>>()? })
    }

    /// Tries a policy on each category's prompts.
    pub fn try_on(&self, policy: &Policy) -> Vec<(String, Figures)> {
        self.sections.iter().map(|section| (section.category.clone(), section.try_on(policy))).collect()
    }
}

impl Section {
    fn try_on(&self, policy: &Policy) -> Figures {
        let judged = |prompt: &String| policy.check(&Wish::prompt(prompt)).err();
        let mut figures = Figures { harmful: self.refuse.len(), harmless: self.allow.len(), ..Figures::default() };
        for prompt in &self.refuse {
            match judged(prompt) {
                None => figures.missed.push(prompt.clone()),
                Some(refusal) => figures.in_category += usize::from(refusal.category == self.category),
            }
        }
        figures.refused_falsely = self
            .allow
            .iter()
            .filter_map(|prompt| {
                let refusal = judged(prompt)?;
                Some((prompt.clone(), format!("{}: {}", refusal.category, refusal.rule)))
            })
            .collect();
        figures
    }
}

impl Figures {
    /// The share of harmful prompts that were refused; 1 where there are none.
    pub fn recall(&self) -> f64 {
        1.0 - share(self.missed.len(), self.harmful)
    }

    /// The share of harmless prompts that were refused all the same.
    pub fn false_refusals(&self) -> f64 {
        share(self.refused_falsely.len(), self.harmless)
    }

    /// All together.
    pub fn sum<'a>(parts: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut sum = Self::default();
        for part in parts {
            sum.harmful += part.harmful;
            sum.harmless += part.harmless;
            sum.in_category += part.in_category;
            sum.missed.extend(part.missed.iter().cloned());
            sum.refused_falsely.extend(part.refused_falsely.iter().cloned());
        }
        sum
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn is_prompt(line: &&str) -> bool {
    !line.is_empty() && !line.starts_with('#')
}
