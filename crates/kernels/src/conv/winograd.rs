//! Convolution of 3×3 taps in space by Winograd's minimal filtering, F(4×4, 3×3).
//!
//! A tile of 6×6 inputs and the nine taps are each brought to 36 coefficients, whose products are summed over the
//! channels and frames by matrix products, and brought back to 4×4 outputs: 36 multiplications instead of 144. What a
//! frame's tile becomes serves all frames that see it.
//!
//! The transforms lose about one decimal digit against direct summation. They move 36 coefficients for 16 positions
//! in and out, so that it pays where both sides have many channels; see [`pays`].
//!
//! # Source  Lavin and Gray 2016, Fast Algorithms for Convolutional Neural Networks

use std::ops::Range;

use rayon::prelude::*;

use super::frames::Frames;
use crate::cpu::simd::{Lanes, WIDTH};
use crate::cpu::{EachTask, Matrix, MatrixMut, SharedMut, Write, multiply, parts, uninit, vectorize};

/// Outputs along the side of a tile.
const OUT: usize = 4;
/// Inputs along the side of a tile, and coefficients.
const SIDE: usize = 6;
/// Coefficients of a tile.
const POINTS: usize = SIDE * SIDE;
/// Taps along each side of the kernel.
const TAPS: usize = 3;

/// Fewest channels on either side for which the transforms pay.
const FEWEST_CHANNELS: usize = 64;
/// Rows of a matrix product to aim at: fewer, and packing the coefficients of the weight shows.
const ROWS: usize = 256;
/// Values that the coefficients of one task may take: 24 MiB.
const SPACE: usize = 6 << 20;

/// The sizes of a convolution.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) batch: usize,
    /// kt − 1 more than come out.
    pub(super) frames_in: usize,
    pub(super) frames_out: usize,
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) channels: usize,
    pub(super) outputs: usize,
}

/// Whether this convolution is better done here than directly.
pub(super) fn pays(shape: &Shape, [_, kh, kw]: [usize; 3]) -> bool {
    let wide = |channels: usize| channels >= FEWEST_CHANNELS && channels.is_multiple_of(WIDTH);
    let tiles = shape.batch * shape.tiles();
    [kh, kw] == [TAPS, TAPS] && wide(shape.channels) && wide(shape.outputs) && tiles * shape.frames_out >= 64
}

impl Shape {
    fn columns(&self) -> usize {
        self.width.div_ceil(OUT)
    }

    /// Tiles of a frame.
    fn tiles(&self) -> usize {
        self.height.div_ceil(OUT) * self.columns()
    }

    /// Frames that an output frame sees.
    fn depth(&self) -> usize {
        self.frames_in + 1 - self.frames_out
    }

    /// Tiles that one task takes: as many as its space holds, and no more than fill the products.
    fn tiles_per_task(&self) -> usize {
        let values = POINTS * (self.frames_in * self.channels + self.frames_out * self.outputs);
        let most = ROWS.div_ceil(self.frames_out).min(SPACE / values).max(8);
        // Even shares, at least one for each thread.
        let tasks = self.tiles().div_ceil(most).next_multiple_of(rayon::current_num_threads().min(4));
        self.tiles().div_ceil(tasks)
    }
}

/// The convolution of frames with `weight` `[kt·9·Cin, Cout]`.
///
/// # Shapes  → `[B, T, H, W, Cout]` laid flat
pub(super) fn convolve(shape: &Shape, frames: Frames<'_>, weight: &[f32], bias: &[f32]) -> Vec<f32> {
    let coefficients = transform_weight(shape, weight);
    let mut y = uninit(shape.batch * shape.frames_out * shape.height * shape.width * shape.outputs);
    let shared = SharedMut::new(&mut y);
    let (tiles, step) = (shape.tiles(), shape.tiles_per_task());
    let tasks: Vec<(usize, Range<usize>)> =
        (0..shape.batch).flat_map(|sample| parts(tiles, step).map(move |tiles| (sample, tiles))).collect();
    tasks.into_par_iter().each_task(|(sample, tiles)| {
        let rows_in = shape.frames_in * tiles.len();
        let rows_out = shape.frames_out * tiles.len();
        let mut inputs = uninit(POINTS * rows_in * shape.channels);
        transform_input(shape, frames, (sample, tiles.clone()), &mut inputs);
        let mut products = uninit(POINTS * rows_out * shape.outputs);
        let points =
            products.chunks_exact_mut(rows_out * shape.outputs).zip(inputs.chunks_exact(rows_in * shape.channels));
        for (point, (products, inputs)) in points.enumerate() {
            for tap in 0..shape.depth() {
                let values = shape.channels * shape.outputs;
                let weight = &coefficients[(point * shape.depth() + tap) * values..][..values];
                let seen = &inputs[tap * tiles.len() * shape.channels..][..rows_out * shape.channels];
                multiply(
                    MatrixMut::new(products, rows_out, shape.outputs),
                    if tap == 0 { Write::Replace } else { Write::Add },
                    1.0,
                    Matrix::new(seen, rows_out, shape.channels),
                    Matrix::new(weight, shape.channels, shape.outputs),
                );
            }
        }
        transform_output(shape, &products, (sample, tiles), bias, shared);
    });
    y
}

