//! Clips, noised and cut into patches: what the transformer sees in one step, and what it should say of it.

use std::ops::Range;

use burn::tensor::{Device, Tensor, TensorData};
use dataset::latents::LatentSample;
use diffusion::noise::normal_numbers;
use models::{
    Tokenizer,
    transformer::{CameraPose, MotionPath, PATCH, TokenGrid},
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::{
    TrainingError,
    semantics::{self, SEMANTIC_FEATURES},
};

/// Noisy packed clips and what the model should say of them.
pub(crate) struct Batch {
    pub(crate) patches: Tensor<2>,
    pub(crate) velocity: Tensor<2>,
    /// 1 for tokens that are to be imagined, 0 for given ones, `[N, 1]`.
    pub(crate) weight: Tensor<2>,
    pub(crate) weight_sum: f32,
    /// What stands where, `[N, SEMANTIC_FEATURES]`, and 1 for tokens of which it is known, `[N, 1]`.
    pub(crate) semantics: Tensor<2>,
    pub(crate) semantics_known: Tensor<2>,
    pub(crate) grids: Vec<TokenGrid>,
    pub(crate) levels: Vec<f32>,
    pub(crate) prompts: Vec<Vec<u32>>,
    pub(crate) cameras: Vec<Option<Vec<CameraPose>>>,
    pub(crate) paths: Vec<MotionPath>,
    /// One name for each path.
    pub(crate) names: Vec<Vec<u32>>,
}

/// One clip on its way into a batch.
pub(crate) struct NoisedClip<'a> {
    pub(crate) sample: &'a LatentSample,
    /// Those of its latent frames that are shown.
    pub(crate) frames: Range<usize>,
    /// One level for each latent frame.
    pub(crate) levels: Vec<f32>,
    pub(crate) caption: &'a str,
    pub(crate) camera: bool,
    /// Names and points of what is told of.
    pub(crate) paths: Vec<(String, Vec<Option<[f32; 2]>>)>,
}

/// Noises clips, cuts them into patches and lays them one after another.
pub(crate) fn batch<'a>(
    clips: impl Iterator<Item = NoisedClip<'a>>,
    (tokenizer, max_tokens): (&Tokenizer, usize),
    (rng, device): (&mut ChaCha8Rng, &Device),
) -> Result<Batch, TrainingError> {
    let seeded: Vec<(NoisedClip<'_>, u64)> = clips.map(|clip| (clip, rng.random())).collect();
    let seeded: Vec<_> = seeded.into_iter().filter_map(|(clip, seed)| Some((clip.grid()?, clip, seed))).collect();
    let width = seeded.first().map_or(0, |(_, clip, _)| clip.sample.shape[0] * PATCH * PATCH);
    let parts: Vec<ClipTokens> = seeded.par_iter().map(|(grid, clip, seed)| clip.tokens(*grid, *seed)).collect();
    let joined = |part: fn(&ClipTokens) -> &Vec<f32>| parts.iter().flat_map(part).copied().collect::<Vec<f32>>();

    let (mut grids, mut prompts, mut cameras) = (Vec::new(), Vec::new(), Vec::new());
    let (mut paths, mut names) = (Vec::new(), Vec::new());
    for (grid, clip, _) in seeded {
        let start = clip.frames.start;
        for (name, points) in clip.paths {
            paths.push(MotionPath { clip: grids.len(), points: points[start.min(points.len())..].to_vec() });
            names.push(tokenizer.encode(&name, max_tokens)?);
        }
        grids.push(grid);
        prompts.push(tokenizer.encode(clip.caption, max_tokens)?);
        // A path counts from the first frame, so a part of it is another path.
        let camera = clip.sample.camera.as_ref().filter(|_| clip.camera && start == 0);
        cameras.push(camera.cloned());
    }
    let levels = joined(|part| &part.levels);
    let tokens = levels.len();
    let weight: Vec<f32> = levels.iter().map(|level| if *level > 0.0 { 1.0 } else { 0.0 }).collect();
    let tensor = |values: Vec<f32>, width: usize| Tensor::from_data(TensorData::new(values, [tokens, width]), device);
    Ok(Batch {
        patches: tensor(joined(|part| &part.patches), width),
        velocity: tensor(joined(|part| &part.velocity), width),
        weight_sum: (weight.iter().sum::<f32>() * width as f32).max(1.0),
        weight: tensor(weight, 1),
        semantics: tensor(joined(|part| &part.semantics), SEMANTIC_FEATURES),
        semantics_known: tensor(joined(|part| &part.semantics_known), 1),
        grids,
        levels,
        prompts,
        cameras,
        paths,
        names,
    })
}

/// One clip's share of a [`Batch`].
#[derive(Default)]
struct ClipTokens {
    patches: Vec<f32>,
    velocity: Vec<f32>,
    levels: Vec<f32>,
    semantics: Vec<f32>,
    semantics_known: Vec<f32>,
}

impl NoisedClip<'_> {
    /// The patches that are shown; none of a size that cannot be cut into patches.
    fn grid(&self) -> Option<TokenGrid> {
        let [_, _, h, w] = self.sample.shape;
        TokenGrid::from_latents(self.frames.len(), h, w)
    }

    fn tokens(&self, grid: TokenGrid, seed: u64) -> ClipTokens {
        let [c, t, h, w] = self.sample.shape;
        let mut tokens = ClipTokens::default();
        let mut noise = normal_numbers(ChaCha8Rng::seed_from_u64(seed));
        for [frame, row, column] in grid.positions() {
            let level = self.levels[frame];
            tokens.levels.push(level);
            for channel in 0..c {
                for offset in 0..PATCH * PATCH {
                    let (y, x) = (row * PATCH + offset / PATCH, column * PATCH + offset % PATCH);
                    let place = ((channel * t + self.frames.start + frame) * h + y) * w + x;
                    let data = self.sample.latents[place].to_f32();
                    let noise = noise.next().unwrap_or_default();
                    tokens.patches.push((1.0 - level) * data + level * noise);
                    tokens.velocity.push(noise - data);
                }
            }
        }
        let before = self.frames.start * grid.rows * grid.columns;
        let targets = semantics::targets(&self.sample.labels, before + grid.len());
        tokens.semantics_known = vec![if targets.is_some() { 1.0 } else { 0.0 }; grid.len()];
        let mut targets = targets.unwrap_or_else(|| vec![0.0; (before + grid.len()) * SEMANTIC_FEATURES]);
        tokens.semantics = targets.split_off(before * SEMANTIC_FEATURES);
        tokens
    }
}
