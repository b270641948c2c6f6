//! Convolution in 8 bits against the one in 32 bits, on the numbers that were rounded.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic, and is not documented item by item")]

mod support;

use burn::tensor::{Device, Tensor, TensorData};
use kernels::{CausalConv3d, QuantisedKernel, SiluFrames, causal_conv3d_behind, causal_conv3d_int8, normalize_silu};

fn random<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    support::random(shape, &Device::flex())
}

fn from_values<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

/// A kernel of random numbers.
fn kernel([depth, inputs, outputs]: [usize; 3]) -> QuantisedKernel {
    let len = inputs * depth * 9;
    let rows = values(random([outputs, len]));
    QuantisedKernel::new([depth, inputs, outputs], |output, row| row.copy_from_slice(&rows[output * len..][..len]))
}

fn distance(ours: &[f32], others: &[f32]) -> f32 {
    let square = |values: &mut dyn Iterator<Item = f32>| values.map(|value| value * value).sum::<f32>();
    assert_eq!(ours.len(), others.len());
    let difference = square(&mut ours.iter().zip(others).map(|(ours, other)| ours - other));
    (difference / square(&mut others.iter().copied())).sqrt()
}

#[test]
fn it_is_the_convolution_of_the_rounded_numbers() {
    for ([b, t, h, w], past, dims) in [
        ([1, 1, 1, 1], 0, [1, 1, 1]),
        ([1, 2, 3, 5], 2, [3, 4, 48]),
        ([2, 1, 4, 8], 1, [3, 6, 7]),
        ([1, 3, 5, 9], 0, [3, 30, 100]),
        ([2, 2, 70, 17], 1, [2, 13, 50]),
    ] {
        let [depth, inputs, outputs] = dims;
        let frames = |count: usize| SiluFrames::normalize(random([b, count, h, w, inputs]), random([inputs]));
        let plain = |frames: &SiluFrames| from_values(frames.to_f32(), [b, frames.len(), h, w, inputs]);
        let (x, past, kernel) = (frames(t), (past > 0).then(|| frames(past)), kernel(dims));
        let bias: Tensor<1> = random([outputs]);
        let ours = causal_conv3d_int8(past.as_ref(), &x, &kernel, bias.clone());
        assert_eq!(ours.dims(), [b, t, h, w, outputs]);
        let weight = from_values(kernel.to_f32(), [depth * 9 * inputs, outputs]);
        let input = CausalConv3d { x: plain(&x), weight, bias, kernel: [depth, 3, 3] };
        let exact = causal_conv3d_behind(past.as_ref().map(plain), input);
        let error = distance(&values(ours), &values(exact));
        assert!(error < 3e-6, "{b}×{t}×{h}×{w} {dims:?}: {error}");
    }
}

#[test]
fn rounding_costs_about_a_hundredth() {
    let [t, h, w, inputs, outputs] = [2, 12, 20, 96, 96];
    let (x, gamma, bias) = (random([1, t, h, w, inputs]), random([inputs]), random([outputs]));
    let rows = values(random([outputs, inputs * 27]));
    let kernel = QuantisedKernel::new([3, inputs, outputs], |output, row| {
        row.copy_from_slice(&rows[output * inputs * 27..][..inputs * 27]);
    });
    // The same weight in the order in which f32 takes it.
    let number =
        |place: usize| rows[(place % outputs * inputs + place / outputs % inputs) * 27 + place / outputs / inputs];
    let weight = from_values((0..rows.len()).map(number).collect(), [27 * inputs, outputs]);
    let normed = normalize_silu(x.clone().reshape([t * h * w, inputs]), gamma.clone()).reshape([1, t, h, w, inputs]);
    let input = CausalConv3d { x: normed, weight, bias: bias.clone(), kernel: [3, 3, 3] };
    let exact = causal_conv3d_behind(None, input);
    let ours = causal_conv3d_int8(None, &SiluFrames::normalize(x, gamma), &kernel, bias);
    let error = distance(&values(ours), &values(exact));
    assert!((5e-3..1.5e-2).contains(&error), "{error}");
}

#[test]
fn what_is_not_finite_spreads_to_what_sees_it_and_no_further() {
    let mut x = vec![1.0; 5 * 5 * 4];
    x[(2 * 5 + 1) * 4] = f32::INFINITY;
    let frames = SiluFrames::normalize(from_values(x, [1, 1, 5, 5, 4]), Tensor::ones([4], &Device::flex()));
    let y = values(causal_conv3d_int8(None, &frames, &kernel([1, 4, 3]), random([3])));
    for (position, y) in y.chunks_exact(3).enumerate() {
        let sees = (1..=3).contains(&(position / 5)) && position % 5 <= 2;
        assert!(y.iter().all(|value| value.is_nan() == sees), "{position}: {y:?}");
    }
    let broken = QuantisedKernel::new([1, 1, 2], |output, row| row.fill(if output == 0 { f32::NAN } else { 1.0 }));
    assert!(!broken.is_finite());
}
