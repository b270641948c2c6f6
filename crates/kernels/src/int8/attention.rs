//! Attention in 8 bits, for inference.
//!
//! A query is rounded with a scale of its own, a key likewise after the mean of all keys was taken from it (which adds
//! the same to all scores of a query, and so nothing to its weights), a channel of the values with one scale for all
//! keys. Weights are rounded to 14 bits, in two halves that are summed on their own: with 8 bits, all keys that have
//! little weight each but much together would vanish beside a single strong one.
//!
//! Queries are the lanes of a panel, keys and channels the rows of tiles. So highest scores and sums of weights are
//! taken lane by lane, and weights of four keys come to lie side by side without being moved.
//!
//! For S queries and K keys of a segment and all heads together (width D): 2·S·K·D operations for scores, 4·S·K·D with
//! weights, and S·K exponentials a head. What a task holds, 256 bytes a key, stays in the second cache.

use std::ops::Range;

use burn::tensor::Tensor;
use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::dot::{self, Dot, GROUP, Instructions, LANES, ROWS, Sums, Weights, Work};
use super::quantise::quantise;
use crate::cpu::simd::exp;
use crate::cpu::{self, EachTask, Operation, SharedMut, dims, read, tensor, uninit, values, vectorize};
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
/// Where an operand is not on the CPU, or a segment has more than [`MOST_KEYS`], it is done in 32 bits.
///
/// # Shapes  as the fields say → `[N, heads·Dh]`
/// # Panics  when the shapes or the segments do not fit together, or a gradient is asked of an operand
/// # Source  Zhang et al. 2025 (SageAttention), for rounding queries and keys and for taking the mean from keys
pub fn attention_int8(input: Attention<'_>) -> Tensor<2> {
    let operands = [&input.query, &input.key, &input.value];
    let is_tight = input.query_segments.is_tight() && input.key_segments.is_tight();
    let fits = input.key_segments.ranges().all(|keys| keys.len() <= MOST_KEYS);
    if !is_tight || !fits || !operands.into_iter().all(cpu::supported) {
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
                for (lane, row) in rows.enumerate() {
                    // SAFETY: each task has rows of a head of its own.
                    let out = unsafe { shared.slice(columns.start(row, head), columns.channels) };
                    out.iter_mut().zip(&attended).for_each(|(out, channel)| *out = channel[lane]);
                }
            });
        });
    }
}

/// Rounds rows that `fill` writes, and lays them out in tiles.
///
/// # Shapes  → `[tiles, groups, ROWS]`, and a scale for each row
fn rounded<D: Dot>([rows, inputs]: [usize; 2], fill: impl Fn(usize, &mut [f32])) -> (Vec<D::Group>, Vec<f32>) {
    let groups = inputs.div_ceil(GROUP);
    let mut tiles = vec![D::Group::default(); rows.next_multiple_of(ROWS) * groups];
    let (mut row, mut numbers) = (vec![0.0; inputs], vec![0; groups * GROUP]);
    let scales = (0..rows).map(|index| {
        fill(index, &mut row);
        let scale = quantise(&row, &mut numbers[..inputs]);
        dot::put_row::<D>(&mut tiles[index / ROWS * groups * ROWS..][..groups * ROWS], index % ROWS, &numbers);
        scale
    });
    let scales = scales.collect();
    (tiles, scales)
}

/// The keys and values of one head of a segment.
struct Memory<D: Dot> {
    count: usize,
    /// `[key tiles, groups of channels, ROWS]`.
    keys: Vec<D::Group>,
    /// One for each key; NaN where a key has a number that is not finite.
    key_scales: Vec<f32>,
    /// `[channel tiles, groups of keys, ROWS]`.
    values: Vec<D::Group>,
    /// One for each channel.
    value_scales: Vec<f32>,
}

impl<D: Dot> Memory<D> {
    fn new(columns: Columns, key: &[f32], value: &[f32], rows: Range<usize>, head: usize) -> Self {
        let (keys, key_scales) = Self::keys(columns, key, rows.clone(), head);
        let (values, value_scales) = Self::values(columns, value, rows.clone(), head);
        Self { count: rows.len(), keys, key_scales, values, value_scales }
    }

    fn keys(columns: Columns, key: &[f32], rows: Range<usize>, head: usize) -> (Vec<D::Group>, Vec<f32>) {
        let mut mean = vec![0.0; columns.channels];
        for row in rows.clone() {
            mean.iter_mut().zip(row_of(columns, key, row, head)).for_each(|(mean, value)| *mean += value);
        }
        mean.iter_mut().for_each(|mean| *mean /= rows.len() as f32);
        rounded::<D>([rows.len(), columns.channels], |index, centred| {
            let values = row_of(columns, key, rows.start + index, head).iter().zip(&mean);
            centred.iter_mut().zip(values).for_each(|(centred, (value, mean))| *centred = value - mean);
        })
    }

