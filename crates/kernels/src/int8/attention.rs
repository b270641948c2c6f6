//! Attention in 8 bits, for inference.
//!
//! A query is rounded with a scale of its own, a key likewise after the mean of all keys was taken from it (which adds
//! the same to all scores of a query, and so nothing to its weights), a channel of the values with one scale for all
//! keys. Weights are rounded to 14 bits, in two halves that are summed on their own: with 8 bits, all keys that have
//! little weight each but much together would vanish beside a single strong one.
//!
//! Queries are the lanes of a panel, keys and channels the rows. So highest scores and sums of weights are
//! taken lane by lane, and weights of four keys come to lie side by side without being moved.
//!
//! For S queries and K keys of a segment and all heads together (width D): 2·S·K·D operations for scores, 4·S·K·D with
//! weights, and S·K exponentials a head. What a task holds, 512 bytes a key, stays in the second cache.

use std::{array, f32::consts::LOG2_E, ops::Range};

use burn::tensor::Tensor;
use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::dot::{self, Dot, GROUP, Instructions, LANES, ROWS, Strip, Sums, Weights, Work};
use super::quantise::quantise;
use crate::cpu::simd::power_of_two;
use crate::cpu::{self, EachTask, Operation, SharedMut, dims, parts, read, tensor, uninit, values, vectorize};
use crate::{Attention, Segments, attention::Columns};

/// Most keys of a segment whose weighted values surely fit into a sum of 32 bits.
pub const MOST_KEYS: usize = 1 << 16;

/// Bits of each half of a weight.
const HALF_BITS: u32 = 7;
/// The weight of the key with the highest score.
const HIGHEST: f32 = ((1 << (2 * HALF_BITS)) - 1) as f32;
/// Added to a number below 2²², it leaves the nearest whole number in the lowest bits.
const ROUNDER: f32 = 8_388_608.0; // 2²³

/// [`attention()`](crate::attention()) in 8 bits. Nothing can be differentiated.
///
/// Where an operand is not on the CPU, a key stands for several, or a segment has more than [`MOST_KEYS`], it is done in 32
/// bits.
///
/// # Shapes  as the fields say → `[N, heads·Dh]`
/// # Panics  when the shapes or the segments do not fit together, or a gradient is asked of an operand
/// # Source  Zhang et al. 2025 (SageAttention), for rounding queries and keys and for taking the mean from keys
pub fn attention_int8(input: Attention<'_>) -> Tensor<2> {
    let operands = [&input.query, &input.key, &input.value];
    let is_tight = input.query_segments.is_tight() && input.key_segments.is_tight();
    let fits = input.key_segments.ranges().all(|keys| keys.len() <= MOST_KEYS);
    if !is_tight || !fits || input.key_segments.has_repeats() || !operands.into_iter().all(cpu::supported) {
        return crate::attention(input);
    }
    crate::attention::check(&input);
    let Attention { query, key, value, heads, query_segments, key_segments } = input;
    let operands = [query, key, value].map(Tensor::into_dispatch);
    assert!(
        !operands.iter().any(cpu::tracked_by_autodiff),
        "attention_int8: numbers in 8 bits have no gradient; call `attention`, or take the operands off autodiff"
    );
    let operation = RoundedAttention { heads, queries: query_segments.clone(), keys: key_segments.clone() };
    Tensor::from_dispatch(cpu::run(operation, operands))
}

#[derive(Debug, Clone)]
struct RoundedAttention {
    heads: usize,
    queries: Segments,
    keys: Segments,
}

impl Operation<3> for RoundedAttention {
    type Saved = ();

    fn forward(&self, inputs: [FlexTensor; 3]) -> (FlexTensor, ()) {
        let inputs = inputs.map(read);
        let [n, width] = dims(&inputs[0]);
        let [query, key, value] = inputs.each_ref().map(values);
        let mut output = uninit(n * width);
        let columns = Columns { width, channels: width / self.heads };
        Instructions::best().run(Attend { operation: self, columns, query, key, value, output: &mut output });
        (tensor(output, [n, width]), ())
    }

