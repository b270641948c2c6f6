//! A small network that says what a video shows, so that prompt adherence can be measured.
//!
//! It looks through the autoencoder's encoder, which is frozen, and has learned from rendered worlds only; how often
//! it is right on renders that it has not seen stands beside everything that is measured with it. A classifier
//! belongs to one encoder, of which it keeps the [`fingerprint`].
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`model`] | the network: [`Classifier`] |
//! | [`examples`] | encoded films with their answers |
//! | [`training`] | how it learns |
//! | `optimizer` | AdamW over its weights |
//! | [`weights`] | it on disk, and the one that is built in |

pub mod examples;
pub mod model;
mod optimizer;
pub mod training;
pub mod weights;

use models::{Autoencoder, checkpoint};
use video::Clip;
use worlds::{CameraMove, Daytime, Distribution, Split, Weights};

pub use model::{Classifier, ClassifierConfig};
pub use weights::TrainedClassifier;

use crate::{
    Answers, Confusion, EvaluationError, PerQuestion, Phase, Question,
    films::{self, FilmSet},
    pixels,
    progress::{Monitor, report},
    question::true_answers,
};
use examples::encode;

/// Clips that are read together.
const BATCH: usize = 16;

/// A classifier together with the eyes that it looks through.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    /// What says.
    pub classifier: &'a Classifier,
    /// What sees.
    pub autoencoder: &'a Autoencoder,
}

impl Reader<'_> {
    /// Says what a clip shows.
    ///
    /// # Errors
    /// [`EvaluationError::NotFinite`] when the encoder's weights are unusable.
    pub fn read(&self, clip: &Clip) -> Result<Answers, EvaluationError> {
        let frames = pixels::at_reading_scale(clip)?;
        let latents = encode(self.autoencoder, &[frames])?;
        Ok(self.classifier.answers(&latents)[0])
    }

    /// Reads held-out renders, of which the truth is known, and says how often which answer was taken for which.
    ///
    /// # Errors
    /// [`EvaluationError::Interrupted`], and what may go wrong with rendering.
    pub fn confusions(
        &self,
        set: &FilmSet,
        monitor: &mut dyn Monitor,
    ) -> Result<PerQuestion<Confusion>, EvaluationError> {
        let mut confusions = PerQuestion::from_fn(Confusion::new);
        for start in (0..set.count).step_by(BATCH) {
            report(monitor, Phase::Renders, start, set.count)?;
            let films = films::render(set, start..set.count.min(start + BATCH))?;
            let frames =
                films.iter().map(|film| pixels::at_reading_scale(&film.clip)).collect::<Result<Vec<_>, _>>()?;
            let read = self.classifier.answers(&encode(self.autoencoder, &frames)?);
            for (film, read) in films.iter().zip(read) {
                let truth = true_answers(&film.labels);
                for question in Question::ALL {
                    confusions.get_mut(question).add(*truth.get(question), *read.get(question));
                }
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

/// Tells one encoder from another: BLAKE3 of its weights in 16 bits, so that storing it in 16 bits changes nothing.
pub fn fingerprint(autoencoder: &Autoencoder) -> String {
    let mut hasher = blake3::Hasher::new();
    for (name, data) in checkpoint::named_tensors(autoencoder) {
        if !name.starts_with("encoder.") {
            continue;
        }
        hasher.update(name.as_bytes());
        for value in data.as_slice::<f32>().unwrap_or_default() {
            hasher.update(&half::f16::from_f32(*value).to_le_bytes());
        }
    }
    hasher.finalize().to_hex()[..32].to_owned()
}
