//! The affine map in 8 bits: how the work is cut up.

use std::{array, ops::Range};

use rayon::prelude::*;

use super::Packed;
use super::dot::{self, Dot, GROUP, LANES, ROWS, Strip, Sums, Weights, Work};
use crate::activation::gelu_value;
use crate::cpu::{EachTask, SharedMut, fetch_for_writing, parts, simd::Fma, uninit, vectorize};

/// Rows of a task, at most.
const TASK_ROWS: usize = 72 * ROWS;
/// Bytes of a task's panels: they stay in the second cache, together with those that come next.
const TASK_BYTES: usize = 1 << 19;
/// Tasks of a thread at least, where there are enough panels.
const TASKS_PER_THREAD: usize = 4;
/// Rows that are rounded before any is multiplied, so that they take little memory.
const CHUNK: usize = 4 * TASK_ROWS;

/// Rows of a task where there are so many: even shares.
pub(super) fn rows_per_task(rows: usize) -> usize {
    rows.div_ceil(rows.div_ceil(TASK_ROWS).max(1)).next_multiple_of(ROWS)
}

/// Panels of a task, by the groups of each and by how many there are for all tasks: with few, a thread should not have
/// most of them.
fn panels_per_task(groups: usize, all: usize) -> usize {
    let share = all.div_ceil(TASKS_PER_THREAD * rayon::current_num_threads());
    (TASK_BYTES / size_of::<Weights>() / groups.max(1)).min(share).clamp(1, 4)
}

/// What is done to an output before it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activation {
    Identity,
    Gelu,
}

/// y = activation(x · weight + bias), row by row, of as many layers as see the same x.
pub(super) struct Affine<'a> {
    pub(super) rows: usize,
    /// `[rows, In]`.
    pub(super) x: &'a [f32],
    /// All of as many inputs.
    pub(super) layers: Vec<Layer<'a>>,
}

/// One layer and where its outputs go.
pub(super) struct Layer<'a> {
    pub(super) weight: &'a Packed,
    /// `[Out]`.
    pub(super) bias: Option<&'a [f32]>,
    pub(super) activation: Activation,
    /// `[rows, Out]`.
    pub(super) y: &'a mut [f32],
}

impl Work for Affine<'_> {
    type Output = ();

    unsafe fn with<D: Dot>(self) {
        let layers = self.layers.into_iter().map(|Layer { weight, bias, activation, y }| {
            let mut biases = vec![0.0; weight.scales.len()];
            if let Some(bias) = bias {
                biases[..bias.len()].copy_from_slice(bias);
            }
            (weight, biases, activation, SharedMut::new(y))
        });
        let layers: Vec<_> = layers.collect();
        let Some(inputs) = layers.first().map(|(weight, ..)| weight.inputs) else { return };
        let groups = inputs.div_ceil(GROUP);
        for chunk in parts(self.rows, CHUNK) {
            let (numbers, scales) =
                rounded::<D>(&self.x[chunk.start * inputs..chunk.end * inputs], [chunk.len(), inputs]);
            let rows = parts(chunk.len(), rows_per_task(chunk.len()));
            let panels: usize = layers.iter().map(|(weight, ..)| weight.outputs.div_ceil(LANES)).sum();
            let per_task = panels_per_task(groups, rows.clone().count() * panels);
            let tasks: Vec<_> = layers
                .iter()
                .flat_map(|layer| rows.clone().map(move |rows| (layer, rows)))
                .flat_map(|(layer, rows)| {
                    let panels = parts(layer.0.outputs.div_ceil(LANES), per_task);
                    panels.map(move |panels| (layer, rows.clone(), panels))
                })
                .collect();
            tasks.into_par_iter().each_task(|((weight, biases, activation, y), rows, panels)| {
                let padded = rows.len().next_multiple_of(ROWS);
                let numbers = &numbers[rows.start * groups..][..padded * groups];
                let task = Task { numbers, scales: &scales[rows.clone()], weight, biases, activation: *activation };
                let first = chunk.start + rows.start;
                // SAFETY: by the caller's promise, and since every task has rows and outputs of its own.
                unsafe {
                    task.multiply::<D>(panels, |row, outputs| {
                        y.slice((first + row) * weight.outputs + outputs.start, outputs.len())
                    });
                }
            });
        }
    }
}

