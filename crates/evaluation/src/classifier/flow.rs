//! Where things go from one frame to the next, roughly: optical flow by least squares in small windows.
//!
//! Direction is a product of differences in space and in time, which a small network of sums learns only slowly. Given
//! the flow, it tells camera moves apart before it can tell shapes.

/// Pixels on each side of a cell: at half the scale, twice the speed is within reach.
const CELL: usize = 2;
/// Cells on each side of a position, the block of pixels for which a flow is told.
const CELLS: usize = 2;
/// Keeps the flow at nothing where nothing can be seen to move; about what noise adds to a window.
const DAMPING: f32 = 0.02;
/// Faster is not believed, in cells.
const MAX_FLOW: f32 = 2.0;

/// Luminance at the scale at which flow is sought.
#[derive(Clone, Debug)]
pub(super) struct Cells {
    values: Vec<f32>,
    width: usize,
    height: usize,
}

impl Cells {
    /// Means over cells of a picture, whose sides are multiples of a position's.
    pub(super) fn new(luminance: &[f32], picture_width: usize) -> Self {
        let (width, height) = (picture_width / CELL, luminance.len() / picture_width / CELL);
        let mut values = vec![0.0; width * height];
        for (y, line) in luminance.chunks_exact(picture_width).enumerate() {
            for (x, value) in line.iter().enumerate() {
                values[y / CELL * width + x / CELL] += value / (CELL * CELL) as f32;
            }
        }
        Self { values, width, height }
    }

    /// How far what is seen at each position has moved since `before`: to the right and down, in cells.
    ///
    /// Formula:  (u, v) = −(Σ ∇I·∇Iᵀ + damping)⁻¹ · Σ ∇I·∂I/∂t  over the position and its eight neighbours
    ///
    /// # Source  Lucas and Kanade 1981
    pub(super) fn flow_since(&self, before: &Self) -> Vec<[f32; 2]> {
        let [columns, rows] = [self.width / CELLS, self.height / CELLS];
        let mut sums = vec![[0.0_f32; 5]; columns * rows];
        for y in 0..self.height {
            for x in 0..self.width {
                let [dx, dy] = [self, before]
                    .map(|cells| cells.slope(x, y))
                    .into_iter()
                    .fold([0.0; 2], |sum, slope| [sum[0] + 0.5 * slope[0], sum[1] + 0.5 * slope[1]]);
                let change = self.values[y * self.width + x] - before.values[y * self.width + x];
                let sum = &mut sums[y / CELLS * columns + x / CELLS];
                for (sum, product) in sum.iter_mut().zip([dx * dx, dx * dy, dy * dy, dx * change, dy * change]) {
                    *sum += product;
                }
            }
        }
        let solve = |position: usize| {
            let (row, column) = (position / columns, position % columns);
            let mut window = [0.0_f32; 5];
            for y in row.saturating_sub(1)..(row + 2).min(rows) {
                for x in column.saturating_sub(1)..(column + 2).min(columns) {
                    window.iter_mut().zip(sums[y * columns + x]).for_each(|(sum, value)| *sum += value);
                }
            }
            let [xx, xy, yy, xt, yt] = window;
            let (xx, yy) = (xx + DAMPING, yy + DAMPING);
            let determinant = xx * yy - xy * xy;
            [(xy * yt - yy * xt) / determinant, (xy * xt - xx * yt) / determinant]
                .map(|flow| flow.clamp(-MAX_FLOW, MAX_FLOW))
        };
        (0..columns * rows).map(solve).collect()
    }

    /// How luminance rises to the right and down; at an edge as if the edge went on.
    fn slope(&self, x: usize, y: usize) -> [f32; 2] {
        let at = |x: usize, y: usize| self.values[y * self.width + x];
        let (right, below) = ((x + 1).min(self.width - 1), (y + 1).min(self.height - 1));
        [0.5 * (at(right, y) - at(x.saturating_sub(1), y)), 0.5 * (at(x, below) - at(x, y.saturating_sub(1)))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Soft hills that have moved by (`right`, `down`) pixels.
    fn hills(right: f32, down: f32) -> Cells {
        let value = |index: usize| {
            let (x, y) = ((index % 64) as f32 - right, (index / 64) as f32 - down);
            0.4 * (x / 4.0).sin() + 0.4 * (y / 5.0).cos()
        };
        Cells::new(&(0..64 * 48).map(value).collect::<Vec<_>>(), 64)
    }

    #[test]
    fn flow_tells_where_and_how_far_things_go() {
        for (right, down) in [(1.0, 0.0), (-1.0, 0.5), (0.0, -1.5)] {
            let flow = hills(right, down).flow_since(&hills(0.0, 0.0));
            assert_eq!(flow.len(), 16 * 12);
            // Cells are two pixels; the edges are left out.
            let inner = (1..11).flat_map(|row| flow[row * 16 + 1..row * 16 + 15].iter());
            for [u, v] in inner {
                assert!((u - right / 2.0).abs() < 0.15 && (v - down / 2.0).abs() < 0.15, "{right} {down}: {u} {v}");
            }
        }
    }

    #[test]
    fn nothing_moves_where_nothing_is_seen() {
        let (bright, dark) = (Cells::new(&[0.5; 64], 8), Cells::new(&[-0.5; 64], 8));
        assert_eq!(bright.flow_since(&dark), [[0.0; 2]; 4]);
        let still = hills(0.0, 0.0);
        assert!(still.flow_since(&still).iter().all(|flow| *flow == [0.0; 2]));
    }
}
