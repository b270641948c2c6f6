//! Where the camera goes, as something that is added to each token: the ray that it sees along, and what lay on it
//! before.

use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor, TensorData},
};
use glam::{Quat, Vec2, Vec3};
use rayon::prelude::*;

use super::{TokenGrid, TransformerConfig};
use crate::WeightInit;

/// Camera pose of one latent frame relative to the first: translation in metres in the axes of the first camera (`x`
/// right, `y` up, `z` backwards), then rotation vector in radians in the same axes.
pub type CameraPose = [f32; 6];

/// Tangent of half the field of view of a square picture; that of the simulated films lies within 8 % of it.
const HALF_VIEW: f32 = 0.354;
/// Metres to what is usually filmed.
const DEPTH: f32 = 4.2;
/// Nothing is taken to be nearer than this, in metres.
const LEAST_DEPTH: f32 = 0.2;
/// Sines and cosines for each coordinate in the first picture.
const FREQUENCIES: usize = 4;
/// Whether the camera is known; ray and moment (Plücker's coordinates); for what is at [`DEPTH`] and what is far away its
/// place in the first picture; and how far they went, since the first picture and since the one before.
const RAY_FEATURES: usize = 1 + 6 + 2 * 4 * FREQUENCIES + 6;
/// Brings ways since the first picture, and since the one before, to about 1.
const SINCE_FIRST: f32 = 4.0;
const SINCE_PREVIOUS: f32 = 20.0;

/// Tangent of half the vertical field of view that a model takes a picture to have, by its width over its height: a
/// picture taller than wide sees more above and below, as the simulated films do.
pub fn half_view(aspect_ratio: f32) -> f32 {
    HALF_VIEW * aspect_ratio.powf(-0.6).max(1.0)
}

/// Turns camera paths into an embedding for each token.
#[derive(Module, Debug)]
pub(super) struct CameraConditioning {
    /// `[RAY_FEATURES, D]`.
    rays: Param<Tensor<2>>,
    /// `[D, D]`.
    out: Param<Tensor<2>>,
}

impl CameraConditioning {
    /// Fresh weights; the embedding is zero until they have learned.
    pub(super) fn init(config: &TransformerConfig, weights: &mut WeightInit) -> Self {
        let d = config.width;
        Self { rays: weights.scaled([RAY_FEATURES, d], RAY_FEATURES), out: weights.zeros([d, d]) }
    }

    /// `[N, D]`, zero for the tokens of clips whose camera is not known.
    pub(super) fn forward(
        &self,
        cameras: &[Option<Vec<CameraPose>>],
        grids: &[TokenGrid],
        device: &Device,
    ) -> Tensor<2> {
        let features = ray_features(cameras, grids);
        let tokens = features.len() / RAY_FEATURES;
        let features = Tensor::from_data(TensorData::new(features, [tokens, RAY_FEATURES]), device);
        // No bias anywhere: without a camera nothing is added.
        let x = kernels::linear(features, self.rays.val(), None);
        kernels::linear(kernels::silu(x), self.out.val(), None)
    }
}

/// [`RAY_FEATURES`] numbers for each token.
fn ray_features(cameras: &[Option<Vec<CameraPose>>], grids: &[TokenGrid]) -> Vec<f32> {
    let clips = grids.par_iter().enumerate().flat_map_iter(|(clip, grid)| {
        let lens = Lens::of(grid);
        let poses = cameras.get(clip).and_then(Option::as_deref).unwrap_or_default();
        let mut features = Vec::with_capacity(grid.len() * RAY_FEATURES);
        for [frame, row, column] in grid.positions() {
            let place = Vec2::new(
                (column as f32 + 0.5) / grid.columns as f32, //
                (row as f32 + 0.5) / grid.rows as f32,
            );
            match poses.get(frame) {
                Some(pose) => {
                    features.extend(token_features(&lens, place, View::of(pose), View::of(&poses[frame.max(1) - 1])));
                }
                None => features.resize(features.len() + RAY_FEATURES, 0.0),
            }
        }
        features
    });
    clips.collect()
}

