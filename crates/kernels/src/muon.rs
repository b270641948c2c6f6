//! Muon: the momentum of a matrix, made orthogonal, as its update.
//!
//! Every direction in which a matrix can change is then moved equally far, the rare ones too, where AdamW looks at one
//! value at a time. For an `m × n` matrix with m ≤ n a step takes [`ROUNDS`]·(4·m²·n + 2·m³) operations, bound by the
//! matrix product: a share of (m/tokens)·3 of what forward and backward take.

use rayon::prelude::*;

use crate::cpu::transpose;
use crate::linear::product;

/// Rounds of Newton and Schulz's iteration; five bring all singular values between 0.7 and 1.2.
const ROUNDS: usize = 5;
/// The odd polynomial a·x + b·x³ + c·x⁵, which rises steepest at 0.
const POLYNOMIAL: [f32; 3] = [3.4445, -4.775, 2.0315];
/// Root mean square of an AdamW update, which this one is scaled to, so that one learning rate serves both.
const ADAMW_RMS: f32 = 0.2;

/// One matrix's state, all slices of the same length.
#[derive(Debug)]
pub struct Muon<'a> {
    /// Rows and columns.
    pub shape: [usize; 2],
    /// The parameter itself, updated.
    pub param: &'a mut [f32],
    /// Its gradient, not yet clipped.
    pub grad: &'a [f32],
    /// Momentum, updated.
    pub momentum: &'a mut [f32],
    /// Exponential moving average of the parameter, updated.
    pub ema: &'a mut [f32],
}

/// The numbers of one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MuonConfig {
    /// Learning rate of this step; that of AdamW fits.
    pub lr: f32,
    /// Decay of the momentum; 0.95 is usual.
    pub momentum: f32,
    /// Decoupled weight decay.
    pub weight_decay: f32,
    /// Every gradient is multiplied by it: min(1, limit / global norm).
    pub clip_scale: f32,
    /// Decay of the moving average; 0 copies the parameter.
    pub ema_decay: f32,
}

/// Updates one matrix by Muon and its moving average with it.
///
/// Formula:  g = clip_scale·grad,  m = μ·m + g,  o = orthogonal(g + μ·m),
///           p = p·(1 − lr·wd) − lr·0.2·√max(rows, columns)·o,  ema = d·ema + (1−d)·p
///
/// # Panics  when the slices are not as long as the shape says
/// # Source  Jordan et al. 2024 for the method; Liu et al. 2025 (Moonlight) for the scale
pub fn muon_step(state: Muon<'_>, config: &MuonConfig) {
    let Muon { shape: [rows, columns], param, grad, momentum, ema } = state;
    let len = rows * columns;
    for (what, length) in
        [("param", param.len()), ("grad", grad.len()), ("momentum", momentum.len()), ("ema", ema.len())]
    {
        assert_eq!(length, len, "muon_step: {what} has {length} values, but the matrix is {rows}×{columns}");
    }
    let MuonConfig { lr, momentum: decay, weight_decay, clip_scale, ema_decay } = *config;
    let mut update = vec![0.0; len];
    for ((update, momentum), grad) in update.iter_mut().zip(momentum).zip(grad) {
        *momentum = decay * *momentum + clip_scale * grad;
        *update = clip_scale * grad + decay * *momentum;
    }
    let update = orthogonal(update, [rows, columns]);
    let step = lr * ADAMW_RMS * (rows.max(columns) as f32).sqrt();
    for ((param, update), ema) in param.iter_mut().zip(update).zip(ema) {
        *param = *param * (1.0 - lr * weight_decay) - step * update;
        *ema = ema_decay * *ema + (1.0 - ema_decay) * *param;
    }
}

/// The nearest matrix whose singular values are all about 1; zero stays zero.
fn orthogonal(matrix: Vec<f32>, [rows, columns]: [usize; 2]) -> Vec<f32> {
    // The products of the shorter side are the cheaper ones.
    if rows > columns {
        let flat = orthogonal(transposed(&matrix, columns), [columns, rows]);
        return transposed(&flat, rows);
    }
    let norm = matrix.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt() as f32;
    let mut x: Vec<f32> = matrix.iter().map(|value| value / norm.max(1e-12)).collect();
    let [a, b, c] = POLYNOMIAL;
    for _ in 0..ROUNDS {
        let gram = product_of(&x, &transposed(&x, columns), [rows, columns, rows]);
        let mut factor = product_of(&gram, &gram, [rows, rows, rows]);
        factor.iter_mut().zip(&gram).for_each(|(square, gram)| *square = b * gram + c * *square);
        let change = product_of(&factor, &x, [rows, rows, columns]);
        x.iter_mut().zip(change).for_each(|(x, change)| *x = a * *x + change);
    }
    x
}