/// The coefficients of the taps.
///
/// Formula:  U = G·g·Gᵀ
///
/// # Shapes  `[kt, 3, 3, Cin, Cout]` → `[36, kt, Cin, Cout]`
fn transform_weight(shape: &Shape, weight: &[f32]) -> Vec<f32> {
    let (depth, channels, outputs) = (shape.depth(), shape.channels, shape.outputs);
    let plane = channels * outputs;
    let mut coefficients = uninit(POINTS * depth * plane);
    let shared = SharedMut::new(&mut coefficients);
    (0..depth * channels).into_par_iter().for_each(|row| {
        let (tap, channel) = (row / channels, row % channels);
        vectorize(
            #[inline(always)]
            |_| {
                for output in (0..outputs).step_by(WIDTH) {
                    let place = channel * outputs + output;
                    let mut rows = [[Lanes::ZERO; TAPS]; SIDE];
                    for column in 0..TAPS {
                        let at = |line: usize| ((tap * TAPS + line) * TAPS + column) * plane + place;
                        let taps = [0, 1, 2].map(
                            #[inline(always)]
                            |line| Lanes::load(&weight[at(line)..]),
                        );
                        let transformed = of_taps(taps);
                        for (row, value) in rows.iter_mut().zip(transformed) {
                            row[column] = value;
                        }
                    }
                    for (line, taps) in rows.into_iter().enumerate() {
                        for (column, value) in of_taps(taps).into_iter().enumerate() {
                            let start = ((line * SIDE + column) * depth + tap) * plane + place;
                            // SAFETY: every task has rows of its own.
                            unsafe { shared.slice(start, WIDTH) }.copy_from_slice(&value.0);
                        }
                    }
                }
            },
        );
    });
    coefficients
}

/// The coefficients of the inputs of some tiles of a sample, zeros outside of the picture.
///
/// Formula:  V = Bᵀ·d·B
///
/// # Shapes  → `[36, T + kt − 1, tiles, Cin]`
fn transform_input(shape: &Shape, frames: Frames<'_>, (sample, tiles): (usize, Range<usize>), out: &mut [f32]) {
    let (channels, count) = (shape.channels, tiles.len());
    let plane = shape.frames_in * count * channels;
    vectorize(
        #[inline(always)]
        |_| {
            for frame in 0..shape.frames_in {
                let Some(x) = frames.get(sample, frame) else {
                    for point in out.chunks_exact_mut(plane) {
                        point[frame * count * channels..][..count * channels].fill(0.0);
                    }
                    continue;
                };
                for (index, tile) in tiles.clone().enumerate() {
                    // The tile begins one position before its outputs.
                    let (top, left) = (tile / shape.columns() * OUT, tile % shape.columns() * OUT);
                    for channel in (0..channels).step_by(WIDTH) {
                        let mut columns = [[Lanes::ZERO; SIDE]; SIDE];
                        for (column, target) in columns.iter_mut().enumerate() {
                            let mut values = [Lanes::ZERO; SIDE];
                            let position = left + column;
                            if position >= 1 && position <= shape.width {
                                for (line, value) in values.iter_mut().enumerate() {
                                    if top + line >= 1 && top + line <= shape.height {
                                        let line = top + line - 1;
                                        let start = (line * shape.width + position - 1) * channels + channel;
                                        *value = Lanes::load(&x[start..]);
                                    }
                                }
                            }
                            *target = of_inputs(values);
                        }
                        let place = (frame * count + index) * channels + channel;
                        for line in 0..SIDE {
                            let mut values = [Lanes::ZERO; SIDE];
                            for (value, column) in values.iter_mut().zip(&columns) {
                                *value = column[line];
                            }
                            for (column, value) in of_inputs(values).into_iter().enumerate() {
                                let start = (line * SIDE + column) * plane + place;
                                out[start..start + WIDTH].copy_from_slice(&value.0);
                            }
                        }
                    }
                }
            }
        },
    );
}

