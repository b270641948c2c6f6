//! Packed attention on the CPU, a block of score rows at a time.

use std::ops::Range;

use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::Columns;
use crate::Segments;
use crate::cpu::simd::{Lanes, WIDTH, dot, exp, sum};
use crate::cpu::{
    EachTask, Matrix, MatrixMut, Operation, SharedMut, Write, dims, multiply, read, scratch, tensor, transpose_strided,
    uninit, values, vectorize,
};

/// Scores that one task holds at a time: a megabyte. The keys are packed anew for each block of rows, so that few rows cost
/// more: for 1280 keys a quarter of it is 20 % slower.
const SCORES: usize = 1 << 18;
/// Rows of scores at a time, however few or many the keys.
const FEWEST_ROWS: usize = 16;
const MOST_ROWS: usize = 256;

/// Attention within segments; see [`crate::attention()`].
#[derive(Debug, Clone)]
pub(super) struct PackedAttention {
    heads: usize,
    queries: Segments,
    keys: Segments,
}

/// What the backward needs: the inputs, the output, and each row's log-sum-exp `[heads, N]`.
#[derive(Debug, Clone)]
pub(super) struct Saved {
    inputs: [FlexTensor; 3],
    output: FlexTensor,
    log_sums: FlexTensor,
}

/// One head of one segment.
#[derive(Debug, Clone)]
struct Part {
    head: usize,
    rows: Range<usize>,
    key_rows: Range<usize>,
    /// The logarithm of how many keys the last one stands for.
    log_repeats: f32,
}

impl Part {
    /// Scores of queries and keys: what one that stands for several has more than a single one.
    fn add_repeats(&self, scores: &mut [f32]) {
        if self.log_repeats != 0.0 {
            scores
                .chunks_exact_mut(self.key_rows.len().max(1))
                .flat_map(<[f32]>::last_mut)
                .for_each(|last| *last += self.log_repeats);
        }
    }
}

impl Columns {
    /// The rows of one head.
    fn of(self, values: &[f32], rows: Range<usize>, head: usize) -> Matrix<'_> {
        let start = self.start(rows.start, head).min(values.len());
        Matrix::strided(&values[start..], rows.len(), self.channels, self.width)
    }

    /// The rows of one head as columns for so many products, and what is left of the scratch space. Several products
    /// would otherwise each transpose them while they pack them.
    fn transposed<'a>(
        self,
        values: &'a [f32],
        (rows, head): (Range<usize>, usize),
        products: usize,
        space: &'a mut [f32],
    ) -> (Matrix<'a>, &'a mut [f32]) {
        if products <= 1 {
            return (self.of(values, rows, head).t(), space);
        }
        let (out, rest) = space.split_at_mut(rows.len() * self.channels);
        let start = self.start(rows.start, head).min(values.len());
        transpose_strided(&values[start..], [rows.len(), self.channels, self.width], out);
        (Matrix::new(out, self.channels, rows.len()), rest)
    }

    /// The rows of one head, to be written.
    ///
    /// # Safety
    /// No two tasks may hold the same rows of the same head.
    unsafe fn of_mut<'a>(self, values: SharedMut<'a>, rows: Range<usize>, head: usize) -> MatrixMut<'a> {
        // SAFETY: the caller's promise.
        unsafe { MatrixMut::shared(values, self.start(rows.start, head), rows.len(), self.channels, self.width) }
    }
}

impl PackedAttention {
    pub(super) fn new(heads: usize, queries: &Segments, keys: &Segments) -> Self {
        Self { heads, queries: queries.clone(), keys: keys.clone() }
    }

    fn columns(&self, width: usize) -> Columns {
        Columns { width, channels: width / self.heads }
    }

    /// One part for each head of each segment.
    fn parts(&self) -> Vec<Part> {
        let part = |index: usize| {
            let (rows, key_rows) = (self.queries.range(index), self.keys.range(index));
            let log_repeats = (self.keys.repeats_of_last(index) as f32).ln();
            (0..self.heads).map(move |head| Part { head, rows: rows.clone(), key_rows: key_rows.clone(), log_repeats })
        };
        (0..self.queries.len()).flat_map(part).collect()
    }
}

