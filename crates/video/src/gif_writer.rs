//! Writes animated GIF.

use std::io::{self, Write};

use gif::{AnyExtension, Encoder, EncodingError, Extension, Repeat};

use crate::{Frame, FrameRate, Resolution, Tag, VideoError};

/// GIF counts time in hundredths of a second; browsers slow down anything shorter than two of them.
const SHORTEST_DELAY: u64 = 2;

/// A running GIF; each frame is held back until the next one tells how long it lasts.
pub(crate) struct GifEncoder<W: Write> {
    encoder: Encoder<W>,
    frame_rate: FrameRate,
    waiting: Option<(gif::Frame<'static>, u64)>,
    /// Frames that came so far.
    count: u64,
}

impl<W: Write> GifEncoder<W> {
    pub(crate) fn new(
        (resolution, frame_rate): (Resolution, FrameRate),
        output: W,
        tags: &[Tag],
    ) -> Result<Self, GifError> {
        let too_large = VideoError::FormatLimit { format: "GIF", resolution, limit: "65535x65535" };
        let (Ok(width), Ok(height)) = (resolution.width().try_into(), resolution.height().try_into()) else {
            return Err(GifError::Video(too_large));
        };
        let mut encoder = Encoder::new(output, width, height, &[])?;
        encoder.set_repeat(Repeat::Infinite)?;
        for tag in tags {
            encoder.write_raw_extension(AnyExtension::from(Extension::Comment), &[tag.line().as_bytes()])?;
        }
        Ok(Self { encoder, frame_rate, waiting: None, count: 0 })
    }

    pub(crate) fn write(&mut self, frame: &Frame) -> Result<(), GifError> {
        let start = self.hundredths(self.count);
        self.count += 1;
        if let Some((_, waiting_start)) = &self.waiting
            && start - waiting_start < SHORTEST_DELAY
        {
            return Ok(());
        }
        self.release(start)?;
        self.waiting = Some((quantised(frame), start));
        Ok(())
    }

    /// Writes the last frame and the end mark, and gives the output back.
    pub(crate) fn finish(mut self) -> Result<W, GifError> {
        let end = self.hundredths(self.count);
        self.release(end)?;
        Ok(self.encoder.into_inner()?)
    }

    fn release(&mut self, end: u64) -> Result<(), GifError> {
        if let Some((mut frame, start)) = self.waiting.take() {
            frame.delay = (end - start).clamp(SHORTEST_DELAY, u16::MAX.into()) as u16;
            self.encoder.write_frame(&frame)?;
        }
        Ok(())
    }

    /// When frame `index` starts, rounded so that errors do not add up.
    fn hundredths(&self, index: u64) -> u64 {
        let (num, den) = (u64::from(self.frame_rate.num()), u64::from(self.frame_rate.den()));
        (100 * index * den + num / 2) / num
    }
}

/// Chooses 256 colours, after a fine ordered pattern that keeps skies from falling into steps.
fn quantised(frame: &Frame) -> gif::Frame<'static> {
    const PATTERN: [[i16; 4]; 4] = [[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]];
    let (width, height) = (frame.resolution().width(), frame.resolution().height());
    let mut rgb = frame.rgb().to_vec();
    for (index, pixel) in rgb.chunks_exact_mut(3).enumerate() {
        let (x, y) = (index % width as usize, index / width as usize);
        let offset = (PATTERN[y % 4][x % 4] * 2 - 15) / 5;
        for channel in pixel {
            *channel = (i16::from(*channel) + offset).clamp(0, 255) as u8;
        }
    }
    gif::Frame::from_rgb_speed(width as u16, height as u16, &rgb, 10)
}

/// Either the disk's error, or one of this crate.
#[derive(Debug)]
pub(crate) enum GifError {
    Io(io::Error),
    Video(VideoError),
}

impl From<EncodingError> for GifError {
    fn from(error: EncodingError) -> Self {
        match error {
            EncodingError::Io(error) => Self::Io(error),
            error => Self::Video(VideoError::Encode { format: "GIF", message: error.to_string() }),
        }
    }
}
