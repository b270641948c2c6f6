//! The affine map of a linear layer.

use burn::tensor::Tensor;

/// Multiplies every row by a matrix and adds a bias.
///
/// Formula:  y = x · weight + bias
///
/// # Shapes  x `[N, In]`, weight `[In, Out]`, bias `[Out]` → `[N, Out]`
/// # Panics  when the shapes do not fit together
pub fn linear(x: Tensor<2>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<2> {
    let ([_, inputs], [expected, outputs]) = (x.dims(), weight.dims());
    assert_eq!(inputs, expected, "linear: x has {inputs} columns, but weight has {expected} rows");
    if let Some(bias) = &bias {
        let [length] = bias.dims();
        assert_eq!(length, outputs, "linear: bias has {length} entries, but weight has {outputs} columns");
    }
    composite(x, weight, bias)
}

/// The meaning of [`linear`] in burn's operations.
pub fn composite(x: Tensor<2>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<2> {
    let y = x.matmul(weight);
    match bias {
        Some(bias) => y + bias.unsqueeze::<2>(),
        None => y,
    }
}
