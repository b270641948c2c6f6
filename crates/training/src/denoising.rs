//! The later stages: text encoder and transformer learn to denoise cached latents.
//!
//! Each step is a pack of clips and images of different sizes. Loss: the squared error of the velocity, over the
//! tokens that are not given, and beside it how well a middle layer knows what stands where (see
//! [`crate::semantics`]).

use std::{ops::Range, path::Path};

use burn::{
    module::Module,
    tensor::{Tensor, activation::softplus},
};
use dataset::{
    latents::{LatentCache, LatentSample},
    packing::{Packer, PackingSettings},
};
use diffusion::training_levels::TrainingLevels;
use models::{
    Bundle, TextEncoder, Tokenizer, Transformer,
    checkpoint::Precision,
    layers::Linear,
    transformer::{Motions, PATCH, TransformerInput},
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::{
    Monitor, TrainingError,
    batch::{Batch, NoisedClip, batch},
    motion,
    optimizer::Optimizer,
    recipe::StageRecipe,
    samples,
    stage::{self, Stage, StageSettings, StepLoss, begin, device_of},
};

/// Noise levels at which the validation loss is told.
pub const VALIDATION_LEVELS: [f32; 5] = [0.1, 0.3, 0.5, 0.7, 0.9];

/// Latent frames of a film that begins later, at least.
const LEAST_WINDOW: usize = 4;

/// What is trained together: the prompt's reader and the denoiser.
#[derive(Module, Debug)]
pub struct DenoisingModel {
    /// Token ids to embeddings.
    pub text_encoder: TextEncoder,
    /// The denoising network.
    pub transformer: Transformer,
    /// Reads off a middle layer what stands where; used in training only.
    pub semantic_head: Linear,
}

/// What a stage trains on.
#[derive(Debug)]
pub struct StageData<'a> {
    /// Films to learn from.
    pub training: &'a LatentCache,
    /// Films of held-out worlds.
    pub validation: &'a LatentCache,
    /// Captions to ids.
    pub tokenizer: &'a Tokenizer,
    /// The whole model around what is trained.
    pub bundle: &'a Bundle,
    /// The model folder, written anew at every validation, so that there is always one to try.
    pub target: &'a Path,
}

/// Trains one stage, or goes on training it; the optimizer then holds the averaged weights.
///
/// # Errors
/// [`TrainingError`]; after [`TrainingError::Interrupted`] the same call goes on.
pub fn train(
    (recipe, seed): (&StageRecipe, u64),
    data: &StageData<'_>,
    initial: DenoisingModel,
    folder: &Path,
    monitor: &mut dyn Monitor,
) -> Result<Optimizer, TrainingError> {
    let (model, optimizer) = begin(initial, folder)?;
    let mut packer = Packer::new(
        data.training.token_grids(PATCH)?,
        PackingSettings { max_tokens: recipe.max_tokens, look_ahead: 256, seed },
    )?;
    let efficiency = packer.report().efficiency();
    monitor.note(&format!("{}: packs are {:.1} % full", recipe.name, 100.0 * efficiency));
    // The packs that were used before the last checkpoint.
    (0..optimizer.step).for_each(|_| drop(packer.next_pack()));
    let settings = StageSettings {
        name: recipe.name.clone(),
        steps: recipe.steps,
        optimizer: recipe.optimizer,
        intervals: recipe.intervals,
    };
    let mut denoising = Denoising { recipe, seed, data, packer, levels: recipe.levels.clone().init()? };
    stage::train(&mut denoising, &settings, (model, optimizer), folder, monitor)
}

/// The stage: packs of cached latents, and the loss over them.
struct Denoising<'a> {
    recipe: &'a StageRecipe,
    seed: u64,
    data: &'a StageData<'a>,
    packer: Packer,
    levels: TrainingLevels,
}

impl Stage for Denoising<'_> {
    type Model = DenoisingModel;

    fn loss(&mut self, model: &DenoisingModel, step: u64) -> Result<StepLoss, TrainingError> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(step);
        let pack = self.packer.next_pack();
        let samples: Vec<_> = pack.samples.into_iter().filter_map(|index| self.data.training.get(index)).collect();
        let batch = self.batch(&samples, model.text_encoder.config().max_tokens, &mut rng)?;
        let Losses { velocity, semantics } = losses(model, &batch);
        let details = json!({
            "semantic_loss": semantics.clone().into_scalar::<f32>(),
            "clips": samples.len(),
            "tokens": batch.levels.len(),
        });
        Ok(StepLoss {
            reported: velocity.clone().into_scalar::<f32>(),
            loss: velocity + semantics * self.recipe.semantic_weight,
            batch: samples.iter().map(|sample| sample.seed.to_string()).collect::<Vec<_>>().join(" "),
            details: details.as_object().cloned().unwrap_or_default(),
        })
    }

    fn validate(&self, averaged: DenoisingModel, step: u64, folder: &Path) -> Result<(String, Value), TrainingError> {
        let losses = validation_losses(&averaged, self.data, false)?;
        let bundle = Bundle {
            text_encoder: averaged.text_encoder,
            transformer: averaged.transformer,
            ..self.data.bundle.clone()
        };
        bundle.save(self.data.target, Precision::F16)?;
        let by_level: Vec<_> = losses.iter().map(|(level, loss)| format!("{level}: {loss:.4}")).collect();
        if let Some(recipe) = &self.recipe.samples {
            samples::draw(recipe, bundle, folder, step)?;
        }
        Ok((format!("held-out loss by level {}", by_level.join(", ")), json!({ "loss_by_level": losses })))
    }
}

