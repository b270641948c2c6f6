//! The affine map in 8 bits: how the work is cut up.

use std::ops::Range;

use rayon::prelude::*;

use super::dot::{self, BLOCK, Dot, GROUP, LANES, ROWS, Strip, Sums, Work};
use super::{Packed, quantise::quantise};
use crate::activation::gelu_value;
use crate::cpu::{EachTask, SharedMut, parts, simd::Fma, uninit, vectorize};

/// Rows, at most, and panels of a task: its activations and sums stay in the second cache.
const TASK_ROWS: usize = 72 * ROWS;
const TASK_PANELS: usize = 4;
/// Rows that are rounded before any is multiplied, so that they take little memory.
const CHUNK: usize = 4 * TASK_ROWS;

/// Rows of a task where there are so many: even shares of pairs of tiles.
pub(super) fn rows_per_task(rows: usize) -> usize {
    rows.div_ceil(rows.div_ceil(TASK_ROWS).max(1)).next_multiple_of(2 * ROWS)
}

/// What is done to an output before it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activation {
    Identity,
    Gelu,
}

/// y = activation(x · weight + bias), row by row.
pub(super) struct Affine<'a> {
    /// `[N, In]`.
    pub(super) x: &'a [f32],
    pub(super) weight: &'a Packed,
    /// `[Out]`.
    pub(super) bias: Option<&'a [f32]>,
    pub(super) activation: Activation,
    /// `[N, Out]`.
    pub(super) y: &'a mut [f32],
}

impl Work for Affine<'_> {
    type Output = ();

    unsafe fn with<D: Dot>(self) {
        let Self { x, weight, bias, activation, y } = self;
        let mut biases = vec![0.0; weight.scales.len()];
        if let Some(bias) = bias {
            biases[..bias.len()].copy_from_slice(bias);
        }
        let rows = y.len() / weight.outputs.max(1);
        for rows in parts(rows, CHUNK) {
            let x = &x[rows.start * weight.inputs..rows.end * weight.inputs];
            let y = &mut y[rows.start * weight.outputs..rows.end * weight.outputs];
            // SAFETY: by the caller's promise.
            unsafe { chunk::<D>(x, weight, (&biases, activation), y) };
        }
    }
}

/// The same for at most [`CHUNK`] rows, with a bias for every lane.
///
/// # Safety
/// As for [`Dot::add`].
unsafe fn chunk<D: Dot>(x: &[f32], weight: &Packed, (biases, activation): (&[f32], Activation), y: &mut [f32]) {
    let (rows, panels) = (y.len() / weight.outputs, weight.outputs.div_ceil(LANES));
    let (activations, scales) = activations::<D>(x, [rows, weight.inputs]);
    let shared = SharedMut::new(y);
    let tasks: Vec<_> = parts(rows, rows_per_task(rows))
        .flat_map(|rows| parts(panels, TASK_PANELS).map(move |panels| (rows.clone(), panels)))
        .collect();
    tasks.into_par_iter().each_task(|(rows, panels)| {
        // SAFETY: by the caller's promise.
        let sums = unsafe { sums::<D>(&activations, weight, rows.clone(), panels.clone()) };
        let (first, end) = (panels.start * LANES, weight.outputs.min(panels.end * LANES));
        let finish = Finish {
            sums: &sums,
            scales: &scales[rows.clone()],
            weight_scales: &weight.scales[first..],
            biases: &biases[first..],
            activation,
        };
        // SAFETY: every task has rows and outputs of its own.
        finish.write(|row| unsafe { shared.slice((rows.start + row) * weight.outputs + first, end - first) });
    });
}

/// Rounds rows, and lays them out in tiles.
///
/// # Shapes  → `[tiles, groups, ROWS]`, and a scale for each row
fn activations<D: Dot>(x: &[f32], [rows, inputs]: [usize; 2]) -> (Vec<D::Group>, Vec<f32>) {
    let groups = inputs.div_ceil(GROUP);
    let mut out: Vec<D::Group> = uninit(rows.next_multiple_of(ROWS) * groups);
    let mut scales = vec![0.0; rows];
    if inputs == 0 {
        return (out, scales);
    }
    let tiles = out.par_chunks_mut(groups * ROWS).zip(scales.par_chunks_mut(ROWS));
    tiles.zip(x.par_chunks(ROWS * inputs)).for_each(|((tile, scales), x)| {
        if scales.len() < ROWS {
            tile.fill(D::Group::default());
        }
        let mut numbers = vec![0i8; groups * GROUP];
        for (row, (x, scale)) in x.chunks_exact(inputs).zip(scales).enumerate() {
            *scale = quantise(x, &mut numbers[..inputs]);
            dot::put_row::<D>(tile, row, &numbers);
        }
    });
    (out, scales)
}

