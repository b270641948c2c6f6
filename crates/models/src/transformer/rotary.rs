//! Rotary positions, in one dimension for text and in three for patches.

use burn::tensor::{Device, Tensor, TensorData};
use kernels::Rotary;

use super::{TokenGrid, tokens::for_each_token};

/// Slowest rotation: one radian in this many positions.
const TEXT_BASE: f32 = 10_000.0;
/// Grids of patches are far smaller than texts, so their slowest rotation is faster.
const GRID_BASE: f32 = 256.0;

/// Angles for tokens in a row.
pub(crate) fn rotary_1d(positions: impl Iterator<Item = f32>, head_width: usize, device: &Device) -> Rotary {
    let frequencies = frequencies(head_width / 2, TEXT_BASE);
    let angles = positions
        .flat_map(|position| frequencies.iter().map(move |frequency| position * frequency).collect::<Vec<_>>());
    from_angles(angles.collect(), head_width / 2, device)
}

/// Angles for patches: a quarter of the channel pairs turn with time, the rest half and half with row and column.
///
/// Rows and columns are counted from the middle of the picture, so that other sizes keep the centre in place.
pub(crate) fn rotary_3d(grids: &[TokenGrid], head_width: usize, device: &Device) -> Rotary {
    let [pairs_time, pairs_row, pairs_column] = axis_pairs(head_width / 2);
    let (by_time, by_row, by_column) =
        (frequencies(pairs_time, GRID_BASE), frequencies(pairs_row, GRID_BASE), frequencies(pairs_column, GRID_BASE));
    let angles = for_each_token(grids, |grid, [frame, row, column]| {
        let centred = |index: usize, length: usize| index as f32 - (length as f32 - 1.0) / 2.0;
        let (row, column) = (centred(row, grid.rows), centred(column, grid.columns));
        let by_time = by_time.iter().map(move |frequency| frame as f32 * frequency);
        let by_row = by_row.iter().map(move |frequency| row * frequency);
        by_time.chain(by_row).chain(by_column.iter().map(move |frequency| column * frequency))
    });
    from_angles(angles, head_width / 2, device)
}

/// How many channel pairs belong to time, row and column.
pub(crate) const fn axis_pairs(pairs: usize) -> [usize; 3] {
    let time = pairs / 4;
    let row = (pairs - time) / 2;
    [time, row, pairs - time - row]
}

fn frequencies(pairs: usize, base: f32) -> Vec<f32> {
    (0..pairs).map(|pair| base.powf(-(pair as f32) / pairs as f32)).collect()
}

fn from_angles(angles: Vec<f32>, pairs: usize, device: &Device) -> Rotary {
    let tokens = angles.len() / pairs.max(1);
    let tensor = |values: Vec<f32>| Tensor::from_data(TensorData::new(values, [tokens, pairs]), device);
    Rotary {
        cos: tensor(angles.iter().map(|angle| angle.cos()).collect()),
        sin: tensor(angles.iter().map(|angle| angle.sin()).collect()),
    }
}
