//! How the classifier learns: cross-entropy of the four answers, on rendered films that are varied every time.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData, activation};
use models::{
    WeightInit,
    checkpoint::{self, NamedTensors, Precision},
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use video::Frame;

use super::{
    Classifier, ClassifierConfig,
    augment::varied,
    examples::Example,
    optimizer::{Optimizer, Step},
};
use crate::{EvaluationError, KnownAnswers, PerQuestion, Question};

/// What a stopped run goes on from.
const STATE: &str = "training.safetensors";
/// Steps until the learning rate is at its highest.
const WARMUP: f32 = 60.0;
/// The tensor of that file that holds the number of steps done.
const STEPS_DONE: &str = "steps";

/// How weights are found for given examples.
#[derive(Clone, Copy, Debug)]
pub struct FitSettings {
    /// Updates.
    pub steps: usize,
    /// Clips of each update.
    pub batch: usize,
    /// The highest learning rate.
    pub learning_rate: f32,
    /// Decides first weights and order.
    pub seed: u64,
}

impl Default for FitSettings {
    fn default() -> Self {
        Self { steps: 3000, batch: 16, learning_rate: 1.5e-3, seed: 1 }
    }
}

/// A classifier that learns.
#[derive(Debug)]
pub struct Training {
    settings: FitSettings,
    model: Classifier,
    optimizer: Optimizer,
    steps_done: usize,
}

impl Training {
    /// Begins with fresh weights.
    pub fn new(config: &ClassifierConfig, settings: FitSettings) -> Self {
        let model = config.init(&mut WeightInit::new(&Device::flex().autodiff(), settings.seed));
        Self { settings, optimizer: Optimizer::new(&model), model, steps_done: 0 }
    }

    /// Goes on where [`Self::save`] wrote into `folder`, or begins when there is nothing.
    ///
    /// # Errors
    /// [`EvaluationError::File`], [`EvaluationError::Model`] or [`EvaluationError::Classifier`] that names the file
    /// when it is not of such a run.
    pub fn resume(config: &ClassifierConfig, settings: FitSettings, folder: &Path) -> Result<Self, EvaluationError> {
        let path = folder.join(STATE);
        let mut fresh = Self::new(config, settings);
        if !path.exists() {
            return Ok(fresh);
        }
        let wrong = |reason: String| EvaluationError::Classifier { path: path.clone(), reason };
        let bytes = std::fs::read(&path).map_err(|source| EvaluationError::File {
            action: "read",
            path: path.clone(),
            source,
        })?;
        let mut state = checkpoint::read_tensors(&bytes, &path)?;
        let done = state.remove(STEPS_DONE).and_then(|data| data.as_slice::<f32>().ok()?.first().copied());
        let steps_done = done.ok_or_else(|| wrong(format!("{STEPS_DONE} is missing")))? as usize;
        fresh.optimizer.restore(&state).map_err(wrong)?;
        let named = state.into_iter();
        let weights: NamedTensors =
            named.filter_map(|(name, data)| Some((name.strip_prefix("weights.")?.to_owned(), data))).collect();
        let model = checkpoint::put_tensors(fresh.model, &weights, &path, "classifier")?;
        Ok(Self { model, steps_done, ..fresh })
    }

    /// Writes what going on needs, whole or not at all.
    ///
    /// # Errors
    /// [`EvaluationError::Model`] when the file cannot be written.
    pub fn save(&self, folder: &Path) -> Result<(), EvaluationError> {
        let mut state = self.optimizer.state();
        let weights = checkpoint::named_tensors(&self.model).into_iter();
        state.extend(weights.map(|(name, data)| (format!("weights.{name}"), data)));
        state.insert(STEPS_DONE.to_owned(), TensorData::new(vec![self.steps_done as f32], [1]));
        Ok(checkpoint::save_tensors(&state, &folder.join(STATE), Precision::F32)?)
    }

    /// Updates done so far.
    pub const fn steps_done(&self) -> usize {
        self.steps_done
    }

    /// Whether no update is left.
    pub const fn is_done(&self) -> bool {
        self.steps_done >= self.settings.steps
    }

    /// One update on examples that are drawn by the step's number, so that a run that was stopped draws the same.
    /// Tells the loss.
    ///
    /// # Errors
    /// [`EvaluationError::Settings`] for no example, [`EvaluationError::NotFinite`] when learning fails.
    pub fn step(&mut self, examples: &[Example]) -> Result<f32, EvaluationError> {
        if examples.is_empty() {
            return Err(EvaluationError::Settings { reason: "a classifier needs a film to learn from".into() });
        }
        let FitSettings { steps, batch, learning_rate, seed } = self.settings;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(self.steps_done as u64);
        let mut drawn: Vec<_> =
            (0..batch).map(|_| varied(&examples[rng.random_range(0..examples.len())], &mut rng)).collect();
        // Clips of one size go through the convolutions together.
        drawn
            .sort_by_key(|(frames, _)| (frames.len(), frames[0].resolution().width(), frames[0].resolution().height()));
        let (clips, answers): (Vec<_>, Vec<_>) = drawn.into_iter().unzip();
        let clips: Vec<&[Frame]> = clips.iter().map(Vec::as_slice).collect();

        let device = Device::flex();
        let loss = loss(&self.model.forward(&clips, &device), &answers, &device);
        let value = loss.clone().into_scalar::<f32>();
        if !value.is_finite() {
            return Err(EvaluationError::NotFinite { what: "the classifier's loss" });
        }
        let update = Step {
            number: self.steps_done as u64 + 1,
            learning_rate: learning_rate * schedule(self.steps_done, steps),
            weight_decay: 0.05,
            clip_norm: 1.0,
            average_decay: 0.99,
        };
        self.model = self.optimizer.update(self.model.clone(), loss.backward(), update);
        self.steps_done += 1;
        Ok(value)
    }

    /// The classifier as it is by now: the moving average of its weights.
    ///
    /// # Errors
    /// [`EvaluationError::Model`] when the weights are not finite.
    pub fn classifier(&self) -> Result<Classifier, EvaluationError> {
        let fresh = self.model.config().init(&mut WeightInit::new(&Device::flex(), self.settings.seed));
        Ok(checkpoint::put_tensors(fresh, &self.optimizer.average(), Path::new("averaged weights"), "classifier")?)
    }
}

/// Rises at first, stays, and falls along a line in the last two fifths, so that a run can go on longer than was meant.
fn schedule(step: usize, steps: usize) -> f32 {
    let rise = (step + 1) as f32 / WARMUP;
    let fall = (steps.saturating_sub(step)) as f32 / (0.4 * steps as f32);
    rise.min(1.0).min(fall)
}

/// Sum over the questions of the mean cross-entropy of what is known.
fn loss(logits: &PerQuestion<Tensor<2>>, batch: &[KnownAnswers], device: &Device) -> Tensor<1> {
    let losses = Question::ALL.map(|question| {
        let answers = question.num_answers();
        let mut wanted = vec![0.0; batch.len() * answers];
        for (known, row) in batch.iter().zip(wanted.chunks_exact_mut(answers)) {
            if let Some(answer) = *known.get(question) {
                row[answer] = -1.0 / batch.len() as f32;
            }
        }
        let wanted = Tensor::from_data(TensorData::new(wanted, [batch.len(), answers]), device);
        (activation::log_softmax(logits.get(question).clone(), 1) * wanted).sum()
    });
    let [colour, shape, motion, camera] = losses;
    colour + shape + motion + camera
}

#[cfg(test)]
mod tests {
    use video::Resolution;

    use super::*;
    use crate::Answers;

    /// Grey films in which the answer to each question is the brightness of a band of its own.
    fn separable(count: usize) -> Vec<Example> {
        let size = Resolution::new(32, 32).unwrap();
        let example = |index: usize| {
            let mut answers =
                Answers::from_fn(|question| (index * (question as usize + 3) + index / 7) % question.num_answers());
            // Camera moves change in a mirror; this one does not.
            answers.camera = 0;
            let mut frame = Frame::filled(size, [0; 3]);
            for (pixel, rgb) in frame.rgb_mut().chunks_exact_mut(3).enumerate() {
                let question = Question::ALL[pixel / 32 / 8];
                rgb.fill((20 + 220 * answers.get(question) / question.num_answers()) as u8);
            }
            Example { frames: vec![frame; 5], answers }
        };
        (0..count).map(example).collect()
    }

    fn config() -> ClassifierConfig {
        ClassifierConfig { width: 32, ..ClassifierConfig::tiny() }
    }

    #[test]
    fn learns_what_is_plain_to_see() {
        let examples = separable(240);
        let settings = FitSettings { steps: 400, batch: 32, learning_rate: 1e-2, ..FitSettings::default() };
        let mut training = Training::new(&config(), settings);
        while !training.is_done() {
            training.step(&examples[..200]).unwrap();
        }
        let classifier = training.classifier().unwrap();
        let unseen = &examples[200..];
        let clips: Vec<&[Frame]> = unseen.iter().map(|example| &*example.frames).collect();
        let read = classifier.answers(&clips);
        for question in Question::ALL {
            let right = read.iter().zip(unseen).filter(|(r, e)| r.get(question) == e.answers.get(question)).count();
            assert!(right * 10 >= unseen.len() * 9, "{question:?}: {right} of {}", unseen.len());
        }
    }

    #[test]
    fn a_run_that_was_stopped_goes_on_as_if_it_had_not() {
        let folder = tempfile::tempdir().unwrap();
        let examples = separable(8);
        let settings = FitSettings { steps: 4, batch: 4, ..FitSettings::default() };
        let weights = |training: &Training| checkpoint::named_tensors(&training.classifier().unwrap());
        let mut whole = Training::resume(&config(), settings, folder.path()).unwrap();
        for step in 0..4 {
            if step == 2 {
                whole.save(folder.path()).unwrap();
            }
            whole.step(&examples).unwrap();
        }
        let mut resumed = Training::resume(&config(), settings, folder.path()).unwrap();
        assert_eq!(resumed.steps_done(), 2);
        while !resumed.is_done() {
            resumed.step(&examples).unwrap();
        }
        assert_eq!(weights(&resumed), weights(&whole));
        let other = Training::resume(&ClassifierConfig::tiny(), settings, folder.path());
        assert!(other.unwrap_err().to_string().contains(STATE));
    }

    #[test]
    fn no_films_and_no_numbers_are_refused() {
        let mut training = Training::new(&config(), FitSettings::default());
        assert!(matches!(training.step(&[]), Err(EvaluationError::Settings { .. })));
        let settings = FitSettings { learning_rate: f32::INFINITY, batch: 2, ..FitSettings::default() };
        let mut training = Training::new(&config(), settings);
        let failed = (0..3).map(|_| training.step(&separable(2))).find(Result::is_err);
        assert!(matches!(failed, Some(Err(EvaluationError::NotFinite { .. }))));
    }
}
