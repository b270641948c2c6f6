//! Convolution over time and space with the channels last.
//!
//! For P output positions: 2·P·taps·Cin·Cout operations forward, twice that backward, bound by the
//! matrix product. The fused form in [`fused`] gathers the inputs of a block of positions into a
//! matrix that stays in the second-level cache, and multiplies that; the whole matrix of gathered
//! inputs, taps times larger than x, never exists. Gathering costs 8·taps·Cin bytes of cache
//! traffic a position, some 5 % of the product's time at 64 output channels.
//!
//! Where nothing is to be differentiated, 3×3 taps in space between wide layers go another way, in [`winograd`], with a
//! quarter of the multiplications.
//!
//! Measured on one core: 93 to 99 GFLOP/s forward and 81 to 90 backward with 64 and 128 channels
//! and nine taps or more, 79 and 70 with three taps in time, of 117; two to four times the
//! composite forward.

mod frames;
mod fused;
mod gather;
mod winograd;

use burn::tensor::Tensor;

use crate::cpu;

/// What [`causal_conv3d`] is given.
#[derive(Debug, Clone)]
pub struct CausalConv3d {
    /// `[B, T + kt − 1, H, W, Cin]`: kt − 1 earlier frames stand in front, put there by the caller.
    pub x: Tensor<5>,
    /// `[kt·kh·kw·Cin, Cout]`, the taps in the order time, height, width.
    pub weight: Tensor<2>,
    /// `[Cout]`
    pub bias: Tensor<1>,
    /// kt, kh, kw; kh and kw are odd.
    pub kernel: [usize; 3],
}

/// Convolution, causal in time, zero-padded in space, with stride 1.
///
/// Formula:  y[b,t,h,w,:] = bias + Σ x[b, t+i, h+j−kh/2, w+l−kw/2, :] · weight[(i,j,l), :]
///
/// # Shapes  as the fields say → `[B, T, H, W, Cout]`
/// # Panics  when the shapes do not fit together
pub fn causal_conv3d(input: CausalConv3d) -> Tensor<5> {
    check(&input);
    let ([_, frames, ..], [kt, ..]) = (input.x.dims(), input.kernel);
    assert!(frames >= kt, "causal_conv3d: {frames} frames came, but a kernel of {kt} frames needs {} in front", kt - 1);
    if !is_supported(&input) {
        return composite(input);
    }
    let CausalConv3d { x, weight, bias, kernel } = input;
    let inputs = [x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch()];
    let is_tracked = inputs.iter().any(cpu::tracked_by_autodiff);
    let method = if is_tracked { fused::Method::Direct } else { fused::Method::Fastest };
    Tensor::from_dispatch(cpu::run(fused::Convolution { kernel, method }, inputs))
}

/// The same for a block that comes behind others, where nothing is differentiated: `past` are up to kt − 1 frames before
/// x, zeros before them, and no tensor of both is made.
///
/// # Shapes  x: `[B, T, H, W, Cin]`, past: `[B, P, H, W, Cin]` → `[B, T, H, W, Cout]`
/// # Panics  when the shapes do not fit together
pub fn causal_conv3d_behind(past: Option<Tensor<5>>, input: CausalConv3d) -> Tensor<5> {
    check(&input);
    let ([b, _, h, w, c], [kt, ..]) = (input.x.dims(), input.kernel);
    let num_past = past.as_ref().map_or(0, |past| {
        let [batch, frames, sides @ ..] = past.dims();
        assert!(batch == b && sides == [h, w, c], "causal_conv3d_behind: past {:?} does not fit x", past.dims());
        assert!(frames < kt, "causal_conv3d_behind: a kernel of {kt} frames does not see {frames} before its own");
        frames
    });
    let is_fused = is_supported(&input) && past.as_ref().is_none_or(cpu::supported);
    let CausalConv3d { x, weight, bias, kernel } = input;
    let is_tracked = |tensor: &Tensor<5>| cpu::tracked_by_autodiff(&tensor.clone().into_dispatch());
    let weights = [weight.clone().into_dispatch(), bias.clone().into_dispatch()];
    let differentiates =
        is_tracked(&x) || past.as_ref().is_some_and(is_tracked) || weights.iter().any(cpu::tracked_by_autodiff);
    if !is_fused || differentiates {
        let zeros = Tensor::zeros([b, kt - 1 - num_past, h, w, c], &x.device());
        let x = Tensor::cat([Some(zeros), past, Some(x)].into_iter().flatten().collect(), 1);
        return causal_conv3d(CausalConv3d { x, weight, bias, kernel });
    }
    let ([weight, bias], x) = (weights, x.into_dispatch());
    let behind = fused::Behind(fused::Convolution { kernel, method: fused::Method::Fastest });
    Tensor::from_dispatch(match past {
        Some(past) => cpu::run(behind, [x, weight, bias, past.into_dispatch()]),
        None => cpu::run(behind, [x, weight, bias]),
    })
}

/// Whether the fused form may take it.
fn is_supported(input: &CausalConv3d) -> bool {
    cpu::supported(&input.x) && cpu::supported(&input.weight) && cpu::supported(&input.bias)
}

fn check(input: &CausalConv3d) {
    let [.., channels] = input.x.dims();
    let [rows, outputs] = input.weight.dims();
    let [length] = input.bias.dims();
    let [kt, kh, kw] = input.kernel;
    assert!(kt > 0 && kh % 2 == 1 && kw % 2 == 1, "causal_conv3d: kernel {:?} must be odd in space", input.kernel);
    assert_eq!(rows, kt * kh * kw * channels, "causal_conv3d: weight must have kernel · input channels rows");
    assert_eq!(length, outputs, "causal_conv3d: bias has {length} entries, but weight has {outputs} columns");
}

/// The meaning of [`causal_conv3d`] in burn's operations: one product per tap.
pub fn composite(input: CausalConv3d) -> Tensor<5> {
    let CausalConv3d { x, weight, bias, kernel: [kt, kh, kw] } = input;
    let [batch, frames, height, width, channels] = x.dims();
    let [_, outputs] = weight.dims();
    let frames = frames + 1 - kt;
    let x = pad(pad(x, 2, kh / 2), 3, kw / 2);
    let taps = (0..kt).flat_map(|i| (0..kh).flat_map(move |j| (0..kw).map(move |l| (i, j, l))));
    let mut sum: Tensor<2> = bias.unsqueeze();
    for (tap, (i, j, l)) in taps.enumerate() {
        let window = x.clone().narrow(1, i, frames).narrow(2, j, height).narrow(3, l, width);
        let window = window.reshape([batch * frames * height * width, channels]);
        sum = window.matmul(weight.clone().narrow(0, tap * channels, channels)) + sum;
    }
    sum.reshape([batch, frames, height, width, outputs])
}

/// Puts `margin` zeros on both sides of axis `dim`.
fn pad(x: Tensor<5>, dim: usize, margin: usize) -> Tensor<5> {
    if margin == 0 {
        return x;
    }
    let mut shape = x.dims();
    shape[dim] = margin;
    let zeros = Tensor::zeros(shape, &x.device());
    Tensor::cat(vec![zeros.clone(), x, zeros], dim)
}
