//! Simulated clips and images, straight from their seeds or as a data set on disk.

use std::{ops::ControlFlow, path::PathBuf};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Serialize;
use video::{Clip, FrameRate, Resolution, VideoError};
use worlds::{Captions, Distribution, FilmSettings, World, WorldsError, render::Renderer};

use crate::{
    DatasetError, Sample, ShardWriter, ShardWriterSettings,
    shards::{Caption, Detail},
};

/// One size and length of clips, and how often it occurs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WorldsBucket {
    /// Size of the pictures.
    pub resolution: Resolution,
    /// Frames of a clip.
    pub num_frames: usize,
    /// Share of the samples, relative to the sum over all buckets.
    pub weight: f32,
}

/// Which clips and images are simulated. Sample `i` depends on this and on `i`, and on nothing else.
#[derive(Clone, Debug, PartialEq)]
pub struct WorldsSource {
    /// Seed of the first sample; each further sample has the next one.
    pub first_seed: u64,
    /// What happens how often; its duration is set to each clip's.
    pub distribution: Distribution,
    /// Sizes and lengths.
    pub buckets: Vec<WorldsBucket>,
    /// Frames per second of every clip.
    pub frame_rate: FrameRate,
    /// Share of images among the samples, 0 to 1; an image is one moment of the clip that would have been.
    pub images_share: f64,
}

impl WorldsSource {
    /// Says whether samples can be made of this.
    ///
    /// # Errors
    /// [`DatasetError::Request`] for weights and shares that make no sense; [`DatasetError::Worlds`] for clips that
    /// are too long and distributions that leave nothing to choose from.
    pub fn check(&self) -> Result<(), DatasetError> {
        if self.buckets.is_empty() {
            return Err(DatasetError::Request("there are no buckets: name at least one size and length".into()));
        }
        if let Some(bucket) = self.buckets.iter().find(|bucket| !bucket.weight.is_finite() || bucket.weight <= 0.0) {
            return Err(DatasetError::Request(format!(
                "the bucket {} × {} frames has weight {}; a weight is above 0",
                bucket.resolution, bucket.num_frames, bucket.weight
            )));
        }
        if !(0.0..=1.0).contains(&self.images_share) {
            return Err(DatasetError::Request(format!(
                "the share of images is {}; it lies between 0 and 1",
                self.images_share
            )));
        }
        for bucket in &self.buckets {
            self.film_settings(bucket).check()?;
            World::try_sample(&self.distribution_for(bucket), self.first_seed)?;
        }
        Ok(())
    }

    /// Simulates and draws one sample.
    ///
    /// # Errors
    /// [`DatasetError::Worlds`] and [`DatasetError::Video`] where [`WorldsSource::check`] would have found them.
    pub fn sample(&self, index: u64) -> Result<Sample, DatasetError> {
        let seed = self.first_seed.wrapping_add(index);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(u64::from_le_bytes(*b"buckets\0")); // apart from what the world draws from its seed
        let total: f32 = self.buckets.iter().map(|bucket| bucket.weight).sum();
        let mut left = rng.random_range(0.0..1.0_f32) * total;
        let chosen = self.buckets.iter().find(|bucket| {
            left -= bucket.weight;
            left < 0.0
        });
        let bucket = chosen.or(self.buckets.last()).ok_or(VideoError::NoFrames)?;
        let is_image = rng.random_bool(self.images_share.clamp(0.0, 1.0));

        let settings = self.film_settings(bucket);
        settings.check()?;
        let world = World::try_sample(&self.distribution_for(bucket), seed)?;
        let mut moments = world.moments(settings);
        let clip = if is_image {
            let renderer = Renderer::new(world.stage());
            let moment = moments.swap_remove(rng.random_range(0..moments.len()));
            let frame = renderer.draw_frame(&moment, bucket.resolution);
            moments = vec![moment];
            Clip::new(vec![frame], self.frame_rate)?
        } else {
            Clip::new(world.frames(settings), self.frame_rate)?
        };
        let labels = serde_json::to_value(world.labels())
            .map_err(|error| DatasetError::Sample { sample: format!("with seed {seed}"), reason: error.to_string() })?;
        let camera = moments.iter().map(|moment| moment.camera).collect();
        Ok(Sample { clip, captions: captions(world.captions()), labels, seed: Some(seed), camera: Some(camera) })
    }

    fn film_settings(&self, bucket: &WorldsBucket) -> FilmSettings {
        FilmSettings { resolution: bucket.resolution, frame_rate: self.frame_rate, num_frames: bucket.num_frames }
    }

