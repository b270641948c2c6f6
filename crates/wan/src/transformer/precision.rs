//! What the linear layers and the attention of the blocks compute with: nearly all of the time is theirs.

use burn::tensor::Tensor;
use kernels::QuantisedWeight;

use crate::{Precision, layers::Linear, weights::Scope};

/// Of so many tokens those whose hidden layers are there at the same time: as few as keep all threads at work on whole products.
pub(super) fn hidden_rows(precision: Precision, tokens: usize) -> usize {
    match precision {
        Precision::F32 => HIDDEN_ROWS,
        Precision::Int8 => kernels::int8::rows_at_once(tokens),
    }
}

/// Tokens whose hidden layers are there at the same time, in 32 bits.
const HIDDEN_ROWS: usize = 2048;

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

    /// # Shapes  x: `[N, in]` → `[N, out]`
    pub(super) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        match self {
            Self::F32(linear) => linear.forward(x),
            Self::Int8 { weight, bias } => kernels::linear_int8(x, weight, Some(bias.clone())),
        }
    }

    /// What several layers make of the same x.
    ///
    /// # Shapes  x: `[N, in]` → `[N, out]` each
    pub(super) fn forward_all<const N: usize>(layers: [&Self; N], x: Tensor<2>) -> [Tensor<2>; N] {
        let rounded = layers.map(|layer| match layer {
            Self::F32(_) => None,
            Self::Int8 { weight, bias } => Some((weight, Some(bias.clone()))),
        });
        if rounded.iter().any(Option::is_none) {
            return layers.map(|layer| layer.forward(x.clone()));
        }
        kernels::linears_int8(x, rounded.map(|layer| layer.expect("none is missing, as was just seen")))
    }

    /// Two layers with GELU between them.
    ///
    /// # Shapes  x: `[N, in]` → `[N, out]`
    pub(super) fn feed_forward(layers: [&Self; 2], x: Tensor<2>) -> Tensor<2> {
        match layers {
            [Self::Int8 { weight: up, bias: up_bias }, Self::Int8 { weight: down, bias: down_bias }] => {
                kernels::feed_forward_int8(x, [(up, Some(up_bias.clone())), (down, Some(down_bias.clone()))])
            }
            [up, down] => {
                let chunks = x.split(HIDDEN_ROWS, 0).into_iter();
                Tensor::cat(chunks.map(|x| down.forward(kernels::gelu(up.forward(x)))).collect(), 0)
            }
        }
    }
}
