//! Root-mean-square norm over channels, with or without a SiLU behind it.

use burn::tensor::Tensor;

use crate::NORM_EPSILON;
use crate::activation::silu_composite;

/// Divides every row by its root mean square and scales each channel.
///
/// Formula:  y = x / √(mean(x²) + 1e-6) · weight
///
/// # Shapes  x `[N, C]`, weight `[C]` → `[N, C]`
/// # Panics  when weight has another length than a row
/// # Source  Zhang and Sennrich 2019
pub fn rms_norm(x: Tensor<2>, weight: Tensor<1>) -> Tensor<2> {
    check(&x, &weight);
    composite(x, weight)
}

/// [`rms_norm`], then SiLU, in one pass: the pair that stands before a convolution.
///
/// Formula:  n = rms_norm(x, weight),  y = n / (1 + exp(−n))
///
/// # Shapes  x `[N, C]`, weight `[C]` → `[N, C]`
/// # Panics  when weight has another length than a row
pub fn rms_norm_silu(x: Tensor<2>, weight: Tensor<1>) -> Tensor<2> {
    check(&x, &weight);
    silu_composite(composite(x, weight))
}

fn check(x: &Tensor<2>, weight: &Tensor<1>) {
    let ([_, channels], [length]) = (x.dims(), weight.dims());
    assert_eq!(channels, length, "rms_norm: x has {channels} channels, but weight has {length}");
}

/// The meaning of [`rms_norm`] in burn's operations.
pub fn composite(x: Tensor<2>, weight: Tensor<1>) -> Tensor<2> {
    let mean_square = (x.clone() * x.clone()).mean_dim(1);
    x / (mean_square + NORM_EPSILON).sqrt() * weight.unsqueeze::<2>()
}