fn transposed(matrix: &[f32], columns: usize) -> Vec<f32> {
    let mut out = vec![0.0; matrix.len()];
    transpose(matrix, columns, &mut out);
    out
}

/// `[m, k] · [k, n]` in bands of rows, one for each thread: these products are small.
fn product_of(left: &[f32], right: &[f32], [m, k, n]: [usize; 3]) -> Vec<f32> {
    let band = m.div_ceil(rayon::current_num_threads()).max(32);
    let bands: Vec<Vec<f32>> =
        left.par_chunks(band * k).map(|left| product(left, right, None, [left.len() / k, k, n])).collect();
    bands.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values without order, and of very different size in different rows.
    fn matrix(rows: usize, columns: usize) -> Vec<f32> {
        let value = |index: usize| 2.0 * ((index as f64 * 12.9898).sin() * 43_758.547).rem_euclid(1.0) as f32 - 1.0;
        (0..rows * columns).map(|index| value(index) * (1.0 + (index / columns) as f32)).collect()
    }

    #[test]
    fn singular_values_come_near_one() {
        for shape in [[5, 40], [40, 5], [64, 160]] {
            let [rows, columns] = shape;
            let x = orthogonal(matrix(rows, columns), shape);
            let (short, long) = (rows.min(columns), rows.max(columns));
            let x = if rows > columns { transposed(&x, columns) } else { x };
            // Trace of x·xᵀ: the sum of the squares of as many singular values as the shorter side has.
            let trace: f32 = x.iter().map(|value| value * value).sum();
            assert!((trace / short as f32 - 1.0).abs() < 0.25, "{shape:?}: {}", trace / short as f32);
            let gram = product_of(&x, &transposed(&x, long), [short, long, short]);
            let largest_off = (0..short * short)
                .filter(|index| index / short != index % short)
                .map(|index| gram[index].abs())
                .fold(0.0, f32::max);
            assert!(largest_off < 0.5, "{shape:?}: rows overlap by {largest_off}");
        }
    }

    #[test]
    fn a_step_goes_against_the_gradient_by_the_learning_rate() {
        let (grad, shape) = (matrix(16, 24), [16, 24]);
        let (mut param, mut momentum, mut ema) = (vec![1.0; 384], vec![0.0; 384], vec![1.0; 384]);
        let config = MuonConfig { lr: 0.01, momentum: 0.95, weight_decay: 0.0, clip_scale: 1.0, ema_decay: 0.5 };
        let state = Muon { shape, param: &mut param, grad: &grad, momentum: &mut momentum, ema: &mut ema };
        muon_step(state, &config);
        let along: f32 = param.iter().zip(&grad).map(|(param, grad)| (param - 1.0) * grad).sum();
        assert!(along < 0.0);
        let rms = (param.iter().map(|param| (param - 1.0).powi(2)).sum::<f32>() / 384.0).sqrt();
        assert!((rms / (0.2 * 0.01) - 1.0).abs() < 0.25, "{rms}");
        assert!(ema.iter().zip(&param).all(|(ema, param)| (ema - 0.5 * (1.0 + param)).abs() < 1e-6));
        assert_eq!(momentum, grad);
    }

    #[test]
    fn no_gradient_is_no_step() {
        let (mut param, mut momentum, mut ema) = (vec![2.0; 12], vec![0.0; 12], vec![2.0; 12]);
        let config = MuonConfig { lr: 0.01, momentum: 0.95, weight_decay: 0.0, clip_scale: 1.0, ema_decay: 0.5 };
        let grad = [0.0; 12];
        let state = Muon { shape: [3, 4], param: &mut param, grad: &grad, momentum: &mut momentum, ema: &mut ema };
        muon_step(state, &config);
        assert_eq!(param, [2.0; 12]);
    }
}
