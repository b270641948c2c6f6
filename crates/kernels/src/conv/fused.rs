//! Convolution on the CPU: gather a block of positions, multiply, go on.

use std::ops::Range;

use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::gather::Gather;
use super::winograd;
use crate::cpu::{
    Matrix, MatrixMut, Operation, Write, column_sums, dims, multiply, read, scratch, sum_in_order, tensor, uninit,
    values,
};

/// Gathered values that one task holds at a time: half a megabyte.
const GATHERED: usize = 1 << 17;
/// Columns of the gathered matrix at a time, about.
const DEPTH: usize = 1024;

/// See [`crate::causal_conv3d`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Convolution {
    pub(super) kernel: [usize; 3],
    pub(super) method: Method,
}

/// How the sums are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// Product by product, as the backward differentiates them.
    Direct,
    /// With fewer products where that pays, at the price of about a decimal digit.
    Fastest,
}

impl Operation<3> for Convolution {
    type Saved = [FlexTensor; 2];

    fn forward(&self, inputs: [FlexTensor; 3]) -> (FlexTensor, Self::Saved) {
        let [x, weight, bias] = inputs.map(read);
        let [batch, frames, height, width, channels] = dims(&x);
        let [_, outputs] = dims(&weight);
        let frames_out = frames + 1 - self.kernel[0];
        let shape = winograd::Shape { batch, frames_in: frames, frames_out, height, width, channels, outputs };
        if self.method == Method::Fastest && winograd::pays(&shape, self.kernel) {
            let y = winograd::convolve(&shape, values(&x), values(&weight), values(&bias));
            return (tensor(y, [batch, frames_out, height, width, outputs]), [x, weight]);
        }
        let gather = Gather {
            batch,
            frames_in: frames,
            frames_out,
            height,
            width,
            channels,
            kernel: self.kernel,
            frames_before: 0,
        };
        let y = convolve(&gather, values(&x), values(&weight), Some(values(&bias)));
        (tensor(y, [batch, frames_out, height, width, outputs]), [x, weight])
    }

    fn backward(&self, [x, weight]: Self::Saved, grad: FlexTensor, wanted: [bool; 3]) -> [Option<FlexTensor>; 3] {
        let grad = read(grad);
        let [batch, frames, height, width, channels] = dims(&x);
        let [_, frames_out, _, _, outputs] = dims(&grad);
        let kernel = self.kernel;
        let gather = Gather { batch, frames_in: frames, frames_out, height, width, channels, kernel, frames_before: 0 };
        let input_gradient = || {
            // A convolution as well: of the gradient, with the taps in reverse and the channels
            // exchanged, and with kt − 1 frames of zeros on either side.
            let gather = Gather {
                frames_in: frames_out,
                frames_out: frames,
                channels: outputs,
                frames_before: kernel[0] - 1,
                ..gather
            };
            let weight = reversed(values(&weight), channels, outputs);
            tensor(convolve(&gather, values(&grad), &weight, None), [batch, frames, height, width, channels])
        };
        [
            wanted[0].then(input_gradient),
            wanted[1].then(|| weight_gradient(&gather, values(&x), values(&grad), outputs)),
            wanted[2].then(|| column_sums(values(&grad), outputs)),
        ]
    }
}

/// Taps in reverse order, each `[Cin, Cout]` transposed.
fn reversed(weight: &[f32], channels: usize, outputs: usize) -> Vec<f32> {
    let mut result = Vec::with_capacity(weight.len());
    for tap in weight.chunks_exact((channels * outputs).max(1)).rev() {
        result.extend((0..outputs).flat_map(|output| tap.iter().skip(output).step_by(outputs)));
    }
    result
}

/// Divides the rows of taps of a kernel evenly into groups of about [`DEPTH`] gathered columns.
fn groups(gather: &Gather) -> Vec<Range<usize>> {
    let lines = gather.lines();
    let count = (lines * gather.line_len()).div_ceil(DEPTH).clamp(1, lines);
    (0..count).map(|group| group * lines / count..(group + 1) * lines / count).collect()
}

fn convolve(gather: &Gather, x: &[f32], weight: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
    let groups = groups(gather);
    let deepest = groups.iter().map(|group| group.len() * gather.line_len()).max().unwrap_or(0).max(1);
    let block = (GATHERED / deepest).clamp(32, 256);
    let outputs = weight.len() / (gather.lines() * gather.line_len()).max(1);
    let mut y = uninit(gather.positions() * outputs);
    y.par_chunks_mut(block * outputs.max(1)).enumerate().for_each(|(index, y)| {
        let count = y.len() / outputs;
        if let Some(bias) = bias {
            y.chunks_exact_mut(outputs).for_each(|row| row.copy_from_slice(bias));
        }
        for (number, group) in groups.iter().enumerate() {
            let depth = group.len() * gather.line_len();
            let weight = &weight[group.start * gather.line_len() * outputs..][..depth * outputs];
            let write = if number == 0 && bias.is_none() { Write::Replace } else { Write::Add };
            scratch(count * depth, |gathered| {
                gather.fill(x, index * block..index * block + count, group.clone(), gathered);
                let (gathered, weight) = (Matrix::new(gathered, count, depth), Matrix::new(weight, depth, outputs));
                multiply(MatrixMut::new(y, count, outputs), write, 1.0, gathered, weight);
            });
        }
    });
    y
}

/// dweight = gatheredᵀ · dy. Tasks take a group of taps and a share of the positions; the shares
/// depend on the shape alone, and are added up in order.
fn weight_gradient(gather: &Gather, x: &[f32], grad: &[f32], outputs: usize) -> FlexTensor {
    let groups = groups(gather);
    let positions = gather.positions();
    let deepest = groups.iter().map(|group| group.len() * gather.line_len()).max().unwrap_or(0).max(1);
    let block = (GATHERED / deepest).clamp(32, 256);
    let shares = 16usize.div_ceil(groups.len()).clamp(1, positions.div_ceil(block).max(1));
    let tasks: Vec<(Range<usize>, Range<usize>)> = groups
        .iter()
        .flat_map(|group| {
            (0..shares).map(|share| (group.clone(), share * positions / shares..(share + 1) * positions / shares))
        })
        .collect();
    let sums: Vec<Vec<f32>> = tasks
        .into_par_iter()
        .map(|(group, share)| {
            let depth = group.len() * gather.line_len();
            let mut sums = vec![0.0; depth * outputs];
            for start in share.clone().step_by(block) {
                let count = block.min(share.end - start);
                scratch(count * depth, |gathered| {
                    gather.fill(x, start..start + count, group.clone(), gathered);
                    let gathered = Matrix::new(gathered, count, depth).t();
                    let grad = Matrix::new(&grad[start * outputs..][..count * outputs], count, outputs);
                    multiply(MatrixMut::new(&mut sums, depth, outputs), Write::Add, 1.0, gathered, grad);
                });
            }
            sums
        })
        .collect();
    let mut result = Vec::with_capacity(gather.lines() * gather.line_len() * outputs);
    let mut sums = sums.into_iter();
    for _ in &groups {
        let shares: Vec<_> = sums.by_ref().take(shares).collect();
        let len = shares[0].len();
        result.extend(sum_in_order(shares, len));
    }
    tensor(result, [gather.lines() * gather.line_len(), outputs])
}
