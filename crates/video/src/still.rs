//! Single pictures: PNG and JPEG.

use image::{ExtendedColorType, ImageEncoder, codecs::jpeg::JpegEncoder, codecs::png::PngEncoder};

use crate::{Frame, VideoError};

/// JPEG quality, of 100: differences from the original stay below what is seen.
const JPEG_QUALITY: u8 = 95;

/// The bytes of a PNG file.
///
/// # Errors
/// [`VideoError::Encode`] when the encoder fails.
pub fn encode_png(frame: &Frame) -> Result<Vec<u8>, VideoError> {
    let mut bytes = Vec::new();
    encode(frame, PngEncoder::new(&mut bytes), "PNG")?;
    Ok(bytes)
}

/// The bytes of a JPEG file, of high quality.
///
/// # Errors
/// [`VideoError::Encode`] when the encoder fails.
pub fn encode_jpeg(frame: &Frame) -> Result<Vec<u8>, VideoError> {
    let mut bytes = Vec::new();
    encode(frame, JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY), "JPEG")?;
    Ok(bytes)
}

fn encode(frame: &Frame, encoder: impl ImageEncoder, format: &'static str) -> Result<(), VideoError> {
    let size = frame.resolution();
    encoder
        .write_image(frame.rgb(), size.width(), size.height(), ExtendedColorType::Rgb8)
        .map_err(|error| VideoError::Encode { format, message: error.to_string() })
}
