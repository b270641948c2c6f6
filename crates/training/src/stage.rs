//! The loop that all stages share: step, log, validate, save.
//!
//! A [`Stage`] says what the loss is; the loop says what to do with it. The batch of a step depends on the recipe's seed
//! and the step's number alone, so a resumed run sees the same batches as one that was never stopped.

use std::path::Path;

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use serde_json::{Map, Value, json};

use crate::{
    Monitor, StepReport, TrainingError, curves,
    log::Log,
    optimizer::Optimizer,
    recipe::{IntervalsRecipe, OptimizerRecipe},
    state,
};

/// What the loop needs to know of a stage.
#[derive(Clone, Debug)]
pub struct StageSettings {
    /// Its name.
    pub name: String,
    /// Steps in all.
    pub steps: u64,
    /// How fast to learn.
    pub optimizer: OptimizerRecipe,
    /// When to say and save something.
    pub intervals: IntervalsRecipe,
}

/// The loss of one step.
#[derive(Debug)]
pub struct StepLoss {
    /// What is made smaller.
    pub loss: Tensor<1>,
    /// The number that is told and drawn; it may be a part of `loss`.
    pub reported: f32,
    /// Which samples it was taken over, for the message when it is not a number.
    pub batch: String,
    /// More numbers for the log.
    pub details: Map<String, Value>,
}

/// Something that is trained step by step.
pub trait Stage {
    /// What learns.
    type Model: Module + Sync;

    /// Loss of the step with this number, counted from 1; called for every step in order.
    ///
    /// # Errors
    /// [`TrainingError`] when the batch cannot be made.
    fn loss(&mut self, model: &Self::Model, step: u64) -> Result<StepLoss, TrainingError>;

    /// Measures the model with averaged weights: a sentence for the monitor, and numbers for the log.
    ///
    /// # Errors
    /// [`TrainingError`] when it cannot be measured.
    fn validate(&self, averaged: Self::Model, step: u64, folder: &Path) -> Result<(String, Value), TrainingError>;
}

/// Puts the optimizer's averaged weights into a model, which is then for use and not for training.
///
/// # Errors
/// [`TrainingError::Model`] when the weights do not fit the model.
pub fn averaged<M: Module>(model: &M, optimizer: &Optimizer) -> Result<M, TrainingError> {
    let path = Path::new("averaged weights");
    Ok(models::checkpoint::put_tensors(model.valid(), &optimizer.ema(), path, "model in training")?)
}

/// Where a module's weights are, without the bookkeeping of gradients.
pub(crate) fn device_of(module: &impl Module) -> Device {
    module.devices().into_iter().next().unwrap_or_default().without_autodiff()
}

/// Where a stage begins: at its first step, or at its last checkpoint.
///
/// # Errors
/// [`TrainingError::Checkpoint`] or [`TrainingError::Model`] when the checkpoint does not fit.
pub fn begin<M: Module>(initial: M, folder: &Path) -> Result<(M, Optimizer), TrainingError> {
    std::fs::create_dir_all(folder).map_err(TrainingError::file("create", folder))?;
    let mut optimizer = Optimizer::new(&initial);
    let model = state::resume(folder, initial, &mut optimizer)?;
    Ok((model, optimizer))
}

/// Trains from where [`begin`] left off to the last step.
///
/// # Errors
/// [`TrainingError`]; after [`TrainingError::Interrupted`] the same call goes on.
pub fn train<S: Stage>(
    stage: &mut S,
    settings: &StageSettings,
    (mut model, mut optimizer): (S::Model, Optimizer),
    folder: &Path,
    monitor: &mut dyn Monitor,
) -> Result<Optimizer, TrainingError> {
    let device = device_of(&model);
    let mut log = Log::open(&folder.join("log.jsonl"), optimizer.step)?;
    while optimizer.step < settings.steps {
        let step = optimizer.step + 1;
        let StepLoss { loss, reported, batch, details } = stage.loss(&model, step)?;
        let not_finite = |what| TrainingError::NotFinite {
            what,
            stage: settings.name.clone(),
            step,
            batch: batch.clone(),
            checkpoint: state::latest_name(folder),
        };
        if !loss.clone().into_scalar::<f32>().is_finite() {
            return Err(not_finite("loss"));
        }
        let gradients = kernels::on_workers(&device, || Optimizer::collect(&model, loss.backward()));
        if !gradients.0.is_finite() {
            return Err(not_finite("gradient"));
        }
        let (updated, report) =
            kernels::on_workers(&device, || optimizer.update(model, gradients, (&settings.optimizer, settings.steps)));
        model = updated;
        let mut values = json!({
            "loss": reported,
            "gradient_norm": report.gradient_norm,
            "learning_rate": report.learning_rate,
        });
        if let Value::Object(values) = &mut values {
            values.extend(details);
        }
        log.write("step", step, values)?;

        let last = step == settings.steps;
        if last || step % settings.intervals.validation_steps == 0 {
            let (message, values) = stage.validate(averaged(&model, &optimizer)?, step, folder)?;
            log.write("validation", step, values)?;
            curves::draw(folder)?;
            monitor.note(&format!("{} step {step}: {message}", settings.name));
        }
        let report = StepReport { stage: &settings.name, step, steps: settings.steps, loss: reported };
        let stop = monitor.step(&report).is_break();
        if last || stop || step % settings.intervals.checkpoint_steps == 0 {
            state::save(folder, &model, &optimizer)?;
        }
        if stop {
            return Err(TrainingError::Interrupted { step });
        }
    }
    Ok(optimizer)
}
