//! Reads animated GIF at a constant rate.

use std::{
    fs::File,
    io::BufReader,
    num::NonZeroU64,
    path::{Path, PathBuf},
};

use gif::{ColorOutput, DecodeOptions, Decoder, DecodingError, DisposalMethod, MemoryLimit};

use crate::{Frame, FrameRate, ReadLimits, Resolution, VideoError, still::on_paper};

/// Browsers show a frame that asks for less than two hundredths of a second for ten.
const SHORTEST_DELAY: u16 = 2;
const DELAY_OF_TOO_SHORT: u16 = 10;
/// Rates that files are commonly made from.
const COMMON_RATES: [(u32, u32); 14] = [
    (24, 1),
    (30, 1),
    (25, 1),
    (12, 1),
    (15, 1),
    (10, 1),
    (8, 1),
    (16, 1),
    (20, 1),
    (50, 1),
    (24_000, 1001),
    (30_000, 1001),
    (25, 2),
    (15, 2),
];

/// Size and timing of a GIF, read without decoding it.
#[derive(Clone, Debug)]
pub(crate) struct GifIndex {
    pub resolution: Resolution,
    pub frame_rate: FrameRate,
    /// Frames at that rate.
    pub frame_count: u64,
    /// When each stored frame ends, in hundredths of a second.
    ends: Vec<u64>,
}

impl GifIndex {
    pub(crate) fn read(path: &Path, limits: &ReadLimits) -> Result<Self, VideoError> {
        let mut options = DecodeOptions::new();
        options.skip_frame_decoding(true);
        let mut decoder = open(path, options, limits)?;
        let resolution = limits.resolution(path, decoder.width().into(), decoder.height().into())?;
        let mut delays = Vec::new();
        while let Some(frame) = decoder.next_frame_info().map_err(|error| failed(path, error))? {
            limits.resolution(path, frame.width.max(1).into(), frame.height.max(1).into())?;
            delays.push(if frame.delay < SHORTEST_DELAY { DELAY_OF_TOO_SHORT } else { frame.delay });
            limits.frames(path, delays.len() as u64)?;
        }
        if delays.is_empty() {
            return Err(VideoError::damaged(path, "the GIF has no picture"));
        }
        let (num, den) = constant_rate(&delays);
        let frame_rate = FrameRate::new(num, den)?;
        let ends: Vec<u64> = delays
            .iter()
            .scan(0, |end, &delay| {
                *end += u64::from(delay);
                Some(*end)
            })
            .collect();
        let total = ends.last().copied().unwrap_or(0);
        let (num, den) = (u64::from(num), u64::from(den));
        let frame_count = ((total * num + 50 * den) / (100 * den)).max(1);
        limits.frames(path, frame_count)?;
        Ok(Self { resolution, frame_rate, frame_count, ends })
    }
}

/// The rate whose rounding to hundredths explains the delays, or else one fine enough for all of them.
fn constant_rate(delays: &[u16]) -> (u32, u32) {
    let first = delays[0];
    if delays.iter().all(|&delay| delay == first) {
        return (100, first.into());
    }
    let others = (1..=50).map(|rate| (rate, 1));
    let explains = |&(num, den): &(u32, u32)| {
        let (num, den) = (u64::from(num), u64::from(den));
        let start = |index: u64| (100 * index * den + num / 2) / num;
        (0..).zip(delays).all(|(index, &delay)| start(index + 1) - start(index) == u64::from(delay))
    };
    COMMON_RATES.into_iter().chain(others).find(explains).unwrap_or_else(|| {
        let step = delays.iter().fold(0, |a, &b| greatest_common_divisor(a, b));
        (100, step.max(SHORTEST_DELAY).into())
    })
}

fn greatest_common_divisor(a: u16, b: u16) -> u16 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// Draws one frame after another, each onto what the earlier ones left.
pub(crate) struct GifDecoder {
    path: PathBuf,
    decoder: Decoder<BufReader<File>>,
    index: GifIndex,
    /// `R G B A`, alpha 0 where nothing was drawn.
    canvas: Vec<u8>,
    /// Stored frames drawn so far.
    drawn: usize,
    /// Frames handed out so far.
    shown: u64,
    /// What to do with the canvas before the next stored frame.
    disposal: Disposal,
}

enum Disposal {
    Keep,
    Clear(Area),
    Restore(Vec<u8>),
}

