//! Structural similarity.

use std::array;

use video::{Clip, Frame};

use super::{PEAK, check_same_resolution, mean_over_frames};
use crate::EvaluationError;

/// Side of the Gaussian window in pixels.
const WINDOW: usize = 11;
/// Standard deviation of the Gaussian window in pixels.
const WINDOW_SIGMA: f64 = 1.5;
/// Keeps the comparison of means steady where both are near 0: (K₁·L)² with K₁ = 0.01.
const C1: f64 = (0.01 * PEAK) * (0.01 * PEAK);
/// Keeps the comparison of variances steady where both are near 0: (K₂·L)² with K₂ = 0.03.
const C2: f64 = (0.03 * PEAK) * (0.03 * PEAK);
const CHANNELS: usize = 3;

/// Mean structural similarity of two pictures: 1 when they are equal, near 0 when they share no structure.
///
/// Formula:  (2·μₓ·μᵧ + C₁)·(2·σₓᵧ + C₂) / ((μₓ² + μᵧ² + C₁)·(σₓ² + σᵧ² + C₂)), weighted by a Gaussian of
/// σ = 1.5 in a window of 11×11, averaged over all windows that lie inside the picture and over R, G and B.
///
/// # Units
/// none; from −1 to 1
/// # Errors
/// [`EvaluationError::Resolutions`] when the sizes differ, [`EvaluationError::TooSmall`] when a side is below 11
/// pixels
/// # Source
/// Wang et al. 2004, section III-B; as `skimage.metrics.structural_similarity` with `gaussian_weights=True`,
/// `sigma=1.5`, `use_sample_covariance=False`, `channel_axis=-1`, `data_range=255`
pub fn ssim(reference: &Frame, actual: &Frame) -> Result<f64, EvaluationError> {
    check_same_resolution(reference, actual)?;
    let size = reference.resolution();
    let (width, height) = (size.width() as usize, size.height() as usize);
    if width < WINDOW || height < WINDOW {
        return Err(EvaluationError::TooSmall { window: WINDOW, actual: size });
    }
    let window = gaussian_window();
    let sum: f64 = (0..CHANNELS)
        .map(|channel| {
            let x = Plane::channel_of(reference, channel);
            let y = Plane::channel_of(actual, channel);
            mean_similarity(&x, &y, &window)
        })
        .sum();
    Ok(sum / CHANNELS as f64)
}

/// Mean of [`ssim`] over the pairs of frames of two clips. The frame rates are not compared.
///
/// # Units
/// none; from −1 to 1
/// # Errors
/// those of [`ssim`], and [`EvaluationError::FrameCounts`] when one clip is longer
pub fn clip_ssim(reference: &Clip, actual: &Clip) -> Result<f64, EvaluationError> {
    mean_over_frames(reference, actual, ssim)
}

/// Similarity of one channel, averaged over all windows inside the picture.
fn mean_similarity(x: &Plane, y: &Plane, window: &[f64; WINDOW]) -> f64 {
    let mean_x = x.blurred(window);
    let mean_y = y.blurred(window);
    let mean_xx = x.times(x).blurred(window);
    let mean_yy = y.times(y).blurred(window);
    let mean_xy = x.times(y).blurred(window);
    let num_windows = mean_x.values.len();
    let sum: f64 = (0..num_windows)
        .map(|i| {
            let (mx, my) = (mean_x.values[i], mean_y.values[i]);
            let variance_x = mean_xx.values[i] - mx * mx;
            let variance_y = mean_yy.values[i] - my * my;
            let covariance = mean_xy.values[i] - mx * my;
            let means = (2.0 * mx * my + C1) / (mx * mx + my * my + C1);
            let structure = (2.0 * covariance + C2) / (variance_x + variance_y + C2);
            means * structure
        })
        .sum();
    sum / num_windows as f64
}

/// A Gaussian that sums to 1.
fn gaussian_window() -> [f64; WINDOW] {
    let centre = (WINDOW / 2) as f64;
    let weights: [f64; WINDOW] =
        array::from_fn(|i| (-(i as f64 - centre).powi(2) / (2.0 * WINDOW_SIGMA * WINDOW_SIGMA)).exp());
    let sum: f64 = weights.iter().sum();
    weights.map(|weight| weight / sum)
}

/// One channel of a picture, rows from the top.
struct Plane {
    width: usize,
    values: Vec<f64>,
}

impl Plane {
    fn channel_of(frame: &Frame, channel: usize) -> Self {
        let values = frame.rgb().iter().skip(channel).step_by(CHANNELS).map(|&level| f64::from(level)).collect();
        Self { width: frame.resolution().width() as usize, values }
    }

    fn times(&self, other: &Self) -> Self {
        let values = self.values.iter().zip(&other.values).map(|(a, b)| a * b).collect();
        Self { width: self.width, values }
    }

    /// Weighted means of all windows that lie inside, so smaller by [`WINDOW`] − 1 each way.
    fn blurred(&self, window: &[f64; WINDOW]) -> Self {
        let width = self.width - (WINDOW - 1);
        let rows: Vec<f64> = self
            .values
            .chunks_exact(self.width)
            .flat_map(|row| row.windows(WINDOW).map(|run| run.iter().zip(window).map(|(v, w)| v * w).sum::<f64>()))
            .collect();
        let num_rows = rows.len() / width - (WINDOW - 1);
        let mut values = vec![0.0; width * num_rows];
        for (top, out) in values.chunks_exact_mut(width).enumerate() {
            for (row, weight) in rows.chunks_exact(width).skip(top).zip(window) {
                out.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
            }
        }
        Self { width, values }
    }
}

#[cfg(test)]
mod tests {
    use video::Resolution;

    use super::*;

    fn grey(side: u32, level: u8) -> Frame {
        Frame::filled(Resolution::new(side, side).unwrap(), [level; 3])
    }

    #[test]
    fn the_window_sums_to_one_and_is_symmetric() {
        let window = gaussian_window();
        assert!((window.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert_eq!(window[0], window[WINDOW - 1]);
    }

    #[test]
    fn equal_pictures_are_fully_similar() {
        assert!((ssim(&grey(16, 90), &grey(16, 90)).unwrap() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn flat_pictures_differ_only_by_their_means() {
        let (a, b) = (100.0, 140.0);
        let expected = (2.0 * a * b + C1) / (a * a + b * b + C1);
        assert!((ssim(&grey(12, 100), &grey(12, 140)).unwrap() - expected).abs() < 1e-9);
    }

    #[test]
    fn a_picture_smaller_than_the_window_is_refused() {
        assert!(matches!(ssim(&grey(10, 0), &grey(10, 0)), Err(EvaluationError::TooSmall { window: 11, .. })));
        assert!(ssim(&grey(11, 0), &grey(11, 0)).is_ok());
    }
}
