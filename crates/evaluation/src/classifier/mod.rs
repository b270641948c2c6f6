//! A small network that says what a video shows, so that prompt adherence can be measured.
//!
//! It looks at pixels, so that one classifier serves every model, and has learned from rendered worlds only; how often
//! it is right on renders that it has not seen stands beside everything that is measured with it.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`model`] | the network: [`Classifier`] |
//! | `input`, `flow` | frames as it takes them |
//! | `layers`, `places` | what it is built of |
//! | [`weights`] | it on disk, and the one that is built in |
//! | [`recipe`], [`examples`] | the films that it learns from |
//! | `augment` | the same film in other ways |
//! | [`training`], `optimizer`, `muon` | how it learns |

mod augment;
pub mod examples;
mod flow;
mod input;
mod layers;
pub mod model;
mod muon;
mod optimizer;
mod places;
pub mod recipe;
pub mod training;
pub mod weights;

use worlds::{CameraMove, Daytime, Distribution, Split, Weights};

pub use model::{Classifier, ClassifierConfig};

use crate::{
    Confusion, EvaluationError, PerQuestion, Phase,
    films::{self, FilmSet},
    progress::{Monitor, report},
    question::true_answers,
};

/// Films that are rendered between two reports.
const PORTION: usize = 8;

impl Classifier {
    /// Reads renders, of which the truth is known, and says how often which answer was taken for which.
    ///
    /// # Errors
    /// [`EvaluationError::Interrupted`], and what may go wrong with rendering.
    pub fn confusions(
        &self,
        set: &FilmSet,
        monitor: &mut dyn Monitor,
    ) -> Result<PerQuestion<Confusion>, EvaluationError> {
        let mut confusions = PerQuestion::from_fn(Confusion::new);
        for start in (0..set.count).step_by(PORTION) {
            report(monitor, Phase::Renders, start, set.count)?;
            for film in films::render(set, start..set.count.min(start + PORTION))? {
                confusions.add(true_answers(&film.labels), self.read(film.clip.frames())?);
            }
        }
        report(monitor, Phase::Renders, set.count, set.count)?;
        Ok(confusions)
    }
}

/// The worlds that held-out prompts tell of: one clear object by day, combinations that training never sees.
pub fn held_out_worlds() -> Distribution {
    Distribution {
        daytimes: Weights::new([(Daytime::Morning, 1.0), (Daytime::Noon, 1.0), (Daytime::Sunset, 1.0)]),
        cameras: Weights::new(
            CameraMove::ALL.iter().map(|&camera| (camera, if camera == CameraMove::Still { 3.0 } else { 1.0 })),
        ),
        split: Split::HeldOut,
        ..Distribution::simple()
    }
}
