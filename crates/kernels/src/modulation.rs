//! Adaptive norm: scale, shift and gate that depend on a token's noise level.

use burn::tensor::Tensor;

use crate::{NORM_EPSILON, Rows};

/// What [`modulated_layer_norm`] is given.
#[derive(Debug, Clone)]
pub struct ModulatedLayerNorm<'a> {
    /// Tokens `[N, D]`.
    pub x: Tensor<2>,
    /// One shift per level, `[L, D]`.
    pub shift: Tensor<2>,
    /// One scale per level, `[L, D]`; 0 leaves the norm as it is.
    pub scale: Tensor<2>,
    /// Which of the L levels each of the N tokens has.
    pub rows: &'a Rows,
}

/// What [`gated_residual`] is given.
#[derive(Debug, Clone)]
pub struct GatedResidual<'a> {
    /// The residual stream `[N, D]`.
    pub x: Tensor<2>,
    /// What a block adds to it, `[N, D]`.
    pub y: Tensor<2>,
    /// One gate per level, `[L, D]`.
    pub gate: Tensor<2>,
    /// Which of the L levels each of the N tokens has.
    pub rows: &'a Rows,
}

/// Layer norm without weights of its own, scaled and shifted by the token's level.
///
/// Formula:  n = (x − mean(x)) / √(var(x) + 1e-6),  y = n · (1 + scale[row]) + shift[row]
///
/// # Shapes  as the fields say → `[N, D]`
/// # Panics  when the shapes do not fit together, or a row is not below L
/// # Source  Peebles and Xie 2023 (DiT, adaLN)
pub fn modulated_layer_norm(input: ModulatedLayerNorm<'_>) -> Tensor<2> {
    check("modulated_layer_norm: shift", &input.x, &input.shift, input.rows);
    check("modulated_layer_norm: scale", &input.x, &input.scale, input.rows);
    modulated_layer_norm_composite(input)
}

/// Adds a block's output to the residual stream, weighted by the token's level.
///
/// Formula:  out = x + gate[row] · y
///
/// # Shapes  as the fields say → `[N, D]`
/// # Panics  when the shapes do not fit together, or a row is not below L
/// # Source  Peebles and Xie 2023 (DiT, adaLN-Zero)
pub fn gated_residual(input: GatedResidual<'_>) -> Tensor<2> {
    assert_eq!(input.x.dims(), input.y.dims(), "gated_residual: x and y must have the same shape");
    check("gated_residual: gate", &input.x, &input.gate, input.rows);
    gated_residual_composite(input)
}

fn check(what: &str, x: &Tensor<2>, table: &Tensor<2>, rows: &Rows) {
    let ([tokens, width], [levels, table_width]) = (x.dims(), table.dims());
    assert_eq!(width, table_width, "{what} has {table_width} columns, but x has {width}");
    assert_eq!(tokens, rows.len(), "{what}: {} row numbers came for {tokens} tokens", rows.len());
    let needed = rows.table_len();
    assert!(needed <= levels, "{what} has {levels} rows, but the row numbers need {needed}");
}

/// The meaning of [`modulated_layer_norm`] in burn's operations.
pub fn modulated_layer_norm_composite(input: ModulatedLayerNorm<'_>) -> Tensor<2> {
    let ModulatedLayerNorm { x, shift, scale, rows } = input;
    let rows = rows.to_tensor(&x.device());
    let centred = x.clone() - x.mean_dim(1);
    let variance = (centred.clone() * centred.clone()).mean_dim(1);
    let normed = centred / (variance + NORM_EPSILON).sqrt();
    normed * (scale.select(0, rows.clone()) + 1.0) + shift.select(0, rows)
}

/// The meaning of [`gated_residual`] in burn's operations.
pub fn gated_residual_composite(input: GatedResidual<'_>) -> Tensor<2> {
    let GatedResidual { x, y, gate, rows } = input;
    let rows = rows.to_tensor(&x.device());
    x + gate.select(0, rows) * y
}
