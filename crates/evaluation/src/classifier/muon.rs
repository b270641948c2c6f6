//! Muon: steps of which every direction is as long as any other.
//!
//! AdamW scales each weight by itself, and what is left is ruled by a few directions of the whole matrix. Making the
//! momentum orthogonal lets the weak directions learn as fast as the strong ones, which matters when steps are few.

use burn::tensor::{Device, Tensor, TensorData};

/// How much of the momentum stays from one step to the next.
const MOMENTUM: f32 = 0.95;
/// Root mean square of a step's entries, at learning rate 1: somewhat more than AdamW's steps have.
const STEP_RMS: f32 = 0.4;
/// Narrower matrices are read-outs and embeddings, whose directions are not alike.
const LEAST_SIDE: usize = 32;
/// Coefficients of the iteration's polynomial, for which singular values soon lie near 1.
const COEFFICIENTS: [f32; 3] = [3.4445, -4.7750, 2.0315];
const ITERATIONS: usize = 5;

/// Whether a weight of this shape is stepped by Muon.
pub(super) fn suits(shape: &[usize]) -> bool {
    matches!(shape, [rows, columns] if (*rows).min(*columns) >= LEAST_SIDE)
}

/// Takes the gradient into `momentum`, and tells by how much a matrix is to change at learning rate 1.
///
/// Formula:  m = βm + (1−β)g,  Δ = 0.4·√max(rows, columns) · orthogonal(βm + (1−β)g)
///
/// # Source  Jordan et al. 2024, with the scale of Liu et al. 2025 ("Muon is scalable for LLM training")
pub(super) fn change(momentum: &mut [f32], gradient: &[f32], shape: [usize; 2]) -> Vec<f32> {
    let mix = |momentum: f32, gradient: f32| MOMENTUM * momentum + (1.0 - MOMENTUM) * gradient;
    momentum.iter_mut().zip(gradient).for_each(|(momentum, gradient)| *momentum = mix(*momentum, *gradient));
    // Nesterov's momentum: it looks one step ahead.
    let ahead: Vec<f32> = momentum.iter().zip(gradient).map(|(momentum, gradient)| mix(*momentum, *gradient)).collect();
    let scale = STEP_RMS * (shape[0].max(shape[1]) as f32).sqrt();
    (orthogonal(ahead, shape) * scale).into_data().try_into_vec().unwrap_or_default()
}

/// The nearest matrix with singular values near 1, by the Newton–Schulz iteration.
fn orthogonal(values: Vec<f32>, [rows, columns]: [usize; 2]) -> Tensor<2> {
    let norm = values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt() as f32;
    let x: Tensor<2> = Tensor::from_data(TensorData::new(values, [rows, columns]), &Device::flex());
    let [a, b, c] = COEFFICIENTS;
    let tall = rows > columns;
    let mut x = if tall { x.transpose() } else { x } / (norm + 1e-7);
    for _ in 0..ITERATIONS {
        let square = x.clone().matmul(x.clone().transpose());
        let polynomial = square.clone() * b + square.clone().matmul(square) * c;
        x = x.clone() * a + polynomial.matmul(x);
    }
    if tall { x.transpose() } else { x }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn every_direction_of_a_step_is_about_as_long() {
        let (rows, columns) = (48, 32);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        // Two strong directions in noise.
        let mut value = |index: usize| {
            let (row, column) = ((index / columns) as f32, (index % columns) as f32);
            row.sin() + 0.5 * (0.3 * row + column).cos() + rng.random_range(-0.2..0.2)
        };
        let x = orthogonal((0..rows * columns).map(&mut value).collect(), [rows, columns]);
        let square: Vec<f32> = x.clone().transpose().matmul(x).into_data().try_into_vec().unwrap();
        let trace: f32 = (0..columns).map(|index| square[index * columns + index]).sum();
        let squares: f32 = square.iter().map(|value| value * value).sum();
        // For equal singular values the two agree.
        assert!(trace * trace / columns as f32 / squares > 0.7, "{trace} {squares}");
    }

    #[test]
    fn only_wide_matrices_suit() {
        assert!(suits(&[864, 96]) && suits(&[32, 64]));
        assert!(!suits(&[128, 11]) && !suits(&[4, 128]) && !suits(&[128]));
    }
}
