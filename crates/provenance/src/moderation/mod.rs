//! What may be asked for: prompts are judged by a policy, pictures by a classifier.
//!
//! A text is read as somebody reads it who is not fooled by look-alike, spaced-out or replaced letters; the policy's terms
//! are found in one pass; rules combine them, so that a word by itself seldom refuses anything.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`moderator`] | [`Moderator`], which judges all of a request |
//! | [`policy`] | [`Policy`], what is refused, with the one that holds by default |
//! | [`refusal`] | [`Refusal`], why something is not made |
//! | [`images`] | [`ImageClassifier`], what judges pictures |
//! | [`command`] | [`CommandClassifier`], another program that does |
//! | [`suite`] | prompts that test a policy, and how well it does |
//! | `file`, `compile` | a policy's file, and what becomes of it |
//! | `reading` | a text in plain letters, in several readings |
//! | `terms`, `matcher`, `rules` | what is looked for, where it stands, and what that means |

pub mod command;
mod compile;
mod file;
pub mod images;
mod matcher;
pub mod moderator;
pub mod policy;
mod reading;
pub mod refusal;
mod rules;
pub mod suite;
mod terms;

pub use command::CommandClassifier;
pub use images::{ImageClassifier, ImageRules, Scores};
pub use moderator::Moderator;
pub use policy::{DEFAULT_POLICY, Policy, Summary, Wish};
pub use refusal::Refusal;
pub use suite::{Figures, Suite};