/// The outputs of some tiles of a sample, with the bias added.
///
/// Formula:  Y = Aᵀ·M·A
///
/// # Shapes  products: `[36, T, tiles, Cout]`; y: `[B, T, H, W, Cout]`
fn transform_output(
    shape: &Shape,
    products: &[f32],
    (sample, tiles): (usize, Range<usize>),
    bias: &[f32],
    y: SharedMut<'_>,
) {
    let (outputs, count) = (shape.outputs, tiles.len());
    let plane = shape.frames_out * count * outputs;
    vectorize(
        #[inline(always)]
        |_| {
            for frame in 0..shape.frames_out {
                let first_line = (sample * shape.frames_out + frame) * shape.height;
                for (index, tile) in tiles.clone().enumerate() {
                    let (top, left) = (tile / shape.columns() * OUT, tile % shape.columns() * OUT);
                    for output in (0..outputs).step_by(WIDTH) {
                        let place = (frame * count + index) * outputs + output;
                        let mut columns = [[Lanes::ZERO; OUT]; SIDE];
                        for (column, target) in columns.iter_mut().enumerate() {
                            let mut values = [Lanes::ZERO; SIDE];
                            for (line, value) in values.iter_mut().enumerate() {
                                *value = Lanes::load(&products[(line * SIDE + column) * plane + place..]);
                            }
                            *target = to_outputs(values);
                        }
                        let bias = Lanes::load(&bias[output..]);
                        for line in 0..OUT.min(shape.height - top) {
                            let mut values = [Lanes::ZERO; SIDE];
                            for (value, column) in values.iter_mut().zip(&columns) {
                                *value = column[line];
                            }
                            let results = to_outputs(values);
                            for (column, value) in results.into_iter().enumerate().take(shape.width - left) {
                                let position = (first_line + top + line) * shape.width + left + column;
                                // SAFETY: every task has tiles of its own.
                                let target = unsafe { y.slice(position * outputs + output, WIDTH) };
                                target.copy_from_slice(&(value + bias).0);
                            }
                        }
                    }
                }
            }
        },
    );
}

/// Three taps of a line to six coefficients: one column of G·g.
#[inline(always)]
fn of_taps([a, b, c]: [Lanes; TAPS]) -> [Lanes; SIDE] {
    let sixth = (a + c) * Lanes::splat(-1.0 / 6.0);
    let half = b * Lanes::splat(1.0 / 6.0);
    let even = a * Lanes::splat(1.0 / 24.0) + c * Lanes::splat(1.0 / 6.0);
    let odd = b * Lanes::splat(1.0 / 12.0);
    [a * Lanes::splat(0.25), sixth - half, sixth + half, even + odd, even - odd, c]
}

/// Six inputs of a line to six coefficients: one column of Bᵀ·d.
#[inline(always)]
fn of_inputs([a, b, c, d, e, f]: [Lanes; SIDE]) -> [Lanes; SIDE] {
    let (four, five, two) = (Lanes::splat(4.0), Lanes::splat(5.0), Lanes::splat(2.0));
    let (even, odd) = (e - c * four, d - b * four);
    let (even_two, odd_two) = (e - c, (d - b) * two);
    [a * four - c * five + e, even + odd, even - odd, even_two + odd_two, even_two - odd_two, b * four - d * five + f]
}

/// Six sums of products to four outputs of a line: one column of Aᵀ·M.
#[inline(always)]
fn to_outputs([a, b, c, d, e, f]: [Lanes; SIDE]) -> [Lanes; OUT] {
    let (two, four, eight) = (Lanes::splat(2.0), Lanes::splat(4.0), Lanes::splat(8.0));
    let (even, odd) = (b + c, b - c);
    let (even_two, odd_two) = (d + e, d - e);
    [a + even + even_two, odd + odd_two * two, even + even_two * four, odd + odd_two * eight + f]
}
