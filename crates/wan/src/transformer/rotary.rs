//! Rotary positions in time, height and width.

use burn::tensor::{Device, Tensor, TensorData};
use kernels::Rotary;

use super::TransformerConfig;

/// The slowest rotation is one radian in about this many positions.
const BASE: f64 = 10_000.0;

/// Angles of the patches of `clips` clips of the same size, one after another.
///
/// The pairs of a head are divided among time, rows and columns; each share has frequencies of its own from 1 down to
/// about 1/10000. Angles are taken in 64 bits, as the reference does.
pub(super) fn rotary(
    config: &TransformerConfig,
    grid @ [frames, rows, columns]: [usize; 3],
    clips: usize,
    device: &Device,
) -> Rotary {
    let tokens = frames * rows * columns;
    let tensor = |of: fn(f64) -> f64| {
        let axes: [usize; 3] = [0, 1, 2];
        let tables = axes.map(|axis| table(grid[axis], config.axis_pairs()[axis], of));
        let mut values = Vec::with_capacity(tokens * config.attention_head_dim / 2);
        for token in 0..tokens {
            let position = [token / (rows * columns), token / columns % rows, token % columns];
            for axis in axes {
                values.extend_from_slice(&tables[axis][position[axis]]);
            }
        }
        let pairs = config.attention_head_dim / 2;
        let one: Tensor<2> = Tensor::from_data(TensorData::new(values, [tokens, pairs]), device);
        if clips == 1 { one } else { Tensor::cat(vec![one; clips], 0) }
    };
    Rotary { cos: tensor(f64::cos), sin: tensor(f64::sin) }
}

/// A function of the angles of each position along one axis.
fn table(length: usize, pairs: usize, of: fn(f64) -> f64) -> Vec<Vec<f32>> {
    let frequency = |pair: usize| BASE.powf(-(pair as f64) / pairs as f64);
    let at = |position: usize| (0..pairs).map(|pair| of(position as f64 * frequency(pair)) as f32).collect();
    (0..length).map(at).collect()
}
