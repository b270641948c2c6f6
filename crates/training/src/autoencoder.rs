//! The first stage: pixels to latents and back.
//!
//! Loss:  |x̂ − x| + w₁·(x̂ − x)² + w₂·|∇x̂ − ∇x| + w₃·(1 − SSIM) + w₄·KL(latents ‖ N(0, 1)), each a mean. Latents are
//! given a little noise before decoding, so that the decoder forgives a transformer that is not exact. It begins at the principal
//! components of the films' blocks, or at the weights that it is given.

use std::path::Path;

use burn::{
    module::Module,
    tensor::{Tensor, TensorData},
};
use diffusion::noise::normal_numbers;
use models::{Autoencoder, WeightInit, autoencoder::Posterior};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde_json::{Map, Value, json};
use worlds::Split;

use crate::{
    Monitor, Recipe, Run, StepReport, TrainingError,
    films::{self, FilmSource, TrainingFilm},
    optimizer::Optimizer,
    principal,
    recipe::AutoencoderRecipe,
    stage::{self, Stage, StageSettings, StepLoss, averaged, begin, device_of},
    structure,
};

const STAGE: &str = "autoencoder";
/// Films of each set for validation.
const VALIDATION_FILMS: u64 = 8;

/// Trains the autoencoder, or goes on training it, and gives back the one with averaged weights.
///
/// It begins at `from` when there is one.
///
/// # Errors
/// [`TrainingError`]; after [`TrainingError::Interrupted`] the same call goes on.
pub fn train(run: &Run, from: Option<Autoencoder>, monitor: &mut dyn Monitor) -> Result<Autoencoder, TrainingError> {
    let (recipe, stage) = (&run.recipe, &run.recipe.autoencoder);
    let (device, folder) = (run.device.clone().autodiff(), &run.folder.join(STAGE));
    let begins_anew = from.is_none();
    let fresh = match from {
        Some(autoencoder) => autoencoder.train(),
        None => recipe.preset.autoencoder().init(&mut WeightInit::new(&device, recipe.seed)),
    };
    let (mut autoencoder, mut optimizer) = begin(fresh.clone(), folder)?;
    if optimizer.step < stage.steps {
        let sets = render_sets(recipe, Split::Training, monitor)?;
        if optimizer.step == 0 && begins_anew {
            monitor.note("finding the principal components of the films");
            let path = principal::linear_path(&sets, autoencoder.config().latent_channels, &run.device);
            autoencoder = autoencoder.with_linear_path(&path)?;
            optimizer = Optimizer::new(&autoencoder);
        }
        let settings = StageSettings {
            name: STAGE.into(),
            steps: stage.steps,
            optimizer: stage.optimizer,
            intervals: stage.intervals,
        };
        let mut reconstruction = Reconstruction {
            recipe: stage,
            seed: recipe.seed,
            sets,
            validation: render_sets(recipe, Split::HeldOut, monitor)?,
        };
        optimizer = stage::train(&mut reconstruction, &settings, (autoencoder, optimizer), folder, monitor)?;
    }
    averaged(&fresh, &optimizer)
}

/// The stage: films in memory, and the loss over them.
struct Reconstruction<'a> {
    recipe: &'a AutoencoderRecipe,
    seed: u64,
    sets: Vec<Vec<TrainingFilm>>,
    validation: Vec<Vec<TrainingFilm>>,
}

impl Stage for Reconstruction<'_> {
    type Model = Autoencoder;

    fn loss(&mut self, model: &Autoencoder, step: u64) -> Result<StepLoss, TrainingError> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(step);
        let (films, batch) = draw_batch(&self.sets, self.recipe, &mut rng);
        let pixels = films::pixels_from_films(&films, &device_of(model));
        let encoder_is_frozen = self.recipe.encoder_steps.is_some_and(|steps| step > steps);
        let posterior = if encoder_is_frozen {
            // Not tracked at all: a graph that no backward ever visits stays in memory, step after step.
            model.valid().posterior(pixels.clone())
        } else {
            model.posterior(pixels.clone())
        };
        let loss = loss(model, (posterior, pixels), self.recipe, &mut rng);
        let reported = loss.clone().into_scalar::<f32>();
        Ok(StepLoss { loss, reported, batch, details: Map::new() })
    }

    fn validate(&self, averaged: Autoencoder, _step: u64, _folder: &Path) -> Result<(String, Value), TrainingError> {
        let (psnr_db, ssim) = quality(&averaged, &self.validation);
        let words = format!("{psnr_db:.2} dB and an SSIM of {ssim:.3} on worlds it has not seen");
        Ok((words, json!({ "psnr_db": psnr_db, "ssim": ssim })))
    }
}