    fn backward(&self, (): (), _: FlexTensor, _: [bool; 3]) -> [Option<FlexTensor>; 3] {
        unreachable!("no tracked tensor comes here")
    }
}

/// One head of one row.
fn row_of(columns: Columns, values: &[f32], row: usize, head: usize) -> &[f32] {
    &values[columns.start(row, head)..][..columns.channels]
}

/// All segments and heads.
struct Attend<'a> {
    operation: &'a RoundedAttention,
    columns: Columns,
    query: &'a [f32],
    key: &'a [f32],
    value: &'a [f32],
    output: &'a mut [f32],
}

impl Work for Attend<'_> {
    type Output = ();

    unsafe fn with<D: Dot>(self) {
        let Self { operation, columns, query, key, value, output } = self;
        let segments: Vec<_> = operation.queries.ranges().zip(operation.keys.ranges()).collect();
        let parts: Vec<_> =
            segments.iter().flat_map(|segment| (0..operation.heads).map(move |head| (segment, head))).collect();
        let shared = SharedMut::new(output);
        parts.into_par_iter().each_task(|((rows, key_rows), head)| {
            let memory: Memory<D> = Memory::new(columns, key, value, key_rows.clone(), head);
            let starts: Vec<_> = rows.clone().step_by(LANES).collect();
            starts.into_par_iter().each_task(|start| {
                let rows = start..rows.end.min(start + LANES);
                // SAFETY: by the caller's promise.
                let attended = unsafe { memory.attend(columns, query, rows.clone(), head) };
                let mut turned = uninit(rows.len() * columns.channels);
                cpu::transpose_strided(attended.as_flattened(), [columns.channels, rows.len(), LANES], &mut turned);
                for (row, turned) in rows.zip(turned.chunks_exact(columns.channels)) {
                    // SAFETY: each task has rows of a head of its own.
                    unsafe { shared.slice(columns.start(row, head), columns.channels) }.copy_from_slice(turned);
                }
            });
        });
    }
}

/// Rounds rows that `fill` writes.
///
/// # Shapes  → `[rows, groups]`, with zeros up to a multiple of [`ROWS`], and a scale for each row
fn rounded<D: Dot>([rows, inputs]: [usize; 2], fill: impl Fn(usize, &mut [f32])) -> (Vec<D::Group>, Vec<f32>) {
    let groups = inputs.div_ceil(GROUP);
    let mut out = vec![D::Group::default(); rows.next_multiple_of(ROWS) * groups];
    let (mut row, mut numbers) = (vec![0.0; inputs], vec![0; groups * GROUP]);
    let scales = (0..rows).map(|index| {
        fill(index, &mut row);
        dot::put_row::<D>(&mut out[index * groups..][..groups], &row, &mut numbers)
    });
    let scales = scales.collect();
    (out, scales)
}

/// The keys and values of one head of a segment.
struct Memory<D: Dot> {
    count: usize,
    /// `[keys, groups of channels]`.
    keys: Vec<D::Group>,
    /// One for each key, whole groups; NaN where a key has a number that is not finite.
    key_scales: Vec<f32>,
    /// Zero, or NaN where any of these is.
    not_finite: f32,
    /// `[channels, groups of keys]`, and one channel more that is 1 everywhere, so that it sums up the weights.
    values: Vec<D::Group>,
    /// One for each channel.
    value_scales: Vec<f32>,
}

/// What a 1 is in a channel of nothing but ones.
const ONE: i32 = 127;

impl<D: Dot> Memory<D> {
    fn new(columns: Columns, key: &[f32], value: &[f32], rows: Range<usize>, head: usize) -> Self {
        let (keys, key_scales) = Self::keys(columns, key, rows.clone(), head);
        let (values, value_scales) = Self::values(columns, value, rows.clone(), head);
        let not_finite = key_scales.iter().map(|scale| scale * 0.0).sum();
        Self { count: rows.len(), keys, key_scales, not_finite, values, value_scales }
    }