#[derive(Clone, Copy)]
struct Area {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

impl GifDecoder {
    pub(crate) fn new(path: &Path, index: GifIndex, limits: &ReadLimits) -> Result<Self, VideoError> {
        let mut options = DecodeOptions::new();
        options.set_color_output(ColorOutput::RGBA);
        let decoder = open(path, options, limits)?;
        let canvas = vec![0; index.resolution.pixel_count() * 4];
        Ok(Self { path: path.to_owned(), decoder, index, canvas, drawn: 0, shown: 0, disposal: Disposal::Keep })
    }

    pub(crate) fn next_frame(&mut self) -> Result<Option<Frame>, VideoError> {
        if self.shown == self.index.frame_count {
            return Ok(None);
        }
        let (num, den) = (u64::from(self.index.frame_rate.num()), u64::from(self.index.frame_rate.den()));
        // The stored frame that is on show in the middle of this one.
        let middle = (2 * self.shown + 1) * 50 * den / num;
        let wanted = self.index.ends.partition_point(|&end| end <= middle).min(self.index.ends.len() - 1);
        while self.drawn <= wanted {
            self.draw()?;
            self.drawn += 1;
        }
        self.shown += 1;
        Frame::new(self.index.resolution, on_paper(&self.canvas)).map(Some)
    }

    fn draw(&mut self) -> Result<(), VideoError> {
        let (canvas_width, canvas_height) =
            (self.index.resolution.width() as usize, self.index.resolution.height() as usize);
        match std::mem::replace(&mut self.disposal, Disposal::Keep) {
            Disposal::Keep => {}
            Disposal::Restore(canvas) => self.canvas = canvas,
            Disposal::Clear(area) => {
                for row in area.top..(area.top + area.height).min(canvas_height) {
                    let right = (area.left + area.width).min(canvas_width);
                    let line = row * canvas_width * 4;
                    self.canvas[line + area.left.min(right) * 4..line + right * 4].fill(0);
                }
            }
        }
        let frame = self.decoder.read_next_frame().map_err(|error| failed(&self.path, error))?;
        let frame = frame.ok_or_else(|| VideoError::damaged(&self.path, "a frame of the GIF is missing"))?;
        let area = Area {
            left: frame.left.into(),
            top: frame.top.into(),
            width: frame.width.into(),
            height: frame.height.into(),
        };
        self.disposal = match frame.dispose {
            DisposalMethod::Background => Disposal::Clear(area),
            DisposalMethod::Previous => Disposal::Restore(self.canvas.clone()),
            DisposalMethod::Any | DisposalMethod::Keep => Disposal::Keep,
        };
        for (row, line) in frame.buffer.chunks_exact((area.width * 4).max(4)).enumerate() {
            let y = area.top + row;
            if y >= canvas_height {
                break;
            }
            let start = (y * canvas_width + area.left.min(canvas_width)) * 4;
            let end = (y + 1) * canvas_width * 4;
            for (below, pixel) in self.canvas[start..end].chunks_exact_mut(4).zip(line.chunks_exact(4)) {
                if pixel[3] != 0 {
                    below.copy_from_slice(pixel);
                }
            }
        }
        Ok(())
    }
}

fn open(path: &Path, mut options: DecodeOptions, limits: &ReadLimits) -> Result<Decoder<BufReader<File>>, VideoError> {
    let memory = NonZeroU64::new(limits.max_pixels.saturating_mul(4)).unwrap_or(NonZeroU64::MIN);
    options.set_memory_limit(MemoryLimit::Bytes(memory));
    let file = File::open(path).map_err(|error| VideoError::read(path, error))?;
    options.read_info(BufReader::new(file)).map_err(|error| failed(path, error))
}

fn failed(path: &Path, error: DecodingError) -> VideoError {
    match error {
        DecodingError::Io(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => VideoError::read(path, error),
        DecodingError::Io(_) | DecodingError::UnexpectedEof => {
            VideoError::damaged(path, "the end of the GIF is cut off")
        }
        error => VideoError::damaged(path, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_explains_the_delays() {
        let delays = |num: u64, den: u64| -> Vec<u16> {
            let start = |index: u64| (100 * index * den + num / 2) / num;
            (0..400).map(|index| (start(index + 1) - start(index)) as u16).collect()
        };
        for (num, den) in [(24, 1), (30, 1), (30_000, 1001), (15, 1), (7, 1)] {
            assert_eq!(constant_rate(&delays(num.into(), den.into())), (num, den));
        }
        assert_eq!(constant_rate(&[4, 4, 4]), (100, 4));
        assert_eq!(constant_rate(&[10, 100, 30]), (100, 10));
        assert_eq!(constant_rate(&[3, 50]), (100, 2));
    }
}
