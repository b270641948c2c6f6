//! Principal components of blocks of pixels: the best linear autoencoder, from which the real one begins.
//!
//! Thousands of steps of gradient descent only approach what a covariance gives in seconds; begun here, all training
//! goes into what a linear map cannot do.

use burn::tensor::{Device, Tensor};
use models::{
    Autoencoder,
    autoencoder::{BLOCK_VALUES, LinearPath},
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::films::{self, TrainingFilm};

/// Films of each set from which the covariance is taken.
const FILMS: usize = 160;
/// Rounds of subspace iteration; each brings a component nearer by the ratio of the variances beside it.
const ROUNDS: usize = 60;
/// Directions that are followed beyond those that are wanted, so that the last wanted ones settle sooner.
const SPARE: usize = 8;

/// Mean and covariance of blocks of pixels.
struct Moments {
    mean: Vec<f64>,
    /// `[768, 768]`.
    covariance: Vec<f64>,
}

/// The linear path of `channels` principal components of these films' blocks.
///
/// A component of deviation σ becomes a latent of deviation √σ, all scaled so that their mean square is 1. With σ
/// itself, the first few would drown the rest in noise until the very end of sampling; with 1, a texture's last
/// component would be asked for as exactly as the brightness.
///
/// # Panics  when there is no film
pub fn linear_path(sets: &[Vec<TrainingFilm>], channels: usize, device: &Device) -> LinearPath {
    let Moments { mean, covariance } = moments(sets, device);
    let (directions, variances) = leading_directions(&covariance, channels);
    let deviations: Vec<f64> = variances.iter().map(|variance| variance.max(1e-12).sqrt()).collect();
    let scale = (deviations.iter().sum::<f64>() / channels as f64).sqrt();
    let gains: Vec<f64> = deviations.iter().map(|deviation| 1.0 / (deviation.sqrt() * scale)).collect();

    let mut analysis = vec![0.0; BLOCK_VALUES * channels];
    let mut synthesis = vec![0.0; BLOCK_VALUES * channels];
    let mut analysis_bias = vec![0.0; channels];
    for (channel, (direction, gain)) in directions.iter().zip(&gains).enumerate() {
        for (index, value) in direction.iter().enumerate() {
            analysis[index * channels + channel] = (value * gain) as f32;
            synthesis[channel * BLOCK_VALUES + index] = (value / gain) as f32;
        }
        analysis_bias[channel] = (-gain * dot(direction, &mean)) as f32;
    }
    let synthesis_bias = mean.iter().map(|mean| *mean as f32).collect();
    LinearPath { analysis, analysis_bias, synthesis, synthesis_bias }
}

fn moments(sets: &[Vec<TrainingFilm>], device: &Device) -> Moments {
    let (mut sums, mut products, mut count) = (vec![0.0; BLOCK_VALUES], vec![0.0; BLOCK_VALUES * BLOCK_VALUES], 0.0);
    for film in sets.iter().flat_map(|set| set.iter().take(FILMS)) {
        let blocks = Autoencoder::blocks(films::pixels_from_films(&[film], device));
        let [rows, _] = blocks.dims();
        // Every film counts alike, however many blocks it has.
        let weight = 1.0 / rows as f64;
        add(&mut sums, blocks.clone().sum_dim(0), weight);
        add(&mut products, blocks.clone().transpose().matmul(blocks), weight);
        count += 1.0;
    }
    assert!(count > 0.0, "principal components need at least one film");
    let mean: Vec<f64> = sums.iter().map(|sum| sum / count).collect();
    let centred =
        |(index, product): (usize, &f64)| product / count - mean[index / BLOCK_VALUES] * mean[index % BLOCK_VALUES];
    let covariance = products.iter().enumerate().map(centred).collect();
    Moments { mean, covariance }
}

fn add(total: &mut [f64], values: Tensor<2>, weight: f64) {
    let values = values.into_data().try_into_vec::<f32>().unwrap_or_default();
    total.iter_mut().zip(values).for_each(|(total, value)| *total += weight * f64::from(value));
}

/// Orthonormal directions of the largest variances and these variances, largest first, by subspace iteration.
fn leading_directions(covariance: &[f64], count: usize) -> (Vec<Vec<f64>>, Vec<f64>) {
    let size = (covariance.len() as f64).sqrt() as usize;
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let random = |_| (0..size).map(|_| rng.random_range(-1.0..1.0)).collect();
    let mut directions: Vec<Vec<f64>> = (0..(count + SPARE).min(size)).map(random).collect();
    let mut variances = Vec::new();
    for _ in 0..ROUNDS {
        let images: Vec<Vec<f64>> = directions
            .iter()
            .map(|direction| covariance.chunks_exact(size).map(|row| dot(row, direction)).collect())
            .collect();
        (directions, variances) = orthonormal(images);
    }
    directions.truncate(count);
    variances.truncate(count);
    (directions, variances)
}

/// Gram and Schmidt's orthonormal vectors, and how long each was when the ones before it had been taken off.
fn orthonormal(vectors: Vec<Vec<f64>>) -> (Vec<Vec<f64>>, Vec<f64>) {
    let (mut basis, mut lengths) = (Vec::<Vec<f64>>::new(), Vec::new());
    for mut vector in vectors {
        for known in &basis {
            let share = dot(known, &vector);
            vector.iter_mut().zip(known).for_each(|(value, known)| *value -= share * known);
        }
        let length = dot(&vector, &vector).sqrt();
        vector.iter_mut().for_each(|value| *value /= length.max(1e-300));
        basis.push(vector);
        lengths.push(length);
    }
    (basis, lengths)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_of_a_known_covariance_are_found() {
        // Variances 9, 4, 1 and 0.01 along the axes, turned by 30° in the plane of the first two.
        let (cos, sin) = (0.75_f64.sqrt(), 0.5);
        let axes = [[cos, sin, 0.0, 0.0], [-sin, cos, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]];
        let variances = [9.0, 4.0, 1.0, 0.01];
        let entry = |i: usize, j: usize| -> f64 {
            axes.iter().zip(variances).map(|(axis, variance)| variance * axis[i] * axis[j]).sum()
        };
        let covariance: Vec<f64> = (0..16).map(|index| entry(index / 4, index % 4)).collect();
        let (directions, found) = leading_directions(&covariance, 3);
        for ((direction, axis), (found, variance)) in directions.iter().zip(axes).zip(found.iter().zip(variances)) {
            assert!((dot(direction, &axis).abs() - 1.0).abs() < 1e-9, "{direction:?} is not ±{axis:?}");
            assert!((found - variance).abs() < 1e-9);
        }
    }
}
