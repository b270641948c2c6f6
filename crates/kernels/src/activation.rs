//! Pointwise non-linearities.

use burn::tensor::{Tensor, activation};

/// √(2/π), the slope inside the hyperbolic tangent of [`gelu`].
const GELU_SLOPE: f32 = 0.797_884_6;
/// The cubic coefficient of [`gelu`].
const GELU_CUBIC: f32 = 0.044_715;

/// Gaussian error linear unit, in its approximation by the hyperbolic tangent.
///
/// Formula:  y = x/2 · (1 + tanh(√(2/π) · (x + 0.044715·x³)))
///
/// # Shapes  any, unchanged
/// # Source  Hendrycks and Gimpel 2016, section 2
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    gelu_composite(x)
}

/// Sigmoid linear unit.
///
/// Formula:  y = x / (1 + exp(−x))
///
/// # Shapes  any, unchanged
/// # Source  Elfwing et al. 2017
pub fn silu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    silu_composite(x)
}

/// The meaning of [`gelu`] in burn's operations.
pub fn gelu_composite<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let inner = (x.clone() * x.clone() * GELU_CUBIC + 1.0) * x.clone() * GELU_SLOPE;
    x * 0.5 * (inner.tanh() + 1.0)
}

/// The meaning of [`silu`] in burn's operations.
pub fn silu_composite<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    x.clone() * activation::sigmoid(x)
}
