//! Convolution in 8 bits of frames that were normed and passed through SiLU: 3×3 taps in space, causal in time.
//!
//! Activations are bytes without a sign, with a scale for each position, so that one bright spot does not coarsen a
//! whole frame; weights have one for each output. The products of a tap are summed exactly over the channels, in 32
//! bits, and what the taps come to is added up in f32: channels/4 steps for each such sum of eight positions by 48
//! outputs, and then a conversion and a fused product.
//!
//! For P positions 2·P·taps·Cin·Cout operations on P·Cin bytes, four times as many as Winograd's F(4×4, 3×3) takes in f32
//! ([`causal_conv3d`](crate::causal_conv3d)), on instructions that do 4.3 times as many (VNNI) or twice as many (AVX2).
//!
//! Measured on two cores of a Xeon with AVX-512 VNNI, whose instruction peaks at 740 GOP/s a core: 27 taps of 384 channels
//! at 1063 to 1299 GOP/s, of 192 at 1215, of 96 at 1067. Norm, SiLU and rounding take 7 to 11 GB/s, a tenth of that time.

mod frames;
mod kernel;
mod tap;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::ops::Range;
use std::sync::Arc;

use burn::tensor::Tensor;
use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::dot::{Dot, GROUP, Instructions, Work};
use crate::cpu::{self, EachTask, Operation, SharedMut, parts, read, tensor, uninit, values, vectorize};
pub use frames::SiluFrames;
use frames::{Frame, MARGIN, columns};
pub use kernel::QuantisedKernel;
use kernel::{Packed, SIDE, TAPS};
use tap::{OUTPUTS, POSITIONS, Totals};
pub(super) use tap::{Tap, portable};
#[cfg(target_arch = "x86_64")]
pub(super) use x86::{add_avx_vnni, add_avx2, add_avx512_vnni};

/// Positions of a task, about: their totals and a tap's weights stay in the second cache.
const TASK_POSITIONS: usize = 1024;

/// [`causal_conv3d_behind`](crate::causal_conv3d_behind) in 8 bits. Nothing can be differentiated.
///
/// # Shapes  frames `[B, T, H, W, In]`, past `[B, P, H, W, In]` with P below the kernel's frames, bias `[Out]` →
///   `[B, T, H, W, Out]`
/// # Panics  when the shapes do not fit together, or a gradient is asked of bias
pub fn causal_conv3d_int8(
    past: Option<&SiluFrames>,
    frames: &SiluFrames,
    kernel: &QuantisedKernel,
    bias: Tensor<1>,
) -> Tensor<5> {
    let ([depth, inputs, outputs], [_, _, _, channels]) = (kernel.dims(), frames.sides);
    assert_eq!(channels, inputs, "causal_conv3d_int8: frames have {channels} channels, but the kernel {inputs} inputs");
    let [length] = bias.dims();
    assert_eq!(length, outputs, "causal_conv3d_int8: bias has {length} entries, but the kernel {outputs} outputs");
    let num_past = past.map_or(0, SiluFrames::len);
    assert!(num_past < depth, "causal_conv3d_int8: a kernel of {depth} frames does not see {num_past} before its own");
    let device = bias.device();
    let seen = frames.last_behind(past, num_past + frames.len());
    let convolution = Convolution { seen, num_past, kernel: kernel.clone() };
    if cpu::supported(&bias) {
        return Tensor::from_dispatch(cpu::run(convolution, [bias.into_dispatch()]));
    }
    let bias = frames::on_cpu(bias).into_dispatch();
    Tensor::from_dispatch(cpu::run(convolution, [bias])).to_device(&device)
}

#[derive(Clone, Debug)]
struct Convolution {
    /// The frames before, of which there are `num_past`, and those that become outputs.
    seen: SiluFrames,
    num_past: usize,
    kernel: QuantisedKernel,
}

impl Operation<1> for Convolution {
    type Saved = ();

    fn forward(&self, [bias]: [FlexTensor; 1]) -> (FlexTensor, ()) {
        let ([b, h, w, _], [_, _, outputs]) = (self.seen.sides, self.kernel.dims());
        let num_frames = self.seen.len() - self.num_past;
        let mut y: Vec<f32> = uninit(b * num_frames * h * w * outputs);
        let bias = read(bias);
        Instructions::best().run(Convolve { convolution: self, bias: values(&bias), y: &mut y });
        (tensor(y, [b, num_frames, h, w, outputs]), ())
    }

    fn backward(&self, (): (), _: FlexTensor, _: [bool; 1]) -> [Option<FlexTensor>; 1] {
        panic!("causal_conv3d_int8: numbers in 8 bits have no gradient; take the bias off autodiff")
    }
}

/// Convolves, with whatever instructions there are.
struct Convolve<'a> {
    convolution: &'a Convolution,
    bias: &'a [f32],
    /// `[B, T, H, W, Out]`.
    y: &'a mut [f32],
}

/// Some lines of outputs of one frame, and a panel of them.
#[derive(Clone)]
struct Task {
    clip: usize,
    frame: usize,
    lines: Range<usize>,
    panel: usize,
}

