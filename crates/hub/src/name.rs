//! Names of models, as the hub writes them.

use std::{fmt, str::FromStr};

use crate::HubError;

/// Longest owner or name that the hub takes.
const MAX_PART_LENGTH: usize = 96;
const DEFAULT_REVISION: &str = "main";

/// `owner/name`, or `owner/name@revision` for another branch, tag or commit than `main`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ModelName {
    repository: String,
    revision: String,
}

impl ModelName {
    /// `owner/name`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// Branch, tag or commit.
    pub fn revision(&self) -> &str {
        &self.revision
    }
}

impl FromStr for ModelName {
    type Err = HubError;

    fn from_str(words: &str) -> Result<Self, HubError> {
        let wrong = |reason| HubError::Name { name: words.chars().take(200).collect(), reason };
        let (repository, revision) = words.split_once('@').unwrap_or((words, DEFAULT_REVISION));
        let Some((owner, name)) = repository.split_once('/') else {
            return Err(wrong("there is no / between owner and name"));
        };
        if ![owner, name].iter().all(|part| is_part(part)) {
            return Err(wrong("owner and name are of letters, digits, '-', '_' and '.'"));
        }
        // A revision becomes a path in the cache.
        if !revision.split('/').all(is_part) {
            return Err(wrong("what follows @ is no branch, tag or commit"));
        }
        Ok(Self { repository: repository.into(), revision: revision.into() })
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.repository)?;
        if self.revision != DEFAULT_REVISION {
            write!(formatter, "@{}", self.revision)?;
        }
        Ok(())
    }
}

fn is_part(part: &str) -> bool {
    let is_allowed = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    let is_bordered = |character: char| character.is_ascii_alphanumeric() || character == '_';
    (1..=MAX_PART_LENGTH).contains(&part.len())
        && part.chars().all(is_allowed)
        && part.starts_with(is_bordered)
        && part.ends_with(is_bordered)
        && !part.contains("..")
        && !part.contains("--")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        let name: ModelName = "Wan-AI/Wan2.1-T2V-1.3B-Diffusers".parse().unwrap();
        assert_eq!((name.repository(), name.revision()), ("Wan-AI/Wan2.1-T2V-1.3B-Diffusers", "main"));
        assert_eq!(name.to_string(), "Wan-AI/Wan2.1-T2V-1.3B-Diffusers");
        let name: ModelName = "a/b@refs/pr/2".parse().unwrap();
        assert_eq!(
            (name.repository(), name.revision(), name.to_string().as_str()),
            ("a/b", "refs/pr/2", "a/b@refs/pr/2")
        );
    }

    #[test]
    fn paths_are_no_names() {
        for words in ["nano", "../b", "a/..", "a/b/c", "/b", "a/", "a b/c", "a/b@", "a/b@../../etc", "a--b/c", "ä/b"] {
            let error = words.parse::<ModelName>().unwrap_err().to_string();
            assert!(error.contains("no name of a model"), "{words}: {error}");
        }
    }
}