    fn values(columns: Columns, value: &[f32], rows: Range<usize>, head: usize) -> (Vec<D::Group>, Vec<f32>) {
        let count = rows.len();
        // Each channel as a row.
        let mut channels = vec![0.0; columns.channels * count];
        let start = columns.start(rows.start, head);
        let values = value.get(start..).unwrap_or_default();
        cpu::transpose_strided(values, [count, columns.channels, columns.width], &mut channels);
        rounded::<D>([columns.channels, count], |index, channel| {
            channel.copy_from_slice(&channels[index * count..][..count]);
        })
    }

    /// What some queries, no more than there are lanes, see.
    ///
    /// # Shapes  → `[Dh, LANES]`
    /// # Safety
    /// As for [`Dot::add`].
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
        let mut scores: Vec<Sums> = vec![start; self.count.next_multiple_of(ROWS)];
        // SAFETY: by the caller's promise.
        unsafe { dot::add::<D>(&self.keys, &panel, &mut scores) };
        let weights = Halves::new(&scores[..self.count], &self.key_scales, scales.map(|scale| scale * columns.scale()));

        let [high, low] = [(&weights.high, weights.sums[0]), (&weights.low, weights.sums[1])].map(|(panel, sums)| {
            let mut out: Vec<Sums> = vec![sums.map(|sum| -D::EXCESS * sum); columns.channels.next_multiple_of(ROWS)];
            // SAFETY: by the caller's promise.
            unsafe { dot::add::<D>(&self.values, bytemuck::cast_slice(panel), &mut out) };
            out
        });
        // What was not finite in a query or a key is so in all that they have a part in.
        let inverse: [f32; LANES] = std::array::from_fn(|lane| {
            let [high, low] = weights.sums.map(|sums| sums[lane]);
            whole(high, low).recip() + weights.not_finite[lane]
        });
        let mut out = vec![[0.0; LANES]; columns.channels];
        vectorize(
            #[inline(always)]
            |_| {
                for (channel, out) in out.iter_mut().enumerate() {
                    let (high, low, scale) = (&high[channel], &low[channel], self.value_scales[channel]);
                    for lane in 0..LANES {
                        out[lane] = whole(high[lane], low[lane]) * scale * inverse[lane];
                    }
                }
            },
        );
        out
    }
}

/// The number of which these are the halves, or the sum of many.
#[inline(always)]
fn whole(high: i32, low: i32) -> f32 {
    high as f32 * (1 << HALF_BITS) as f32 + low as f32
}

/// Weights of some queries in two halves.
struct Halves {
    /// `[groups of keys]`: for each query four weights, the first in the lowest byte.
    high: Vec<[u32; LANES]>,
    low: Vec<[u32; LANES]>,
    /// Of the high halves, and of the low.
    sums: [[i32; LANES]; 2],
    /// Zero, or NaN where a score was.
    not_finite: [f32; LANES],
}

impl Halves {
    /// Weights from the sums of products of each key, with the scales of keys and queries.
    fn new(products: &[Sums], key_scales: &[f32], scales: [f32; LANES]) -> Self {
        let groups = products.len().div_ceil(GROUP);
        let (mut high, mut low) = (vec![[0u32; LANES]; groups], vec![[0u32; LANES]; groups]);
        let (mut sums, mut not_finite) = ([[0; LANES]; 2], [0.0; LANES]);
        vectorize(
            #[inline(always)]
            |fma| {
                let mut highest = [f32::NEG_INFINITY; LANES];
                let mut of_keys = 0.0;
                for (products, scale) in products.iter().zip(key_scales) {
                    of_keys += scale * 0.0;
                    for lane in 0..LANES {
                        let score = products[lane] as f32 * scale;
                        highest[lane] = if score > highest[lane] { score } else { highest[lane] };
                    }
                }
                for lane in 0..LANES {
                    not_finite[lane] = scales[lane] * 0.0 + of_keys;
                }
                let keys = products.chunks(GROUP).zip(key_scales.chunks(GROUP));
                for ((products, key_scales), (high, low)) in keys.zip(high.iter_mut().zip(low.iter_mut())) {
                    for (index, (products, scale)) in products.iter().zip(key_scales).enumerate() {
                        for lane in 0..LANES {
                            let score = (products[lane] as f32 * scale - highest[lane]) * scales[lane];
                            let number = (exp(score, fma) * HIGHEST + ROUNDER).to_bits();
                            let (upper, lower) = (number >> HALF_BITS & 127, number & 127);
                            high[lane] |= upper << (8 * index);
                            low[lane] |= lower << (8 * index);
                            sums[0][lane] += upper as i32;
                            sums[1][lane] += lower as i32;
                        }
                    }
                }
            },
        );
        for words in [&mut high, &mut low] {
            words.as_flattened_mut().iter_mut().for_each(|word| *word = word.to_le());
        }
        Self { high, low, sums, not_finite }
    }
}
