//! The part of the change at a joint that is more than the pace around it, place by place.

use video::Frame;

/// Blocks along the shorter side of a picture, each with a pace of its own. Small things move in large pictures too.
const BLOCKS: usize = 16;
/// The smallest side of a block in pixels, which is that of a latent position.
const LEAST_SIDE: usize = 8;

/// What a joint changes beyond the pace around it, one number for each value of a picture.
#[derive(Clone, Debug)]
pub(super) struct Step(Vec<f32>);

impl Step {
    /// The step from the last of the frames before to the first of those behind, if either side has a pace.
    ///
    /// Formula:  g·d,  g = max(0, 1 − a/j), where d is the change at the joint, j its root mean square around a place,
    /// and a that of the changes within the side that changes more there
    pub(super) fn between(before: &[Frame], behind: &[Frame]) -> Option<Self> {
        let grid = Grid::of(before.last()?);
        let pace = [pace(before, &grid), pace(behind, &grid)].into_iter().flatten().reduce(larger)?;
        let change = change([before.last()?, behind.first()?]);
        let gains: Vec<f32> = grid
            .energy(&change)
            .into_iter()
            .zip(pace)
            .map(|(jump, pace)| if jump > pace { 1.0 - (pace / jump).sqrt() } else { 0.0 })
            .collect();
        let gain = |index: usize| grid.between(&gains, index / 3);
        Some(Self(change.into_iter().enumerate().map(|(index, change)| gain(index) * change).collect()))
    }

    /// A part of it.
    pub(super) fn times(&self, share: f32) -> Self {
        Self(self.0.iter().map(|value| share * value).collect())
    }
}

/// Adds shares of steps to a frame.
pub(super) fn add(frame: &mut Frame, steps: &[(Option<&Step>, f32)]) {
    let steps: Vec<(&Step, f32)> = steps.iter().filter_map(|(step, share)| Some(((*step)?, *share))).collect();
    for (index, value) in frame.rgb_mut().iter_mut().enumerate() {
        let sum: f32 = steps.iter().map(|(step, share)| share * step.0[index]).sum();
        *value = (f32::from(*value) + sum).round().clamp(0.0, 255.0) as u8;
    }
}

/// The mean energy of changes from frame to frame, block by block; nothing of a lone frame.
fn pace(frames: &[Frame], grid: &Grid) -> Option<Vec<f32>> {
    let share = 1.0 / frames.len().saturating_sub(1).max(1) as f32;
    let energies = frames.windows(2).map(|pair| grid.energy(&change([&pair[0], &pair[1]])));
    let sum = energies.reduce(|sum, more| sum.into_iter().zip(more).map(|(a, b)| a + b).collect())?;
    Some(sum.into_iter().map(|energy| share * energy).collect())
}

fn larger(a: Vec<f32>, b: Vec<f32>) -> Vec<f32> {
    a.into_iter().zip(b).map(|(a, b)| a.max(b)).collect()
}

fn change([from, to]: [&Frame; 2]) -> Vec<f32> {
    from.rgb().iter().zip(to.rgb()).map(|(from, to)| f32::from(*to) - f32::from(*from)).collect()
}

/// A picture cut into blocks.
struct Grid {
    width: usize,
    height: usize,
    side: usize,
}

impl Grid {
    fn of(frame: &Frame) -> Self {
        let size = frame.resolution();
        let (width, height) = (size.width() as usize, size.height() as usize);
        Self { width, height, side: (width.min(height) / BLOCKS).max(LEAST_SIDE) }
    }

    /// Rows and columns of blocks.
    fn blocks(&self) -> [usize; 2] {
        [self.height.div_ceil(self.side), self.width.div_ceil(self.side)]
    }

