//! What stands between the projections and the attention: norm per head, then rotary positions.

use burn::tensor::Tensor;

use crate::NORM_EPSILON;

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
    /// One scale per channel of a head, `[Dh]`, shared by the heads.
    pub weight: Tensor<1>,
    /// How many heads stand side by side in a row.
    pub heads: usize,
    /// Positions, where the tokens have any.
    pub rotary: Option<Rotary>,
}

/// Divides each head by its root mean square, scales it, and rotates its channel pairs.
///
/// Formula:  n = x / √(mean(x²) + 1e-6) · weight  within each head, then for i < Dh/2
///           y₂ᵢ = n₂ᵢ·cosᵢ − n₂ᵢ₊₁·sinᵢ,  y₂ᵢ₊₁ = n₂ᵢ₊₁·cosᵢ + n₂ᵢ·sinᵢ
///
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
        let expected = [tokens, head_width / 2];
        assert!(
            head_width.is_multiple_of(2),
            "head_norm_rotary: rotation needs pairs, but a head has {head_width} channels"
        );
        assert_eq!(cos.dims(), expected, "head_norm_rotary: cos must be [tokens, channels of a head / 2]");
        assert_eq!(sin.dims(), expected, "head_norm_rotary: sin must be [tokens, channels of a head / 2]");
    }
    composite(input)
}

/// The meaning of [`head_norm_rotary`] in burn's operations.
pub fn composite(input: HeadNormRotary) -> Tensor<2> {
    let HeadNormRotary { x, weight, heads, rotary } = input;
    let [tokens, width] = x.dims();
    let head_width = width / heads;
    let x = x.reshape([tokens, heads, head_width]);
    let mean_square = (x.clone() * x.clone()).mean_dim(2);
    let normed = x / (mean_square + NORM_EPSILON).sqrt() * weight.unsqueeze::<3>();
    let Some(Rotary { cos, sin }) = rotary else {
        return normed.reshape([tokens, width]);
    };
    let pairs = head_width / 2;
    let cos = cos.reshape([tokens, 1, pairs, 1]);
    let sin = sin.reshape([tokens, 1, pairs, 1]);
    let normed = normed.reshape([tokens, heads, pairs, 2]);
    let even = normed.clone().narrow(3, 0, 1);
    let odd = normed.narrow(3, 1, 1);
    let first = even.clone() * cos.clone() - odd.clone() * sin.clone();
    let second = odd * cos + even * sin;
    Tensor::cat(vec![first, second], 3).reshape([tokens, width])
}
