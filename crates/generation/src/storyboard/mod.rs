//! Several shots along a time line, in one video.
//!
//! A story is a row of cards. Each card fills a time with what a prompt says, with a picture or another card's frame as its
//! key frame, or with a clip as it came. Where one card leads over into the next, its canvas begins with the frames before
//! as known, and ends with those of a clip that follows.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`file`] | [`StoryFile`], a story as somebody wrote it |
//! | [`words`] | prompts with the things of the story in them |
//! | [`cards`] | [`Story`], checked: every card in its place |
//! | [`shots`] | [`Storyboard`], what is asked of a model for each card |
//! | `make` | one shot after another |

pub mod cards;
pub mod file;
mod make;
pub mod shots;
pub mod words;

pub use cards::{Media, Story};
pub use file::{CardFile, Join, StoryFile};
pub use shots::{Shot, Storyboard};

use crate::GenerationError;

fn wrong(problem: String) -> GenerationError {
    GenerationError::Story { problem }
}
