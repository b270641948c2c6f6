//! From one level to the next: half or twice the sides, and half or twice the frames.

use burn::tensor::Tensor;

use super::{blocks::CausalConv, stream::StreamState};
use crate::{layers::Linear, weights::Scope};

/// Halves both sides, and the frames where time is folded too.
#[derive(Clone, Debug)]
pub(super) struct Downsample {
    /// Of nine gathered taps.
    space: Linear,
    /// Of three gathered frames.
    time: Option<Linear>,
}

impl Downsample {
    pub(super) fn load(scope: &Scope<'_>, width: usize, halves_time: bool) -> Self {
        let time = || Linear::load_convolution(&scope.child("time_conv"), [width, width], &[3, 1, 1]);
        Self {
            space: Linear::load_convolution(&scope.child("resample.1"), [width, width], &[3, 3]),
            time: halves_time.then(time),
        }
    }

    /// # Shapes  x: `[B, T, H, W, C]` → `[B, T/2 or T, H/2, W/2, C]`; a first frame stays one frame
    pub(super) fn forward(&self, x: Tensor<5>, state: &mut StreamState) -> Tensor<5> {
        let x = self.space.forward_positions(gather_space(x));
        let Some(time) = &self.time else { return x };
        match state.extend_by_one(x.clone()) {
            Some(extended) => time.forward_positions(gather_time(extended)),
            None => x,
        }
    }
}

/// The nine positions that each output of a 3×3 convolution of stride 2 sees, zeros beyond the right and lower edge.
///
/// # Shapes  `[B, T, H, W, C]` → `[B, T, H/2, W/2, 9·C]`
fn gather_space(x: Tensor<5>) -> Tensor<5> {
    let [b, t, h, w, c] = x.dims();
    let device = x.device();
    let x = Tensor::cat(vec![x, Tensor::zeros([b, t, 2, w, c], &device)], 2);
    let x = Tensor::cat(vec![x, Tensor::zeros([b, t, h + 2, 2, c], &device)], 3);
    let x = x.reshape([b * t, h / 2 + 1, 2, w / 2 + 1, 2, c]);
    let tap = |row: usize, column: usize| {
        let x = x.clone().narrow(1, row / 2, h / 2).narrow(2, row % 2, 1);
        x.narrow(3, column / 2, w / 2).narrow(4, column % 2, 1).reshape([b, t, h / 2, w / 2, c])
    };
    Tensor::cat((0..9).map(|index| tap(index / 3, index % 3)).collect(), 4)
}

/// The three frames that each output of a temporal convolution of stride 2 sees.
///
/// # Shapes  `[B, 2·T + 1, H, W, C]` → `[B, T, H, W, 3·C]`
fn gather_time(x: Tensor<5>) -> Tensor<5> {
    let [_, frames, ..] = x.dims();
    let frame = |index: usize| x.clone().narrow(1, index, 1);
    let seen = |first: usize| Tensor::cat((0..3).map(|tap| frame(first + tap)).collect(), 4);
    Tensor::cat((0..frames / 2).map(|index| seen(2 * index)).collect(), 1)
}

/// Doubles both sides, and doubles the frames where time is unfolded too.
#[derive(Clone, Debug)]
pub(super) struct Upsample {
    time: Option<CausalConv>,
    space: CausalConv,
}

impl Upsample {
    pub(super) fn load(scope: &Scope<'_>, [inputs, outputs]: [usize; 2], doubles_time: bool) -> Self {
        let time = || CausalConv::load_temporal(&scope.child("time_conv"), [inputs, 2 * inputs]);
        Self {
            time: doubles_time.then(time),
            space: CausalConv::load_spatial(&scope.child("resample.1"), [inputs, outputs]),
        }
    }

    /// # Shapes  x: `[B, T, H, W, in]` → `[B, 2·T or T, 2·H, 2·W, out]`; a first frame stays one frame
    pub(super) fn forward(&self, x: Tensor<5>, state: &mut StreamState) -> Tensor<5> {
        let x = match &self.time {
            // The first frame is not one that time was folded into, and later ones do not see it either.
            Some(_) if state.is_first() => {
                state.skip();
                x
            }
            Some(time) => interleave(time.forward(x, state)),
            None => x,
        };
        // Twice the sides at all of the channels is much to hold: a frame at a time.
        let [_, frames, ..] = x.dims();
        let frame = |index| self.space.forward(kernels::double_space(x.clone().narrow(1, index, 1)), state);
        Tensor::cat((0..frames).map(frame).collect(), 1)
    }
}

/// Two frames side by side in the channels become two frames one after another.
///
/// # Shapes  `[B, T, H, W, 2·C]` → `[B, 2·T, H, W, C]`
fn interleave(x: Tensor<5>) -> Tensor<5> {
    let [b, t, h, w, c] = x.dims();
    x.reshape([b, t, h * w, 2, c / 2])
        .permute([0, 1, 3, 2, 4]) // [B, T, 2, H·W, C]
        .reshape([b, 2 * t, h, w, c / 2])
}
