//! Pointwise non-linearities.
//!
//! One pass forward (8 bytes a value) and one backward (12 bytes a value), which recomputes what
//! it needs from the input instead of keeping the parts; about 25 operations a value, so that a
//! tensor too large for the cache is bound by memory.
//!
//! Measured on one core, 33 MB in and out: 19 GB/s forward, 25 GB/s backward, which is 66 and 23
//! times the composite.

use burn::tensor::{Tensor, activation};
use burn_flex::FlexTensor;
use rayon::prelude::*;

use crate::cpu::simd::{Fma, sigmoid};
use crate::cpu::{self, EachTask, Operation, own_values, read, uninit, values, vectorize, with_layout_of};

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
    if !cpu::supported(&x) {
        return gelu_composite(x);
    }
    Tensor::from_dispatch(cpu::run(Pointwise::Gelu, [x.into_dispatch()]))
}

/// Sigmoid linear unit.
///
/// Formula:  y = x / (1 + exp(−x))
///
/// # Shapes  any, unchanged
/// # Source  Elfwing et al. 2017
pub fn silu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    if !cpu::supported(&x) {
        return silu_composite(x);
    }
    Tensor::from_dispatch(cpu::run(Pointwise::Silu, [x.into_dispatch()]))
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

#[derive(Debug, Clone, Copy)]
enum Pointwise {
    Gelu,
    Silu,
}

impl Operation<1> for Pointwise {
    type Saved = FlexTensor;

    fn forward(&self, [x]: [FlexTensor; 1]) -> (FlexTensor, FlexTensor) {
        let x = read(x);
        let y = match self {
            Self::Gelu => forward(&x, gelu_value),
            Self::Silu => forward(&x, silu_value),
        };
        (y, x)
    }

    fn infer(&self, [mut x]: [FlexTensor; 1]) -> FlexTensor {
        let Some(all) = own_values(&mut x) else { return self.forward([x]).0 };
        match self {
            Self::Gelu => replace(all, gelu_value),
            Self::Silu => replace(all, silu_value),
        }
        x
    }

    fn backward(&self, x: FlexTensor, grad: FlexTensor, _: [bool; 1]) -> [Option<FlexTensor>; 1] {
        let grad = read(grad);
        [Some(match self {
            Self::Gelu => backward(&x, &grad, gelu_slope),
            Self::Silu => backward(&x, &grad, silu_slope),
        })]
    }
}

/// x/2 · (1 + tanh u) is x · sigmoid(2u), which needs one exponential and loses no digits.
#[inline(always)]
pub(crate) fn gelu_value(x: f32, fma: Fma) -> f32 {
    x * sigmoid(2.0 * GELU_SLOPE * x * (1.0 + GELU_CUBIC * x * x), fma)
}

#[inline(always)]
fn gelu_slope(x: f32, fma: Fma) -> f32 {
    let s = sigmoid(2.0 * GELU_SLOPE * x * (1.0 + GELU_CUBIC * x * x), fma);
    s + x * s * (1.0 - s) * (2.0 * GELU_SLOPE) * (1.0 + 3.0 * GELU_CUBIC * x * x)
}

#[inline(always)]
pub(crate) fn silu_value(x: f32, fma: Fma) -> f32 {
    x * sigmoid(x, fma)
}

#[inline(always)]
pub(crate) fn silu_slope(x: f32, fma: Fma) -> f32 {
    let s = sigmoid(x, fma);
    s + x * s * (1.0 - s)
}

/// Values that one task takes: a block fits into the first-level cache.
const BLOCK: usize = 1 << 12;

fn forward(x: &FlexTensor, f: impl Fn(f32, Fma) -> f32 + Sync) -> FlexTensor {
    let mut y = uninit(values(x).len());
    y.par_chunks_mut(BLOCK).zip(values(x).par_chunks(BLOCK)).each_task(|(y, x)| {
        vectorize(
            #[inline(always)]
            |fma| {
                for (y, x) in y.iter_mut().zip(x) {
                    *y = f(*x, fma);
                }
            },
        );
    });
    with_layout_of(y, x)
}

/// Writes over the values.
fn replace(values: &mut [f32], f: impl Fn(f32, Fma) -> f32 + Sync) {
    values.par_chunks_mut(BLOCK).each_task(|values| {
        vectorize(
            #[inline(always)]
            |fma| {
                for value in values {
                    *value = f(*value, fma);
                }
            },
        );
    });
}

fn backward(x: &FlexTensor, grad: &FlexTensor, slope: impl Fn(f32, Fma) -> f32 + Sync) -> FlexTensor {
    let mut result = uninit(values(x).len());
    let blocks = result.par_chunks_mut(BLOCK).zip(values(x).par_chunks(BLOCK)).zip(values(grad).par_chunks(BLOCK));
    blocks.each_task(|((result, x), grad)| {
        vectorize(
            #[inline(always)]
            |fma| {
                for ((result, x), grad) in result.iter_mut().zip(x).zip(grad) {
                    *result = grad * slope(*x, fma);
                }
            },
        );
    });
    with_layout_of(result, x)
}
