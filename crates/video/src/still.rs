//! Single pictures: PNG and JPEG.

use std::{
    fs::File,
    io::{BufReader, Read},
    path::Path,
};

use image::{
    DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageError, ImageFormat, ImageReader, Limits,
    codecs::jpeg::JpegEncoder, codecs::png::PngEncoder, metadata::Orientation,
};

use crate::{Frame, ReadLimits, Resolution, VideoError};

/// JPEG quality, of 100: differences from the original stay below what is seen.
const JPEG_QUALITY: u8 = 95;
/// What transparent pixels are laid on.
const PAPER: u32 = 255;
/// Room for what a picture file carries besides pixels, such as colour profiles.
const EXTRA_BYTES: u64 = 64 << 20;

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

/// Size of a picture as it is shown, from its header alone.
pub(crate) fn still_resolution(
    path: &Path,
    format: ImageFormat,
    limits: &ReadLimits,
) -> Result<Resolution, VideoError> {
    open(path, format, limits).map(|(_, resolution, _)| resolution)
}

/// Decodes a picture: any depth and palette, turned upright, transparent parts laid on white.
pub(crate) fn read_still(path: &Path, format: ImageFormat, limits: &ReadLimits) -> Result<Frame, VideoError> {
    let (decoder, resolution, orientation) = open(path, format, limits)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|error| failed(path, error))?;
    if format == ImageFormat::Jpeg && !jpeg_is_whole(path)? {
        return Err(VideoError::damaged(path, "the end of the JPEG is cut off"));
    }
    picture.apply_orientation(orientation);
    let rgb =
        if picture.color().has_alpha() { on_paper(&picture.into_rgba8()) } else { picture.into_rgb8().into_raw() };
    Frame::new(resolution, rgb)
}

/// Lays `R G B A` pixels on white.
pub(crate) fn on_paper(rgba: &[u8]) -> Vec<u8> {
    let mut rgb = Vec::with_capacity(rgba.len() / 4 * 3);
    for pixel in rgba.chunks_exact(4) {
        let alpha = u32::from(pixel[3]);
        rgb.extend(pixel[..3].iter().map(|&channel| {
            let sum = u32::from(channel) * alpha + PAPER * (255 - alpha);
            ((sum + 127) / 255) as u8
        }));
    }
    rgb
}

type Opened = (Box<dyn ImageDecoder>, Resolution, Orientation);

fn open(path: &Path, format: ImageFormat, limits: &ReadLimits) -> Result<Opened, VideoError> {
    let file = File::open(path).map_err(|error| VideoError::read(path, error))?;
    let mut reader = ImageReader::with_format(BufReader::new(file), format);
    let mut memory = Limits::no_limits();
    // Up to 16 bits for each of four channels.
    memory.max_alloc = Some(limits.max_pixels.saturating_mul(8).saturating_add(EXTRA_BYTES));
    reader.limits(memory);
    let mut decoder = reader.into_decoder().map_err(|error| failed(path, error))?;
    let (width, height) = decoder.dimensions();
    let resolution = limits.resolution(path, width.into(), height.into())?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let turned = matches!(
        orientation,
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH
    );
    let resolution = if turned { Resolution::new(height, width)? } else { resolution };
    Ok((Box::new(decoder), resolution, orientation))
}

fn failed(path: &Path, error: ImageError) -> VideoError {
    match error {
        ImageError::IoError(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => {
            VideoError::read(path, error)
        }
        error => VideoError::damaged(path, error),
    }
}

/// Looks for the end mark after the start of the pixels: the decoder fills what is missing with grey.
fn jpeg_is_whole(path: &Path) -> Result<bool, VideoError> {
    const START_OF_SCAN: u8 = 0xDA;
    const END: [u8; 2] = [0xFF, 0xD9];
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|mut file| file.read_to_end(&mut bytes));
    read.map_err(|error| VideoError::read(path, error))?;
    // Segments before the scan may hold a thumbnail with an end mark of its own.
    let mut rest = bytes.get(2..).unwrap_or_default();
    while let [0xFF, kind, high, low, ..] = *rest {
        if kind == START_OF_SCAN {
            return Ok(rest.windows(2).any(|pair| pair == END));
        }
        let length = if kind == 0xFF { 1 } else { 2 + usize::from(u16::from_be_bytes([high, low])) };
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok(true)
}
