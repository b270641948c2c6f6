//! Linear layers in 8 bits against sums in 64 bits, and what they make of rows that cannot be rounded.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic, and is not documented item by item")]

use burn::tensor::{Device, Distribution, Tensor, TensorData};
use kernels::{QuantisedWeight, int8, linear_int8};

fn random<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), &Device::flex())
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

fn rows(values: Vec<f32>, inputs: usize) -> Tensor<2> {
    let rows = values.len() / inputs;
    Tensor::from_data(TensorData::new(values, [rows, inputs]), &Device::flex())
}

/// A weight of which each output is a row of `[Out, In]`.
fn weight(rows: &[f32], inputs: usize) -> QuantisedWeight {
    let fill = |output: usize, row: &mut [f32]| row.copy_from_slice(&rows[output * inputs..][..inputs]);
    QuantisedWeight::new([inputs, rows.len() / inputs], fill)
}

/// Half of a step of a row, the most by which rounding moves a number.
fn half_step(row: &[f32]) -> f64 {
    row.iter().fold(0.0f64, |largest, value| largest.max(f64::from(value.abs()))) / 127.0 * 0.50001
}

#[test]
fn errors_stay_within_what_rounding_explains() {
    for (n, inputs, outputs) in [(1, 1, 1), (3, 5, 7), (50, 129, 65), (200, 1537, 31), (7, 4096, 17)] {
        let (x, matrix, bias) = (random([n, inputs]), values(random([outputs, inputs])), random([outputs]));
        let ours = values(linear_int8(x.clone(), &weight(&matrix, inputs), Some(bias.clone())));
        let (x, bias) = (values(x), values(bias));
        let (mut error, mut size) = (0.0, 0.0);
        for (row, x) in x.chunks_exact(inputs).enumerate() {
            for (output, weight) in matrix.chunks_exact(inputs).enumerate() {
                let products = x.iter().zip(weight).map(|(x, weight)| f64::from(*x) * f64::from(*weight));
                let exact = f64::from(bias[output]) + products.sum::<f64>();
                let (dx, dw) = (half_step(x), half_step(weight));
                let moved = x.iter().zip(weight).map(|(x, w)| {
                    let (x, w) = (f64::from(x.abs()), f64::from(w.abs()));
                    x * dw + w * dx + dx * dw
                });
                let bound = moved.sum::<f64>() + 1e-5 * exact.abs() + 1e-6;
                let difference = f64::from(ours[row * outputs + output]) - exact;
                assert!(difference.abs() <= bound, "{n}×{inputs}→{outputs}: {difference} is more than {bound}");
                error += difference * difference;
                size += exact * exact;
            }
        }
        let relative = (error / size).sqrt();
        assert!(relative < 0.02, "{n}×{inputs}→{outputs}: {relative}");
    }
}

#[test]
fn the_composite_means_the_same() {
    let (x, matrix, bias) = (random([70, 90]), values(random([40, 90])), random([40]));
    let weight = weight(&matrix, 90);
    let fused = values(linear_int8(x.clone(), &weight, Some(bias.clone())));
    let composite = values(int8::composite(x, &weight, Some(bias)));
    // A number half-way between two may go to either, by the last digit of its quotient.
    let close = |(fused, composite): (&f32, &f32)| (fused - composite).abs() < 0.05;
    assert!(fused.iter().zip(&composite).all(close));
}

#[test]
fn views_are_read_as_they_look() {
    let (x, matrix) = (random([9, 20]), values(random([3, 9])));
    let view = x.narrow(1, 4, 8).swap_dims(0, 1);
    let laid_out = rows(values(view.clone()), 9);
    let weight = weight(&matrix, 9);
    assert_eq!(values(linear_int8(view, &weight, None)), values(linear_int8(laid_out, &weight, None)));
}

#[test]
fn zeros_and_constants_are_exact() {
    let weight = weight(&[vec![0.5; 40], vec![0.0; 40], vec![-2.0; 40]].concat(), 40);
    let bias = Tensor::from_data(TensorData::new(vec![1.0f32, 2.0, 3.0], [3]), &Device::flex());
    let x = rows([vec![0.0; 40], vec![3.0; 40]].concat(), 40);
    let y = values(linear_int8(x, &weight, Some(bias)));
    assert_eq!(y[..3], [1.0, 2.0, 3.0]);
    for (y, expected) in y[3..].iter().zip([61.0, 2.0, -237.0]) {
        assert!((y - expected).abs() < 1e-4, "{y} is not {expected}");
    }
    assert_eq!(weight.dims(), [40, 3]);
}

#[test]
fn what_is_not_finite_gives_nan_in_its_row_alone() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut x = vec![1.0; 3 * 50];
        x[50 + 17] = value;
        let good = weight(&vec![1.0; 20 * 50], 50);
        let y = values(linear_int8(rows(x, 50), &good, None));
        assert!(y[20..40].iter().all(|y| y.is_nan()));
        assert!(y[..20].iter().chain(&y[40..]).all(|y| (y - 50.0).abs() < 1e-4));

        let mut matrix = vec![1.0; 20 * 50];
        matrix[3 * 50 + 9] = value;
        let bad = weight(&matrix, 50);
        let y = values(linear_int8(rows(vec![1.0; 50], 50), &bad, None));
        assert!(y.iter().enumerate().all(|(output, y)| y.is_nan() == (output == 3)));
        assert!(good.is_finite() && !bad.is_finite());
    }
}

#[test]
fn empty_sides_are_fine() {
    let nothing = QuantisedWeight::new([0, 3], |_, _| {});
    assert_eq!(values(linear_int8(rows(vec![], 4), &weight(&[1.0; 8], 4), None)), [0.0; 0]);
    assert_eq!(values(linear_int8(Tensor::zeros([2, 0], &Device::flex()), &nothing, None)), [0.0; 6]);
    assert_eq!(linear_int8(random([2, 3]), &QuantisedWeight::new([3, 0], |_, _| {}), None).dims(), [2, 0]);
}

#[test]
#[should_panic(expected = "numbers in 8 bits have no gradient")]
fn gradients_are_refused() {
    let x = Tensor::<2>::zeros([2, 4], &Device::flex().autodiff()).require_grad();
    linear_int8(x, &weight(&[1.0; 8], 4), None);
}

#[test]
#[should_panic(expected = "linear_int8: x has 5 columns, but weight has 4 inputs")]
fn shapes_that_do_not_fit_are_named() {
    linear_int8(random([2, 5]), &weight(&[1.0; 8], 4), None);
}
