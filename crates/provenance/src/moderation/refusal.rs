//! Why something is not made.

use std::fmt;

use crate::Language;

/// Why something is not made, for whoever asked for it and for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What the policy calls itself.
    pub policy: String,
    /// What kind of content it is, for logs and programs.
    pub category: String,
    /// Which rule said so, for logs.
    pub rule: String,
    /// Why, for a person, in the prompt's language.
    pub explanation: String,
    /// The language of the explanation.
    pub language: Language,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { policy, category, explanation, .. } = self;
        match self.language {
            Language::English => write!(f, "refused under \"{category}\" of {policy}: {explanation}"),
            Language::Chinese => write!(f, "已拒绝（{policy}，类别“{category}”）：{explanation}"),
        }
    }
}

impl std::error::Error for Refusal {}
