//! Peak signal-to-noise ratio.

use video::{Clip, Frame};

use super::{PEAK, check_same_resolution, mean_over_frames};
use crate::EvaluationError;

/// Peak signal-to-noise ratio of two pictures, over all pixels and channels.
///
/// Formula:  10 · log₁₀(255² / mse)
///
/// # Units
/// decibels; infinite when the pictures are equal
/// # Errors
/// [`EvaluationError::Resolutions`] when the sizes differ
/// # Source
/// as `skimage.metrics.peak_signal_noise_ratio` with `data_range=255`
pub fn psnr_db(reference: &Frame, actual: &Frame) -> Result<f64, EvaluationError> {
    mean_squared_error(reference, actual).map(psnr_db_from_mse)
}

/// Peak signal-to-noise ratio of two clips, from the mean squared error over all their frames.
///
/// The error is averaged before the logarithm: frames that happen to be equal would otherwise make the mean
/// infinite. The frame rates are not compared.
///
/// # Units
/// decibels; infinite when the clips' frames are equal
/// # Errors
/// [`EvaluationError::Resolutions`] or [`EvaluationError::FrameCounts`] when the clips differ in form
pub fn clip_psnr_db(reference: &Clip, actual: &Clip) -> Result<f64, EvaluationError> {
    mean_over_frames(reference, actual, mean_squared_error).map(psnr_db_from_mse)
}

/// Mean squared difference of two pictures over all pixels and channels.
///
/// # Units
/// squared 8-bit levels
/// # Errors
/// [`EvaluationError::Resolutions`] when the sizes differ
pub fn mean_squared_error(reference: &Frame, actual: &Frame) -> Result<f64, EvaluationError> {
    check_same_resolution(reference, actual)?;
    let pairs = reference.rgb().iter().zip(actual.rgb());
    let sum: u64 = pairs.map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2)).sum();
    Ok(sum as f64 / reference.rgb().len() as f64)
}

/// The ratio that belongs to a mean squared error, for errors that were averaged over many pictures.
///
/// # Units
/// squared 8-bit levels in, decibels out
pub fn psnr_db_from_mse(mse: f64) -> f64 {
    10.0 * (PEAK * PEAK / mse).log10()
}

#[cfg(test)]
mod tests {
    use video::{FrameRate, Resolution};

    use super::*;

    fn grey(level: u8) -> Frame {
        Frame::filled(Resolution::new(4, 3).unwrap(), [level; 3])
    }

    #[test]
    fn a_difference_of_one_level_everywhere_is_48_db() {
        // 20 · log₁₀ 255
        assert!((psnr_db(&grey(10), &grey(11)).unwrap() - 48.130_803_608_679_1).abs() < 1e-9);
    }

    #[test]
    fn equal_pictures_are_infinitely_close_and_opposite_ones_at_zero() {
        assert_eq!(psnr_db(&grey(7), &grey(7)).unwrap(), f64::INFINITY);
        assert_eq!(psnr_db(&grey(0), &grey(255)).unwrap(), 0.0);
    }

    #[test]
    fn an_equal_frame_does_not_hide_the_others() {
        let rate = FrameRate::new(8, 1).unwrap();
        let reference = Clip::new(vec![grey(10), grey(10)], rate).unwrap();
        let actual = Clip::new(vec![grey(10), grey(12)], rate).unwrap();
        let expected = psnr_db_from_mse(2.0);
        assert_eq!(clip_psnr_db(&reference, &actual).unwrap(), expected);
    }

    #[test]
    fn what_differs_in_form_is_refused() {
        let wide = Frame::filled(Resolution::new(5, 3).unwrap(), [0; 3]);
        let error = psnr_db(&grey(0), &wide).unwrap_err().to_string();
        assert!(error.contains("4x3") && error.contains("5x3"), "{error}");
        let rate = FrameRate::new(8, 1).unwrap();
        let (one, two) = (Clip::new(vec![grey(0)], rate).unwrap(), Clip::new(vec![grey(0); 2], rate).unwrap());
        assert!(matches!(clip_psnr_db(&one, &two), Err(EvaluationError::FrameCounts { reference: 1, actual: 2 })));
    }
}
