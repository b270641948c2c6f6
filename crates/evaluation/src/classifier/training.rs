//! How the classifier learns: cross-entropy of the four answers, on encoded renders.

use burn::tensor::{Device, Tensor, TensorData, activation};
use models::{Autoencoder, WeightInit, checkpoint};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use worlds::{CameraMove, Distribution, FilmSettings, Weights};

use super::{
    Classifier, ClassifierConfig, TrainedClassifier,
    examples::{self, Example, Latents},
    fingerprint,
    optimizer::{Optimizer, Step},
};
use crate::{
    EvaluationError, PerQuestion, Phase, Question,
    films::{self, FilmSet},
    progress::{Monitor, report},
};

/// How long and on what a classifier learns.
#[derive(Clone, Debug)]
pub struct ClassifierRecipe {
    /// What it learns from.
    pub sets: Vec<FilmSet>,
    /// How its weights are found.
    pub fit: FitSettings,
}

/// How weights are found for given examples.
#[derive(Clone, Copy, Debug)]
pub struct FitSettings {
    /// Updates.
    pub steps: usize,
    /// Clips of each update.
    pub batch: usize,
    /// The highest learning rate.
    pub learning_rate: f32,
    /// Noise added to the latents, in shares of their standard deviation: generated videos are not quite like renders.
    pub latent_noise: f32,
    /// Decides first weights and order.
    pub seed: u64,
}

impl Default for FitSettings {
    fn default() -> Self {
        Self { steps: 1500, batch: 32, learning_rate: 2e-3, latent_noise: 0.15, seed: 1 }
    }
}

impl ClassifierRecipe {
    /// `films` films: mostly one clear object, every motion and camera move equally often, some of everything else.
    ///
    /// Films of one second and of two, so that motion is known at both speeds; some wide and some tall.
    ///
    /// # Errors
    /// Never, but for sizes that this program does not know.
    pub fn standard(films: usize) -> Result<Self, EvaluationError> {
        let even = Weights::even(CameraMove::ALL);
        let simple = Distribution { cameras: even.clone(), ..Distribution::simple() };
        let full = Distribution { cameras: even, ..Distribution::full() };
        let mut sets = Vec::new();
        let mut first_seed = films::CLASSIFIER_SEED;
        for (distribution, [width, height], per_second, share) in [
            (&simple, [64, 64], 8, 0.5),
            (&simple, [64, 64], 16, 0.25),
            (&full, [64, 64], 8, 0.1),
            (&simple, [112, 64], 8, 0.1),
            (&simple, [64, 112], 8, 0.05),
        ] {
            let count = (films as f64 * share).ceil() as usize;
            let settings = FilmSettings {
                resolution: video::Resolution::new(width, height)?,
                frame_rate: films::frame_rate(per_second)?,
                num_frames: crate::pixels::MAX_FRAMES,
            };
            sets.push(FilmSet { distribution: distribution.clone(), settings, count, first_seed });
            first_seed += count as u64;
        }
        Ok(Self { sets, fit: FitSettings::default() })
    }
}

/// Renders films, and fits a classifier for this autoencoder to them.
///
/// # Errors
/// [`EvaluationError::Interrupted`], and what may go wrong with rendering and encoding.
pub fn train(
    autoencoder: &Autoencoder,
    recipe: &ClassifierRecipe,
    monitor: &mut dyn Monitor,
) -> Result<TrainedClassifier, EvaluationError> {
    let examples = examples::from_films(autoencoder, &recipe.sets, monitor)?;
    if examples.is_empty() {
        return Err(EvaluationError::Settings { reason: "a classifier needs at least one film to learn from".into() });
    }
    let (mean, std) = examples::statistics(&examples);
    let classifier = fit(&examples, &ClassifierConfig::standard(mean, std), &recipe.fit, monitor)?;
    Ok(TrainedClassifier { classifier, encoder: fingerprint(autoencoder) })
}

/// Finds weights that answer for the examples as they say themselves.
///
/// # Errors
/// [`EvaluationError::Interrupted`], and [`EvaluationError::NotFinite`] when learning fails.
pub fn fit(
    examples: &[Example],
    config: &ClassifierConfig,
    settings: &FitSettings,
    monitor: &mut dyn Monitor,
) -> Result<Classifier, EvaluationError> {
    let (device, inner) = (Device::flex().autodiff(), Device::flex());
    let mut model = config.init(&mut WeightInit::new(&device, settings.seed));
    let mut optimizer = Optimizer::default();
    let mut rng = ChaCha8Rng::seed_from_u64(settings.seed);
    for step in 0..settings.steps {
        report(monitor, Phase::Training, step, settings.steps)?;
        let batch = draw(examples, config, settings, &mut rng);
        let clips: Vec<&Latents> = batch.iter().map(|example| &example.latents).collect();
        let logits = model.forward(&clips, &inner);
        let loss = loss(&logits, &batch, &inner);
        if !loss.clone().into_scalar::<f32>().is_finite() {
            return Err(EvaluationError::NotFinite { what: "the classifier's loss" });
        }
        let update = Step {
            learning_rate: settings.learning_rate * schedule(step, settings.steps),
            weight_decay: 0.05,
            clip_norm: 1.0,
            average_decay: 0.99,
        };
        model = optimizer.update(model, loss.backward(), update);
    }
    report(monitor, Phase::Training, settings.steps, settings.steps)?;
    let averaged = optimizer.average(&model);
    let fresh = config.init(&mut WeightInit::new(&inner, settings.seed));
    Ok(checkpoint::put_tensors(fresh, &averaged, std::path::Path::new("averaged weights"), "classifier")?)
}

