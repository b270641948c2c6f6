//! The small layers that all parts share.

use burn::{
    module::{Module, Param},
    tensor::Tensor,
};

use kernels::{LayerInt8, QuantisedWeight};

use crate::init::WeightInit;

/// `x · weight + bias` over the last axis.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[in, out]`.
    pub weight: Param<Tensor<2>>,
    /// `[out]`.
    pub bias: Param<Tensor<1>>,
    /// The weight in 8 bits, which is taken instead where it is there.
    #[module(skip)]
    quantised: Option<QuantisedWeight>,
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
            quantised: None,
        }
    }

    /// All zeros: the layer's output is nothing until it has learned.
    pub fn init_zero(self, weights: &WeightInit) -> Linear {
        Linear {
            weight: weights.zeros([self.d_input, self.d_output]),
            bias: weights.zeros([self.d_output]),
            quantised: None,
        }
    }
}

impl Linear {
    /// The same with another bias.
    pub(crate) fn with_bias(self, bias: Param<Tensor<1>>) -> Self {
        Self { bias, ..self }
    }

    /// Computes in 8 bits from here on, by the weight as it is now; there is no gradient any more.
    pub(crate) fn quantise(&mut self) {
        self.quantised = Some(QuantisedWeight::of(self.weight.val()));
    }

    /// # Shapes  x: `[N, in]` → `[N, out]`
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        match self.in_8_bits() {
            Some((weight, bias)) => kernels::linear_int8(x, weight, bias),
            None => kernels::linear(x, self.weight.val(), Some(self.bias.val())),
        }
    }

    /// What several layers make of the same x.
    ///
    /// # Shapes  x: `[N, in]` → `[N, out]` each
    pub(crate) fn forward_all<const N: usize>(layers: [&Self; N], x: Tensor<2>) -> [Tensor<2>; N] {
        match in_8_bits(layers) {
            Some(layers) => kernels::linears_int8(x, layers),
            None => layers.map(|layer| layer.forward(x.clone())),
        }
    }

    /// Two layers with GELU between them.
    ///
    /// # Shapes  x: `[N, in]` → `[N, out]`
    pub(crate) fn feed_forward([up, down]: [&Self; 2], x: Tensor<2>) -> Tensor<2> {
        match in_8_bits([up, down]) {
            Some(layers) => kernels::feed_forward_int8(x, layers),
            None => down.forward(kernels::gelu(up.forward(x))),
        }
    }

    fn in_8_bits(&self) -> Option<LayerInt8<'_>> {
        self.quantised.as_ref().map(|weight| (weight, Some(self.bias.val())))
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

/// The layers in 8 bits, where all of them are.
fn in_8_bits<const N: usize>(layers: [&Linear; N]) -> Option<[LayerInt8<'_>; N]> {
    let quantised: Vec<_> = layers.into_iter().map_while(Linear::in_8_bits).collect();
    quantised.try_into().ok()
}
