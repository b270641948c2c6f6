//! What stands still in a film of a standing camera, and what moves before it.

use video::{Frame, VideoError};

/// Difference of a channel, of 255, up to which a place is taken to look the same, and from which on to be another thing.
const AT_REST: f32 = 14.0;
const MOVING: f32 = 36.0;
/// Pixels around what is hidden that are taken to be hidden too, since edges are soft.
const SOFT: usize = 2;

/// The film with all that rests as sharp as in the frame that is best known, whatever became of it later.
///
/// What a place looks like is taken from that frame, or, where something passes there just then, from what is seen there
/// mostly. Each frame adds what differs from that.
///
/// # Errors
/// [`VideoError`] never, since sizes stay.
pub(crate) fn at_rest(frames: &[Frame], best: usize) -> Result<Vec<Frame>, VideoError> {
    let size = frames[best].resolution();
    let width = size.width() as usize;
    let sharp = frames[best].rgb();
    let mostly: Vec<u8> = (0..sharp.len()).map(|at| median(frames.iter().map(|frame| frame.rgb()[at]))).collect();
    let hidden = around(&differences(sharp, &mostly, width), (SOFT, width), |values| values.fold(0.0, f32::max));
    let hidden = around(&hidden, (SOFT, width), mean);
    let plate: Vec<u8> = (0..sharp.len()).map(|at| blend(sharp[at], mostly[at], hidden[at / 3])).collect();
    let whole = |(index, frame): (usize, &Frame)| {
        if index == best {
            return Ok(frame.clone());
        }
        let moving = differences(frame.rgb(), &plate, width);
        let values = frame.rgb().iter().zip(&plate).enumerate();
        Frame::new(size, values.map(|(at, (value, rest))| blend(*rest, *value, moving[at / 3])).collect())
    };
    frames.iter().enumerate().map(whole).collect()
}

/// One value where two differ little, the other where they differ much.
fn blend(rest: u8, other: u8, difference: f32) -> u8 {
    let share = ((difference - AT_REST) / (MOVING - AT_REST)).clamp(0.0, 1.0);
    (share * f32::from(other) + (1.0 - share) * f32::from(rest)).round() as u8
}

fn median(values: impl Iterator<Item = u8>) -> u8 {
    let mut values: Vec<u8> = values.collect();
    let middle = values.len() / 2;
    *values.select_nth_unstable(middle).1
}

/// The largest difference of a channel at each pixel, as the mean over its neighbours.
fn differences(one: &[u8], other: &[u8], width: usize) -> Vec<f32> {
    let pixel = |(a, b): (&[u8], &[u8])| (0..3).map(|channel| a[channel].abs_diff(b[channel])).max().unwrap_or(0);
    let sharp: Vec<f32> = one.chunks_exact(3).zip(other.chunks_exact(3)).map(|pair| f32::from(pixel(pair))).collect();
    around(&sharp, (1, width), mean)
}

fn mean(values: &mut dyn Iterator<Item = f32>) -> f32 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0_f32));
    sum / count.max(1.0)
}

/// One number for each pixel of those that are so near to it.
fn around(
    values: &[f32],
    (near, width): (usize, usize),
    of: impl Fn(&mut dyn Iterator<Item = f32>) -> f32,
) -> Vec<f32> {
    let height = values.len() / width;
    let span = |at: usize, side: usize| at.saturating_sub(near)..(at + near + 1).min(side);
    let pixel = |at: usize| {
        let columns = span(at % width, width);
        let rows = span(at / width, height);
        of(&mut rows.flat_map(|row| values[row * width..][columns.clone()].iter().copied()))
    };
    (0..values.len()).map(pixel).collect()
}

#[cfg(test)]
mod tests {
    use video::Resolution;

    use super::*;

    const SIDE: usize = 32;

    /// A textured ground, and a bright square on its way from left to right over it.
    fn frame(left: usize, texture: u8) -> Frame {
        let colour = |index: usize| {
            let (row, column) = (index / SIDE, index % SIDE);
            let is_square = (12..20).contains(&row) && (left..left + 8).contains(&column);
            if is_square { [250, 40, 40] } else { [80 + texture * ((row + column) % 2) as u8; 3] }
        };
        let size = Resolution::new(SIDE as u32, SIDE as u32).unwrap();
        Frame::new(size, (0..SIDE * SIDE).flat_map(colour).collect()).unwrap()
    }

    #[test]
    fn what_rests_stays_sharp_and_what_moves_stays_where_it_is() {
        // The texture is lost behind the first frame.
        let frames: Vec<Frame> = (0..9).map(|index| frame(2 + 2 * index, if index == 0 { 8 } else { 0 })).collect();
        let sharp = at_rest(&frames, 0).unwrap();
        assert_eq!(sharp[0], frames[0]);
        let at = |frame: &Frame, row: usize, column: usize| frame.rgb()[(row * SIDE + column) * 3];
        assert_eq!((at(&sharp[8], 3, 3), at(&sharp[8], 3, 4)), (at(&frames[0], 3, 3), at(&frames[0], 3, 4)));
        assert!(at(&sharp[8], 15, 22) > 230, "the square is where it is now");
        assert!(at(&sharp[8], 15, 5) < 100, "and no longer where it was");
    }
}
