//! What stands between the projections and the attention: norm per head, or across all heads, then rotary positions.
//!
//! One pass forward (8 bytes a value) and one backward (12 bytes a value), plus the angles, which
//! all heads share. In burn's operations the same takes about fifteen passes.
//!
//! Measured on one core: 17 GB/s forward, 9 GB/s backward, which is 23 and 16 times the composite.

use burn::tensor::Tensor;
use burn_flex::FlexTensor;
use rayon::prelude::*;

use crate::NORM_EPSILON;
use crate::cpu::{self, EachTask, Operation, ROWS, dims, read, sum_in_order, tensor, uninit, values, vectorize};
use crate::packing::repeat_rows;
use crate::rms_norm::{Normed, inverse_root, norm_gradient};

/// Rotation angles of every token, as cosines and sines.
#[derive(Debug, Clone)]
pub struct Rotary {
    /// `[N, Dh/2]`
    pub cos: Tensor<2>,
    /// `[N, Dh/2]`
    pub sin: Tensor<2>,
}

/// What [`head_norm_rotary`] is given.
#[derive(Debug, Clone)]
pub struct HeadNormRotary {
    /// Queries or keys `[N, heads·Dh]`.
    pub x: Tensor<2>,
    /// One scale per channel of a normed group, `[Dg]`: of a head, and then shared by the heads, or of a whole row.
    pub weight: Tensor<1>,
    /// How many normed groups stand side by side in a row: the number of heads, or 1 for a norm across heads.
    pub heads: usize,
    /// Positions, where the tokens have any.
    pub rotary: Option<Rotary>,
}

/// Divides each head by its root mean square, scales it, and rotates its channel pairs.
///
/// Formula:  n = x / √(mean(x²) + 1e-6) · weight  within each normed group, then for i < Dh/2 of each head
///           y₂ᵢ = n₂ᵢ·cosᵢ − n₂ᵢ₊₁·sinᵢ,  y₂ᵢ₊₁ = n₂ᵢ₊₁·cosᵢ + n₂ᵢ·sinᵢ
///
/// The width Dh of a head is twice that of the angles; a normed group holds one head, or several.
/// No gradient flows into the angles in the fused form.
///
/// # Shapes  as the fields say → `[N, heads·Dh]`
/// # Panics  when the shapes do not fit together
/// # Source  Su et al. 2021 (rotary positions); Dehghani et al. 2023 (norm of queries and keys)
pub fn head_norm_rotary(input: HeadNormRotary) -> Tensor<2> {
    let ([tokens, width], [head_width]) = (input.x.dims(), input.weight.dims());
    assert_eq!(
        width,
        input.heads * head_width,
        "head_norm_rotary: x has {width} columns, but {} heads of {head_width} channels need {}",
        input.heads,
        input.heads * head_width
    );
    if let Some(Rotary { cos, sin }) = &input.rotary {
        let [rows, pairs] = cos.dims();
        assert!(
            pairs > 0 && head_width.is_multiple_of(2 * pairs),
            "head_norm_rotary: {head_width} channels do not divide into heads of {pairs} pairs"
        );
        assert_eq!(rows, tokens, "head_norm_rotary: cos must be [tokens, channels of a head / 2]");
        assert_eq!(sin.dims(), cos.dims(), "head_norm_rotary: sin must be [tokens, channels of a head / 2]");
    }
    let HeadNormRotary { x, weight, heads, rotary } = input;
    let angles = rotary.as_ref().is_none_or(|rotary| cpu::supported(&rotary.cos) && cpu::supported(&rotary.sin));
    if !cpu::supported(&x) || !cpu::supported(&weight) || !angles {
        return composite(HeadNormRotary { x, weight, heads, rotary });
    }
    let (x, weight) = (x.into_dispatch(), weight.into_dispatch());
    Tensor::from_dispatch(match rotary {
        Some(Rotary { cos, sin }) => {
            cpu::run(HeadNorm { heads }, [x, weight, cos.into_dispatch(), sin.into_dispatch()])
        }
        None => cpu::run(HeadNorm { heads }, [x, weight]),
    })
}

/// The meaning of [`head_norm_rotary`] in burn's operations.
pub fn composite(input: HeadNormRotary) -> Tensor<2> {
    let HeadNormRotary { x, weight, heads, rotary } = input;
    let [tokens, width] = x.dims();
    let head_width = width / heads;
    let x = x.reshape([tokens, heads, head_width]);
    let mean_square = (x.clone() * x.clone()).mean_dim(2);
    let weight = repeat_rows(weight.unsqueeze(), tokens * heads).reshape([tokens, heads, head_width]);
    let normed = x / (mean_square + NORM_EPSILON).sqrt() * weight;
    let Some(Rotary { cos, sin }) = rotary else {
        return normed.reshape([tokens, width]);
    };
    let [_, pairs] = cos.dims();
    let normed = normed.reshape([tokens, width / (2 * pairs), pairs, 2]);
    // y = n·[cos, cos] + [n₂ᵢ₊₁, n₂ᵢ]·[−sin, sin]
    let cos: Tensor<4> = cos.reshape([tokens, 1, pairs, 1]);
    let sin: Tensor<4> = sin.reshape([tokens, 1, pairs, 1]);
    let signed_sin = Tensor::cat(vec![-sin.clone(), sin], 3);
    let rotated = normed.clone() * cos + normed.flip([3]) * signed_sin;
    rotated.reshape([tokens, width])
}

