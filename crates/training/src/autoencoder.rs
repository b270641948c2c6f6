//! The first stage: pixels to latents and back.
//!
//! Loss:  |x̂ − x| + w₁·(x̂ − x)² + w₂·|∇x̂ − ∇x| + w₃·KL(latents ‖ N(0, 1)), each a mean. Latents are given a little
//! noise before decoding, so that the decoder forgives a transformer that is not exact.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use models::{Autoencoder, WeightInit, autoencoder::Posterior, checkpoint};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde_json::json;

use crate::{
    Monitor, Recipe, StepReport, TrainingError, curves,
    films::{self, TrainingFilm},
    log::Log,
    optimizer::Optimizer,
    recipe::AutoencoderRecipe,
    state,
};

const STAGE: &str = "autoencoder";
/// Films for validation come from seeds that training never uses.
pub const VALIDATION_SEED: u64 = 1 << 48;
const VALIDATION_FILMS: u64 = 8;

/// Trains the autoencoder, or goes on training it, and gives back the one with averaged weights.
///
/// # Errors
/// [`TrainingError`]; after [`TrainingError::Interrupted`] the same call goes on.
pub fn train(recipe: &Recipe, folder: &Path, monitor: &mut dyn Monitor) -> Result<Autoencoder, TrainingError> {
    let stage = &recipe.autoencoder;
    let device = Device::flex().autodiff();
    let fresh = recipe.preset.autoencoder().init(&mut WeightInit::new(&device, recipe.seed));
    std::fs::create_dir_all(folder).map_err(TrainingError::file("create", folder))?;
    let mut optimizer = Optimizer::new(&fresh);
    let mut autoencoder = state::resume(folder, fresh, &mut optimizer)?;
    if optimizer.step < stage.steps {
        let sets = render_sets(recipe, 0, monitor)?;
        let validation = render_sets(recipe, VALIDATION_SEED, monitor)?;
        let mut log = Log::open(&folder.join("log.jsonl"), optimizer.step)?;
        while optimizer.step < stage.steps {
            let step = optimizer.step + 1;
            let mut rng = ChaCha8Rng::seed_from_u64(recipe.seed);
            rng.set_stream(step);
            let (batch, names) = draw_batch(&sets, stage, &mut rng);
            let pixels = films::pixels_from_films(&batch, &device.clone().inner());
            let loss = loss(&autoencoder, pixels, stage, &mut rng);
            let value = loss.clone().into_scalar::<f32>();
            let not_finite = |what| TrainingError::NotFinite {
                what,
                stage: STAGE.into(),
                step,
                batch: names.clone(),
                checkpoint: state::latest_name(folder),
            };
            if !value.is_finite() {
                return Err(not_finite("loss"));
            }
            let gradients = Optimizer::collect(&autoencoder, loss.backward());
            if !gradients.0.is_finite() {
                return Err(not_finite("gradient"));
            }
            let (updated, report) = optimizer.update(autoencoder, gradients, (&stage.optimizer, stage.steps));
            autoencoder = updated;
            log.write(
                "step",
                step,
                json!({ "loss": value, "gradient_norm": report.gradient_norm, "learning_rate": report.learning_rate }),
            )?;
            let last = step == stage.steps;
            if last || step % stage.intervals.validation_steps == 0 {
                let averaged = with_ema(recipe, &optimizer)?;
                let psnr_db = validation_psnr(&averaged, &validation);
                log.write("validation", step, json!({ "psnr_db": psnr_db }))?;
                curves::draw(folder)?;
                monitor.note(&format!("autoencoder step {step}: {psnr_db:.2} dB on films it has not seen"));
            }
            let stop = monitor.step(&StepReport { stage: STAGE, step, steps: stage.steps, loss: value }).is_break();
            if last || stop || step % stage.intervals.checkpoint_steps == 0 {
                state::save(folder, &autoencoder, &optimizer)?;
            }
            if stop {
                return Err(TrainingError::Interrupted { step });
            }
        }
    }
    with_ema(recipe, &optimizer)
}

