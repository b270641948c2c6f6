//! Encoded films with their answers: what the classifier learns from.

use burn::module::Module;
use models::Autoencoder;
use video::Frame;

use crate::{
    Answers, EvaluationError, Phase,
    films::{self, FilmSet},
    pixels,
    progress::{Monitor, report},
    question::{mirrored, true_answers},
};

/// Films that are rendered and encoded together.
const PORTION: usize = 16;

/// One clip as the encoder sees it: the mean of its posterior, not normalised, in main memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Latents {
    /// `[C, T, H, W]`.
    pub shape: [usize; 4],
    /// Values in the order of the shape.
    pub values: Vec<f32>,
}

/// A clip and what is true of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// The clip.
    pub latents: Latents,
    /// The truth.
    pub answers: Answers,
}

/// Encodes clips; those of one size that stand side by side, together.
///
/// # Errors
/// [`EvaluationError::NotFinite`] when the encoder's weights are unusable.
pub fn encode(autoencoder: &Autoencoder, clips: &[Vec<Frame>]) -> Result<Vec<Latents>, EvaluationError> {
    let device = autoencoder.devices().first().cloned().unwrap_or_default();
    let form = |clip: &Vec<Frame>| (clip.len(), clip[0].resolution());
    let mut encoded = Vec::with_capacity(clips.len());
    for alike in clips.chunk_by(|a, b| form(a) == form(b)) {
        let frames: Vec<&[Frame]> = alike.iter().map(Vec::as_slice).collect();
        let means = autoencoder.posterior(films::batch(&frames, &device)).mean;
        let [_, c, t, h, w] = means.dims();
        let values = means.into_data().try_into_vec::<f32>().unwrap_or_default();
        if values.is_empty() || !values.iter().all(|value| value.is_finite()) {
            return Err(EvaluationError::NotFinite { what: "the encoder's latents" });
        }
        let shape = [c, t, h, w];
        encoded.extend(values.chunks_exact(c * t * h * w).map(|values| Latents { shape, values: values.to_vec() }));
    }
    Ok(encoded)
}

/// Renders and encodes films, each as it is and in a mirror.
///
/// # Errors
/// [`EvaluationError::Interrupted`], and what may go wrong with rendering and encoding.
pub fn from_films(
    autoencoder: &Autoencoder,
    sets: &[FilmSet],
    monitor: &mut dyn Monitor,
) -> Result<Vec<Example>, EvaluationError> {
    let total = sets.iter().map(|set| set.count).sum();
    let mut examples = Vec::with_capacity(2 * total);
    let mut done = 0;
    for set in sets {
        for start in (0..set.count).step_by(PORTION) {
            report(monitor, Phase::TrainingFilms, done, total)?;
            let films = films::render(set, start..set.count.min(start + PORTION))?;
            let mut frames = Vec::with_capacity(2 * films.len());
            let mut answers = Vec::with_capacity(2 * films.len());
            for film in &films {
                let seen = pixels::at_reading_scale(&film.clip)?;
                frames.push(seen.iter().map(pixels::mirror).collect());
                frames.push(seen);
                answers.extend([mirrored(true_answers(&film.labels)), true_answers(&film.labels)]);
            }
            let encoded = encode(autoencoder, &frames)?;
            examples.extend(encoded.into_iter().zip(answers).map(|(latents, answers)| Example { latents, answers }));
            done += films.len();
        }
    }
    report(monitor, Phase::TrainingFilms, total, total)?;
    Ok(examples)
}

/// Mean and standard deviation of each channel.
///
/// # Panics  when there is no example, or their channels differ in number
pub fn statistics(examples: &[Example]) -> (Vec<f32>, Vec<f32>) {
    let [channels, ..] = examples[0].latents.shape;
    let (mut sums, mut squares, mut count) = (vec![0.0_f64; channels], vec![0.0_f64; channels], 0);
    for Example { latents, .. } in examples {
        let positions = latents.values.len() / channels;
        for (channel, values) in latents.values.chunks_exact(positions).enumerate() {
            sums[channel] += values.iter().map(|value| f64::from(*value)).sum::<f64>();
            squares[channel] += values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>();
        }
        count += positions;
    }
    let count = count as f64;
    let mean: Vec<f32> = sums.iter().map(|sum| (sum / count) as f32).collect();
    let variance = squares.iter().zip(&sums).map(|(squares, sum)| squares / count - (sum / count).powi(2));
    (mean, variance.map(|variance| variance.max(1e-8).sqrt() as f32).collect())
}