/// Rises at first, then falls along a cosine.
fn schedule(step: usize, steps: usize) -> f32 {
    let warmup = (steps / 20).max(1) as f32;
    let share = step as f32 / steps as f32;
    ((step as f32 + 1.0) / warmup).min(1.0) * (0.02 + 0.98 * 0.5 * (1.0 + (std::f32::consts::PI * share).cos()))
}

/// Draws examples, adds noise, and puts those of one size side by side.
fn draw(examples: &[Example], config: &ClassifierConfig, settings: &FitSettings, rng: &mut ChaCha8Rng) -> Vec<Example> {
    let mut batch: Vec<Example> =
        (0..settings.batch).map(|_| examples[rng.random_range(0..examples.len())].clone()).collect();
    for Example { latents, .. } in &mut batch {
        let strength = settings.latent_noise * rng.random::<f32>();
        let positions = latents.values.len() / config.input_std.len();
        for (values, std) in latents.values.chunks_exact_mut(positions).zip(&config.input_std) {
            // Uniform noise of the same variance does as well as normal noise, and is quicker to draw.
            let bound = 3.0_f32.sqrt() * strength * std;
            values.iter_mut().for_each(|value| *value += bound * (2.0 * rng.random::<f32>() - 1.0));
        }
    }
    batch.sort_by_key(|example| example.latents.shape);
    batch
}

/// Sum over the questions of the mean cross-entropy.
fn loss(logits: &PerQuestion<Tensor<2>>, batch: &[Example], device: &Device) -> Tensor<1> {
    let losses = Question::ALL.map(|question| {
        let answers = question.num_answers();
        let mut wanted = vec![0.0; batch.len() * answers];
        for (example, row) in batch.iter().zip(wanted.chunks_exact_mut(answers)) {
            row[*example.answers.get(question)] = -1.0 / batch.len() as f32;
        }
        let wanted = Tensor::from_data(TensorData::new(wanted, [batch.len(), answers]), device);
        (activation::log_softmax(logits.get(question).clone(), 1) * wanted).sum()
    });
    let [colour, shape, motion, camera] = losses;
    colour + shape + motion + camera
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Answers, progress::Silent};

    /// Noise in which each answer has a place, a time or a channel of its own.
    fn separable(count: usize) -> Vec<Example> {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let shape = [4, 3, 4, 4];
        let example = |index: usize| {
            let answers =
                Answers::from_fn(|question| (index * (question as usize + 3) + index / 7) % question.num_answers());
            let mut values: Vec<f32> = (0..192).map(|_| 0.05 * rng.random::<f32>()).collect();
            for question in Question::ALL {
                // One channel for each question: 48 places, of which each answer lights four.
                let answer = *answers.get(question);
                values[question as usize * 48 + answer * 4..][..4].fill(2.0);
            }
            Example { latents: Latents { shape, values }, answers }
        };
        (0..count).map(example).collect()
    }

    #[test]
    fn learns_what_is_plain_to_see() {
        let examples = separable(240);
        let (mean, std) = examples::statistics(&examples);
        let settings = FitSettings { steps: 300, learning_rate: 1e-2, latent_noise: 0.02, ..FitSettings::default() };
        let config = ClassifierConfig { width: 32, ..ClassifierConfig::tiny(mean, std) };
        let classifier = fit(&examples, &config, &settings, &mut Silent).unwrap();
        let unseen = separable(300).split_off(240);
        let latents: Vec<_> = unseen.iter().map(|example| example.latents.clone()).collect();
        let expected: Vec<_> = unseen.iter().map(|example| example.answers).collect();
        assert_eq!(classifier.answers(&latents), expected);
    }

    #[test]
    fn stops_when_asked_to() {
        struct Impatient;
        impl Monitor for Impatient {
            fn note(&mut self, _message: &str) {}
            fn step(&mut self, _phase: Phase, done: u64, _total: u64) -> std::ops::ControlFlow<()> {
                if done == 1 { std::ops::ControlFlow::Break(()) } else { std::ops::ControlFlow::Continue(()) }
            }
        }
        let examples = separable(8);
        let config = ClassifierConfig::tiny(vec![0.0; 4], vec![1.0; 4]);
        let stopped = fit(&examples, &config, &FitSettings::default(), &mut Impatient);
        assert!(matches!(stopped, Err(EvaluationError::Interrupted)));
    }

    #[test]
    fn the_standard_recipe_films_what_it_says() {
        let recipe = ClassifierRecipe::standard(40).unwrap();
        assert_eq!(recipe.sets.iter().map(|set| set.count).sum::<usize>(), 40);
        for set in &recipe.sets {
            let film = films::render(&FilmSet { count: 1, ..set.clone() }, 0..1).unwrap().remove(0);
            assert!(!worlds::is_held_out(&film.labels));
            let read = crate::pixels::at_reading_scale(&film.clip).unwrap();
            assert_eq!(read, film.clip.frames(), "training films are rendered as they are read");
        }
    }
}