/// Splits a part's query rows into blocks whose scores fit the scratch space.
fn blocks(part: &Part) -> impl Iterator<Item = Range<usize>> + use<> {
    let step = (SCORES / part.key_rows.len().max(1)).clamp(FEWEST_ROWS, MOST_ROWS);
    let end = part.rows.end;
    part.rows.clone().step_by(step).map(move |start| start..end.min(start + step))
}

/// Scratch space that holds the scores of any block with so many keys.
fn space_for(keys: usize) -> usize {
    SCORES.max(FEWEST_ROWS * keys)
}

/// Divides the query rows of few parts, so that a single long clip also fills all threads.
fn split(parts: Vec<Part>) -> Vec<Part> {
    let pieces = 32usize.div_ceil(parts.len().max(1));
    let piece = |part: Part| {
        let step = part.rows.len().div_ceil(pieces).next_multiple_of(MOST_ROWS);
        let end = part.rows.end;
        let starts = part.rows.clone().step_by(step.max(1));
        starts.map(move |start| Part { rows: start..end.min(start + step), ..part.clone() })
    };
    parts.into_iter().flat_map(piece).collect()
}

impl Operation<3> for PackedAttention {
    type Saved = Saved;

    fn forward(&self, inputs: [FlexTensor; 3]) -> (FlexTensor, Saved) {
        let inputs = inputs.map(read);
        let [n, width] = dims(&inputs[0]);
        let columns = self.columns(width);
        let [query, key, value] = inputs.each_ref().map(values);
        let (mut output, mut log_sums) = (uninit(n * width), uninit(self.heads * n));
        let (shared, shared_sums) = (SharedMut::new(&mut output), SharedMut::new(&mut log_sums));
        split(self.parts()).into_par_iter().each_task(|part| {
            let Part { head, key_rows, .. } = part.clone();
            let keys = key_rows.len();
            let v = columns.of(value, key_rows.clone(), head);
            scratch(space_for(keys) + keys * columns.channels, |space| {
                let (k, space) = columns.transposed(key, (key_rows, head), blocks(&part).count(), space);
                for rows in blocks(&part) {
                    let (count, mut inverses) = (rows.len(), [0.0; MOST_ROWS]);
                    let scores = &mut space[..count * keys];
                    let q = columns.of(query, rows.clone(), head);
                    multiply(MatrixMut::new(scores, count, keys), Write::Replace, columns.scale(), q, k);
                    part.add_repeats(scores);
                    // SAFETY: the tasks divide rows and heads among them.
                    let log_sums = unsafe { shared_sums.slice(head * n + rows.start, count) };
                    exponentials(scores, log_sums, &mut inverses[..count]);
                    let weights = Matrix::new(scores, count, keys);
                    // SAFETY: as above.
                    multiply(unsafe { columns.of_mut(shared, rows.clone(), head) }, Write::Replace, 1.0, weights, v);
                    for (row, inverse) in rows.zip(inverses) {
                        // SAFETY: as above.
                        let out = unsafe { shared.slice(columns.start(row, head), columns.channels) };
                        out.iter_mut().for_each(|value| *value *= inverse);
                    }
                }
            });
        });
        let output = tensor(output, [n, width]);
        let log_sums = tensor(log_sums, [self.heads, n]);
        (output.clone(), Saved { inputs, output, log_sums })
    }

    /// With P the weights and δ = Σ grad·out of a row:
    /// dV = Pᵀ·grad,  dS = P ∘ (grad·Vᵀ − δ) / √Dh,  dQ = dS·K,  dK = dSᵀ·Q.
    fn backward(&self, saved: Saved, grad: FlexTensor, _: [bool; 3]) -> [Option<FlexTensor>; 3] {
        let grad = read(grad);
        let [n, width] = dims(&grad);
        let [m, _] = dims(&saved.inputs[1]);
        let mut results = [uninit(n * width), uninit(m * width), uninit(m * width)];
        let shared = results.each_mut().map(|values| SharedMut::new(values));
        let columns = self.columns(width);
        // A whole segment and head is one task, since all its queries add to the same keys.
        self.parts()
            .into_par_iter()
            .each_task(|part| self.part_backward(&part, &saved, values(&grad), shared, columns));
        let [query, key, value] = results;
        [Some(tensor(query, [n, width])), Some(tensor(key, [m, width])), Some(tensor(value, [m, width]))]
    }
}