    fn distribution_for(&self, bucket: &WorldsBucket) -> Distribution {
        let duration_secs = bucket.num_frames as f64 * self.frame_rate.frame_duration_secs();
        self.distribution.clone().with_duration_secs(duration_secs as f32)
    }

    /// All that decides what the samples are, as text.
    fn recipe(&self) -> serde_json::Value {
        let bucket = |bucket: &WorldsBucket| {
            serde_json::json!({
                "resolution": bucket.resolution.to_string(),
                "num_frames": bucket.num_frames,
                "weight": bucket.weight,
            })
        };
        serde_json::json!({
            "source": "worlds",
            "first_seed": self.first_seed,
            "distribution": self.distribution,
            "buckets": self.buckets.iter().map(bucket).collect::<Vec<_>>(),
            "frame_rate": self.frame_rate.to_string(),
            "images_share": self.images_share,
        })
    }
}

/// A data set of simulated samples that is to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct WorldsDatasetRequest {
    /// The data set's folder; one that was begun with the same source is continued.
    pub output: PathBuf,
    /// Samples that the data set has in the end.
    pub count: u64,
    /// What they are.
    pub source: WorldsSource,
    /// A shard is finished when it has grown to this many bytes.
    pub max_shard_bytes: u64,
}

/// How far a data set is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct WorldsDatasetProgress {
    /// Samples written so far, those of earlier runs among them.
    pub done: u64,
    /// Samples in the end.
    pub count: u64,
}

/// What has been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct WorldsDatasetSummary {
    /// Samples that were there already.
    pub resumed_from: u64,
    /// Samples that are there now.
    pub samples: u64,
    /// Shards that are there now.
    pub shards: usize,
    /// All samples are there; otherwise `progress` said to stop.
    pub complete: bool,
}

/// Simulates on all cores and writes shards, after the last whole shard of an earlier run.
///
/// When `progress` says [`ControlFlow::Break`], the current shard is finished and the rest left for another run.
///
/// # Errors
/// Those of [`WorldsSource::check`] and [`ShardWriter`]; [`DatasetError::Request`] for a count of 0.
pub fn build(
    request: &WorldsDatasetRequest,
    progress: &mut dyn FnMut(WorldsDatasetProgress) -> ControlFlow<()>,
) -> Result<WorldsDatasetSummary, DatasetError> {
    let WorldsDatasetRequest { output, count, source, max_shard_bytes } = request;
    if *count == 0 {
        return Err(DatasetError::Request("a data set of 0 samples is none: ask for at least 1".into()));
    }
    source.check()?;
    let mut writer = ShardWriter::open(ShardWriterSettings {
        folder: output.clone(),
        max_shard_bytes: *max_shard_bytes,
        recipe: source.recipe(),
    })?;
    let resumed_from = writer.num_samples() as u64;
    // Enough at once that no core waits long for the slowest sample.
    let batch = 4 * rayon::current_num_threads() as u64;
    let render = |from: u64| -> Result<Vec<Sample>, DatasetError> {
        (from..count.min(&from.saturating_add(batch)).to_owned()).into_par_iter().map(|i| source.sample(i)).collect()
    };

    let mut next = render(resumed_from)?;
    while !next.is_empty() {
        let samples = std::mem::take(&mut next);
        let from = writer.num_samples() as u64 + samples.len() as u64;
        // The next samples are drawn while these are written.
        let mut write = || samples.iter().try_for_each(|sample| writer.append(sample));
        let (written, rendered) = rayon::join(&mut write, || render(from));
        written?;
        if progress(WorldsDatasetProgress { done: from, count: *count }).is_break() {
            writer.finish_shard()?;
            break;
        }
        next = rendered?;
    }
    let samples = writer.num_samples() as u64;
    let complete = samples >= *count;
    let shards = if complete { writer.finish()?.shards.len() } else { writer.num_shards() };
    Ok(WorldsDatasetSummary { resumed_from, samples, shards, complete })
}

fn captions(captions: Captions) -> Vec<Caption> {
    let Captions { short_en, detailed_en, short_zh, detailed_zh } = captions;
    let caption = |language: &str, detail, text| Caption { language: language.into(), detail, text };
    vec![
        caption("en", Detail::Short, short_en),
        caption("en", Detail::Detailed, detailed_en),
        caption("zh", Detail::Short, short_zh),
        caption("zh", Detail::Detailed, detailed_zh),
    ]
}

impl From<WorldsError> for DatasetError {
    fn from(error: WorldsError) -> Self {
        match error {
            WorldsError::Video(error) => Self::Video(error),
            other => Self::Worlds(other),
        }
    }
}
