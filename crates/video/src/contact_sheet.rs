//! Many clips in one picture.

use crate::{Clip, Frame, Resolution, VideoError};

/// Pixels between pictures, and around the sheet.
const GUTTER: usize = 2;
const PAPER: [u8; 3] = [255; 3];

/// Lays clips out in one picture: a row for each clip, `columns` evenly spaced frames in it, thin white gutters.
///
/// The first and the last frame are always shown; a clip with fewer frames than `columns` shows each once.
/// Clips may differ in size.
///
/// # Errors
/// [`VideoError::NoFrames`] without clips or columns, [`VideoError::Resolution`] when the sheet would be too large.
pub fn contact_sheet(clips: &[&Clip], columns: usize) -> Result<Frame, VideoError> {
    let rows: Vec<Vec<&Frame>> = clips.iter().map(|clip| evenly_spaced(clip.frames(), columns)).collect();
    let widest = rows.iter().map(|row| row.iter().map(|frame| width(frame) + GUTTER).sum::<usize>()).max();
    let sheet_width = widest.filter(|&widest| widest > 0).ok_or(VideoError::NoFrames)? + GUTTER;
    let sheet_height = GUTTER + clips.iter().map(|clip| clip.resolution().height() as usize + GUTTER).sum::<usize>();
    let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
    let mut sheet = Frame::filled(Resolution::new(side(sheet_width), side(sheet_height))?, PAPER);

    let mut top = GUTTER;
    for row in rows {
        let mut left = GUTTER;
        for frame in &row {
            paste(&mut sheet, frame, left, top);
            left += width(frame) + GUTTER;
        }
        top += row.first().map_or(0, |frame| frame.resolution().height() as usize) + GUTTER;
    }
    Ok(sheet)
}

fn width(frame: &Frame) -> usize {
    frame.resolution().width() as usize
}

fn evenly_spaced(frames: &[Frame], count: usize) -> Vec<&Frame> {
    let count = count.min(frames.len());
    let last = frames.len() - 1;
    (0..count)
        .map(|column| {
            let gaps = count.saturating_sub(1).max(1);
            &frames[(column * last + gaps / 2) / gaps]
        })
        .collect()
}

/// Copies `frame` into `sheet`, which has room for it.
fn paste(sheet: &mut Frame, frame: &Frame, left: usize, top: usize) {
    let sheet_stride = width(sheet) * 3;
    let stride = width(frame) * 3;
    for (row, line) in frame.rgb().chunks_exact(stride).enumerate() {
        let at = (top + row) * sheet_stride + left * 3;
        sheet.rgb_mut()[at..at + stride].copy_from_slice(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FrameRate;

    fn clip(width: u32, height: u32, count: usize) -> Clip {
        let size = Resolution::new(width, height).unwrap();
        let frames = (0..count).map(|index| Frame::filled(size, [index as u8 * 10, 0, 0])).collect();
        Clip::new(frames, FrameRate::new(24, 1).unwrap()).unwrap()
    }

    #[test]
    fn shows_first_and_last_frame() {
        let (long, short) = (clip(4, 3, 9), clip(6, 5, 2));
        let sheet = contact_sheet(&[&long, &short], 3).unwrap();
        assert_eq!(sheet.resolution(), Resolution::new(2 + 3 * (4 + 2), 2 + 3 + 2 + 5 + 2).unwrap());
        let at = |x: usize, y: usize| sheet.rgb()[(y * 20 + x) * 3];
        assert_eq!([at(2, 2), at(8, 2), at(14, 2)], [0, 40, 80]);
        assert_eq!([at(2, 7), at(10, 7)], [0, 10]);
        assert_eq!([at(0, 0), at(6, 2), at(19, 13)], [255; 3]);
    }

    #[test]
    fn refuses_nothing_and_too_much() {
        assert!(matches!(contact_sheet(&[], 4), Err(VideoError::NoFrames)));
        assert!(matches!(contact_sheet(&[&clip(2, 2, 1)], 0), Err(VideoError::NoFrames)));
        let (wide, many) = (clip(200, 2, 100), 100);
        assert!(matches!(contact_sheet(&[&wide], many), Err(VideoError::Resolution { .. })));
    }
}