/// The autoencoder with averaged weights, for use and not for training.
fn with_ema(recipe: &Recipe, optimizer: &Optimizer) -> Result<Autoencoder, TrainingError> {
    let fresh = recipe.preset.autoencoder().init(&mut WeightInit::new(&Device::flex(), recipe.seed));
    Ok(checkpoint::put_tensors(fresh, &optimizer.ema(), Path::new("averaged weights"), "autoencoder")?)
}

/// Renders all sets of films, or small ones for validation.
fn render_sets(
    recipe: &Recipe,
    first_seed: u64,
    monitor: &mut dyn Monitor,
) -> Result<Vec<Vec<TrainingFilm>>, TrainingError> {
    let mut seed = first_seed;
    let mut sets = Vec::new();
    for films in &recipe.autoencoder.films {
        let count = if first_seed == VALIDATION_SEED { VALIDATION_FILMS } else { films.count };
        let mut set = Vec::with_capacity(count as usize);
        // In portions, so that the monitor hears of it and can stop it.
        for start in (0..count).step_by(64) {
            let portion: Result<Vec<_>, _> = (seed + start..seed + count.min(start + 64))
                .into_par_iter()
                .map(|seed| films::film(films, recipe.frame_rate, seed))
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

fn loss(autoencoder: &Autoencoder, pixels: Tensor<5>, stage: &AutoencoderRecipe, rng: &mut ChaCha8Rng) -> Tensor<1> {
    let Posterior { mean, log_variance } = autoencoder.posterior(pixels.clone());
    let shape = mean.dims();
    let noise = |rng: &mut ChaCha8Rng| Tensor::<5>::from_data(gaussian(shape, rng), &pixels.device());
    let extra = rng.random_range(0.0..=stage.latent_noise);
    let latents = mean.clone() + (log_variance.clone() * 0.5).exp() * noise(rng) + noise(rng) * extra;
    let decoded = autoencoder.decode_posterior(latents);
    let difference = decoded - pixels;
    let mut loss = difference.clone().abs().mean() + difference.clone().powi_scalar(2).mean() * stage.squared_weight;
    for axis in [3, 4] {
        let length = difference.dims()[axis] - 1;
        let slope = difference.clone().narrow(axis, 1, length) - difference.clone().narrow(axis, 0, length);
        loss = loss + slope.abs().mean() * stage.gradient_weight;
    }
    let divergence = (mean.powi_scalar(2) + log_variance.clone().exp() - log_variance - 1.0).mean() * 0.5;
    loss + divergence * stage.kl_weight
}

/// Normal numbers, in the order of the shape (Box and Muller 1958).
fn gaussian(shape: [usize; 5], rng: &mut ChaCha8Rng) -> TensorData {
    let count: usize = shape.iter().product();
    let mut values = Vec::with_capacity(count + 1);
    while values.len() < count {
        let radius = (-2.0 * (1.0 - rng.random::<f32>()).ln()).sqrt();
        let (sin, cos) = (std::f32::consts::TAU * rng.random::<f32>()).sin_cos();
        values.extend([radius * cos, radius * sin]);
    }
    values.truncate(count);
    TensorData::new(values, shape)
}

/// Mean over films of the peak signal-to-noise ratio, in dB.
fn validation_psnr(autoencoder: &Autoencoder, sets: &[Vec<TrainingFilm>]) -> f32 {
    let mut total = 0.0;
    let films: Vec<_> = sets.iter().flatten().collect();
    for film in &films {
        let pixels = films::pixels_from_films(&[film], &Device::flex());
        let decoded = autoencoder.decode(autoencoder.encode(pixels.clone())).clamp(-1.0, 1.0);
        let squared_error = (decoded - pixels).powi_scalar(2).mean().into_scalar::<f32>();
        total += -10.0 * (squared_error / 4.0).log10();
    }
    total / films.len() as f32
}
