//! Root-mean-square norm over channels, with or without a SiLU behind it.
//!
//! One pass forward (8 bytes a value) and one backward (12 bytes a value); the backward
//! recomputes the root from the input, whose row is in the first-level cache by then.
//!
//! Measured on one core with 64 channels and SiLU: 9.5 GB/s forward, 8 GB/s backward, which is
//! nine and seven times the composite.

use burn::tensor::Tensor;
use burn_flex::FlexTensor;
use rayon::prelude::*;

use crate::NORM_EPSILON;
use crate::activation::{silu_composite, silu_slope, silu_value};
use crate::cpu::simd::dot;
use crate::cpu::{
    self, EachTask, Operation, ROWS, dims, own_values, read, sum_in_order, tensor, uninit, values, vectorize,
};
use crate::packing::repeat_rows;

/// Divides every row by its root mean square and scales each channel.
///
/// Formula:  y = x / √(mean(x²) + 1e-6) · weight
///
/// # Shapes  x `[N, C]`, weight `[C]` → `[N, C]`
/// # Panics  when weight has another length than a row
/// # Source  Zhang and Sennrich 2019
pub fn rms_norm(x: Tensor<2>, weight: Tensor<1>) -> Tensor<2> {
    apply(RmsNorm { epsilon: NORM_EPSILON, then: Then::Nothing }, x, weight)
}

/// [`rms_norm`], then SiLU, in one pass: the pair that stands before a convolution.
///
/// Formula:  n = rms_norm(x, weight),  y = n / (1 + exp(−n))
///
/// # Shapes  x `[N, C]`, weight `[C]` → `[N, C]`
/// # Panics  when weight has another length than a row
pub fn rms_norm_silu(x: Tensor<2>, weight: Tensor<1>) -> Tensor<2> {
    apply(RmsNorm { epsilon: NORM_EPSILON, then: Then::Silu }, x, weight)
}

/// Brings every row to the length √C and scales each channel: [`rms_norm`] of rows however short.
///
/// Formula:  y = x·√C / ‖x‖ · weight, and 0 for a row of zeros
///
/// # Shapes  x `[N, C]`, weight `[C]` → `[N, C]`
/// # Panics  when weight has another length than a row
/// # Source  Wan Team 2025, the norm of the video autoencoder
pub fn normalize(x: Tensor<2>, weight: Tensor<1>) -> Tensor<2> {
    let [_, channels] = x.dims();
    apply(RmsNorm { epsilon: length_epsilon(channels), then: Then::Nothing }, x, weight)
}

/// [`normalize`], then SiLU, in one pass.
///
/// # Shapes  x `[N, C]`, weight `[C]` → `[N, C]`
/// # Panics  when weight has another length than a row
pub fn normalize_silu(x: Tensor<2>, weight: Tensor<1>) -> Tensor<2> {
    let [_, channels] = x.dims();
    apply(RmsNorm { epsilon: length_epsilon(channels), then: Then::Silu }, x, weight)
}

/// What is added to the mean square so that no length is below 1e-12, as PyTorch's `normalize` has it.
pub(crate) fn length_epsilon(channels: usize) -> f32 {
    1e-24 / channels.max(1) as f32
}

fn apply(operation: RmsNorm, x: Tensor<2>, weight: Tensor<1>) -> Tensor<2> {
    let ([_, channels], [length]) = (x.dims(), weight.dims());
    assert_eq!(channels, length, "rms_norm: x has {channels} channels, but weight has {length}");
    if !cpu::supported(&x) || !cpu::supported(&weight) {
        let normed = composite_with(x, weight, operation.epsilon);
        return if operation.then == Then::Silu { silu_composite(normed) } else { normed };
    }
    Tensor::from_dispatch(cpu::run(operation, [x.into_dispatch(), weight.into_dispatch()]))
}

/// The meaning of [`rms_norm`] in burn's operations.
pub fn composite(x: Tensor<2>, weight: Tensor<1>) -> Tensor<2> {
    composite_with(x, weight, NORM_EPSILON)
}

fn composite_with(x: Tensor<2>, weight: Tensor<1>, epsilon: f32) -> Tensor<2> {
    let [tokens, _] = x.dims();
    let mean_square = (x.clone() * x.clone()).mean_dim(1);
    x / (mean_square + epsilon).sqrt() * repeat_rows(weight.unsqueeze(), tokens)
}

#[derive(Debug, Clone, Copy)]
struct RmsNorm {
    epsilon: f32,
    then: Then,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Nothing,
    Silu,
}