/// Rounds rows.
///
/// # Shapes  → `[rows, groups]`, with zeros up to a multiple of [`ROWS`], and a scale for each row
fn rounded<D: Dot>(x: &[f32], [rows, inputs]: [usize; 2]) -> (Vec<D::Group>, Vec<f32>) {
    let groups = inputs.div_ceil(GROUP);
    let mut out: Vec<D::Group> = uninit(rows.next_multiple_of(ROWS) * groups);
    let mut scales = vec![0.0; rows];
    if inputs == 0 {
        return (out, scales);
    }
    let (whole, padding) = out.split_at_mut(rows * groups);
    padding.fill(D::Group::default());
    let tiles = whole.par_chunks_mut(groups * ROWS).zip(scales.par_chunks_mut(ROWS));
    tiles.zip(x.par_chunks(ROWS * inputs)).for_each(|((tile, scales), x)| {
        let mut numbers = vec![0i8; groups * GROUP];
        for ((row, x), scale) in tile.chunks_exact_mut(groups).zip(x.chunks_exact(inputs)).zip(scales) {
            *scale = dot::put_row::<D>(row, x, &mut numbers);
        }
    });
    (out, scales)
}

/// Rows of a task, and what makes outputs of them.
struct Task<'a, G> {
    /// `[rows, groups]`, a multiple of [`ROWS`].
    numbers: &'a [G],
    /// One for each row, but for those that only fill up.
    scales: &'a [f32],
    weight: &'a Packed,
    /// One for each lane of every panel.
    biases: &'a [f32],
    activation: Activation,
}

impl<G> Task<'_, G> {
    /// Writes each row's outputs of some panels to where `place` says, strip by strip.
    ///
    /// # Safety
    /// As for [`Dot::multiply`].
    unsafe fn multiply<'a, D: Dot<Group = G>>(
        &self,
        panels: Range<usize>,
        place: impl Fn(usize, Range<usize>) -> &'a mut [f32],
    ) {
        let rows = self.scales.len().next_multiple_of(ROWS);
        let mut sums = vec![[0; LANES]; D::STRIP.min(rows)];
        // A share of the panels after these with each strip.
        let following: Vec<_> = panels.clone().map(|panel| self.weight.panel(panel + panels.len())).collect();
        let strips = rows.div_ceil(D::STRIP);
        for (index, strip) in parts(rows, D::STRIP).enumerate() {
            let sums = &mut sums[..strip.len()];
            for (panel, following) in panels.clone().zip(&following) {
                let weights = self.weight.panel(panel);
                let share = following.len().div_ceil(strips).max(1);
                let next = following.chunks(share).nth(index).unwrap_or_default();
                let lanes = panel * LANES..self.weight.outputs.min((panel + 1) * LANES);
                let place = |row| place(row, lanes.clone());
                let here = strip.start..strip.end.min(self.scales.len());
                here.clone().for_each(|row| fetch_for_writing(place(row)));
                let start = &array::from_fn(|lane| -D::EXCESS * self.weight.sums[panel * LANES + lane]);
                let rows = &self.numbers[strip.start * weights.len()..strip.end * weights.len()];
                // SAFETY: by the caller's promise.
                unsafe { D::multiply(Strip { rows, panel: weights, start, next, sums: &mut *sums }) };
                self.write(panel, (here, sums), place);
            }
        }
    }

    fn write<'a>(&self, panel: usize, (rows, sums): (Range<usize>, &[Sums]), place: impl Fn(usize) -> &'a mut [f32]) {
        vectorize(
            #[inline(always)]
            |fma| {
                for (row, sums) in rows.zip(sums) {
                    let place = place(row);
                    if let Some(place) = place.as_mut_array() {
                        self.finish(panel, (row, sums), fma, place);
                    } else {
                        let mut outputs = [0.0; LANES];
                        self.finish(panel, (row, sums), fma, &mut outputs);
                        place.copy_from_slice(&outputs[..place.len()]);
                    }
                }
            },
        );
    }

    /// Makes one row's outputs of one panel.
    #[inline(always)]
    fn finish(&self, panel: usize, (row, sums): (usize, &Sums), fma: Fma, outputs: &mut [f32; LANES]) {
        let weight_scales = &self.weight.scales.as_chunks::<LANES>().0[panel];
        let biases = &self.biases.as_chunks::<LANES>().0[panel];
        for lane in 0..LANES {
            outputs[lane] = sums[lane] as f32 * weight_scales[lane] * self.scales[row] + biases[lane];
        }
        if self.activation == Activation::Gelu {
            for output in outputs {
                *output = gelu_value(*output, fma);
            }
        }
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
        let rows = x.len() / inputs;
        let mut y = vec![f32::NAN; rows * outputs];
        let layer = Layer { weight: &weight.packed, bias: None, activation: Activation::Identity, y: &mut y };
        instructions.run(Affine { rows, x, layers: vec![layer] });
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
