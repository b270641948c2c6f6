//! Pictures to tensors and back.

use burn::tensor::{Device, Tensor, TensorData};
use video::{Frame, Resolution};

use crate::GenerationError;

/// Frames of one size as a tensor.
///
/// # Shapes  T frames → `[1, 3, T, H, W]`
/// # Units   0 to 255 become −1 to 1
/// # Panics  when there is no frame, or the frames differ in size
pub fn pixels_from_frames(frames: &[Frame], device: &Device) -> Tensor<5> {
    let size = frames.first().expect("at least one frame").resolution();
    assert!(frames.iter().all(|frame| frame.resolution() == size), "frames of one size");
    let (width, height) = (size.width() as usize, size.height() as usize);
    let values: Vec<f32> = frames.iter().flat_map(Frame::rgb).map(|value| f32::from(*value) / 127.5 - 1.0).collect();
    Tensor::<4>::from_data(TensorData::new(values, [frames.len(), height, width, 3]), device)
        .permute([3, 0, 1, 2]) // [3, T, H, W]
        .unsqueeze_dim(0)
}

/// A tensor as frames.
///
/// # Shapes  `[1, 3, T, H, W]` → T frames
/// # Units   −1 to 1, values outside are clamped
/// # Errors  [`GenerationError::NotFinite`] for values that are not numbers
/// # Panics  when the batch is not 1 or there are not 3 channels
pub fn frames_from_pixels(pixels: Tensor<5>) -> Result<Vec<Frame>, GenerationError> {
    let [b, c, _, h, w] = pixels.dims();
    assert_eq!([b, c], [1, 3], "one clip of three channels");
    let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
    let size = Resolution::new(side(w), side(h))?;
    let values: Vec<f32> = pixels
        .permute([0, 2, 3, 4, 1]) // [1, T, H, W, 3]
        .try_into_vec_as()
        .map_err(|error| diffusion::DiffusionError::Device(error.to_string()))?;
    if !values.iter().all(|value| value.is_finite()) {
        return Err(GenerationError::NotFinite);
    }
    let byte = |value: &f32| ((value + 1.0) * 127.5).round().clamp(0.0, 255.0) as u8;
    values.chunks_exact(h * w * 3).map(|frame| Ok(Frame::new(size, frame.iter().map(byte).collect())?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_come_back_unchanged_and_nan_is_refused() {
        let size = Resolution::new(4, 2).unwrap();
        let frames: Vec<Frame> =
            (0..3).map(|t| Frame::new(size, (0..24).map(|i| (i * 10 + t) as u8).collect()).unwrap()).collect();
        let pixels = pixels_from_frames(&frames, &Device::flex());
        assert_eq!(pixels.dims(), [1, 3, 3, 2, 4]);
        assert_eq!(frames_from_pixels(pixels.clone()).unwrap(), frames);
        assert!(matches!(frames_from_pixels(pixels * f32::NAN), Err(GenerationError::NotFinite)));
    }
}