impl Denoising<'_> {
    /// The latent frames of a film that are shown.
    fn window(&self, sample: &LatentSample, rng: &mut ChaCha8Rng) -> Range<usize> {
        let [_, t, _, _] = sample.shape;
        let is_later = t > LEAST_WINDOW && rng.random::<f32>() < self.recipe.later_share;
        if is_later { rng.random_range(1..=t - LEAST_WINDOW)..t } else { 0..t }
    }

    fn batch(
        &self,
        samples: &[&LatentSample],
        max_tokens: usize,
        rng: &mut ChaCha8Rng,
    ) -> Result<Batch, TrainingError> {
        let mut clips = Vec::with_capacity(samples.len());
        for sample in samples {
            let caption = &sample.captions[rng.random_range(0..sample.captions.len())];
            let frames = self.window(sample, rng);
            let [_, _, h, w] = sample.shape;
            let mut levels = self.levels.sample(frames.len(), frames.len() * h * w / (PATCH * PATCH), rng);
            if frames.start > 0 {
                levels[0] = 0.0;
            }
            clips.push(NoisedClip {
                sample,
                levels,
                caption: if rng.random::<f32>() < self.recipe.caption_dropout { "" } else { caption },
                camera: rng.random::<f32>() >= self.recipe.camera_dropout,
                paths: if rng.random::<f32>() < self.recipe.motion_dropout {
                    Vec::new()
                } else {
                    motion::draw_paths(&sample.labels, rng)
                },
                frames,
            });
        }
        let device = device_of(&self.data.bundle.transformer);
        batch(clips.into_iter(), (self.data.tokenizer, max_tokens), (rng, &device))
    }
}

/// Loss at each of [`VALIDATION_LEVELS`], over all held-out films, with the same noise every time, told or not told where the
/// camera goes.
///
/// # Errors
/// [`TrainingError`] when a caption is longer than the text encoder reads.
pub fn validation_losses(
    model: &DenoisingModel,
    data: &StageData<'_>,
    tells_camera: bool,
) -> Result<Vec<(f32, f32)>, TrainingError> {
    let mut by_level = Vec::new();
    for level in VALIDATION_LEVELS {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let clips = data.validation.samples().iter().map(|sample| NoisedClip {
            sample,
            frames: 0..sample.shape[1],
            levels: vec![level; sample.shape[1]],
            caption: sample.captions.get(1).map_or("", String::as_str),
            camera: tells_camera,
            paths: Vec::new(),
        });
        let max_tokens = model.text_encoder.config().max_tokens;
        let batch = batch(clips, (data.tokenizer, max_tokens), (&mut rng, &device_of(model)))?;
        by_level.push((level, losses(model, &batch).velocity.into_scalar::<f32>()));
    }
    Ok(by_level)
}

/// The two things that are learned.
struct Losses {
    velocity: Tensor<1>,
    semantics: Tensor<1>,
}

fn losses(model: &DenoisingModel, batch: &Batch) -> Losses {
    let names = (!batch.names.is_empty()).then(|| model.text_encoder.forward(&batch.names));
    let input = TransformerInput {
        patches: batch.patches.clone(),
        grids: &batch.grids,
        levels: &batch.levels,
        prompt_embeds: &model.text_encoder.forward(&batch.prompts),
        cameras: &batch.cameras,
        motions: names.as_ref().map(|names| Motions { paths: &batch.paths, names }),
    };
    let (predicted, features) = model.transformer.forward_with_features(&input);
    let error = (predicted - batch.velocity.clone()) * batch.weight.clone();
    // Cross-entropy of each share, from its logit: log(1 + eˣ) − x·share.
    let logits = model.semantic_head.forward(features);
    let entropy = softplus(logits.clone(), 1.0) - logits * batch.semantics.clone();
    Losses {
        velocity: error.powi_scalar(2).sum() / batch.weight_sum,
        semantics: (entropy * batch.semantics_known.clone()).mean(),
    }
}