#[derive(Debug, Clone, Copy)]
struct HeadNorm {
    heads: usize,
}

impl Operation<2> for HeadNorm {
    type Saved = (FlexTensor, FlexTensor);

    fn forward(&self, [x, weight]: [FlexTensor; 2]) -> (FlexTensor, Self::Saved) {
        let (x, weight) = (read(x), read(weight));
        (forward(self.heads, &x, &weight, None), (x, weight))
    }

    fn backward(&self, (x, weight): Self::Saved, grad: FlexTensor, _: [bool; 2]) -> [Option<FlexTensor>; 2] {
        let (x, weight) = backward(self.heads, &x, &weight, grad, None);
        [Some(x), Some(weight)]
    }
}

impl Operation<4> for HeadNorm {
    type Saved = [FlexTensor; 4];

    fn forward(&self, inputs: [FlexTensor; 4]) -> (FlexTensor, Self::Saved) {
        let inputs = inputs.map(read);
        let [x, weight, cos, sin] = &inputs;
        (forward(self.heads, x, weight, Some([values(cos), values(sin)])), inputs)
    }

    fn backward(&self, saved: Self::Saved, grad: FlexTensor, _: [bool; 4]) -> [Option<FlexTensor>; 4] {
        let [x, weight, cos, sin] = &saved;
        let (x, weight) = backward(self.heads, x, weight, grad, Some([values(cos), values(sin)]));
        [Some(x), Some(weight), None, None]
    }
}

/// Cosines and sines, `[N, Dh/2]` each.
type Angles<'a> = Option<[&'a [f32]; 2]>;

/// The angles of token `row`, one of `tokens`.
#[inline(always)]
fn angles_of(angles: Angles<'_>, row: usize, tokens: usize) -> Angles<'_> {
    angles.map(|angles| {
        angles.map(|values| {
            let pairs = values.len() / tokens;
            &values[row * pairs..][..pairs]
        })
    })
}

/// Rotates the channel pairs of each head of a normed group, by the angles or back by them.
#[inline(always)]
fn rotate(group: &mut [f32], [cos, sin]: [&[f32]; 2], direction: f32) {
    for head in group.chunks_exact_mut(2 * cos.len()) {
        for ((pair, cos), sin) in head.chunks_exact_mut(2).zip(cos).zip(sin) {
            let [even, odd] = [pair[0], pair[1]];
            let sin = direction * sin;
            pair[0] = even * cos - odd * sin;
            pair[1] = odd * cos + even * sin;
        }
    }
}

fn forward(heads: usize, x: &FlexTensor, weight: &FlexTensor, angles: Angles<'_>) -> FlexTensor {
    let [n, width] = dims(x);
    let (scales, channels) = (values(weight), width / heads);
    let block = ROWS * width.max(1);
    let mut y = uninit(n * width);
    y.par_chunks_mut(block).zip(values(x).par_chunks(block)).enumerate().each_task(|(index, (y, x))| {
        vectorize(
            #[inline(always)]
            |_| {
                for (row, (y, x)) in y.chunks_exact_mut(width).zip(x.chunks_exact(width)).enumerate() {
                    let angles = angles_of(angles, index * ROWS + row, n);
                    for (y, x) in y.chunks_exact_mut(channels).zip(x.chunks_exact(channels)) {
                        let inverse = inverse_root(x, NORM_EPSILON);
                        for ((y, x), scale) in y.iter_mut().zip(x).zip(scales) {
                            *y = x * inverse * scale;
                        }
                        if let Some(angles) = angles {
                            rotate(y, angles, 1.0);
                        }
                    }
                }
            },
        );
    });
    tensor(y, [n, width])
}

/// The gradients of x and of the weight. Rotating back undoes the rotation, since it keeps lengths.
fn backward(
    heads: usize,
    x: &FlexTensor,
    weight: &FlexTensor,
    grad: FlexTensor,
    angles: Angles<'_>,
) -> (FlexTensor, FlexTensor) {
    let grad = read(grad);
    let [n, width] = dims(x);
    let (scales, channels) = (values(weight), width / heads);
    let block = ROWS * width.max(1);
    let mut result = uninit(n * width);
    let blocks = result.par_chunks_mut(block).zip(values(x).par_chunks(block)).zip(values(&grad).par_chunks(block));
    let sums = blocks.enumerate().map(|(index, ((result, x), grad))| {
        let mut sums = vec![0.0; channels];
        vectorize(
            #[inline(always)]
            |_| {
                result.copy_from_slice(grad);
                for (row, (result, x)) in result.chunks_exact_mut(width).zip(x.chunks_exact(width)).enumerate() {
                    let angles = angles_of(angles, index * ROWS + row, n);
                    for (result, x) in result.chunks_exact_mut(channels).zip(x.chunks_exact(channels)) {
                        if let Some(angles) = angles {
                            rotate(result, angles, -1.0);
                        }
                        norm_gradient(Normed { x, scales, epsilon: NORM_EPSILON }, result, &mut sums);
                    }
                }
            },
        );
        sums
    });
    let sums = sum_in_order(sums.collect(), channels);
    (tensor(result, [n, width]), tensor(sums, [channels]))
}