fn token_features(lens: &Lens, place: Vec2, now: View, previous: View) -> impl Iterator<Item = f32> {
    let ray = now.rotation * lens.ray(place);
    let (near, first) = (now.position + DEPTH * ray, View::of(&[0.0; 6]));
    let [near_place, far_place] = [lens.place(first.sees(near)), lens.place(ray)];
    let moment = now.position.cross(ray) / DEPTH;
    let since_previous = SINCE_PREVIOUS * (lens.place(previous.sees(near)) - place);
    let waves = [near_place.x, near_place.y, far_place.x, far_place.y].into_iter().flat_map(|coordinate| {
        (0..FREQUENCIES).flat_map(move |octave| {
            let angle = coordinate * std::f32::consts::PI * (1 << octave) as f32;
            [angle.sin(), angle.cos()]
        })
    });
    let ways = [SINCE_FIRST * (near_place - place), SINCE_FIRST * (far_place - place), since_previous];
    [1.0]
        .into_iter()
        .chain((ray / HALF_VIEW).to_array())
        .chain(moment.to_array())
        .chain(waves)
        .chain(ways.into_iter().flat_map(|way| way.to_array()))
}

/// How a picture's places and a camera's rays belong together: tangents of half its fields of view.
struct Lens {
    half_width: f32,
    half_height: f32,
}

impl Lens {
    fn of(grid: &TokenGrid) -> Self {
        let aspect_ratio = grid.columns as f32 / grid.rows as f32;
        let half_height = half_view(aspect_ratio);
        Self { half_width: half_height * aspect_ratio, half_height }
    }

    /// The ray through a place, given as shares from the left and from the top; one metre deep.
    fn ray(&self, place: Vec2) -> Vec3 {
        Vec3::new((2.0 * place.x - 1.0) * self.half_width, (1.0 - 2.0 * place.y) * self.half_height, -1.0)
    }

    /// Where a point is seen, at most one picture beside the picture.
    fn place(&self, point: Vec3) -> Vec2 {
        let depth = (-point.z).max(LEAST_DEPTH);
        let across = Vec2::new(point.x / (depth * self.half_width), -point.y / (depth * self.half_height));
        (0.5 * (across + 1.0)).clamp(Vec2::NEG_ONE, Vec2::splat(2.0))
    }
}

#[derive(Clone, Copy)]
struct View {
    position: Vec3,
    rotation: Quat,
}

impl View {
    fn of(&[x, y, z, turn_x, turn_y, turn_z]: &CameraPose) -> Self {
        Self { position: Vec3::new(x, y, z), rotation: Quat::from_scaled_axis(Vec3::new(turn_x, turn_y, turn_z)) }
    }

    /// A point as this camera has it.
    fn sees(self, point: Vec3) -> Vec3 {
        self.rotation.inverse() * (point - self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: TokenGrid = TokenGrid { frames: 2, rows: 4, columns: 4 };
    /// Of near things, then of far ones, since the first picture; then of near things since the one before.
    const WAYS: usize = RAY_FEATURES - 6;

    fn last_frame(pose: CameraPose) -> Vec<Vec<f32>> {
        let features = ray_features(&[None, Some(vec![[0.0; 6], pose])], &[GRID, GRID]);
        features.chunks_exact(RAY_FEATURES).skip(GRID.len() + 16).map(<[f32]>::to_vec).collect()
    }

    #[test]
    fn tokens_know_where_what_they_see_was_in_the_first_picture() {
        for token in last_frame([0.0; 6]) {
            assert!(token[0] == 1.0 && token[WAYS..].iter().all(|way| way.abs() < 1e-4), "a camera that stands still");
        }
        for token in last_frame([0.0, 0.0, 0.0, 0.0, 0.1, 0.0]) {
            // Turned to the left, the camera sees what was further to the left, near and far alike.
            assert!(token[WAYS] < -0.1 && (token[WAYS] - token[WAYS + 2]).abs() < 1e-4, "{:?}", &token[WAYS..]);
        }
        for token in last_frame([1.0, 0.0, 0.0, 0.0, 0.0, 0.0]) {
            // Gone to the right, it sees near things that were to the right, and far ones where they were.
            let expected = SINCE_FIRST * 0.5 / (DEPTH * HALF_VIEW);
            assert!((token[WAYS] - expected).abs() < 1e-4 && token[WAYS + 2].abs() < 1e-4);
            assert!((token[WAYS + 4] - SINCE_PREVIOUS / SINCE_FIRST * expected).abs() < 1e-4);
        }
        let ahead = last_frame([0.0, 0.0, -1.0, 0.0, 0.0, 0.0]);
        assert!(ahead[0][WAYS] > 0.0 && ahead[3][WAYS] < 0.0, "driving on, what is seen was nearer to the middle");
    }

    #[test]
    fn what_is_not_known_and_what_lies_behind_the_camera_does_no_harm() {
        let features = ray_features(&[None], &[GRID]);
        assert_eq!(features, vec![0.0; GRID.len() * RAY_FEATURES]);
        let turned = last_frame([0.0, 0.0, 50.0, 0.0, 3.1, 0.0]);
        assert!(turned.concat().iter().all(|feature| feature.abs() < 200.0));
    }
}
