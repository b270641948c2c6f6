//! Simulated films, encoded and cached, so that the transformer's cores do nothing else.

use std::path::Path;

use dataset::latents::{
    AutoencoderFingerprint, LatentCache, LatentCacheSettings, LatentSample, LatentWriter, LatentWriterSettings,
};
use half::f16;
use models::{Autoencoder, autoencoder::TEMPORAL_FACTOR, checkpoint};
use rayon::prelude::*;
use worlds::Split;

use crate::{
    Monitor, Recipe, StepReport, TrainingError,
    films::{self, FilmSource, TrainingFilm},
    recipe::FilmsRecipe,
    stage::device_of,
};

/// Films that are rendered, encoded and written together.
const PORTION: u64 = 64;
/// Films from which the latents' mean and standard deviation are taken.
const STATISTICS_FILMS: u64 = 192;
/// Samples in one file of the cache: what is lost at most when a run is killed.
const SAMPLES_PER_FILE: u64 = 512;
/// Larger than any file of so many samples.
const MAX_FILE_BYTES: u64 = 1 << 30;
/// Memory that the latents of one stage may take.
pub(crate) const MEMORY_BUDGET_BYTES: u64 = 12 << 30;

/// Measures the latents over the first stage's films: the mean of each channel, and one standard deviation for all.
///
/// One for all, because channels that matter less to the picture vary less, and should weigh less in the loss.
///
/// # Errors
/// [`TrainingError`] when the films cannot be made.
pub fn with_statistics(autoencoder: Autoencoder, recipe: &Recipe) -> Result<Autoencoder, TrainingError> {
    let channels = autoencoder.config().latent_channels;
    let autoencoder = autoencoder.with_latent_statistics(vec![0.0; channels], vec![1.0; channels]);
    let Some(stage) = recipe.stages.first() else { return Ok(autoencoder) };
    let (mut sum, mut squares, mut count) = (vec![0.0; channels], vec![0.0; channels], 0.0);
    for films in &stage.films {
        let share = (STATISTICS_FILMS / stage.films.len() as u64).clamp(1, films.count);
        let source = FilmSource { films, frame_rate: recipe.frame_rate, split: Split::Training };
        for film in render(source, 0..share)? {
            let latents = encode(&autoencoder, &film).0;
            let positions = latents.len() / channels;
            for (channel, values) in latents.chunks_exact(positions).enumerate() {
                sum[channel] += values.iter().map(|value| f64::from(*value)).sum::<f64>();
                squares[channel] += values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>();
            }
            count += positions as f64;
        }
    }
    let mean: Vec<f64> = sum.iter().map(|sum| sum / count).collect();
    let variance: f64 = squares.iter().zip(&mean).map(|(squares, mean)| squares / count - mean * mean).sum();
    let std = (variance / channels as f64).max(1e-8).sqrt() as f32;
    Ok(autoencoder.with_latent_statistics(mean.iter().map(|mean| *mean as f32).collect(), vec![std; channels]))
}

/// What is to be cached.
#[derive(Clone, Copy, Debug)]
pub struct CacheRequest<'a> {
    /// Sets of films, one after another.
    pub sets: &'a [FilmsRecipe],
    /// Frames per second.
    pub frame_rate: u32,
    /// Worlds for training, or those held out from it.
    pub split: Split,
    /// Seed of the first film; each film has the next one.
    pub first_seed: u64,
}

/// Renders, encodes and caches all films of a stage that are not there yet, and reads the cache.
///
/// Each thread takes films from first to last, so the autoencoder is best on the CPU.
///
/// # Errors
/// [`TrainingError`] when films cannot be made or the cache cannot be written or read.
pub fn cache(
    autoencoder: &Autoencoder,
    request: CacheRequest<'_>,
    folder: &Path,
    monitor: &mut dyn Monitor,
) -> Result<LatentCache, TrainingError> {
    let CacheRequest { sets, frame_rate, split, first_seed } = request;
    let fingerprint = fingerprint(autoencoder);
    let settings =
        LatentWriterSettings { folder: folder.into(), autoencoder: fingerprint, max_file_bytes: MAX_FILE_BYTES };
    let mut writer = LatentWriter::open(settings)?;
    let total: u64 = sets.iter().map(|films| films.count).sum();
    let mut set_start = 0;
    for films in sets {
        let set_end = set_start + films.count;
        let source = FilmSource { films, frame_rate, split };
        while writer.num_samples() < set_end {
            let done = writer.num_samples();
            let end = set_end.min(done + PORTION);
            // Equal worlds in differently sized sets would be a waste: every sample has a seed of its own.
            let seeds = (first_seed + done..first_seed + end).into_par_iter();
            let samples = seeds.map(|seed| Ok(sample(autoencoder, &films::film(source, seed)?)));
            for sample in samples.collect::<Result<Vec<_>, TrainingError>>()? {
                writer.append(&sample)?;
            }
            let stop = monitor.step(&StepReport { stage: "latents", step: end, steps: total, loss: 0.0 }).is_break();
            if stop || end == set_end || end / SAMPLES_PER_FILE > done / SAMPLES_PER_FILE {
                writer.finish_file()?;
            }
            if stop {
                return Err(TrainingError::Interrupted { step: 0 });
            }
        }
        set_start = set_end;
    }
    writer.finish()?;
    Ok(LatentCache::open(LatentCacheSettings {
        folder: folder.into(),
        autoencoder: fingerprint,
        on_damage: dataset::OnDamage::Refuse,
        memory_budget_bytes: MEMORY_BUDGET_BYTES,
    })?)
}

fn render(source: FilmSource<'_>, seeds: std::ops::Range<u64>) -> Result<Vec<TrainingFilm>, TrainingError> {
    seeds.into_par_iter().map(|seed| films::film(source, seed)).collect()
}

/// A film's latents and their shape, `[C, T, H, W]`.
fn encode(autoencoder: &Autoencoder, film: &TrainingFilm) -> (Vec<f32>, [usize; 4]) {
    let latents = autoencoder.encode(films::pixels_from_films(&[film], &device_of(autoencoder)));
    let [_, c, t, h, w] = latents.dims();
    (latents.into_data().try_into_vec().unwrap_or_default(), [c, t, h, w])
}

fn sample(autoencoder: &Autoencoder, film: &TrainingFilm) -> LatentSample {
    let (values, shape) = encode(autoencoder, film);
    let captions = &film.captions;
    LatentSample {
        latents: values.into_iter().map(f16::from_f32).collect(),
        shape,
        captions: [&captions.short_en, &captions.detailed_en, &captions.short_zh, &captions.detailed_zh]
            .map(Clone::clone)
            .to_vec(),
        // A latent frame ends with the frame that is 4 after the last one's end.
        camera: Some((0..shape[1]).map(|frame| film.camera[frame * TEMPORAL_FACTOR]).collect()),
        seed: film.seed,
        labels: film.labels.clone(),
    }
}

/// Tells latents of one encoder from those of another; the decoder may learn on.
fn fingerprint(autoencoder: &Autoencoder) -> AutoencoderFingerprint {
    let mut tensors = checkpoint::named_tensors(autoencoder);
    tensors.retain(|name, _| name.starts_with("encoder."));
    let config = serde_json::to_vec(autoencoder.config()).unwrap_or_default();
    let parts = tensors.values().filter_map(|data| data.as_slice::<f32>().ok()).map(bytemuck::cast_slice);
    let parts: Vec<&[u8]> = std::iter::once(config.as_slice()).chain(parts).collect();
    AutoencoderFingerprint::of(&parts)
}
