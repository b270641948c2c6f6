//! Twice as many rows and columns.
//!
//! One pass forward, 4 bytes read and 16 written a value, and one backward; in burn's operations the
//! same goes through a view of six axes, value by value.

use burn::tensor::Tensor;
use burn_flex::FlexTensor;
use rayon::prelude::*;

use crate::cpu::{self, EachTask, Operation, dims, read, tensor, uninit, values};

/// Repeats every position along height and width.
///
/// Formula:  y[b, t, h, w, :] = x[b, t, ⌊h/2⌋, ⌊w/2⌋, :]
///
/// # Shapes  `[B, T, H, W, C]` → `[B, T, 2·H, 2·W, C]`
pub fn double_space(x: Tensor<5>) -> Tensor<5> {
    if !cpu::supported(&x) {
        return composite(x);
    }
    Tensor::from_dispatch(cpu::run(Double, [x.into_dispatch()]))
}

/// The meaning of [`double_space`] in burn's operations.
pub fn composite(x: Tensor<5>) -> Tensor<5> {
    let [b, t, h, w, c] = x.dims();
    x.reshape([b * t, h, 1, w, 1, c]).expand([b * t, h, 2, w, 2, c]).reshape([b, t, 2 * h, 2 * w, c])
}

#[derive(Debug, Clone, Copy)]
struct Double;

impl Operation<1> for Double {
    type Saved = ();

    fn forward(&self, [x]: [FlexTensor; 1]) -> (FlexTensor, ()) {
        let x = read(x);
        let [b, t, h, w, c] = dims(&x);
        let mut y = uninit(4 * b * t * h * w * c);
        let line = (w * c).max(1);
        y.par_chunks_mut(4 * line).zip(values(&x).par_chunks(line)).each_task(|(y, x)| {
            let (first, second) = y.split_at_mut(2 * line);
            for (pair, position) in first.chunks_exact_mut(2 * c).zip(x.chunks_exact(c)) {
                let (left, right) = pair.split_at_mut(c);
                left.copy_from_slice(position);
                right.copy_from_slice(position);
            }
            second.copy_from_slice(first);
        });
        (tensor(y, [b, t, 2 * h, 2 * w, c]), ())
    }

    fn backward(&self, (): (), grad: FlexTensor, _: [bool; 1]) -> [Option<FlexTensor>; 1] {
        let grad = read(grad);
        let [b, t, h, w, c] = dims(&grad);
        let (h, w) = (h / 2, w / 2);
        let mut result = uninit(b * t * h * w * c);
        let line = (w * c).max(1);
        result.par_chunks_mut(line).zip(values(&grad).par_chunks(4 * line)).each_task(|(result, grad)| {
            let (first, second) = grad.split_at(2 * line);
            let pairs = first.chunks_exact(2 * c).zip(second.chunks_exact(2 * c));
            for (result, (first, second)) in result.chunks_exact_mut(c).zip(pairs) {
                for (channel, result) in result.iter_mut().enumerate() {
                    *result = first[channel] + first[c + channel] + second[channel] + second[c + channel];
                }
            }
        });
        [Some(tensor(result, [b, t, h, w, c]))]
    }
}
