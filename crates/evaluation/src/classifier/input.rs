//! Frames as the network takes them: folded into channels, sharp in some frames, with what moves between them.
//!
//! What stands there shows in every fourth frame, and is looked at closely. What moves shows in how luminance changes
//! from each frame to the next, and in the flow between them, and is looked at less closely. The network could not take
//! these from raw pixels as easily, since a change is small beside what changes.

use video::Frame;

use super::flow::Cells;
use crate::pixels::GROUP;

/// Pixels on each side of the block that becomes one position of [`Input::colours`].
const COLOUR_FOLD: usize = 2;
/// Channels of such a position.
pub(super) const COLOURS: usize = COLOUR_FOLD * COLOUR_FOLD * 3;
/// Pixels on each side of the block that becomes one position of [`Input::motion`].
pub(super) const FOLD: usize = 4;
/// Channels of such a position: changes of each pixel, then flow, before each frame of a group.
pub(super) const MOTION: usize = (FOLD * FOLD + 2) * GROUP;
/// Brings changes to about the size of colours.
const CHANGE_GAIN: f32 = 4.0;
/// Luminance of sRGB values (ITU-R BT.709), close enough without undoing the gamma.
const LUMINANCE: [f32; 3] = [0.2126, 0.7152, 0.0722];

/// What the network sees of a clip of 4k + 1 frames: k + 1 groups, of which the first is one frame and stands still.
pub(super) struct Input {
    /// Colours of each group's last frame, `[k + 1, H/2, W/2, COLOURS]`; 0 to 255 become −1 to 1.
    pub(super) colours: Vec<f32>,
    /// What moves before each frame, `[k + 1, H/4, W/4, MOTION]`: changes of luminance, a full one counting
    /// `2 · CHANGE_GAIN`, and flow in two pixels a frame.
    pub(super) motion: Vec<f32>,
}

/// Frame groups, rows and columns of [`Input::motion`].
pub(super) fn grid(frames: &[Frame]) -> [usize; 3] {
    let size = frames[0].resolution();
    [(frames.len() - 1) / GROUP + 1, size.height() as usize / FOLD, size.width() as usize / FOLD]
}

impl Input {
    /// Looks at 4k + 1 frames whose sides are multiples of 4.
    pub(super) fn of(frames: &[Frame]) -> Self {
        let [groups, rows, columns] = grid(frames);
        let lasts = (0..groups).map(|group| group * GROUP);
        let mut colours = Vec::with_capacity(groups * rows * columns * 4 * COLOURS);
        lasts.clone().for_each(|last| fold_colours(&frames[last], &mut colours));

        let width = columns * FOLD;
        let luminances: Vec<Vec<f32>> = frames.iter().map(luminance).collect();
        let cells: Vec<Cells> = luminances.iter().map(|luminance| Cells::new(luminance, width)).collect();
        let mut motion = Vec::with_capacity(groups * rows * columns * MOTION);
        for last in lasts {
            // Nothing has changed before the first frame.
            let pairs: Vec<[usize; 2]> = (0..GROUP)
                .map(|index| (last + index + 1).saturating_sub(GROUP))
                .map(|frame| [frame, frame.saturating_sub(1)])
                .collect();
            let flows: Vec<_> = pairs.iter().map(|[now, before]| cells[*now].flow_since(&cells[*before])).collect();
            for block in 0..rows * columns {
                let corner = block / columns * FOLD * width + block % columns * FOLD;
                for start in (0..FOLD).map(|line| corner + line * width) {
                    for pair in &pairs {
                        let [now, before] = pair.map(|frame| &luminances[frame][start..start + FOLD]);
                        motion.extend(now.iter().zip(before).map(|(now, before)| CHANGE_GAIN * (now - before)));
                    }
                }
                motion.extend(flows.iter().flat_map(|flow| flow[block]));
            }
        }
        Self { colours, motion }
    }
}

fn fold_colours(frame: &Frame, folded: &mut Vec<f32>) {
    let row = frame.resolution().width() as usize * 3;
    for lines in frame.rgb().chunks_exact(COLOUR_FOLD * row) {
        for column in (0..row).step_by(COLOUR_FOLD * 3) {
            for line in lines.chunks_exact(row) {
                let pixels = &line[column..column + COLOUR_FOLD * 3];
                folded.extend(pixels.iter().map(|value| f32::from(*value) / 127.5 - 1.0));
            }
        }
    }
}

/// The luminance of every pixel, a value of 255 counting 2 as in −1 to 1.
fn luminance(frame: &Frame) -> Vec<f32> {
    let (pixels, _) = frame.rgb().as_chunks::<3>();
    let weighted = |[r, g, b]: &[u8; 3]| {
        let [wr, wg, wb] = LUMINANCE;
        (wr * f32::from(*r) + wg * f32::from(*g) + wb * f32::from(*b)) / 127.5
    };
    pixels.iter().map(weighted).collect()
}

#[cfg(test)]
mod tests {
    use video::Resolution;

    use super::*;

    /// Grey frames, each `step` brighter than the one before.
    fn brightening(count: usize, step: u8) -> Vec<Frame> {
        let size = Resolution::new(8, 4).unwrap();
        (0..count).map(|index| Frame::filled(size, [100 + step * index as u8; 3])).collect()
    }

    #[test]
    fn colours_come_from_the_last_frame_of_a_group_and_changes_from_all() {
        let frames = brightening(9, 5);
        assert_eq!(grid(&frames), [3, 1, 2]);
        let Input { colours, motion } = Input::of(&frames);
        assert_eq!([colours.len(), motion.len()], [3 * 8 * COLOURS, 3 * 2 * MOTION]);
        for (group, brightness) in [(0, 100.0), (1, 120.0), (2, 140.0)] {
            let colours = &colours[group * 8 * COLOURS..][..8 * COLOURS];
            assert!(colours.iter().all(|value| (value - (brightness / 127.5 - 1.0)).abs() < 1e-6));
            let (changes, flow) = motion[group * 2 * MOTION..][..MOTION].split_at(GROUP * FOLD * FOLD);
            let change = if group == 0 { 0.0 } else { CHANGE_GAIN * 5.0 / 127.5 };
            assert!(changes.iter().all(|value| (value - change).abs() < 1e-5), "{group}: {changes:?}");
            assert!(flow.iter().all(|value| *value == 0.0), "a flat picture only grows brighter");
        }
    }

    #[test]
    fn a_position_is_a_block_of_pixels() {
        let mut frames = vec![Frame::filled(Resolution::new(8, 8).unwrap(), [0; 3]); 5];
        // Column 5, row 6 of the last frame, green.
        frames[4].rgb_mut()[(6 * 8 + 5) * 3 + 1] = 255;
        let Input { colours, motion } = Input::of(&frames);
        let lit: Vec<_> = (0..colours.len()).filter(|index| colours[*index] > 0.0).collect();
        // The second group; the third block of the fourth row of blocks; first line, second pixel.
        assert_eq!(lit, [(16 + 3 * 4 + 2) * COLOURS + 3 + 1]);
        let changed: Vec<_> = (0..motion.len()).filter(|index| motion[*index] > 0.5 * CHANGE_GAIN).collect();
        // The second group's last block; third line, fourth frame, second pixel.
        assert_eq!(changed, [(4 + 3) * MOTION + (2 * GROUP + 3) * FOLD + 1]);
    }
}
