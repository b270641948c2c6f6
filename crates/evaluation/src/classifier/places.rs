//! Where each token lies in its clip, told in two ways: as waves over the whole clip, and as angles between tokens.

use burn::tensor::{Device, Tensor, TensorData};
use kernels::Rotary;

/// Channel pairs that turn with the fastest to the slowest frequency.
const ROTARY_BASE: f32 = 64.0;
/// Sine and cosine of three frequencies on three axes.
pub(super) const PLACE_FEATURES: usize = 18;

/// Where each token lies in the whole clip, as waves.
///
/// # Shapes  grids of frame groups, rows and columns → `[N, PLACE_FEATURES]`
pub(super) fn waves(grids: &[[usize; 3]], device: &Device) -> Tensor<2> {
    let mut features = Vec::new();
    for (position, lengths) in positions(grids) {
        for (index, length) in position.into_iter().zip(lengths) {
            let share = (index as f32 + 0.5) / length as f32;
            for frequency in [0.5, 1.0, 2.0] {
                let angle = std::f32::consts::TAU * frequency * share;
                features.extend([angle.sin(), angle.cos()]);
            }
        }
    }
    let tokens = features.len() / PLACE_FEATURES;
    Tensor::from_data(TensorData::new(features, [tokens, PLACE_FEATURES]), device)
}

/// Angles by which attention knows how far two tokens are apart: a third of the channel pairs for each axis.
pub(super) fn rotary(grids: &[[usize; 3]], head_width: usize, device: &Device) -> Rotary {
    let pairs = head_width / 2;
    let per_axis = pairs.div_ceil(3);
    let mut angles = Vec::new();
    for (position, _) in positions(grids) {
        angles.extend((0..pairs).map(|pair| {
            let frequency = ROTARY_BASE.powf(-((pair % per_axis) as f32) / per_axis as f32);
            position[pair / per_axis] as f32 * frequency
        }));
    }
    let shape = [angles.len() / pairs.max(1), pairs];
    let tensor = |values: Vec<f32>| Tensor::from_data(TensorData::new(values, shape), device);
    Rotary {
        cos: tensor(angles.iter().map(|angle| angle.cos()).collect()),
        sin: tensor(angles.iter().map(|angle| angle.sin()).collect()),
    }
}

/// Frame group, row and column of every token of every clip, with the lengths of these axes.
fn positions(grids: &[[usize; 3]]) -> impl Iterator<Item = ([usize; 3], [usize; 3])> {
    grids.iter().flat_map(|&[t, rows, columns]| {
        (0..t * rows * columns).map(move |token| {
            let position = [token / (rows * columns), token / columns % rows, token % columns];
            (position, [t, rows, columns])
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_of_every_clip_has_a_place() {
        let grids = [[2, 2, 3], [1, 1, 1]];
        let all: Vec<_> = positions(&grids).collect();
        assert_eq!(all.len(), 13);
        assert_eq!([all[0].0, all[4].0, all[11].0, all[12].0], [[0, 0, 0], [0, 1, 1], [1, 1, 2], [0, 0, 0]]);
        let device = Device::flex();
        assert_eq!(waves(&grids, &device).dims(), [13, PLACE_FEATURES]);
        assert_eq!(rotary(&grids, 8, &device).cos.dims(), [13, 4]);
    }
}
