//! Residual blocks whose convolutions look back in time, never ahead.
//!
//! Everything is channels last, `[B, T, H, W, C]`, and `T` counts latent frames. What a temporal convolution needs of
//! earlier chunks is kept in [`StreamState`]; a fresh state stands for nothing before the first frame (zeros), so
//! chunk by chunk and all at once are the same computation.

use burn::{
    module::{Module, Param},
    tensor::Tensor,
};
use kernels::CausalConv3d;

use crate::init::WeightInit;

/// Latent frames that a temporal convolution sees: this one and two before it.
pub(super) const TEMPORAL_KERNEL: usize = 3;

/// The last frames that each temporal convolution has seen, in the order in which they run.
#[derive(Clone, Debug, Default)]
pub struct StreamState {
    caches: Vec<Tensor<5>>,
    cursor: usize,
}

impl StreamState {
    /// Starts another pass over the layers.
    pub(super) const fn rewind(&mut self) {
        self.cursor = 0;
    }

    /// Puts the cached frames in front of `x` and remembers the last ones for the next chunk.
    fn extend(&mut self, x: Tensor<5>) -> Tensor<5> {
        let [b, _, h, w, c] = x.dims();
        let past = TEMPORAL_KERNEL - 1;
        let before = match self.caches.get(self.cursor) {
            Some(cache) => cache.clone(),
            None => Tensor::zeros([b, past, h, w, c], &x.device()),
        };
        let extended = Tensor::cat(vec![before, x], 1);
        let [_, t, ..] = extended.dims();
        let cache = extended.clone().narrow(1, t - past, past);
        match self.caches.get_mut(self.cursor) {
            Some(slot) => *slot = cache,
            None => self.caches.push(cache),
        }
        self.cursor += 1;
        extended
    }
}

/// `x + temporal(spatial(x))`: a 1×3×3 and a 3×1×1 convolution, each after RMS norm and SiLU.
#[derive(Module, Debug)]
pub(super) struct ResidualBlock {
    norm_space: Param<Tensor<1>>,
    conv_space: Param<Tensor<2>>,
    bias_space: Param<Tensor<1>>,
    norm_time: Param<Tensor<1>>,
    conv_time: Param<Tensor<2>>,
    bias_time: Param<Tensor<1>>,
}

impl ResidualBlock {
    pub(super) fn init(width: usize, weights: &mut WeightInit) -> Self {
        Self {
            norm_space: weights.ones([width]),
            conv_space: weights.scaled([9 * width, width], 9 * width),
            bias_space: weights.zeros([width]),
            norm_time: weights.ones([width]),
            // Small, so that the block begins close to the identity.
            conv_time: weights.uniform([TEMPORAL_KERNEL * width, width], 0.1 / (width as f32).sqrt()),
            bias_time: weights.zeros([width]),
        }
    }

    /// # Shapes  x: `[B, T, H, W, C]`, returned in the same shape
    pub(super) fn forward(&self, x: Tensor<5>, state: &mut StreamState) -> Tensor<5> {
        let hidden = norm_silu(x.clone(), &self.norm_space);
        let hidden = kernels::causal_conv3d(CausalConv3d {
            x: hidden,
            weight: self.conv_space.val(),
            bias: self.bias_space.val(),
            kernel: [1, 3, 3],
        });
        let hidden = state.extend(norm_silu(hidden, &self.norm_time));
        let hidden = kernels::causal_conv3d(CausalConv3d {
            x: hidden,
            weight: self.conv_time.val(),
            bias: self.bias_time.val(),
            kernel: [TEMPORAL_KERNEL, 1, 1],
        });
        x + hidden
    }
}

/// RMS norm over channels, then SiLU.
pub(super) fn norm_silu(x: Tensor<5>, weight: &Param<Tensor<1>>) -> Tensor<5> {
    let [b, t, h, w, c] = x.dims();
    kernels::rms_norm_silu(x.reshape([b * t * h * w, c]), weight.val()).reshape([b, t, h, w, c])
}

/// Moves 2×2 neighbours into channels: `[B, T, H, W, C]` → `[B, T, H/2, W/2, 4C]`.
pub(super) fn fold_space(x: Tensor<5>) -> Tensor<5> {
    let [b, t, h, w, c] = x.dims();
    x.reshape([b * t, h / 2, 2, w / 2, 2, c])
        .permute([0, 1, 3, 2, 4, 5]) // [B·T, H/2, W/2, 2, 2, C]
        .reshape([b, t, h / 2, w / 2, 4 * c])
}

/// The reverse of [`fold_space`].
pub(super) fn unfold_space(x: Tensor<5>) -> Tensor<5> {
    let [b, t, h, w, c] = x.dims();
    x.reshape([b * t, h, w, 2, 2, c / 4])
        .permute([0, 1, 3, 2, 4, 5]) // [B·T, H, 2, W, 2, C/4]
        .reshape([b, t, 2 * h, 2 * w, c / 4])
}
