//! Convolution on the CPU: gather a block of positions, multiply, go on.

use std::ops::Range;

use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::frames::Frames;
use super::gather::Gather;
use super::winograd;
use crate::cpu::{
    EachTask, Matrix, MatrixMut, Operation, Write, column_sums, dims, multiply, read, scratch, sum_in_order, tensor,
    uninit, values,
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
        let [_, num_x, height, width, channels] = dims(&x);
        let frames = Frames::behind_zeros(0, values(&x), num_x, height * width * channels);
        let y = self.convolve(frames, &x, [&weight, &bias]);
        (y, [x, weight])
    }

    fn backward(&self, [x, weight]: Self::Saved, grad: FlexTensor, wanted: [bool; 3]) -> [Option<FlexTensor>; 3] {
        let grad = read(grad);
        let [batch, num_x, height, width, channels] = dims(&x);
        let [_, frames_out, _, _, outputs] = dims(&grad);
        let kernel = self.kernel;
        let gather = Gather { batch, frames_out, height, width, channels, kernel };
        let frames = Frames::behind_zeros(0, values(&x), num_x, height * width * channels);
        let input_gradient = || {
            // A convolution as well: of the gradient, with the taps in reverse and the channels
            // exchanged, and with kt − 1 frames of zeros on either side.
            let gather = Gather { frames_out: num_x, channels: outputs, ..gather };
            let frames = Frames::behind_zeros(kernel[0] - 1, values(&grad), frames_out, height * width * outputs);
            let weight = reversed(values(&weight), channels, outputs);
            tensor(convolve(&gather, frames, &weight, None), [batch, num_x, height, width, channels])
        };
        [
            wanted[0].then(input_gradient),
            wanted[1].then(|| weight_gradient(&gather, frames, values(&grad), outputs)),
            wanted[2].then(|| column_sums(values(&grad), outputs)),
        ]
    }
}

/// See [`crate::causal_conv3d_behind`]. The inputs are x, weight, bias and the frames before x, if there are any.
#[derive(Debug, Clone, Copy)]
pub(super) struct Behind(pub(super) Convolution);

impl Operation<3> for Behind {
    type Saved = ();

    fn forward(&self, inputs: [FlexTensor; 3]) -> (FlexTensor, ()) {
        (self.0.behind(None, inputs), ())
    }

    fn backward(&self, (): (), _: FlexTensor, _: [bool; 3]) -> [Option<FlexTensor>; 3] {
        unreachable!("no tracked tensor comes here")
    }
}

impl Operation<4> for Behind {
    type Saved = ();

    fn forward(&self, [x, weight, bias, past]: [FlexTensor; 4]) -> (FlexTensor, ()) {
        (self.0.behind(Some(past), [x, weight, bias]), ())
    }

    fn backward(&self, (): (), _: FlexTensor, _: [bool; 4]) -> [Option<FlexTensor>; 4] {
        unreachable!("no tracked tensor comes here")
    }
}

impl Convolution {
    /// The frames of `x` behind those of `past`, with zeros where there are fewer than the kernel sees.
    fn behind(&self, past: Option<FlexTensor>, inputs: [FlexTensor; 3]) -> FlexTensor {
        let [x, weight, bias] = inputs.map(read);
        let past = past.map(read);
        let [_, num_x, height, width, channels] = dims(&x);
        let num_past = past.as_ref().map_or(0, |past| dims::<5>(past)[1]);
        let frames = Frames {
            zeros: self.kernel[0] - 1 - num_past,
            past: past.as_ref().map_or(&[], values),
            num_past,
            x: values(&x),
            num_x,
            len: height * width * channels,
        };
        self.convolve(frames, &x, [&weight, &bias])
    }

    /// Convolves frames, of which `x` is the block.
    fn convolve(&self, frames: Frames<'_>, x: &FlexTensor, [weight, bias]: [&FlexTensor; 2]) -> FlexTensor {
        let [batch, _, height, width, channels] = dims(x);
        let [_, outputs] = dims(weight);
        let frames_in = frames.zeros + frames.num_past + frames.num_x;
        let frames_out = frames_in + 1 - self.kernel[0];
        let shape = winograd::Shape { batch, frames_in, frames_out, height, width, channels, outputs };
        let y = if self.method == Method::Fastest && winograd::pays(&shape, self.kernel) {
            winograd::convolve(&shape, frames, values(weight), values(bias))
        } else {
            let gather = Gather { batch, frames_out, height, width, channels, kernel: self.kernel };
            convolve(&gather, frames, values(weight), Some(values(bias)))
        };
        tensor(y, [batch, frames_out, height, width, outputs])
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

fn convolve(gather: &Gather, frames: Frames<'_>, weight: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
    let groups = groups(gather);
    let deepest = groups.iter().map(|group| group.len() * gather.line_len()).max().unwrap_or(0).max(1);
    let block = (GATHERED / deepest).clamp(32, 256);
    let outputs = weight.len() / (gather.lines() * gather.line_len()).max(1);
    let mut y = uninit(gather.positions() * outputs);
    y.par_chunks_mut(block * outputs.max(1)).enumerate().each_task(|(index, y)| {
        let count = y.len() / outputs;
        if let Some(bias) = bias {
            y.chunks_exact_mut(outputs).for_each(|row| row.copy_from_slice(bias));
        }
        for (number, group) in groups.iter().enumerate() {
            let depth = group.len() * gather.line_len();
            let weight = &weight[group.start * gather.line_len() * outputs..][..depth * outputs];
            let write = if number == 0 && bias.is_none() { Write::Replace } else { Write::Add };
            scratch(count * depth, |gathered| {
                gather.fill(frames, index * block..index * block + count, group.clone(), gathered);
                let (gathered, weight) = (Matrix::new(gathered, count, depth), Matrix::new(weight, depth, outputs));
                multiply(MatrixMut::new(y, count, outputs), write, 1.0, gathered, weight);
            });
        }
    });
    y
}

/// dweight = gatheredᵀ · dy. Tasks take a group of taps and a share of the positions; the shares
/// depend on the shape alone, and are added up in order.
fn weight_gradient(gather: &Gather, frames: Frames<'_>, grad: &[f32], outputs: usize) -> FlexTensor {
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
                    gather.fill(frames, start..start + count, group.clone(), gathered);
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
