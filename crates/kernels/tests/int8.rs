//! Linear layers in 8 bits against sums in 64 bits, and what they make of rows that cannot be rounded.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic, and is not documented item by item")]

mod support;

use burn::tensor::{Device, Tensor, TensorData};
use kernels::{
    Attention, QuantisedWeight, Segments, attention, attention_int8, feed_forward_int8, gelu, int8, linear_int8,
    linears_int8,
};

fn random<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    support::random(shape, &Device::flex())
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

/// A layer at random.
fn layer(inputs: usize, outputs: usize) -> (QuantisedWeight, Tensor<1>) {
    let rows = values(random([outputs, inputs]));
    let fill = |output: usize, row: &mut [f32]| row.copy_from_slice(&rows[output * inputs..][..inputs]);
    (QuantisedWeight::new([inputs, outputs], fill), random([outputs]))
}

/// Half of a step of a row, the most by which rounding moves a number.
fn half_step(row: &[f32]) -> f64 {
    row.iter().fold(0.0f64, |largest, value| largest.max(f64::from(value.abs()))) / 127.0 * 0.50001
}

#[test]
fn a_weight_is_the_same_however_it_is_given() {
    let given = random([70, 130]);
    let (by_output, whole) = (weight(&values(given.clone().transpose()), 70), QuantisedWeight::of(given.clone()));
    assert_eq!(whole.dims(), [70, 130]);
    assert_eq!(whole.to_f32(), by_output.to_f32());
    let largest = given.clone().abs().max().into_scalar::<f32>();
    let off = values(given).iter().zip(whole.to_f32()).fold(0.0f32, |off, (a, b)| off.max((a - b).abs()));
    assert!(off <= largest / 127.0 * 0.50001, "{off} of {largest}");
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
    let composite = values(int8::composite(x.clone(), &weight, Some(bias)));
    let largest = matrix.iter().fold(0.0f32, |largest, weight| largest.max(weight.abs()));
    let mut moved = 0;
    for ((x, fused), composite) in values(x).chunks(90).zip(fused.chunks(40)).zip(composite.chunks(40)) {
        let difference = fused.iter().zip(composite).fold(0.0f32, |most, (a, b)| most.max((a - b).abs()));
        // A number half-way between two may go to either, by the last digit of its quotient; rarely does one.
        let step = 2.0 * half_step(x) as f32;
        assert!(difference <= 1.01 * step * largest, "{difference} in steps of {step}");
        moved += u32::from(difference > 1e-4);
    }
    assert!(moved <= 3, "{moved} rows of 70");
}

#[test]
fn layers_that_share_their_input_are_the_layers_one_by_one() {
    for (n, inputs) in [(1, 3), (400, 40), (2000, 8), (3, 0), (0, 4)] {
        let (x, layers) = (random([n, inputs]), [5, 130, 64].map(|outputs| layer(inputs, outputs)));
        let together = linears_int8(x.clone(), layers.each_ref().map(|(weight, bias)| (weight, Some(bias.clone()))));
        for (together, (weight, bias)) in together.into_iter().zip(&layers) {
            assert_eq!(together.dims(), [n, bias.dims()[0]]);
            assert!(values(together) == values(linear_int8(x.clone(), weight, Some(bias.clone()))), "{n}×{inputs}");
        }
    }
}

