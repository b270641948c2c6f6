//! Sums of products of 8 bits: how the work is cut up, and the portable form of its innermost part.

use std::ops::Range;

use rayon::prelude::*;

#[cfg(target_arch = "x86_64")]
use super::x86;
use super::{Packed, quantise::quantise};
use crate::cpu::{SharedMut, vectorize};

/// Inputs that lie side by side.
pub(super) const GROUP: usize = 4;
/// Outputs of a panel.
pub(super) const LANES: usize = 16;
/// Rows of a tile. With the outputs of a panel they fill the registers with sums.
pub(super) const ROWS: usize = 6;
/// Groups that a strip sums at once: panel and tile then nearly fill the fastest cache, with the panel widened.
pub(super) const BLOCK: usize = 192;

/// Rows and panels of a task: its activations and sums stay in the second cache. Rows are whole tiles.
const TASK_ROWS: usize = 32 * ROWS;
const TASK_PANELS: usize = 8;
/// Rows that are rounded before any is multiplied, so that they take little memory.
const CHUNK: usize = 8 * TASK_ROWS;

/// The groups of a tile's rows for one step, and their weights.
pub(super) type Weights = [i8; LANES * GROUP];
/// Sums of a row's products with a panel.
pub(super) type Sums = [i32; LANES];

/// How products are summed.
pub(super) trait Dot {
    /// A group of inputs of one row.
    type Group: Copy + Default + Send + Sync;
    /// What a group's numbers are too large by.
    const EXCESS: i32;

    /// The group that stands for these numbers.
    fn group(numbers: [i8; GROUP]) -> Self::Group;

    /// Adds the products of a strip to its sums.
    ///
    /// # Safety
    /// The processor must have the instructions that the implementation names.
    unsafe fn add(strip: Strip<'_, Self::Group>);
}

/// Some rows and one panel, over some of the inputs.
pub(super) struct Strip<'a, G> {
    /// `[tiles, groups of the layer, ROWS]`.
    activations: &'a [G],
    /// Groups of the layer.
    groups: usize,
    /// Which of them.
    range: Range<usize>,
    /// The same groups of the panel, at most [`BLOCK`].
    pub(super) panel: &'a [Weights],
    /// `[tiles, ROWS]`.
    sums: &'a mut [Sums],
}

impl<G> Strip<'_, G> {
    /// Number of tiles.
    #[inline(always)]
    pub(super) fn tiles(&self) -> usize {
        self.sums.len() / ROWS
    }

    /// The groups of one tile and its sums.
    #[inline(always)]
    pub(super) fn tile(&mut self, index: usize) -> (&[[G; ROWS]], &mut [Sums; ROWS]) {
        let tile = &self.activations[index * self.groups * ROWS..][..self.groups * ROWS];
        (&tile.as_chunks().0[self.range.clone()], &mut self.sums.as_chunks_mut().0[index])
    }
}

/// For any processor.
pub(super) struct Portable;

impl Dot for Portable {
    type Group = [i8; GROUP];
    const EXCESS: i32 = 0;

    fn group(numbers: [i8; GROUP]) -> Self::Group {
        numbers
    }

    unsafe fn add(mut strip: Strip<'_, Self::Group>) {
        let panel = strip.panel;
        for index in 0..strip.tiles() {
            let (tile, sums) = strip.tile(index);
            for (groups, weights) in tile.iter().zip(panel) {
                for (group, sums) in groups.iter().zip(&mut *sums) {
                    for (sum, weights) in sums.iter_mut().zip(weights.as_chunks::<GROUP>().0) {
                        for (number, weight) in group.iter().zip(weights) {
                            *sum += i32::from(*number) * i32::from(*weight);
                        }
                    }
                }
            }
        }
    }
}

/// Which instructions sum products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Instructions {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
}

impl Instructions {
    /// Slowest first.
    const ALL: &[Self] = &[
        Self::Portable,
        #[cfg(target_arch = "x86_64")]
        Self::Avx2,
        #[cfg(target_arch = "x86_64")]
        Self::AvxVnni,
        #[cfg(target_arch = "x86_64")]
        Self::Avx512Vnni,
    ];

    /// The fastest that this processor has.
    pub(super) fn best() -> Self {
        Self::available().last().unwrap_or(Self::Portable)
    }

    fn available() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|instructions| instructions.is_available())
    }

    fn is_available(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        use std::arch::is_x86_feature_detected as has;
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => has!("avx2"),
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => has!("avx2") && has!("avxvnni"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => has!("avx512f") && has!("avx512vnni"),
        }
    }
}

