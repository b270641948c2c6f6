//! What encoder and decoder are made of. Everything is channels last, `[B, T, H, W, C]`.

use burn::tensor::Tensor;
use kernels::{Attention, CausalConv3d, QuantisedKernel, Segments, SiluFrames};

use super::stream::StreamState;
use crate::{Precision, layers::Linear, weights::Scope};

/// Convolution over space and, where its kernel has three frames, over this frame and the two before it.
#[derive(Clone, Debug)]
pub(super) struct CausalConv {
    weight: Tensor<2>,
    bias: Tensor<1>,
    kernel: [usize; 3],
}

impl CausalConv {
    /// Three taps along each axis, the usual one.
    pub(super) fn load(scope: &Scope<'_>, channels: [usize; 2]) -> Self {
        Self::load_kernel(scope, channels, [3, 3, 3], &[3, 3, 3])
    }

    /// Three frames of one position.
    pub(super) fn load_temporal(scope: &Scope<'_>, channels: [usize; 2]) -> Self {
        Self::load_kernel(scope, channels, [3, 1, 1], &[3, 1, 1])
    }

    /// Three by three positions of one frame.
    pub(super) fn load_spatial(scope: &Scope<'_>, channels: [usize; 2]) -> Self {
        Self::load_kernel(scope, channels, [1, 3, 3], &[3, 3])
    }

    fn load_kernel(scope: &Scope<'_>, [inputs, outputs]: [usize; 2], kernel: [usize; 3], stored: &[usize]) -> Self {
        let weight = scope.convolution("weight", [inputs, outputs], stored);
        Self { weight, bias: scope.values("bias", &[outputs], [outputs]), kernel }
    }

    /// # Shapes  x: `[B, T, H, W, in]` → `[B, T, H, W, out]`
    pub(super) fn forward(&self, x: Tensor<5>, state: &mut StreamState) -> Tensor<5> {
        let past = if self.kernel[0] > 1 { state.past(&x) } else { None };
        let (weight, bias, kernel) = (self.weight.clone(), self.bias.clone(), self.kernel);
        kernels::causal_conv3d_behind(past, CausalConv3d { x, weight, bias, kernel })
    }
}

/// Brings the channels of each position to the length √C and scales them.
#[derive(Clone, Debug)]
pub(super) struct Norm {
    weight: Tensor<1>,
}

impl Norm {
    /// The weight has `axes` axes in the file, all but the first of them 1.
    pub(super) fn load(scope: &Scope<'_>, width: usize, axes: usize) -> Self {
        let stored: Vec<usize> = std::iter::once(width).chain(std::iter::repeat_n(1, axes - 1)).collect();
        Self { weight: scope.values("gamma", &stored, [width]) }
    }

    pub(super) fn forward_silu(&self, x: Tensor<5>) -> Tensor<5> {
        let [b, t, h, w, c] = x.dims();
        kernels::normalize_silu(x.reshape([b * t * h * w, c]), self.weight.clone()).reshape([b, t, h, w, c])
    }
}

/// A convolution of three taps along each axis after a norm and SiLU.
#[derive(Clone, Debug)]
struct NormedConv {
    norm: Norm,
    convolution: Numbers,
}

/// What the convolution computes with.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "two in a block, which are nothing beside their weights")]
enum Numbers {
    F32(CausalConv),
    Int8 {
        kernel: QuantisedKernel,
        /// `[out]`.
        bias: Tensor<1>,
    },
}

impl NormedConv {
    fn load(norm: &Scope<'_>, convolution: &Scope<'_>, channels: [usize; 2], precision: Precision) -> Self {
        let [inputs, outputs] = channels;
        let numbers = match precision {
            Precision::F32 => Numbers::F32(CausalConv::load(convolution, channels)),
            Precision::Int8 => Numbers::Int8 {
                kernel: convolution.quantised_kernel("weight", channels),
                bias: convolution.values("bias", &[outputs], [outputs]),
            },
        };
        Self { norm: Norm::load(norm, inputs, 4), convolution: numbers }
    }

