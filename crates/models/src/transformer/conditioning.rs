//! What a latent frame is told beside its prompt's tokens: its noise level and its prompt as a whole.

use std::collections::HashMap;

use burn::{
    module::Module,
    tensor::{Tensor, TensorData},
};
use kernels::Rows;

use super::{TransformerConfig, TransformerInput, tokens::for_each_token};
use crate::{
    WeightInit,
    layers::{Linear, LinearConfig},
};

/// Sines and cosines that stand for a noise level.
const LEVEL_FEATURES: usize = 128;
/// Sines and cosines for each normalised coordinate.
const PLACE_FREQUENCIES: usize = 4;
/// Per token: three coordinates, and the logarithms of the grid's three sides.
const PLACE_FEATURES: usize = 3 * 2 * PLACE_FREQUENCIES + 3;

/// Turns noise level and prompt into one embedding for each distinct (clip, latent frame, level).
#[derive(Module, Debug)]
pub(super) struct Conditioning {
    level_in: Linear,
    level_out: Linear,
    prompt: Linear,
    place: Linear,
}

impl Conditioning {
    pub(super) fn init(config: &TransformerConfig, weights: &mut WeightInit) -> Self {
        let d = config.width;
        Self {
            level_in: LinearConfig::new(LEVEL_FEATURES, d).init(weights),
            level_out: LinearConfig::new(d, d).init(weights),
            prompt: LinearConfig::new(config.text_width, d).init(weights),
            place: LinearConfig::new(PLACE_FEATURES, d).init(weights),
        }
    }

    /// Embeddings `[L, D]`, and for each token which of them is its own.
    pub(super) fn forward(&self, input: &TransformerInput<'_>) -> (Tensor<2>, Rows) {
        let device = input.patches.device();
        let table = LevelTable::collect(input);
        let rows = table.keys.len();
        let features = Tensor::from_data(TensorData::new(table.level_features(), [rows, LEVEL_FEATURES]), &device);
        let level = self.level_out.forward(kernels::silu(self.level_in.forward(features)));

        let pooled = self.prompt.forward(input.prompt_embeds.mean()); // [clips, D]
        let clips = Rows::new(table.keys.iter().map(|key| key.clip));
        let prompt = clips.spread(pooled);
        (level + prompt, Rows::new(table.rows))
    }

    /// Where each token is in its clip, as an embedding `[N, D]` added to the token.
    ///
    /// Coordinates are relative to the clip's sides, so that a place means the same at every size.
    pub(super) fn places(&self, input: &TransformerInput<'_>) -> Tensor<2> {
        let features = for_each_token(input.grids, |grid, position| {
            let sides = [grid.frames, grid.rows, grid.columns];
            let waves = (0..3).flat_map(move |axis| {
                let relative = (position[axis] as f32 + 0.5) / sides[axis] as f32;
                (0..PLACE_FREQUENCIES).flat_map(move |octave| {
                    let angle = relative * std::f32::consts::PI * (1 << octave) as f32;
                    [angle.sin(), angle.cos()]
                })
            });
            waves.chain(sides.map(|side| (side as f32).ln() - 1.5))
        });
        let tokens = features.len() / PLACE_FEATURES;
        let features = TensorData::new(features, [tokens, PLACE_FEATURES]);
        self.place.forward(Tensor::from_data(features, &input.patches.device()))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct LevelKey {
    clip: u32,
    frame: u32,
    level_bits: u32,
}

/// The distinct (clip, latent frame, level) of a batch; few, since most frames have one level.
struct LevelTable {
    keys: Vec<LevelKey>,
    rows: Vec<u32>,
}

impl LevelTable {
    fn collect(input: &TransformerInput<'_>) -> Self {
        let mut seen = HashMap::new();
        let mut table = Self { keys: Vec::new(), rows: Vec::with_capacity(input.levels.len()) };
        let places = input
            .grids
            .iter()
            .enumerate()
            .flat_map(|(clip, grid)| grid.positions().map(move |[frame, ..]| (clip as u32, frame as u32)));
        for ((clip, frame), level) in places.zip(input.levels) {
            let key = LevelKey { clip, frame, level_bits: level.to_bits() };
            let row = *seen.entry(key).or_insert_with(|| {
                table.keys.push(key);
                table.keys.len() as u32 - 1
            });
            table.rows.push(row);
        }
        table
    }

    fn level_features(&self) -> Vec<f32> {
        let half = LEVEL_FEATURES / 2;
        let frequencies: Vec<f32> = (0..half).map(|i| 1000.0 * 10_000f32.powf(-(i as f32) / half as f32)).collect();
        let mut features = Vec::with_capacity(self.keys.len() * LEVEL_FEATURES);
        for key in &self.keys {
            let level = f32::from_bits(key.level_bits);
            features.extend(frequencies.iter().map(|frequency| (level * frequency).cos()));
            features.extend(frequencies.iter().map(|frequency| (level * frequency).sin()));
        }
        features
    }
}
