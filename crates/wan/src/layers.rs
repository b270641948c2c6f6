//! The small layers that all parts share.

use burn::tensor::{Tensor, activation};
use kernels::Rows;

use crate::weights::Scope;

/// `x · weight + bias` over the last axis.
#[derive(Clone, Debug)]
pub(crate) struct Linear {
    /// `[in, out]`.
    weight: Tensor<2>,
    /// `[out]`.
    bias: Option<Tensor<1>>,
}

impl Linear {
    /// A layer from `inputs` to `outputs`.
    pub(crate) fn load(scope: &Scope<'_>, [inputs, outputs]: [usize; 2]) -> Self {
        let bias = Some(scope.values("bias", &[outputs], [outputs]));
        Self { weight: scope.linear("weight", [inputs, outputs]), bias }
    }

    /// A layer that adds nothing.
    pub(crate) fn load_without_bias(scope: &Scope<'_>, [inputs, outputs]: [usize; 2]) -> Self {
        Self { weight: scope.linear("weight", [inputs, outputs]), bias: None }
    }

    /// A convolution that sees one position, or whose taps have been gathered.
    ///
    /// # Shapes  the weight is `[out, in, kernel…]` in the file; it takes rows of taps · in
    pub(crate) fn load_convolution(scope: &Scope<'_>, [inputs, outputs]: [usize; 2], kernel: &[usize]) -> Self {
        let bias = Some(scope.values("bias", &[outputs], [outputs]));
        Self { weight: scope.convolution("weight", [inputs, outputs], kernel), bias }
    }

    /// A layer whose weight has more axes in the file, all but the first of which are inputs.
    pub(crate) fn load_flattened(scope: &Scope<'_>, [inputs, outputs]: [usize; 2], stored: &[usize]) -> Self {
        let bias = Some(scope.values("bias", &[outputs], [outputs]));
        Self { bias, ..Self::load_flattened_without_bias(scope, [inputs, outputs], stored) }
    }

    /// The same that adds nothing.
    pub(crate) fn load_flattened_without_bias(scope: &Scope<'_>, sides: [usize; 2], stored: &[usize]) -> Self {
        Self { weight: scope.flattened("weight", sides, stored), bias: None }
    }

    /// # Shapes  x: `[N, in]` → `[N, out]`
    pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        kernels::linear(x, self.weight.clone(), self.bias.clone())
    }

    /// The same at every position of a channels-last block.
    ///
    /// # Shapes  x: `[B, T, H, W, in]` → `[B, T, H, W, out]`
    pub(crate) fn forward_positions(&self, x: Tensor<5>) -> Tensor<5> {
        let [b, t, h, w, c] = x.dims();
        let out = self.forward(x.reshape([b * t * h * w, c]));
        let [_, outputs] = out.dims();
        out.reshape([b, t, h, w, outputs])
    }

    /// A layer cut into layers of `width` outputs each.
    pub(crate) fn split<const N: usize>(self, width: usize) -> [Self; N] {
        std::array::from_fn(|index| Self {
            // Laid out anew, so that the product need not do so at every call.
            weight: laid_out(self.weight.clone().narrow(1, index * width, width)),
            bias: self.bias.clone().map(|bias| bias.narrow(0, index * width, width)),
        })
    }
}

/// A copy of a view, whose values lie in a row and which keeps nothing else in memory.
pub(crate) fn laid_out<const D: usize>(view: Tensor<D>) -> Tensor<D> {
    let device = view.device();
    Tensor::from_data(view.into_data(), &device)
}

/// Layer norm with a weight and a bias, ε = 1e-6.
#[derive(Clone, Debug)]
pub(crate) struct LayerNorm {
    /// The weight less 1, `[1, D]`: what the modulated norm of the kernels calls scale.
    scale: Tensor<2>,
    /// `[1, D]`.
    shift: Tensor<2>,
}

impl LayerNorm {
    pub(crate) fn load(scope: &Scope<'_>, width: usize) -> Self {
        let scale = scope.values("weight", &[width], [1, width]) - 1.0;
        Self { scale, shift: scope.values("bias", &[width], [1, width]) }
    }

    /// # Shapes  x: `[N, D]`, returned in the same shape
    pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let [tokens, _] = x.dims();
        let rows = &Rows::new(std::iter::repeat_n(0, tokens));
        let (shift, scale) = (self.shift.clone(), self.scale.clone());
        kernels::modulated_layer_norm(kernels::ModulatedLayerNorm { x, shift, scale, rows })
    }

    /// The same with ε = 1e-5, PyTorch's default, for the few tokens of an image.
    pub(crate) fn forward_with_default_epsilon(&self, x: Tensor<2>) -> Tensor<2> {
        let centred = x.clone() - x.mean_dim(1);
        let variance = (centred.clone() * centred.clone()).mean_dim(1);
        centred / (variance + 1e-5).sqrt() * (self.scale.clone() + 1.0) + self.shift.clone()
    }
}

/// Gaussian error linear unit by the error function itself.
pub(crate) fn exact_gelu(x: Tensor<2>) -> Tensor<2> {
    activation::gelu(x)
}