    fn keys(columns: Columns, key: &[f32], rows: Range<usize>, head: usize) -> (Vec<D::Group>, Vec<f32>) {
        let mut mean = vec![0.0; columns.channels];
        vectorize(
            #[inline(always)]
            |_| {
                for row in rows.clone() {
                    for (mean, value) in mean.iter_mut().zip(row_of(columns, key, row, head)) {
                        *mean += value;
                    }
                }
            },
        );
        mean.iter_mut().for_each(|mean| *mean /= rows.len() as f32);
        let (keys, mut scales) = rounded::<D>([rows.len(), columns.channels], |index, centred| {
            let values = row_of(columns, key, rows.start + index, head);
            vectorize(
                #[inline(always)]
                |_| {
                    for ((centred, value), mean) in centred.iter_mut().zip(values).zip(&mean) {
                        *centred = value - mean;
                    }
                },
            );
        });
        scales.resize(rows.len().next_multiple_of(GROUP), 0.0);
        (keys, scales)
    }

    fn values(columns: Columns, value: &[f32], rows: Range<usize>, head: usize) -> (Vec<D::Group>, Vec<f32>) {
        let count = rows.len();
        // Each channel as a row.
        let mut channels = vec![1.0; (columns.channels + 1) * count];
        let start = columns.start(rows.start, head);
        let values = value.get(start..).unwrap_or_default();
        let transposed = &mut channels[..columns.channels * count];
        cpu::transpose_strided(values, [count, columns.channels, columns.width], transposed);
        rounded::<D>([columns.channels + 1, count], |index, channel| {
            channel.copy_from_slice(&channels[index * count..][..count]);
        })
    }

    /// What some queries, no more than there are lanes, see.
    ///
    /// # Shapes  → `[Dh, LANES]`
    /// # Safety
    /// As for [`Dot::multiply`].
    unsafe fn attend(&self, columns: Columns, query: &[f32], rows: Range<usize>, head: usize) -> Vec<[f32; LANES]> {
        if self.count == 0 {
            return vec![[0.0; LANES]; columns.channels];
        }
        let groups = columns.channels.div_ceil(GROUP);
        let mut panel: Vec<Weights> = vec![[0; LANES * GROUP]; groups];
        let (mut scales, mut start) = ([0.0; LANES], [0; LANES]);
        let mut numbers = vec![0; groups * GROUP];
        for (lane, row) in rows.enumerate() {
            scales[lane] = quantise(row_of(columns, query, row, head), &mut numbers[..columns.channels]);
            start[lane] = -D::EXCESS * numbers.iter().map(|number| i32::from(*number)).sum::<i32>();
            dot::put_lane(&mut panel, lane, &numbers);
        }
        // SAFETY: here and below by the caller's promise.
        let products = unsafe { self.products(&panel, &start) };
        let weights = products.weights(&self.key_scales, scales.map(|scale| scale * columns.scale()));
        let not_finite = scales.map(|scale| scale * 0.0 + self.not_finite);

        let [high, low] = [&weights.high, &weights.low].map(|panel| {
            let mut out: Vec<Sums> = uninit(self.value_scales.len().next_multiple_of(ROWS));
            let panel = bytemuck::cast_slice(panel);
            // SAFETY: as above.
            unsafe { D::multiply(Strip { rows: &self.values, panel, start: &[0; LANES], next: &[], sums: &mut out }) };
            out
        });
        let totals = [&high, &low].map(|sums| sums[columns.channels].map(|sum| sum / (ONE + D::EXCESS)));
        // What was not finite in a query or a key is so in all that they have a part in.
        let inverse: [f32; LANES] = array::from_fn(|lane| {
            let [high, low] = totals.map(|totals| totals[lane]);
            whole(high, low).recip() + not_finite[lane]
        });
        let mut out = vec![[0.0; LANES]; columns.channels];
        vectorize(
            #[inline(always)]
            |_| {
                let excess = totals.map(|totals| totals.map(|total| D::EXCESS * total));
                for (channel, out) in out.iter_mut().enumerate() {
                    let (high, low, scale) = (&high[channel], &low[channel], self.value_scales[channel]);
                    for lane in 0..LANES {
                        let sum = whole(high[lane] - excess[0][lane], low[lane] - excess[1][lane]);
                        out[lane] = sum * scale * inverse[lane];
                    }
                }
            },
        );
        out
    }

