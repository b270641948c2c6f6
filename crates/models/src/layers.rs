//! The small layers that all parts share.

use burn::{
    module::{Module, Param},
    tensor::Tensor,
};

use crate::init::WeightInit;

/// `x · weight + bias` over the last axis.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[in, out]`.
    pub weight: Param<Tensor<2>>,
    /// `[out]`.
    pub bias: Param<Tensor<1>>,
}

/// Sizes of a [`Linear`].
#[derive(Clone, Copy, Debug)]
pub struct LinearConfig {
    /// Width of the input.
    pub d_input: usize,
    /// Width of the output.
    pub d_output: usize,
}

impl LinearConfig {
    /// A layer from `d_input` to `d_output`.
    pub const fn new(d_input: usize, d_output: usize) -> Self {
        Self { d_input, d_output }
    }

    /// Weights that keep the input's variance, no bias.
    pub fn init(self, weights: &mut WeightInit) -> Linear {
        Linear {
            weight: weights.scaled([self.d_input, self.d_output], self.d_input),
            bias: weights.zeros([self.d_output]),
        }
    }

    /// All zeros: the layer's output is nothing until it has learned.
    pub fn init_zero(self, weights: &WeightInit) -> Linear {
        Linear { weight: weights.zeros([self.d_input, self.d_output]), bias: weights.zeros([self.d_output]) }
    }
}

impl Linear {
    /// # Shapes  x: `[N, in]` → `[N, out]`
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        kernels::linear(x, self.weight.val(), Some(self.bias.val()))
    }

    /// The same at every position of a channels-last block.
    ///
    /// # Shapes  x: `[B, T, H, W, in]` → `[B, T, H, W, out]`
    pub fn forward_positions(&self, x: Tensor<5>) -> Tensor<5> {
        let [b, t, h, w, c] = x.dims();
        let out = self.forward(x.reshape([b * t * h * w, c]));
        let [_, out_channels] = out.dims();
        out.reshape([b, t, h, w, out_channels])
    }
}