/// y = x · weight + bias, row by row.
///
/// # Panics  when the processor lacks the instructions
pub(super) fn affine(instructions: Instructions, x: &[f32], weight: &Packed, bias: Option<&[f32]>, y: &mut [f32]) {
    assert!(instructions.is_available(), "this processor has no {instructions:?}");
    let (rows, outputs) = ((CHUNK * weight.inputs).max(1), (CHUNK * weight.outputs).max(1));
    if weight.inputs == 0 {
        y.chunks_exact_mut(weight.outputs.max(1)).for_each(|y| match bias {
            Some(bias) => y.copy_from_slice(bias),
            None => y.fill(0.0),
        });
    }
    for (x, y) in x.chunks(rows).zip(y.chunks_mut(outputs)) {
        // SAFETY: the processor has been asked above.
        unsafe {
            match instructions {
                Instructions::Portable => chunk::<Portable>(x, weight, bias, y),
                #[cfg(target_arch = "x86_64")]
                Instructions::Avx2 => chunk::<x86::Avx2>(x, weight, bias, y),
                #[cfg(target_arch = "x86_64")]
                Instructions::AvxVnni => chunk::<x86::AvxVnni>(x, weight, bias, y),
                #[cfg(target_arch = "x86_64")]
                Instructions::Avx512Vnni => chunk::<x86::Avx512Vnni>(x, weight, bias, y),
            }
        }
    }
}

/// The same for at most [`CHUNK`] rows.
///
/// # Safety
/// As for [`Dot::add`].
unsafe fn chunk<D: Dot>(x: &[f32], weight: &Packed, bias: Option<&[f32]>, y: &mut [f32]) {
    let (rows, panels) = (x.len() / weight.inputs, weight.outputs.div_ceil(LANES));
    let (activations, scales) = activations::<D>(x, weight.inputs);
    let shared = SharedMut::new(y);
    let starts = |len: usize, step: usize| (0..len).step_by(step).map(move |start| start..len.min(start + step));
    let tasks: Vec<_> = starts(rows, TASK_ROWS)
        .flat_map(|rows| starts(panels, TASK_PANELS).map(move |panels| (rows.clone(), panels)))
        .collect();
    tasks.into_par_iter().for_each(|(rows, panels)| {
        // SAFETY: by the caller's promise.
        let sums = unsafe { sums::<D>(&activations, weight, rows.clone(), panels.clone()) };
        for (index, row) in rows.clone().enumerate() {
            let (first, end) = (panels.start * LANES, weight.outputs.min(panels.end * LANES));
            // SAFETY: every task has rows and outputs of its own.
            let y = unsafe { shared.slice(row * weight.outputs + first, end - first) };
            let sums = sums.iter().skip(index).step_by(rows.len().next_multiple_of(ROWS));
            finish(y, sums, (scales[row], &weight.scales[first..]), bias.map(|bias| &bias[first..]));
        }
    });
}

/// Rounds rows, and lays them out in tiles.
///
/// # Shapes  → `[tiles, groups, ROWS]`, and a scale for each row
fn activations<D: Dot>(x: &[f32], inputs: usize) -> (Vec<D::Group>, Vec<f32>) {
    let (rows, groups) = (x.len() / inputs, inputs.div_ceil(GROUP));
    let mut out = vec![D::Group::default(); rows.next_multiple_of(ROWS) * groups];
    let mut scales = vec![0.0; rows];
    let tiles = out.par_chunks_mut(groups * ROWS).zip(scales.par_chunks_mut(ROWS));
    tiles.zip(x.par_chunks(ROWS * inputs)).for_each(|((tile, scales), x)| {
        let mut numbers = vec![0i8; groups * GROUP];
        for (row, (x, scale)) in x.chunks_exact(inputs).zip(scales).enumerate() {
            *scale = quantise(x, &mut numbers[..inputs]);
            let places = tile.as_chunks_mut::<ROWS>().0.iter_mut();
            places.zip(numbers.as_chunks().0).for_each(|(place, group)| place[row] = D::group(*group));
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
        let start: [i32; LANES] = std::array::from_fn(|lane| -D::EXCESS * weight.sums[panel * LANES + lane]);
        sums.resize(sums.len() + padded, start);
    }
    for start in (0..groups).step_by(BLOCK) {
        let range = start..groups.min(start + BLOCK);
        for (panel, sums) in panels.clone().zip(sums.chunks_exact_mut(padded)) {
            let panel = &weight.panels.as_chunks().0[panel * groups..][range.clone()];
            // SAFETY: by the caller's promise.
            unsafe { D::add(Strip { activations, groups, range: range.clone(), panel, sums }) };
        }
    }
    sums
}

/// One row's sums, panel by panel, to numbers.
fn finish<'a>(
    y: &mut [f32],
    sums: impl Iterator<Item = &'a Sums>,
    (scale, scales): (f32, &[f32]),
    bias: Option<&[f32]>,
) {
    vectorize(
        #[inline(always)]
        |_| {
            for (panel, sums) in sums.enumerate() {
                let start = panel * LANES;
                let len = LANES.min(y.len() - start);
                let mut values = [0.0; LANES];
                for (lane, value) in values.iter_mut().enumerate() {
                    *value = sums[lane] as f32 * scales[start + lane] * scale;
                }
                let y = &mut y[start..start + len];
                match bias {
                    Some(bias) => {
                        for ((y, value), bias) in y.iter_mut().zip(values).zip(&bias[start..]) {
                            *y = value + bias;
                        }
                    }
                    None => y.copy_from_slice(&values[..len]),
                }
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::super::QuantisedWeight;
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
        affine(instructions, x, &weight.packed, None, &mut y);
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
