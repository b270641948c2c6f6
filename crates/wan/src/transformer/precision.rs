//! What the linear layers and the attention of the blocks compute with: nearly all of the time is theirs.

use burn::tensor::Tensor;
use kernels::{Attention, QuantisedWeight};

use crate::{Precision, layers::Linear, weights::Scope};

impl Precision {
    /// Of so many tokens those whose hidden layers are there at the same time: as few as keep all threads at work on whole products.
    pub(super) fn hidden_rows(self, tokens: usize) -> usize {
        match self {
            Self::F32 => 2048,
            Self::Int8 => kernels::int8::rows_at_once(tokens),
        }
    }

    /// Attention in a block.
    pub(super) fn attention(self, input: Attention<'_>) -> Tensor<2> {
        match self {
            Self::F32 => kernels::attention(input),
            Self::Int8 => kernels::attention_int8(input),
        }
    }
}

/// Whether a tensor of the file belongs to a layer that may compute in 8 bits.
pub(super) fn rounds(name: &str, shape: &[usize]) -> bool {
    name.starts_with("blocks.") && shape.len() == 2
}

/// A linear layer of a block.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "ten in a block, which are nothing beside their weights")]
pub(super) enum BlockLinear {
    F32(Linear),
    Int8 {
        weight: QuantisedWeight,
        /// `[out]`.
        bias: Tensor<1>,
    },
}

impl BlockLinear {
    /// A layer from `inputs` to `outputs`. Its weight is rounded right after it was read, before the next is.
    pub(super) fn load(precision: Precision, scope: &Scope<'_>, [inputs, outputs]: [usize; 2]) -> Self {
        match precision {
            Precision::F32 => Self::F32(Linear::load(scope, [inputs, outputs])),
            Precision::Int8 => Self::Int8 {
                weight: scope.quantised("weight", [inputs, outputs]),
                bias: scope.values("bias", &[outputs], [outputs]),
            },
        }
    }

    /// GELU of what the layer gives.
    ///
    /// # Shapes  x: `[N, in]` → `[N, out]`
    pub(super) fn forward_gelu(&self, x: Tensor<2>) -> Tensor<2> {
        match self {
            Self::F32(linear) => kernels::gelu(linear.forward(x)),
            Self::Int8 { weight, bias } => kernels::linear_gelu_int8(x, weight, Some(bias.clone())),
        }
    }

    /// # Shapes  x: `[N, in]` → `[N, out]`
    pub(super) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        match self {
            Self::F32(linear) => linear.forward(x),
            Self::Int8 { weight, bias } => kernels::linear_int8(x, weight, Some(bias.clone())),
        }
    }
}