    fn forward(&self, x: Tensor<5>, state: &mut StreamState) -> Tensor<5> {
        match &self.convolution {
            Numbers::F32(convolution) => convolution.forward(self.norm.forward_silu(x), state),
            Numbers::Int8 { kernel, bias } => {
                let frames = SiluFrames::normalize(x, self.norm.weight.clone());
                let past = state.past_rounded(&frames);
                kernels::causal_conv3d_int8(past.as_ref(), &frames, kernel, bias.clone())
            }
        }
    }
}

/// `shortcut(x) + conv2(conv1(x))`, each convolution after a norm and SiLU.
#[derive(Clone, Debug)]
pub(super) struct ResidualBlock {
    convolutions: [NormedConv; 2],
    shortcut: Option<Linear>,
}

impl ResidualBlock {
    pub(super) fn load(scope: &Scope<'_>, [inputs, outputs]: [usize; 2], precision: Precision) -> Self {
        let convolution = |index: usize, channels| {
            let [norm, convolution] = ["norm", "conv"].map(|name| scope.child(format!("{name}{index}")));
            NormedConv::load(&norm, &convolution, channels, precision)
        };
        let shortcut = || Linear::load_convolution(&scope.child("conv_shortcut"), [inputs, outputs], &[1, 1, 1]);
        Self {
            convolutions: [convolution(1, [inputs, outputs]), convolution(2, [outputs, outputs])],
            shortcut: (inputs != outputs).then(shortcut),
        }
    }

    pub(super) fn forward(&self, x: Tensor<5>, state: &mut StreamState) -> Tensor<5> {
        let mut hidden = x.clone();
        for convolution in &self.convolutions {
            hidden = convolution.forward(hidden, state);
        }
        hidden
            + match &self.shortcut {
                Some(shortcut) => shortcut.forward_positions(x),
                None => x,
            }
    }
}

/// Attention of the positions of a frame among themselves, with one head.
#[derive(Clone, Debug)]
struct FrameAttention {
    norm: Norm,
    projections: [Linear; 3],
    output: Linear,
}

impl FrameAttention {
    fn load(scope: &Scope<'_>, width: usize) -> Self {
        let projections = Linear::load_convolution(&scope.child("to_qkv"), [width, 3 * width], &[1, 1]);
        Self {
            norm: Norm::load(&scope.child("norm"), width, 3),
            projections: projections.split(width),
            output: Linear::load_convolution(&scope.child("proj"), [width, width], &[1, 1]),
        }
    }

    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let [b, t, h, w, c] = x.dims();
        let flat = x.reshape([b * t * h * w, c]);
        let normed = kernels::normalize(flat.clone(), self.norm.weight.clone());
        let [query, key, value] = self.projections.each_ref().map(|projection| projection.forward(normed.clone()));
        let frames = &Segments::new(std::iter::repeat_n(h * w, b * t));
        let attended =
            kernels::attention(Attention { query, key, value, heads: 1, query_segments: frames, key_segments: frames });
        (flat + self.output.forward(attended)).reshape([b, t, h, w, c])
    }
}

/// The narrowest part: two residual blocks with attention between them.
#[derive(Clone, Debug)]
pub(super) struct MiddleBlock {
    first: ResidualBlock,
    attention: FrameAttention,
    second: ResidualBlock,
}

impl MiddleBlock {
    pub(super) fn load(scope: &Scope<'_>, width: usize) -> Self {
        let residual = |name: &str| ResidualBlock::load(&scope.child(name), [width, width], Precision::F32);
        Self {
            first: residual("resnets.0"),
            attention: FrameAttention::load(&scope.child("attentions.0"), width),
            second: residual("resnets.1"),
        }
    }

    pub(super) fn forward(&self, x: Tensor<5>, state: &mut StreamState) -> Tensor<5> {
        let x = self.first.forward(x, state);
        self.second.forward(self.attention.forward(x), state)
    }
}