    /// The mean square of a change around each block: over it and its neighbours.
    fn energy(&self, change: &[f32]) -> Vec<f32> {
        let [rows, columns] = self.blocks();
        let (mut sums, mut counts) = (vec![0.0f32; rows * columns], vec![0.0f32; rows * columns]);
        for (row, line) in change.chunks_exact(3 * self.width).enumerate() {
            for (column, part) in line.chunks(3 * self.side).enumerate() {
                let block = row / self.side * columns + column;
                sums[block] += part.iter().map(|value| value * value).sum::<f32>();
                counts[block] += part.len() as f32;
            }
        }
        let near = |middle: usize, count: usize| middle.saturating_sub(1)..(middle + 2).min(count);
        let around = |row: usize, column: usize| {
            let places =
                near(row, rows).flat_map(|row| near(column, columns).map(move |column| row * columns + column));
            let (sum, count) = places.fold((0.0, 0.0), |(sum, count), at| (sum + sums[at], count + counts[at]));
            sum / count
        };
        (0..rows * columns).map(|block| around(block / columns, block % columns)).collect()
    }

    /// A number of each block at a pixel, linear between the middles of blocks.
    fn between(&self, blocks: &[f32], pixel: usize) -> f32 {
        let [rows, columns] = self.blocks();
        let place = |at: usize, count: usize| {
            let place = ((at as f32 + 0.5) / self.side as f32 - 0.5).clamp(0.0, (count - 1) as f32);
            let first = (place as usize).min(count.saturating_sub(2));
            (first, (first + 1).min(count - 1), place - first as f32)
        };
        let (top, bottom, down) = place(pixel / self.width, rows);
        let (left, right, over) = place(pixel % self.width, columns);
        let line = |row: usize| {
            let (from, to) = (blocks[row * columns + left], blocks[row * columns + right]);
            from + over * (to - from)
        };
        line(top) + down * (line(bottom) - line(top))
    }
}

#[cfg(test)]
mod tests {
    use video::Resolution;

    use super::*;

    /// Grey frames of 64×16 whose left half has one value and whose right half another.
    fn halves(left: u8, right: u8) -> Frame {
        let mut frame = Frame::filled(Resolution::new(64, 16).unwrap(), [left; 3]);
        for (index, pixel) in frame.rgb_mut().chunks_exact_mut(3).enumerate() {
            if index % 64 >= 32 {
                pixel.fill(right);
            }
        }
        frame
    }

    #[test]
    fn a_step_is_only_where_nothing_moves_as_fast() {
        let before: Vec<Frame> = (0..4).map(|index| halves(100, 20 * index)).collect();
        let behind: Vec<Frame> = (4..8).map(|index| halves(140, 20 * index)).collect();
        let Step(step) = Step::between(&before, &behind).unwrap();
        assert_eq!(step[0], 40.0);
        assert_eq!(step[3 * 63], 0.0);
        // Half of the jump is left where half of it is the pace.
        let before: Vec<Frame> = (0..4).map(|index| halves(20 * index, 0)).collect();
        let behind: Vec<Frame> = (0..4).map(|index| halves(100 + 20 * index, 0)).collect();
        let Step(step) = Step::between(&before, &behind).unwrap();
        assert!((step[0] - 20.0).abs() < 1e-4, "{}", step[0]);
    }

    #[test]
    fn sides_without_a_pace_have_no_step_and_one_pace_is_enough() {
        let lone = [halves(0, 0)];
        assert!(Step::between(&lone, &lone).is_none());
        assert!(Step::between(&lone, &[halves(9, 9), halves(9, 9)]).is_some());
    }

    #[test]
    fn blocks_that_do_not_fill_a_picture_are_measured_by_what_they_have() {
        let frame = Frame::filled(Resolution::new(20, 12).unwrap(), [0; 3]);
        let grid = Grid::of(&frame);
        assert_eq!(grid.blocks(), [2, 3]);
        assert!(grid.energy(&vec![3.0; 20 * 12 * 3]).iter().all(|energy| (energy - 9.0).abs() < 1e-5));
        assert!((grid.between(&[1.0; 6], 20 * 12 - 1) - 1.0).abs() < 1e-6);
    }
}