/// Renders all sets of films, or small ones for validation.
fn render_sets(
    recipe: &Recipe,
    split: Split,
    monitor: &mut dyn Monitor,
) -> Result<Vec<Vec<TrainingFilm>>, TrainingError> {
    let mut seed = recipe.first_film();
    let mut sets = Vec::new();
    for films in &recipe.autoencoder.films {
        let count = if split == Split::HeldOut { VALIDATION_FILMS } else { films.count };
        let source = FilmSource { films, frame_rate: recipe.frame_rate, split };
        let mut set = Vec::with_capacity(count as usize);
        // In portions, so that the monitor hears of it and can stop it.
        for start in (0..count).step_by(64) {
            let portion: Result<Vec<_>, _> = (seed + start..seed + count.min(start + 64))
                .into_par_iter()
                .map(|seed| films::film(source, seed))
                .collect();
            set.extend(portion?);
            let report = StepReport { stage: "films", step: set.len() as u64, steps: count, loss: 0.0 };
            if monitor.step(&report).is_break() {
                return Err(TrainingError::Interrupted { step: 0 });
            }
        }
        seed += count;
        sets.push(set);
    }
    Ok(sets)
}

/// Draws films of one set, as many as fill a batch, and names them.
fn draw_batch<'a>(
    sets: &'a [Vec<TrainingFilm>],
    stage: &AutoencoderRecipe,
    rng: &mut ChaCha8Rng,
) -> (Vec<&'a TrainingFilm>, String) {
    let index = rng.random_range(0..sets.len());
    let set = &sets[index];
    let voxels = set[0].resolution.pixel_count() * set[0].num_frames;
    let count = (stage.batch_voxels / voxels).max(1);
    let batch: Vec<_> = films::draw(rng, count, set.len()).into_iter().map(|film| &set[film]).collect();
    let seeds: Vec<_> = batch.iter().map(|film| film.seed.to_string()).collect();
    (batch, format!("films set {index}, seeds {}", seeds.join(" ")))
}

fn loss(
    autoencoder: &Autoencoder,
    (Posterior { mean, log_variance }, pixels): (Posterior, Tensor<5>),
    stage: &AutoencoderRecipe,
    rng: &mut ChaCha8Rng,
) -> Tensor<1> {
    let shape = mean.dims();
    let noise = |rng: &mut ChaCha8Rng| Tensor::<5>::from_data(gaussian(shape, rng), &pixels.device());
    let extra = rng.random_range(0.0..=stage.latent_noise);
    let latents = mean.clone() + (log_variance.clone() * 0.5).exp() * noise(rng) + noise(rng) * extra;
    let decoded = autoencoder.decode_posterior(latents);
    let structure = (stage.structure_weight > 0.0).then(|| structure::similarity(decoded.clone(), pixels.clone()));
    let difference = decoded - pixels;
    let mut loss = difference.clone().abs().mean() + difference.clone().powi_scalar(2).mean() * stage.squared_weight;
    for axis in [3, 4] {
        let length = difference.dims()[axis] - 1;
        let slope = difference.clone().narrow(axis, 1, length) - difference.clone().narrow(axis, 0, length);
        loss = loss + slope.abs().mean() * stage.gradient_weight;
    }
    if let Some(structure) = structure {
        loss = loss + (1.0 - structure) * stage.structure_weight;
    }
    let divergence = (mean.powi_scalar(2) + log_variance.clone().exp() - log_variance - 1.0).mean() * 0.5;
    loss + divergence * stage.kl_weight
}

/// Normal numbers, in the order of the shape.
fn gaussian(shape: [usize; 5], rng: &mut ChaCha8Rng) -> TensorData {
    let values: Vec<f32> = normal_numbers(rng).take(shape.iter().product()).collect();
    TensorData::new(values, shape)
}

/// Means over films of the peak signal-to-noise ratio, in dB, and of the structural similarity.
fn quality(autoencoder: &Autoencoder, sets: &[Vec<TrainingFilm>]) -> (f32, f32) {
    let (mut psnr_db, mut ssim) = (0.0, 0.0);
    let films: Vec<_> = sets.iter().flatten().collect();
    let device = device_of(autoencoder);
    for film in &films {
        let pixels = films::pixels_from_films(&[film], &device);
        let decoded = autoencoder.decode(autoencoder.encode(pixels.clone())).clamp(-1.0, 1.0);
        let squared_error = (decoded.clone() - pixels.clone()).powi_scalar(2).mean().into_scalar::<f32>();
        psnr_db += -10.0 * (squared_error / 4.0).log10();
        ssim += structure::similarity(decoded, pixels).into_scalar::<f32>();
    }
    let count = films.len() as f32;
    (psnr_db / count, ssim / count)
}
