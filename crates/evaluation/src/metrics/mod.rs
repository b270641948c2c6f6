//! How far two pictures or clips are apart.
//!
//! Both metrics take the reference first, work on 8-bit sRGB with a peak of 255, and compute in `f64`.

mod psnr;
mod ssim;

use video::{Clip, Frame};

use crate::EvaluationError;

pub use psnr::{clip_psnr_db, mean_squared_error, psnr_db, psnr_db_from_mse};
pub use ssim::{clip_ssim, ssim};

/// The largest value that a channel can have.
const PEAK: f64 = 255.0;

fn check_same_resolution(reference: &Frame, actual: &Frame) -> Result<(), EvaluationError> {
    let (reference, actual) = (reference.resolution(), actual.resolution());
    if reference == actual { Ok(()) } else { Err(EvaluationError::Resolutions { reference, actual }) }
}

/// Mean of `metric` over the pairs of frames of two clips.
fn mean_over_frames(
    reference: &Clip,
    actual: &Clip,
    metric: impl Fn(&Frame, &Frame) -> Result<f64, EvaluationError>,
) -> Result<f64, EvaluationError> {
    let (num_frames, others) = (reference.frames().len(), actual.frames().len());
    if num_frames != others {
        return Err(EvaluationError::FrameCounts { reference: num_frames, actual: others });
    }
    let pairs = reference.frames().iter().zip(actual.frames());
    let sum = pairs.map(|(reference, actual)| metric(reference, actual)).sum::<Result<f64, _>>()?;
    Ok(sum / num_frames as f64)
}
