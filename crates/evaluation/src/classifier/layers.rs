//! What the network is built of: convolutions that add to their input, and transformer blocks.

use burn::{
    module::{Module, Param},
    tensor::Tensor,
};
use kernels::{Attention, CausalConv3d, HeadNormRotary, Rotary, Segments};
use models::{
    WeightInit,
    layers::{Linear, LinearConfig},
};

/// Neighbours in space.
pub(super) const SPACE: [usize; 3] = [1, 3, 3];
/// Neighbours in time.
pub(super) const TIME: [usize; 3] = [3, 1, 1];

/// `x + convolution(silu(norm(x)))`; it sees as far ahead in time as back.
#[derive(Module, Debug)]
pub(super) struct ResidualConv {
    norm: Param<Tensor<1>>,
    weight: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
    #[module(skip)]
    kernel: [usize; 3],
}

impl ResidualConv {
    pub(super) fn init(width: usize, kernel: [usize; 3], weights: &mut WeightInit) -> Self {
        let fan_in = width * kernel.iter().product::<usize>();
        Self {
            norm: weights.ones([width]),
            weight: weights.scaled([fan_in, width], fan_in),
            bias: weights.zeros([width]),
            kernel,
        }
    }

    /// # Shapes  x: `[B, T, H, W, C]`, returned in the same shape
    pub(super) fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let hidden = norm_silu(x.clone(), &self.norm);
        let [_, t, ..] = hidden.dims();
        let margin = self.kernel[0] / 2;
        let hidden = if margin == 0 {
            hidden
        } else {
            // Beyond its ends a film stands still.
            let end = |frame| hidden.clone().narrow(1, frame, 1).repeat_dim(1, margin);
            Tensor::cat(vec![end(0), hidden.clone(), end(t - 1)], 1)
        };
        let convolved = kernels::causal_conv3d(CausalConv3d {
            x: hidden,
            weight: self.weight.val(),
            bias: self.bias.val(),
            kernel: self.kernel,
        });
        x + convolved
    }
}

/// RMS norm over channels, then SiLU.
fn norm_silu(x: Tensor<5>, weight: &Param<Tensor<1>>) -> Tensor<5> {
    let [b, t, h, w, c] = x.dims();
    kernels::rms_norm_silu(x.reshape([b * t * h * w, c]), weight.val()).reshape([b, t, h, w, c])
}

/// Moves 2×2 neighbours into channels: `[B, T, H, W, C]` → `[B, T, H/2, W/2, 4C]`.
pub(super) fn fold_space(x: Tensor<5>) -> Tensor<5> {
    let [b, t, h, w, c] = x.dims();
    x.reshape([b * t * h / 2, 2, w / 2, 2 * c])
        .swap_dims(1, 2) // [B·T·H/2, W/2, 2, 2C]
        .reshape([b, t, h / 2, w / 2, 4 * c])
}

/// Attention within each clip, then a feed-forward layer.
#[derive(Module, Debug)]
pub(super) struct Block {
    norm_attention: Param<Tensor<1>>,
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    norm_query: Param<Tensor<1>>,
    norm_key: Param<Tensor<1>>,
    norm_feed_forward: Param<Tensor<1>>,
    up: Linear,
    down: Linear,
}

impl Block {
    pub(super) fn init(width: usize, heads: usize, weights: &mut WeightInit) -> Self {
        let square = LinearConfig::new(width, width);
        Self {
            norm_attention: weights.ones([width]),
            query: square.init(weights),
            key: square.init(weights),
            value: square.init(weights),
            output: square.init_zero(weights),
            norm_query: weights.ones([width / heads]),
            norm_key: weights.ones([width / heads]),
            norm_feed_forward: weights.ones([width]),
            up: LinearConfig::new(width, 3 * width).init(weights),
            down: LinearConfig::new(3 * width, width).init_zero(weights),
        }
    }

    /// # Shapes  x: `[N, D]`, returned in the same shape
    pub(super) fn forward(&self, x: Tensor<2>, segments: &Segments, heads: usize, rotary: &Rotary) -> Tensor<2> {
        let normed = kernels::rms_norm(x.clone(), self.norm_attention.val());
        let rotated = |projection: &Linear, weight: &Param<Tensor<1>>| {
            kernels::head_norm_rotary(HeadNormRotary {
                x: projection.forward(normed.clone()),
                weight: weight.val(),
                heads,
                rotary: Some(rotary.clone()),
            })
        };
        let attended = kernels::attention(Attention {
            query: rotated(&self.query, &self.norm_query),
            key: rotated(&self.key, &self.norm_key),
            value: self.value.forward(normed.clone()),
            heads,
            query_segments: segments,
            key_segments: segments,
        });
        let x = x + self.output.forward(attended);
        let normed = kernels::rms_norm(x.clone(), self.norm_feed_forward.val());
        x + self.down.forward(kernels::gelu(self.up.forward(normed)))
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;

    #[test]
    fn folding_moves_neighbours_together() {
        let values: Vec<f32> = (0..16).map(|value| value as f32).collect();
        let x = Tensor::from_data(TensorData::new(values, [1, 1, 4, 4, 1]), &Device::flex());
        let folded: Vec<f32> = fold_space(x).into_data().try_into_vec().unwrap();
        assert_eq!(folded[..8], [0.0, 1.0, 4.0, 5.0, 2.0, 3.0, 6.0, 7.0]);
    }

    #[test]
    fn a_convolution_in_time_sees_both_neighbours_and_keeps_the_length() {
        let device = Device::flex();
        let layer = ResidualConv::init(2, TIME, &mut WeightInit::new(&device, 1));
        let out = |lit: usize| -> Vec<f32> {
            let mut values = vec![0.5; 10];
            values[2 * lit] = 3.0;
            let x = Tensor::from_data(TensorData::new(values, [1, 5, 1, 1, 2]), &device);
            layer.forward(x).into_data().try_into_vec().unwrap()
        };
        // Frames 1 to 3 see frame 2, frames 0 and 4 do not.
        let (two, none) = (out(2), out(0));
        assert_eq!(two[8..], none[8..]);
        assert!(two[2..4] != two[8..] && two[6..8] != two[8..]);
    }
}
