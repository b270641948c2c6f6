//! Pictures to H.264, one at a time.

use openh264::{
    OpenH264API,
    encoder::{
        BitRate, Complexity, Encoder, EncoderConfig, FrameRate as Hertz, FrameType, IntraFramePeriod, QpRange,
        RateControlMode, VuiConfig,
    },
    nal_units,
};

use crate::{Frame, FrameRate, Resolution, VideoError, colour::Yuv420};

/// Quantiser of every picture: 12 is the encoder's finest, 51 the coarsest. Worlds and samples are small,
/// so there quality comes before size.
const FINE_QUANTISER: u8 = 12;
/// For pictures of more than [`SMALL_PIXELS`].
const LARGE_QUANTISER: u8 = 20;
/// How much coarser a picture is tried when it did not fit, and where that ends.
const QUANTISER_STEP: u8 = 6;
const COARSEST_QUANTISER: u8 = 44;
const SMALL_PIXELS: usize = 512 * 512;
const MAX_LONG_SIDE: u32 = 3840;
const MAX_SHORT_SIDE: u32 = 2160;
/// The encoder refuses anything smaller.
const MIN_SIDE: u32 = 16;

/// Kinds of NAL unit, the low five bits of its first byte (H.264 table 7-1).
pub(crate) const NAL_SPS: u8 = 7;
/// See [`NAL_SPS`].
pub(crate) const NAL_PPS: u8 = 8;

/// One coded picture, its NAL units each behind a 4-byte length, without parameter sets.
pub(crate) struct CodedPicture {
    pub data: Vec<u8>,
    pub is_keyframe: bool,
}

/// A running encoder; the parameter sets are known after the first picture.
pub(crate) struct H264Encoder {
    encoder: Encoder,
    coded: (u32, u32),
    frame_rate: FrameRate,
    quantiser: u8,
    sps: Vec<u8>,
    pps: Vec<u8>,
}

impl H264Encoder {
    pub(crate) fn new(resolution: Resolution, frame_rate: FrameRate) -> Result<Self, VideoError> {
        let (width, height) = (resolution.width(), resolution.height());
        if width.max(height) > MAX_LONG_SIDE || width.min(height) > MAX_SHORT_SIDE {
            let limit = "3840x2160 or 2160x3840";
            return Err(VideoError::FormatLimit { format: "MP4", resolution, limit });
        }
        // A 4:2:0 picture has even sides.
        let coded = (width.max(MIN_SIDE).next_multiple_of(2), height.max(MIN_SIDE).next_multiple_of(2));
        let quantiser = if resolution.pixel_count() > SMALL_PIXELS { LARGE_QUANTISER } else { FINE_QUANTISER };
        let encoder = open(coded, frame_rate, quantiser)?;
        Ok(Self { encoder, coded, frame_rate, quantiser, sps: Vec::new(), pps: Vec::new() })
    }

    /// Width and height of the pictures inside the stream: even, and at least 16.
    pub(crate) fn coded_size(&self) -> (u32, u32) {
        self.coded
    }

    /// Sequence and picture parameter set, without start codes.
    pub(crate) fn parameter_sets(&self) -> (&[u8], &[u8]) {
        (&self.sps, &self.pps)
    }

    pub(crate) fn encode(&mut self, frame: &Frame) -> Result<CodedPicture, VideoError> {
        let picture = Yuv420::from_frame(frame, self.coded.0 as usize, self.coded.1 as usize);
        let (bytes, is_keyframe) = self.encode_picture(&picture)?;
        let mut data = Vec::with_capacity(bytes.len() + 16);
        for unit in nal_units(&bytes) {
            let unit = without_start_code(unit);
            match unit.first().map(|byte| byte & 0x1F) {
                Some(NAL_SPS) => keep(&mut self.sps, unit)?,
                Some(NAL_PPS) => keep(&mut self.pps, unit)?,
                Some(_) => {
                    data.extend((unit.len() as u32).to_be_bytes());
                    data.extend(unit);
                }
                None => {}
            }
        }
        if data.is_empty() {
            return Err(failed("it skipped a picture"));
        }
        Ok(CodedPicture { data, is_keyframe })
    }

    /// The bytes of a picture, and whether it stands alone.
    ///
    /// A noisy picture at the finest quantiser can take more bits than the encoder has room for; it and all after it
    /// are then written a little coarser, beginning with a picture that stands alone.
    fn encode_picture(&mut self, picture: &Yuv420) -> Result<(Vec<u8>, bool), VideoError> {
        loop {
            match self.encoder.encode(picture) {
                Ok(stream) => return Ok((stream.to_vec(), matches!(stream.frame_type(), FrameType::IDR))),
                Err(error) if self.quantiser + QUANTISER_STEP > COARSEST_QUANTISER => return Err(failed(error)),
                Err(_) => {
                    self.quantiser += QUANTISER_STEP;
                    self.encoder = open(self.coded, self.frame_rate, self.quantiser)?;
                }
            }
        }
    }
}

/// An encoder that gives the same bytes for the same frames everywhere: one thread and no adaptive feature.
fn open(coded: (u32, u32), frame_rate: FrameRate, quantiser: u8) -> Result<Encoder, VideoError> {
    let keyframe_period = (frame_rate.as_f64().round() as u32).clamp(1, 60);
    let bitrate = f64::from(coded.0 * coded.1) * frame_rate.as_f64() * 3.0;
    // In this mode the quantiser is what the range says and no picture is skipped; the bit rate only chooses the level.
    let config = EncoderConfig::new()
        .vui(VuiConfig::bt709())
        .rate_control_mode(RateControlMode::Bufferbased)
        .qp(QpRange::new(quantiser, quantiser))
        .bitrate(BitRate::from_bps(bitrate.clamp(200_000.0, 200_000_000.0) as u32))
        .max_frame_rate(Hertz::from_hz(frame_rate.as_f64().clamp(1.0, 60.0) as f32))
        .intra_frame_period(IntraFramePeriod::from_num_frames(keyframe_period))
        .complexity(Complexity::High)
        .skip_frames(false)
        .adaptive_quantization(false)
        .background_detection(false)
        .scene_change_detect(false)
        .num_threads(1);
    Encoder::with_api_config(OpenH264API::from_source(), config).map_err(failed)
}

/// Remembers a parameter set; MP4 names each once, so it must stay the same throughout.
fn keep(slot: &mut Vec<u8>, unit: &[u8]) -> Result<(), VideoError> {
    if slot.is_empty() {
        *slot = unit.to_vec();
    }
    if slot == unit { Ok(()) } else { Err(failed("its parameter sets changed")) }
}

/// A NAL unit ends in a set bit, so zeros at its end belong to the next start code.
fn without_start_code(unit: &[u8]) -> &[u8] {
    let unit = unit.strip_prefix(&[0, 0, 1]).unwrap_or(unit);
    let end = unit.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    &unit[..end]
}

fn failed(error: impl ToString) -> VideoError {
    VideoError::Encode { format: "H.264", message: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_of_pure_noise_are_written_too() {
        for side in [16, 64, 128, 320] {
            let resolution = Resolution::new(side, side).unwrap();
            let mut encoder = H264Encoder::new(resolution, FrameRate::new(16, 1).unwrap()).unwrap();
            let mut state = 1_u32;
            for _ in 0..6 {
                let noise = (0..resolution.pixel_count() * 3).map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    if state >> 31 == 0 { 0 } else { 255 }
                });
                let coded = encoder.encode(&Frame::new(resolution, noise.collect()).unwrap()).unwrap();
                assert!(!coded.data.is_empty());
            }
        }
    }
}