    /// Products of all keys with a panel of queries, with their highest found while they are near.
    ///
    /// # Safety
    /// As for [`Dot::multiply`].
    unsafe fn products(&self, panel: &[Weights], start: &Sums) -> Products {
        let mut sums: Vec<Sums> = uninit(self.count.next_multiple_of(ROWS));
        let mut highest = [f32::NEG_INFINITY; LANES];
        for strip in parts(sums.len(), D::STRIP) {
            let rows = &self.keys[strip.start * panel.len()..strip.end * panel.len()];
            let sums = &mut sums[strip.clone()];
            // SAFETY: by the caller's promise.
            unsafe { D::multiply(Strip { rows, panel, start, next: &[], sums: &mut *sums }) };
            let scales = &self.key_scales[strip.start..strip.end.min(self.count)];
            vectorize(
                #[inline(always)]
                |_| {
                    for (sums, scale) in sums.iter().zip(scales) {
                        for lane in 0..LANES {
                            let score = sums[lane] as f32 * scale;
                            highest[lane] = if score > highest[lane] { score } else { highest[lane] };
                        }
                    }
                },
            );
        }
        sums.resize(self.key_scales.len(), [0; LANES]);
        Products { sums, highest, count: self.count }
    }
}

/// The number of which these are the halves, or the sum of many.
#[inline(always)]
fn whole(high: i32, low: i32) -> f32 {
    high as f32 * (1 << HALF_BITS) as f32 + low as f32
}

/// Products of keys with some queries.
struct Products {
    /// `[keys]`, whole groups.
    sums: Vec<Sums>,
    /// The highest of a query, times its key's scale.
    highest: [f32; LANES],
    count: usize,
}

/// Weights of some queries in two halves.
struct Halves {
    /// `[groups of keys]`: for each query four weights, the first in the lowest byte.
    high: Vec<[u32; LANES]>,
    low: Vec<[u32; LANES]>,
}

/// Queries whose weights are found at the same time.
const SIDE_BY_SIDE: usize = 16;

impl Products {
    /// Weights, by the scales of keys and queries.
    fn weights(&self, key_scales: &[f32], scales: [f32; LANES]) -> Halves {
        let (sums, key_scales) = (self.sums.as_chunks::<GROUP>().0, key_scales.as_chunks::<GROUP>().0);
        let (mut high, mut low) = (vec![[0u32; LANES]; sums.len()], vec![[0u32; LANES]; sums.len()]);
        vectorize(
            #[inline(always)]
            |fma| {
                for first in (0..LANES).step_by(SIDE_BY_SIDE) {
                    let highest: [f32; SIDE_BY_SIDE] = array::from_fn(|lane| self.highest[first + lane]);
                    let scales: [f32; SIDE_BY_SIDE] = array::from_fn(|lane| scales[first + lane] * LOG2_E);
                    let keys = sums.iter().zip(key_scales).zip(high.iter_mut().zip(low.iter_mut()));
                    for ((sums, key_scales), (high, low)) in keys {
                        for lane in 0..SIDE_BY_SIDE {
                            let (mut upper, mut lower) = (0, 0);
                            for key in 0..GROUP {
                                let score = sums[key][first + lane] as f32 * key_scales[key] - highest[lane];
                                let weight = power_of_two(score * scales[lane], fma);
                                let number = fma.mul_add(weight, HIGHEST, ROUNDER).to_bits();
                                upper |= (number >> HALF_BITS & 127) << (8 * key);
                                lower |= (number & 127) << (8 * key);
                            }
                            (high[first + lane], low[first + lane]) = (upper, lower);
                        }
                    }
                }
            },
        );
        let unused = sums.len() * GROUP - self.count;
        for words in [&mut high, &mut low] {
            if let Some(last) = words.last_mut() {
                last.iter_mut().for_each(|word| *word &= u32::MAX >> (8 * unused));
            }
            words.as_flattened_mut().iter_mut().for_each(|word| *word = word.to_le());
        }
        Halves { high, low }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_weight_is_whole() {
        let highest = vectorize(
            #[inline(always)]
            |fma| power_of_two(0.0, fma) * HIGHEST,
        );
        assert_eq!(highest.round(), HIGHEST);
    }
}
