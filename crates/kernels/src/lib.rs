//! Differentiable tensor operations that the models call, fused on the CPU.
//!
//! Every operation is an ordinary function from [`burn::tensor::Tensor`]s to a tensor. Each has a
//! *composite* form, made of burn's own operations: portable, correct on any device, and
//! differentiated by burn. It says what the operation means, and is what a GPU runs.
//!
//! The crate knows nothing of models, noise levels or files: it is given shapes and numbers.
//!
//! | Module | Operations |
//! | --- | --- |
//! | [`packing`] | [`Segments`] and [`Rows`]: how clips share one token sequence |
//! | [`linear`](mod@linear) | [`linear()`] |
//! | [`int8`] | [`linear_int8`] with a [`QuantisedWeight`], [`attention_int8`], and [`causal_conv3d_int8`] of [`SiluFrames`] with a [`QuantisedKernel`], for inference |
//! | [`precision`] | [`Precision`]: which of the two a model takes |
//! | [`attention`](mod@attention) | [`attention()`] within packed segments |
//! | [`head_norm`] | [`head_norm_rotary`] for queries and keys |
//! | [`modulation`] | [`modulated_layer_norm`], [`gated_residual`], [`residual`] |
//! | [`activation`] | [`gelu`], [`silu`] |
//! | [`rms_norm`](mod@rms_norm) | [`rms_norm()`], [`rms_norm_silu`], [`normalize`], [`normalize_silu`] |
//! | [`conv`] | [`causal_conv3d`] and [`causal_conv3d_behind`], channels last |
//! | [`upsample`] | [`double_space`], channels last |
//! | [`adamw`] | [`adamw_step`] with moving average, on slices |
//! | [`moments`] | [`Moments`] of a parameter and its [`Gradient`], on any device |
//! | [`workers`] | [`on_workers`], which begins a model's pass on the threads that compute |
//! | [`allocator`] | [`ReusingAllocator`] for programs that make large tensors over and over |
//!
//! On the CPU in single precision each operation has a *fused* form: one pass through memory where
//! burn makes many, several threads, vectors as wide as the processor has, and a backward written
//! by hand that keeps as little as it can. Sums are taken in an order that does not depend on the
//! number of threads, so the same inputs give the same bits.
//!
//! Measured by `cargo bench -p kernels -- --cpu-time` on one Zen 4 core with AVX-512, whose fused
//! products and sums peak at 117 GFLOP/s, and the `gemm` crate at 105, while others used the
//! machine: a training step of 8 layers of width 256 on 8064 tokens runs at 84 GFLOP/s, and at 43
//! made of composites. Each module says what its operations reach.
//!
//! Three products of a width each are better than one of three widths that is then cut in three:
//! burn's backward of a cut fills a whole tensor with zeros for every piece.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod activation;
pub mod adamw;
pub mod allocator;
pub mod attention;
pub mod conv;
mod cpu;
pub mod head_norm;
pub mod int8;
pub mod linear;
pub mod modulation;
pub mod moments;
pub mod packing;
pub mod precision;
pub mod rms_norm;
pub mod upsample;
pub mod workers;

pub use activation::{gelu, silu};
pub use adamw::{AdamW, AdamWConfig, adamw_step};
pub use allocator::ReusingAllocator;
pub use attention::{Attention, attention};
pub use conv::{CausalConv3d, causal_conv3d, causal_conv3d_behind};
pub use head_norm::{HeadNormRotary, Rotary, head_norm_rotary};
pub use int8::{
    LayerInt8, QuantisedKernel, QuantisedWeight, SiluFrames, attention_int8, causal_conv3d_int8, feed_forward_int8,
    linear_int8, linears_int8,
};
pub use linear::linear;
pub use modulation::{GatedResidual, ModulatedLayerNorm, gated_residual, modulated_layer_norm, residual};
pub use moments::{Gradient, Moments};
pub use packing::{Rows, Segments};
pub use precision::Precision;
pub use rms_norm::{normalize, normalize_silu, rms_norm, rms_norm_silu};
pub use upsample::double_space;
pub use workers::{on_workers, side_by_side};

/// Added to the mean square (or the variance) before its root is taken, in every norm here.
pub const NORM_EPSILON: f32 = 1e-6;