/// The sums of some rows and panels.
///
/// # Shapes  → `[panels, tiles · ROWS]`
/// # Safety
/// As for [`Dot::add`].
unsafe fn sums<D: Dot>(
    activations: &[D::Group],
    weight: &Packed,
    rows: Range<usize>,
    panels: Range<usize>,
) -> Vec<Sums> {
    let groups = weight.inputs.div_ceil(GROUP);
    let padded = rows.len().next_multiple_of(ROWS);
    let activations = &activations[rows.start * groups..][..padded * groups];
    let mut sums: Vec<Sums> = Vec::with_capacity(panels.len() * padded);
    for panel in panels.clone() {
        let start: Sums = std::array::from_fn(|lane| -D::EXCESS * weight.sums[panel * LANES + lane]);
        sums.resize(sums.len() + padded, start);
    }
    for start in (0..groups).step_by(BLOCK) {
        let range = start..groups.min(start + BLOCK);
        let block = |panel: usize| weight.panel(panel).get(range.clone()).unwrap_or_default();
        for (panel, sums) in panels.clone().zip(sums.chunks_exact_mut(padded)) {
            let (next, range) = (block(panel + 1), range.clone());
            // SAFETY: by the caller's promise.
            unsafe { D::add(Strip { activations, groups, range, panel: block(panel), next, sums }) };
        }
    }
    sums
}

/// The sums of a task, and what makes numbers of them.
struct Finish<'a> {
    /// `[panels, tiles · ROWS]`.
    sums: &'a [Sums],
    /// One for each row.
    scales: &'a [f32],
    /// One for each lane, as the biases.
    weight_scales: &'a [f32],
    biases: &'a [f32],
    activation: Activation,
}

impl Finish<'_> {
    /// Writes each row's outputs to where `place` says.
    fn write<'a>(&self, place: impl Fn(usize) -> &'a mut [f32]) {
        vectorize(
            #[inline(always)]
            |fma| {
                for row in 0..self.scales.len() {
                    let (whole, rest) = place(row).as_chunks_mut::<LANES>();
                    let panels = whole.len();
                    for (panel, y) in whole.iter_mut().enumerate() {
                        *y = self.outputs(row, panel, fma);
                    }
                    if !rest.is_empty() {
                        rest.copy_from_slice(&self.outputs(row, panels, fma)[..rest.len()]);
                    }
                }
            },
        );
    }

    /// One row's outputs of one panel.
    #[inline(always)]
    fn outputs(&self, row: usize, panel: usize, fma: Fma) -> [f32; LANES] {
        let sums = &self.sums[panel * self.scales.len().next_multiple_of(ROWS) + row];
        let weight_scales = &self.weight_scales.as_chunks::<LANES>().0[panel];
        let biases = &self.biases.as_chunks::<LANES>().0[panel];
        let mut outputs = [0.0; LANES];
        for lane in 0..LANES {
            outputs[lane] = sums[lane] as f32 * weight_scales[lane] * self.scales[row] + biases[lane];
        }
        if self.activation == Activation::Gelu {
            for output in &mut outputs {
                *output = gelu_value(*output, fma);
            }
        }
        outputs
    }
}

#[cfg(test)]
mod tests {
    use super::super::{QuantisedWeight, dot::Instructions};
    use super::*;

    /// Numbers that are far from even, the largest among them.
    fn numbers(len: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..len).map(|_| next() * next()).collect()
    }

    fn product(instructions: Instructions, x: &[f32], weight: &QuantisedWeight) -> Vec<f32> {
        let [inputs, outputs] = weight.dims();
        let mut y = vec![f32::NAN; x.len() / inputs * outputs];
        instructions.run(Affine { x, weight: &weight.packed, bias: None, activation: Activation::Identity, y: &mut y });
        y
    }

    #[test]
    fn all_instructions_give_the_same() {
        assert!(Instructions::available().count() > 0);
        for (n, inputs, outputs) in
            [(1, 1, 1), (5, 7, 17), (6, 512, 16), (13, 515, 33), (199, 1030, 130), (1, 4099, 300), (1600, 9, 3)]
        {
            let (x, rows) = (numbers(n * inputs, 1), numbers(inputs * outputs, 2));
            let fill = |output: usize, row: &mut [f32]| row.copy_from_slice(&rows[output * inputs..][..inputs]);
            let weight = QuantisedWeight::new([inputs, outputs], fill);
            let portable = product(Instructions::Portable, &x, &weight);
            for instructions in Instructions::available() {
                assert!(product(instructions, &x, &weight) == portable, "{instructions:?} {n}×{inputs}→{outputs}");
            }
        }
    }

    #[test]
    fn the_largest_numbers_are_summed_exactly() {
        let inputs = 8960;
        for signs in [[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]] {
            let weight = QuantisedWeight::new([inputs, 16], |_, row| row.fill(127.0 * signs[0]));
            let x = vec![127.0 * signs[1]; 6 * inputs];
            let expected = (127.0 * 127.0 * inputs as f32) * signs[0] * signs[1];
            for instructions in Instructions::available() {
                assert_eq!(product(instructions, &x, &weight), [expected; 6 * 16], "{instructions:?}");
            }
        }
    }
}