#[test]
fn a_hidden_layer_in_parts_is_the_whole_one() {
    for (n, inputs, hidden, outputs) in [(1, 3, 5, 2), (400, 40, 70, 64), (2000, 8, 64, 9), (3, 0, 2, 5), (0, 4, 33, 1)]
    {
        let (x, up, down) = (random([n, inputs]), layer(inputs, hidden), layer(hidden, outputs));
        let fused = feed_forward_int8(x.clone(), [(&up.0, Some(up.1.clone())), (&down.0, Some(down.1.clone()))]);
        let apart = linear_int8(gelu(linear_int8(x, &up.0, Some(up.1))), &down.0, Some(down.1));
        assert_eq!(fused.dims(), [n, outputs]);
        assert!(values(fused) == values(apart), "{n}×{inputs}→{hidden}→{outputs}");
    }
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

/// What is attended to, in 8 bits and in 32, with so many queries and keys in each segment.
fn attended(heads: usize, lengths: &[[usize; 2]], tensors: [Tensor<2>; 3]) -> [Vec<f32>; 2] {
    let segments = [0, 1].map(|side| Segments::new(lengths.iter().map(|lengths| lengths[side])));
    let [query, key, value] = tensors;
    let input = || Attention {
        query: query.clone(),
        key: key.clone(),
        value: value.clone(),
        heads,
        query_segments: &segments[0],
        key_segments: &segments[1],
    };
    [values(attention_int8(input())), values(attention(input()))]
}

/// The root of the mean square of what two differ by, as a part of that of the second.
fn relative_error([ours, exact]: [&[f32]; 2]) -> f64 {
    let square = |values: &mut dyn Iterator<Item = f32>| values.map(|value| f64::from(value).powi(2)).sum::<f64>();
    let difference = square(&mut ours.iter().zip(exact).map(|(ours, exact)| ours - exact));
    (difference / square(&mut exact.iter().copied())).sqrt()
}

#[test]
fn attention_in_8_bits_is_near_that_in_32() {
    for (heads, channels, lengths) in [
        (1, 1, &[[1, 1]][..]),
        (2, 5, &[[3, 7], [40, 1], [1, 6]]),
        (3, 64, &[[33, 257], [64, 64], [5, 1030]]),
        (2, 128, &[[100, 900]]),
    ] {
        let [n, m] = [0, 1].map(|side| lengths.iter().map(|lengths| lengths[side]).sum());
        let width = heads * channels;
        // A mean that is far from nothing, as keys of trained models have.
        let key = random([m, width]) + random([1, width]) * 5.0;
        let [ours, exact] = attended(heads, lengths, [random([n, width]), key, random([m, width])]);
        let error = relative_error([&ours, &exact]);
        assert!(error < 0.02, "{heads} heads of {channels}, {lengths:?}: {error}");
    }
}

#[test]
fn many_keys_of_little_weight_count_beside_a_strong_one() {
    let (keys, channels) = (1025, 32);
    let query = Tensor::<2>::ones([1, channels], &Device::flex());
    // The first key has the weight of a thousand others together.
    let strong = 1000f32.ln() / (channels as f32).sqrt();
    let mut key = vec![0.0; keys * channels];
    key[..channels].fill(strong);
    let mut value = vec![1.0; keys * channels];
    value[..channels].fill(0.0);
    let [ours, exact] = attended(1, &[[1, keys]], [query, rows(key, channels), rows(value, channels)]);
    assert!((exact[0] - 0.506).abs() < 1e-3, "{}", exact[0]);
    for (ours, exact) in ours.iter().zip(&exact) {
        assert!((ours - exact).abs() < 0.02, "{ours} is not {exact}");
    }
}

#[test]
fn attention_in_8_bits_keeps_segments_apart_and_says_what_is_not_a_number() {
    let (channels, lengths) = (8, [[2, 5], [3, 4], [2, 0]]);
    let [query, key, value] = [7, 9, 9].map(|count| values(random([count, channels])));
    let tensors = |key: &[f32], value: &[f32]| [&query[..], key, value].map(|part| rows(part.to_vec(), channels));
    let [before, _] = attended(1, &lengths, tensors(&key, &value));
    assert_eq!(before[5 * channels..], [0.0; 16], "no keys, and nothing seen");
    for place in [0, 1] {
        let (mut bad_key, mut bad_value) = (key.clone(), value.clone());
        [&mut bad_key, &mut bad_value][place][6 * channels] = [f32::NAN, f32::INFINITY][place];
        let [after, _] = attended(1, &lengths, tensors(&bad_key, &bad_value));
        assert_eq!(after[..2 * channels], before[..2 * channels], "the other segment");
        assert!(after[2 * channels..5 * channels].iter().step_by(channels).all(|value| value.is_nan()));
        assert_eq!(after[5 * channels..], [0.0; 16]);
    }
}

#[test]
#[should_panic(expected = "no gradient")]
fn attention_in_8_bits_has_no_gradient() {
    let tensor = || Tensor::<2>::ones([2, 4], &Device::flex().autodiff()).require_grad();
    let segments = Segments::new([2]);
    let [query, key, value] = [tensor(), tensor(), tensor()];
    attention_int8(Attention { query, key, value, heads: 1, query_segments: &segments, key_segments: &segments });
}