impl Work for Convolve<'_> {
    type Output = ();

    unsafe fn with<D: Dot>(self) {
        let Self { convolution: Convolution { seen, num_past, kernel }, bias, y } = self;
        let ([b, h, w, _], weight) = (seen.sides, &*kernel.packed);
        let (num_frames, panels) = (seen.len() - num_past, weight.scales.len() / OUTPUTS);
        let biases: Vec<_> = (0..num_frames).map(|frame| weight.biases(bias, num_past + frame)).collect();
        let step = (TASK_POSITIONS / w.max(1)).clamp(1, h.max(1));
        let tasks = (0..b * num_frames).flat_map(|index| parts(h, step).map(move |lines| (index, lines)));
        let tasks = tasks.flat_map(|(index, lines)| {
            let (clip, frame) = (index / num_frames, index % num_frames);
            (0..panels).map(move |panel| Task { clip, frame, lines: lines.clone(), panel })
        });
        let tasks: Vec<_> = tasks.collect();
        let y = SharedMut::new(y);
        tasks.into_par_iter().each_task(|task| {
            let before = (num_past + task.frame + 1).saturating_sub(weight.dims[0]);
            let frames = &seen.frames[before..=num_past + task.frame];
            // SAFETY: by the caller's promise.
            let totals = unsafe { totals::<D>(seen.sides, frames, weight, &task) };
            let first_line = (task.clip * num_frames + task.frame) * h + task.lines.start;
            write(&totals, (weight, task.panel, &biases[task.frame]), (first_line, w), y);
        });
    }
}

/// What the outputs of a task come to, but for the scales of the weights.
///
/// # Shapes  → `[lines, tiles]`
/// # Safety
/// As for [`Dot::add`].
unsafe fn totals<D: Dot>([_, h, w, c]: [usize; 4], frames: &[Arc<Frame>], weight: &Packed, task: &Task) -> Vec<Totals> {
    let [depth, _, _] = weight.dims;
    let (groups, columns, tiles) = (c.div_ceil(GROUP), columns(w), w.div_ceil(POSITIONS));
    let mut totals: Vec<Totals> = vec![[[0.0; OUTPUTS]; POSITIONS]; task.lines.len() * tiles];
    let panel = &weight.panels[task.panel * depth * TAPS * groups..][..depth * TAPS * groups];
    // Of the kernel's frames, the last are there.
    let panel = panel[(depth - frames.len()) * TAPS * groups..].chunks_exact(groups.max(1));
    for (tap, weights) in panel.enumerate() {
        let (frame, row, column) = (&frames[tap / TAPS], tap % TAPS / SIDE, tap % SIDE);
        for (line, totals) in task.lines.clone().zip(totals.chunks_exact_mut(tiles.max(1))) {
            let line = task.clip * (h + 2 * MARGIN) + line + row;
            let words: &[i32] = bytemuck::cast_slice(&frame.numbers[line * groups * columns..][..groups * columns]);
            let (words, scales) = (&words[column..], &frame.scales[line * columns + column..]);
            // SAFETY: by the caller's promise.
            unsafe { D::add_tap(Tap { words, stride: columns, scales, weights, totals }) };
        }
    }
    totals
}

/// Writes the totals of some lines of a panel.
fn write(
    totals: &[Totals],
    (weight, panel, biases): (&Packed, usize, &[f32]),
    (first_line, width): (usize, usize),
    y: SharedMut<'_>,
) {
    let [_, _, outputs] = weight.dims;
    let first = panel * OUTPUTS;
    let count = OUTPUTS.min(outputs - first);
    let scales: &[f32; OUTPUTS] = weight.scales[first..].first_chunk().expect("whole panels");
    let biases: &[f32; OUTPUTS] = biases[first..].first_chunk().expect("whole panels");
    vectorize(
        #[inline(always)]
        |_| {
            for (line, totals) in totals.chunks_exact(width.div_ceil(POSITIONS).max(1)).enumerate() {
                for (column, totals) in totals.as_flattened().iter().enumerate().take(width) {
                    let place = ((first_line + line) * width + column) * outputs + first;
                    // SAFETY: every task has lines and outputs of its own.
                    let y = unsafe { y.slice(place, count) };
                    let mut row = [0.0; OUTPUTS];
                    for (lane, row) in row.iter_mut().enumerate() {
                        *row = totals[lane] * scales[lane] + biases[lane];
                    }
                    match <&mut [f32; OUTPUTS]>::try_from(&mut *y) {
                        Ok(y) => *y = row,
                        Err(_) => y.copy_from_slice(&row[..count]),
                    }
                }
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution};

    use super::*;

    #[test]
    fn all_instructions_give_the_same_but_for_the_last_digits() {
        for ([b, t, h, w], dims) in
            [([1, 2, 1, 1], [2, 1, 1]), ([2, 3, 5, 9], [2, 7, 50]), ([1, 2, 3, 16], [3, 32, 48])]
        {
            let [_, inputs, outputs] = dims;
            let device = Device::flex();
            let x = Tensor::random([b, t, h, w, inputs], Distribution::Normal(0.0, 1.0), &device);
            let seen = SiluFrames::normalize(x, Tensor::ones([inputs], &device));
            let kernel = QuantisedKernel::new(dims, |output, row| {
                for (place, value) in row.iter_mut().enumerate() {
                    *value = ((place * 37 + output * 11) % 101) as f32 - 50.0;
                }
            });
            let (convolution, bias) = (Convolution { seen, num_past: 1, kernel }, vec![0.5; outputs]);
            let run = |instructions: Instructions| {
                let mut y = vec![f32::NAN; b * (t - 1) * h * w * outputs];
                instructions.run(Convolve { convolution: &convolution, bias: &bias, y: &mut y });
                y
            };
            let portable = run(Instructions::Portable);
            let largest = portable.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
            for instructions in Instructions::available() {
                let pairs = run(instructions).into_iter().zip(&portable);
                let difference = pairs.map(|(ours, other)| (ours - other).abs()).fold(0.0, f32::max);
                assert!(difference <= 2e-6 * largest, "{instructions:?} {dims:?}: {difference} of {largest}");
            }
        }
    }
}