impl Operation<2> for RmsNorm {
    type Saved = (FlexTensor, FlexTensor);

    fn forward(&self, [x, weight]: [FlexTensor; 2]) -> (FlexTensor, Self::Saved) {
        let (x, weight) = (read(x), read(weight));
        let [n, channels] = dims(&x);
        let scales = values(&weight);
        let block = ROWS * channels.max(1);
        let mut y = uninit(n * channels);
        y.par_chunks_mut(block).zip(values(&x).par_chunks(block)).each_task(|(y, x)| {
            y.copy_from_slice(x);
            self.norm_rows(y, scales);
        });
        (tensor(y, [n, channels]), (x, weight))
    }

    fn infer(&self, [mut x, weight]: [FlexTensor; 2]) -> FlexTensor {
        let Some(rows) = own_values(&mut x) else { return self.forward([x, weight]).0 };
        let weight = read(weight);
        let scales = values(&weight);
        rows.par_chunks_mut(ROWS * scales.len().max(1)).each_task(|rows| self.norm_rows(rows, scales));
        x
    }

    fn backward(&self, (x, weight): Self::Saved, grad: FlexTensor, _: [bool; 2]) -> [Option<FlexTensor>; 2] {
        let grad = read(grad);
        let [n, channels] = dims(&x);
        let scales = values(&weight);
        let block = ROWS * channels.max(1);
        let mut result = uninit(n * channels);
        let blocks =
            result.par_chunks_mut(block).zip(values(&x).par_chunks(block)).zip(values(&grad).par_chunks(block));
        let sums = blocks.map(|((result, x), grad)| {
            let mut sums = vec![0.0; channels];
            vectorize(
                #[inline(always)]
                |fma| {
                    let rows = result.chunks_exact_mut(channels).zip(x.chunks_exact(channels));
                    for ((result, x), grad) in rows.zip(grad.chunks_exact(channels)) {
                        result.copy_from_slice(grad);
                        if self.then == Then::Silu {
                            let inverse = inverse_root(x, self.epsilon);
                            for ((result, x), scale) in result.iter_mut().zip(x).zip(scales) {
                                *result *= silu_slope(x * inverse * scale, fma);
                            }
                        }
                        norm_gradient(Normed { x, scales, epsilon: self.epsilon }, result, &mut sums);
                    }
                },
            );
            sums
        });
        let sums = sum_in_order(sums.collect(), channels);
        [Some(tensor(result, [n, channels])), Some(tensor(sums, [channels]))]
    }
}

impl RmsNorm {
    /// Norms rows where they are.
    fn norm_rows(&self, rows: &mut [f32], scales: &[f32]) {
        vectorize(
            #[inline(always)]
            |fma| {
                for row in rows.chunks_exact_mut(scales.len()) {
                    let inverse = inverse_root(row, self.epsilon);
                    for (value, scale) in row.iter_mut().zip(scales) {
                        *value = *value * inverse * scale;
                    }
                    if self.then == Then::Silu {
                        for value in row {
                            *value = silu_value(*value, fma);
                        }
                    }
                }
            },
        );
    }
}

/// 1 / √(mean(x²) + ε)
#[inline(always)]
pub(crate) fn inverse_root(x: &[f32], epsilon: f32) -> f32 {
    (dot(x, x) / x.len() as f32 + epsilon).sqrt().recip()
}

/// A row, what its channels are scaled by once it is normed, and what is added to its mean square.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Normed<'a> {
    pub(crate) x: &'a [f32],
    pub(crate) scales: &'a [f32],
    pub(crate) epsilon: f32,
}

/// Turns the gradient of `x · inverse_root(x) · scales` into that of `x`, in place, and adds to
/// that of the scales.
///
/// Formula:  with n = x·r and g = grad·scale, dx = r · (g − n · mean(g·n)),  dscale = grad·n
#[inline(always)]
pub(crate) fn norm_gradient(Normed { x, scales, epsilon }: Normed<'_>, grad: &mut [f32], scale_sums: &mut [f32]) {
    let inverse = inverse_root(x, epsilon);
    for (((grad, x), scale), sum) in grad.iter_mut().zip(x).zip(scales).zip(scale_sums) {
        *sum += *grad * x * inverse;
        *grad *= scale;
    }
    let along = dot(grad, x) * inverse * inverse / x.len() as f32;
    for (grad, x) in grad.iter_mut().zip(x) {
        *grad = inverse * (*grad - x * along);
    }
}