impl PackedAttention {
    fn part_backward(&self, part: &Part, saved: &Saved, grad: &[f32], shared: [SharedMut<'_>; 3], columns: Columns) {
        let Part { head, key_rows, .. } = part.clone();
        let keys = key_rows.len();
        let [query, key, value] = saved.inputs.each_ref().map(values);
        let (output, log_sums) = (values(&saved.output), values(&saved.log_sums));
        let n = output.len() / columns.width;
        let k = columns.of(key, key_rows.clone(), head);
        let scale = columns.scale();
        // SAFETY: the tasks divide segments and heads among them, and a task holds one at a time.
        let target = |index: usize, rows: Range<usize>| unsafe { columns.of_mut(shared[index], rows, head) };
        if part.rows.is_empty() {
            let nothing = Matrix::new(&[], keys, 0);
            multiply(target(1, key_rows.clone()), Write::Replace, 1.0, nothing, Matrix::new(&[], 0, columns.channels));
            multiply(target(2, key_rows), Write::Replace, 1.0, nothing, Matrix::new(&[], 0, columns.channels));
            return;
        }
        let space = 2 * (space_for(keys) + keys * columns.channels);
        scratch(space, |space| {
            let products = blocks(part).count();
            let (k_transposed, space) = columns.transposed(key, (key_rows.clone(), head), products, space);
            let (v_transposed, space) = columns.transposed(value, (key_rows.clone(), head), products, space);
            for rows in blocks(part) {
                let write = if rows.start == part.rows.start { Write::Replace } else { Write::Add };
                let count = rows.len();
                let q = columns.of(query, rows.clone(), head);
                let d = columns.of(grad, rows.clone(), head);
                let (weights, rest) = space.split_at_mut(count * keys);
                let slopes = &mut rest[..count * keys];
                multiply(MatrixMut::new(weights, count, keys), Write::Replace, scale, q, k_transposed);
                part.add_repeats(weights);
                multiply(MatrixMut::new(slopes, count, keys), Write::Replace, 1.0, d, v_transposed);
                let sums = &log_sums[head * n + rows.start..][..count];
                vectorize(
                    #[inline(always)]
                    |fma| {
                        for (index, row) in rows.clone().enumerate() {
                            let start = columns.start(row, head);
                            let along = dot(&grad[start..][..columns.channels], &output[start..][..columns.channels]);
                            let weights = &mut weights[index * keys..][..keys];
                            let slopes = &mut slopes[index * keys..][..keys];
                            for (weight, slope) in weights.iter_mut().zip(slopes) {
                                *weight = exp(*weight - sums[index], fma);
                                *slope = *weight * (*slope - along) * scale;
                            }
                        }
                    },
                );
                let (weights, slopes) = (Matrix::new(weights, count, keys), Matrix::new(slopes, count, keys));
                multiply(target(0, rows), Write::Replace, 1.0, slopes, k);
                multiply(target(1, key_rows.clone()), write, 1.0, slopes.t(), q);
                multiply(target(2, key_rows.clone()), write, 1.0, weights.t(), d);
            }
        });
    }
}

/// Turns rows of scores into weights, not yet divided by their sum, and notes the logarithm of
/// that sum and its inverse for each row.
fn exponentials(scores: &mut [f32], log_sums: &mut [f32], inverses: &mut [f32]) {
    let keys = scores.len() / log_sums.len().max(1);
    if keys == 0 {
        log_sums.fill(0.0);
        return;
    }
    vectorize(
        #[inline(always)]
        |fma| {
            for ((row, log_sum), inverse) in scores.chunks_exact_mut(keys).zip(log_sums).zip(inverses) {
                let highest = highest(row);
                for weight in row.iter_mut() {
                    *weight = exp(*weight - highest, fma);
                }
                // A pass of its own: together with the exponentials it runs at half the speed.
                let sum = sum(row);
                *inverse = sum.recip();
                *log_sum = highest + sum.ln();
            }
        },
    );
}

#[inline(always)]
fn highest(row: &[f32]) -> f32 {
    let chunks = row.chunks_exact(WIDTH);
    let mut rest = f32::NEG_INFINITY;
    for value in chunks.remainder() {
        rest = if *value > rest { *value } else { rest };
    }
    let mut lanes = Lanes::splat(f32::NEG_INFINITY);
    for chunk in chunks {
        lanes = lanes.max(Lanes::load(chunk));
    }
    lanes.highest().max(rest)
}
