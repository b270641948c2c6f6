//! Clips on their way into the classifier: one picture size and at most so many frames.
//!
//! Every video is read at the same scale, whatever its size: the shorter side becomes 96 pixels and 17 frames are
//! taken evenly from first to last. Colour, shape, motion and camera show at that scale, and a small classifier then
//! needs to know one scale only.

use video::{Frame, Resolution};

use crate::EvaluationError;

/// The shorter side in pixels at which videos are read.
pub const SHORT_SIDE: usize = 96;
/// Most frames that are read.
pub const MAX_FRAMES: usize = 17;
/// Frames that are read together: the first alone, then so many at a time.
pub const GROUP: usize = 4;
/// Both sides are multiples of this: the pixels of one of the classifier's tokens.
const SIDE_STEP: usize = 16;
/// A very wide picture is squeezed to this many times the shorter side.
const MAX_ASPECT: usize = 4;

/// Frames of one size at the scale at which videos are read.
///
/// # Errors
/// [`EvaluationError::Video`] when a frame cannot be made.
///
/// # Panics  when there is no frame
pub fn at_reading_scale(frames: &[Frame]) -> Result<Vec<Frame>, EvaluationError> {
    let size = reading_size(frames[0].resolution())?;
    evenly_spaced(frames).into_iter().map(|frame| resample(frame, size)).collect()
}

/// The size at which pictures of `size` are read.
fn reading_size(size: Resolution) -> Result<Resolution, EvaluationError> {
    let (width, height) = (size.width() as usize, size.height() as usize);
    let short = width.min(height);
    let side = |side: usize| {
        let scaled = (side * SHORT_SIDE + short / 2) / short;
        let stepped = (scaled + SIDE_STEP / 2) / SIDE_STEP * SIDE_STEP;
        stepped.clamp(SIDE_STEP, MAX_ASPECT * SHORT_SIDE) as u32
    };
    Ok(Resolution::new(side(width), side(height))?)
}

/// At most [`MAX_FRAMES`] frames from first to last, 4k + 1 of them.
fn evenly_spaced(frames: &[Frame]) -> Vec<&Frame> {
    let count = (frames.len().clamp(1, MAX_FRAMES) - 1) / GROUP * GROUP + 1;
    let (last, gaps) = (frames.len() - 1, (count - 1).max(1));
    (0..count).map(|index| &frames[(index * last + gaps / 2) / gaps]).collect()
}

/// Scales a picture so that each new pixel is the mean of the area that it covers.
fn resample(frame: &Frame, size: Resolution) -> Result<Frame, EvaluationError> {
    let old = frame.resolution();
    if old == size {
        return Ok(frame.clone());
    }
    let [old_width, old_height] = [old.width() as usize, old.height() as usize];
    let [width, height] = [size.width() as usize, size.height() as usize];
    let (columns, rows) = (coverage(old_width, width), coverage(old_height, height));
    let mut narrow = vec![0.0_f32; old_height * width * 3];
    for (line, out) in frame.rgb().chunks_exact(old_width * 3).zip(narrow.chunks_exact_mut(width * 3)) {
        for (pixel, covered) in out.chunks_exact_mut(3).zip(&columns) {
            for (source, weight) in covered {
                (0..3).for_each(|channel| pixel[channel] += weight * f32::from(line[source * 3 + channel]));
            }
        }
    }
    let mut values = vec![0.0_f32; height * width * 3];
    for (out, covered) in values.chunks_exact_mut(width * 3).zip(&rows) {
        for (source, weight) in covered {
            let line = &narrow[source * width * 3..][..width * 3];
            out.iter_mut().zip(line).for_each(|(sum, value)| *sum += weight * value);
        }
    }
    Ok(Frame::new(size, values.into_iter().map(|value| value.round() as u8).collect())?)
}

/// For each new position, the old ones under it and their shares, which add up to 1.
fn coverage(old: usize, new: usize) -> Vec<Vec<(usize, f32)>> {
    let scale = old as f64 / new as f64;
    let mut positions = Vec::with_capacity(new);
    for index in 0..new {
        let (from, to) = (index as f64 * scale, (index + 1) as f64 * scale);
        let sources = from.floor() as usize..(to.ceil() as usize).min(old);
        let overlap = |source: usize| (to.min(source as f64 + 1.0) - from.max(source as f64)).max(0.0) / scale;
        positions.push(sources.map(|source| (source, overlap(source) as f32)).collect());
    }
    positions
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gradient(width: u32, height: u32) -> Frame {
        let size = Resolution::new(width, height).unwrap();
        Frame::new(size, (0..size.pixel_count() * 3).map(|index| (index / 3 % width as usize) as u8).collect()).unwrap()
    }

    fn read(width: u32, height: u32, count: usize) -> Vec<Frame> {
        at_reading_scale(&vec![gradient(width, height); count]).unwrap()
    }

    #[test]
    fn sizes_and_lengths_become_those_that_are_read() {
        for ((width, height, count), (expected, frames)) in [
            ((128, 128, 33), ("96x96", 17)),
            ((64, 64, 17), ("96x96", 17)),
            ((160, 96, 9), ("160x96", 9)),
            ((96, 160, 65), ("96x160", 17)),
            ((32, 32, 1), ("96x96", 1)),
            ((40, 30, 12), ("128x96", 9)),
            ((1024, 32, 5), ("384x96", 5)),
        ] {
            let read = read(width, height, count);
            assert_eq!((read[0].resolution().to_string().as_str(), read.len()), (expected, frames));
        }
    }

    #[test]
    fn a_pixel_is_the_mean_of_what_it_covers() {
        let halved = read(192, 192, 1).remove(0);
        // Columns 10 and 11 are 10 and 11 bright.
        assert_eq!(halved.rgb()[5 * 3], 11);
        assert_eq!(coverage(3, 2), [vec![(0, 2.0 / 3.0), (1, 1.0 / 3.0)], vec![(1, 1.0 / 3.0), (2, 2.0 / 3.0)]]);
    }
}
