//! Where things are asked to be: paths over the picture, as something that is added to the tokens near them.

use burn::{
    module::{Module, Param},
    tensor::{Tensor, TensorData},
};

use super::{TokenGrid, TransformerConfig};
use crate::{WeightInit, text::PromptEmbeds};

/// Distance in tokens within which a token is close to a point.
const CLOSE: f32 = 0.75;
/// The same for a wider neighbourhood, as a share of the grid's shorter side.
const AROUND: f32 = 0.2;
/// Per token: how close a point is, and which way, both closely and around.
const PLACE_FEATURES: usize = 6;

/// The way of one thing through a clip.
#[derive(Clone, Debug, PartialEq)]
pub struct MotionPath {
    /// Position of the clip among those of the input.
    pub clip: usize,
    /// Its centre at each latent frame, as a share of the width from the left and of the height from the top; `None`
    /// where it may be anywhere.
    pub points: Vec<Option<[f32; 2]>>,
}

/// Paths, and what takes them.
#[derive(Clone, Copy, Debug)]
pub struct Motions<'a> {
    /// Paths of any of the clips.
    pub paths: &'a [MotionPath],
    /// One name for each path, embedded as prompts are.
    pub names: &'a PromptEmbeds,
}

/// Turns paths into an embedding for each token.
#[derive(Module, Debug)]
pub(super) struct MotionConditioning {
    /// `[text_width, D]`: the name of what is close.
    close: Param<Tensor<2>>,
    /// `[text_width, D]`: the name of what is around.
    around: Param<Tensor<2>>,
    /// `[PLACE_FEATURES, D]`.
    place: Param<Tensor<2>>,
    /// `[D, D]`.
    out: Param<Tensor<2>>,
}

impl MotionConditioning {
    /// Fresh weights; the embedding is zero until they have learned.
    pub(super) fn init(config: &TransformerConfig, weights: &mut WeightInit) -> Self {
        let (text_width, d) = (config.text_width, config.width);
        Self {
            close: weights.scaled([text_width, d], text_width),
            around: weights.scaled([text_width, d], text_width),
            place: weights.scaled([PLACE_FEATURES, d], PLACE_FEATURES),
            out: weights.zeros([d, d]),
        }
    }

    /// `[N, D]`, zero for tokens that are far from every path.
    ///
    /// # Panics  when there is not one name for each path
    pub(super) fn forward(&self, motions: Motions<'_>, grids: &[TokenGrid]) -> Tensor<2> {
        let Motions { paths, names } = motions;
        assert_eq!(paths.len(), names.segments.len(), "one name for each path");
        let device = names.tokens.device();
        let nearness = Nearness::of(paths, grids);
        let tensor = |values: Vec<f32>, width: usize| {
            Tensor::<2>::from_data(TensorData::new(values, [nearness.tokens, width]), &device)
        };
        let names = names.mean();
        let named = |nearness: Vec<f32>, weight: &Param<Tensor<2>>| {
            tensor(nearness, paths.len()).matmul(kernels::linear(names.clone(), weight.val(), None))
        };
        // No bias anywhere: what is far from every path stays as it is.
        let x = named(nearness.close.clone(), &self.close)
            + named(nearness.around.clone(), &self.around)
            + kernels::linear(tensor(nearness.places.clone(), PLACE_FEATURES), self.place.val(), None);
        kernels::linear(kernels::silu(x), self.out.val(), None)
    }
}

/// How near the tokens are to the paths.
struct Nearness {
    tokens: usize,
    /// `[tokens, paths]`, 0 to 1.
    close: Vec<f32>,
    /// `[tokens, paths]`, 0 to 1.
    around: Vec<f32>,
    /// `[tokens, PLACE_FEATURES]`, summed over the paths.
    places: Vec<f32>,
}

impl Nearness {
    fn of(paths: &[MotionPath], grids: &[TokenGrid]) -> Self {
        let tokens = grids.iter().map(TokenGrid::len).sum();
        let mut nearness = Self {
            tokens,
            close: vec![0.0; tokens * paths.len()],
            around: vec![0.0; tokens * paths.len()],
            places: vec![0.0; tokens * PLACE_FEATURES],
        };
        let mut first_token = 0;
        for (clip, grid) in grids.iter().enumerate() {
            for (path, MotionPath { points, .. }) in paths.iter().enumerate().filter(|(_, path)| path.clip == clip) {
                for (token, [frame, row, column]) in grid.positions().enumerate() {
                    let Some([x, y]) = points.get(frame).copied().flatten() else { continue };
                    let across = x * grid.columns as f32 - (column as f32 + 0.5);
                    let down = y * grid.rows as f32 - (row as f32 + 0.5);
                    nearness.add((first_token + token, path, paths.len()), [across, down], grid);
                }
            }
            first_token += grid.len();
        }
        nearness
    }

    fn add(&mut self, (token, path, paths): (usize, usize, usize), [across, down]: [f32; 2], grid: &TokenGrid) {
        let squared = across * across + down * down;
        let wide = (AROUND * grid.rows.min(grid.columns) as f32).max(1.0);
        let close = (-0.5 * squared / (CLOSE * CLOSE)).exp();
        let around = (-0.5 * squared / (wide * wide)).exp();
        self.close[token * paths + path] = close;
        self.around[token * paths + path] = around;
        let features =
            [close, close * across / CLOSE, close * down / CLOSE, around, around * across / wide, around * down / wide];
        let places = &mut self.places[token * PLACE_FEATURES..][..PLACE_FEATURES];
        places.iter_mut().zip(features).for_each(|(place, feature)| *place += feature);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_under_a_point_is_the_nearest_and_frames_without_one_are_left_alone() {
        let grid = TokenGrid { frames: 2, rows: 4, columns: 4 };
        // The middle of the token in row 1, column 2 of the second frame.
        let path = MotionPath { clip: 1, points: vec![None, Some([2.5 / 4.0, 1.5 / 4.0])] };
        let nearness = Nearness::of(&[path], &[grid, grid]);
        let under = grid.len() + 16 + 4 + 2;
        assert_eq!((nearness.close[under], nearness.around[under]), (1.0, 1.0));
        assert!(nearness.close[..grid.len() + 16].iter().all(|close| *close == 0.0), "other clips and frames");
        assert!(nearness.close[under + 1] < 0.5 && nearness.around[under + 1] > 0.5);
        // The point lies to the left of the token on its right.
        assert!(nearness.places[(under + 1) * PLACE_FEATURES + 1] < 0.0);
    }
}
