//! The affine map of a linear layer.
//!
//! For N tokens, 2·N·In·Out operations forward and twice that backward, on N·(In + Out) values:
//! bound by the matrix product. What the fused form saves over burn's is the rest: the bias is put
//! in place before the product, the backward reads its factors transposed through strides, and the
//! gradients of weight and bias are made in one task each.

use burn::tensor::Tensor;
use burn_flex::FlexTensor;
use rayon::prelude::*;

use crate::cpu::{
    self, Matrix, MatrixMut, Operation, SharedMut, Write, column_sums, dims, multiply, read, tensor, uninit, values,
};

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
    if !cpu::supported(&x) || !cpu::supported(&weight) || !bias.as_ref().is_none_or(cpu::supported) {
        return composite(x, weight, bias);
    }
    Tensor::from_dispatch(match bias {
        Some(bias) => cpu::run(Affine, [x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch()]),
        None => cpu::run(Product, [x.into_dispatch(), weight.into_dispatch()]),
    })
}

/// The meaning of [`linear`] in burn's operations.
pub fn composite(x: Tensor<2>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<2> {
    let y = x.matmul(weight);
    match bias {
        Some(bias) => y + bias.unsqueeze::<2>(),
        None => y,
    }
}

#[derive(Debug, Clone, Copy)]
struct Affine;

#[derive(Debug, Clone, Copy)]
struct Product;

/// The factors of the product.
type Factors = (FlexTensor, FlexTensor);

impl Operation<3> for Affine {
    type Saved = Factors;

    fn forward(&self, [x, weight, bias]: [FlexTensor; 3]) -> (FlexTensor, Factors) {
        let (x, weight, bias) = (read(x), read(weight), read(bias));
        (forward(&x, &weight, bias.as_slice()), (x, weight))
    }

    fn backward(&self, (x, weight): Factors, grad: FlexTensor, wanted: [bool; 3]) -> [Option<FlexTensor>; 3] {
        let grad = read(grad);
        [
            wanted[0].then(|| input_gradient(&grad, &weight)),
            wanted[1].then(|| weight_gradient(&x, &grad)),
            wanted[2].then(|| column_sums(values(&grad), outputs(&grad))),
        ]
    }
}

impl Operation<2> for Product {
    type Saved = Factors;

    fn forward(&self, [x, weight]: [FlexTensor; 2]) -> (FlexTensor, Factors) {
        let (x, weight) = (read(x), read(weight));
        (forward(&x, &weight, None), (x, weight))
    }

    fn backward(&self, (x, weight): Factors, grad: FlexTensor, wanted: [bool; 2]) -> [Option<FlexTensor>; 2] {
        let grad = read(grad);
        [wanted[0].then(|| input_gradient(&grad, &weight)), wanted[1].then(|| weight_gradient(&x, &grad))]
    }
}

/// Rows that one task multiplies: enough that packing the weight does not count.
const BLOCK: usize = 256;

fn forward(x: &FlexTensor, weight: &FlexTensor, bias: Option<&[f32]>) -> FlexTensor {
    let ([n, inputs], [_, outputs]) = (dims(x), dims(weight));
    let (x, weight) = (values(x), Matrix::new(values(weight), inputs, outputs));
    let mut y = uninit(n * outputs);
    y.par_chunks_mut(BLOCK * outputs.max(1)).enumerate().for_each(|(block, y)| {
        let rows = y.len() / outputs;
        let x = Matrix::new(&x[block * BLOCK * inputs..][..rows * inputs], rows, inputs);
        let write = match bias {
            Some(bias) => {
                y.chunks_exact_mut(outputs).for_each(|row| row.copy_from_slice(bias));
                Write::Add
            }
            None => Write::Replace,
        };
        multiply(MatrixMut::new(y, rows, outputs), write, 1.0, x, weight);
    });
    tensor(y, [n, outputs])
}

/// dx = dy · weightᵀ
fn input_gradient(grad: &FlexTensor, weight: &FlexTensor) -> FlexTensor {
    let ([n, outputs], [inputs, _]) = (dims(grad), dims(weight));
    let (grad, weight) = (values(grad), Matrix::new(values(weight), inputs, outputs).t());
    let mut result = uninit(n * inputs);
    result.par_chunks_mut(BLOCK * inputs.max(1)).enumerate().for_each(|(block, result)| {
        let rows = result.len() / inputs;
        let grad = Matrix::new(&grad[block * BLOCK * outputs..][..rows * outputs], rows, outputs);
        multiply(MatrixMut::new(result, rows, inputs), Write::Replace, 1.0, grad, weight);
    });
    tensor(result, [n, inputs])
}

/// dweight = xᵀ · dy, in tiles of the weight, so that no two tasks add into one place.
fn weight_gradient(x: &FlexTensor, grad: &FlexTensor) -> FlexTensor {
    let ([n, inputs], [_, outputs]) = (dims(x), dims(grad));
    let (x, grad) = (values(x), values(grad));
    let mut result = uninit(inputs * outputs);
    let shared = SharedMut::new(&mut result);
    let tiles: Vec<(usize, usize)> =
        (0..inputs).step_by(TILE).flat_map(|row| (0..outputs).step_by(TILE).map(move |column| (row, column))).collect();
    tiles.into_par_iter().for_each(|(row, column)| {
        let (rows, columns) = (TILE.min(inputs - row), TILE.min(outputs - column));
        // SAFETY: each task has a tile of its own.
        let tile = unsafe { MatrixMut::shared(shared, row * outputs + column, rows, columns, outputs) };
        let x = Matrix::strided(x.get(row..).unwrap_or_default(), n, rows, inputs).t();
        let grad = Matrix::strided(grad.get(column..).unwrap_or_default(), n, columns, outputs);
        multiply(tile, Write::Replace, 1.0, x, grad);
    });
    tensor(result, [inputs, outputs])
}

/// The side of a tile of the weight's gradient.
const TILE: usize = 128;

fn outputs(grad: &FlexTensor) -> usize {
    let [_, outputs] = dims(grad);
    outputs
}
