//! What the operations promise beyond their numbers: empty segments, views, threads, refusals.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic, and is not documented item by item")]

mod support;

use burn::tensor::{Device, Int, Tensor};
use kernels::*;

fn random<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    support::random(shape, &Device::default().autodiff())
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

/// Output and gradients of everything that adds up over tokens.
fn everything() -> Vec<f32> {
    let leaf = || random([700, 48]).require_grad();
    let (x, k, v) = (leaf(), leaf(), leaf());
    let weight = random([48, 48]).require_grad();
    let segments = Segments::new([300, 7, 393]);
    let rows = Rows::from_segments(&segments);
    let table = random([3, 48]).require_grad();
    let scale = random([12]).require_grad();
    let y = linear(x.clone(), weight.clone(), None);
    let y = modulated_layer_norm(ModulatedLayerNorm { x: y, shift: table.clone(), scale: table.clone(), rows: &rows });
    let query = head_norm_rotary(HeadNormRotary { x: y, weight: scale.clone(), heads: 4, rotary: None });
    let y = attention(Attention {
        query,
        key: k.clone(),
        value: v.clone(),
        heads: 4,
        query_segments: &segments,
        key_segments: &segments,
    });
    let y = gated_residual(GatedResidual { x: x.clone(), y: gelu(y), gate: table.clone(), rows: &rows });
    let taps = random([9 * 12, 12]).require_grad();
    let y = causal_conv3d(CausalConv3d {
        x: y.reshape([2, 5, 14, 20, 12]),
        weight: taps.clone(),
        bias: scale.clone(),
        kernel: [1, 3, 3],
    });
    let grads = (y.clone() * y.clone()).sum().backward();
    let mut all = values(y);
    for tensor in [x, k, v, weight, table, taps] {
        all.extend(values(tensor.grad(&grads).unwrap()));
    }
    all.extend(values(scale.grad(&grads).unwrap()));
    all
}

#[test]
fn threads_have_no_say_in_the_bits() {
    let [one, three] = [1, 3].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(everything)
    });
    assert!(one.iter().zip(&three).all(|(one, three)| one.to_bits() == three.to_bits()));
    assert!(one.iter().all(|value| value.is_finite()));
}

#[test]
fn empty_segments_give_zeros() {
    let (q, k, v) = (random([5, 8]).require_grad(), random([6, 8]).require_grad(), random([6, 8]).require_grad());
    let (queries, keys) = (Segments::new([3, 0, 2]), Segments::new([0, 4, 2]));
    let out = attention(Attention {
        query: q.clone(),
        key: k.clone(),
        value: v.clone(),
        heads: 2,
        query_segments: &queries,
        key_segments: &keys,
    });
    let grads = out.clone().sum().backward();
    assert_eq!(values(out)[..24], [0.0; 24]);
    assert_eq!(values(q.grad(&grads).unwrap())[..24], [0.0; 24]);
    assert_eq!(values(k.grad(&grads).unwrap())[..32], [0.0; 32]);
    assert_eq!(values(v.grad(&grads).unwrap())[..32], [0.0; 32]);
}

#[test]
fn what_only_fills_room_is_not_attended_to() {
    let (lengths, room) = ([3, 0, 5, 1], 5);
    let queries = Segments::new([2, 2, 2, 2]);
    let (q, k, v) = (random([8, 8]), random([9, 8]), random([9, 8]));
    // Large numbers in the room would show at once.
    let spaced = |x: &Tensor<2>, segments: &Segments| {
        let parts = segments.ranges().flat_map(|range| {
            let tokens = (!range.is_empty()).then(|| x.clone().narrow(0, range.start, range.len()));
            let filler = (range.len() < room).then(|| Tensor::ones([room - range.len(), 8], &x.device()) * 100.0);
            [tokens, filler].into_iter().flatten()
        });
        Tensor::cat(parts.collect(), 0)
    };
    let tight = Segments::new(lengths);
    let attended = |key: Tensor<2>, value: Tensor<2>, key_segments: &Segments| {
        let query_segments = &queries;
        values(attention(Attention { query: q.clone(), key, value, heads: 2, query_segments, key_segments }))
    };
    let expected = attended(k.clone(), v.clone(), &tight);
    let got = attended(spaced(&k, &tight), spaced(&v, &tight), &Segments::padded(room, lengths));
    assert!(expected.iter().zip(&got).all(|(expected, got)| (expected - got).abs() < 1e-5));
}

#[test]
fn a_key_that_stands_for_several_counts_as_often() {
    let (lengths, times) = ([3, 0, 40, 1], [5, 2, 1, 70]);
    let queries = Segments::new([300, 2, 2, 3]);
    let keys = Segments::new(lengths);
    let (q, k, v) = (random([307, 8]), random([44, 8]).require_grad(), random([44, 8]).require_grad());
    let spread = |x: &Tensor<2>| {
        let ends = keys.ranges().zip(times).filter(|(range, _)| !range.is_empty());
        let parts = ends.flat_map(|(range, times)| {
            let last = x.clone().narrow(0, range.end - 1, 1);
            std::iter::once(x.clone().narrow(0, range.start, range.len())).chain(vec![last; times - 1])
        });
        Tensor::cat(parts.collect(), 0)
    };
    let all = Segments::new(
        lengths.iter().zip(times).map(|(length, times)| if *length > 0 { length + times - 1 } else { 0 }),
    );
    let once = keys.clone().with_last_repeated(times.map(|times| times as u32));
    let attended = |form: fn(Attention<'_>) -> Tensor<2>, key: Tensor<2>, value: Tensor<2>, key_segments: &Segments| {
        let out = form(Attention { query: q.clone(), key, value, heads: 2, query_segments: &queries, key_segments });
        let grads = (out.clone() * out.clone()).sum().backward();
        [out, k.grad(&grads).unwrap(), v.grad(&grads).unwrap()].map(values)
    };
    let expected = attended(attention, spread(&k), spread(&v), &all);
    for form in [attention, kernels::attention::composite] {
        for (got, expected) in attended(form, k.clone(), v.clone(), &once).iter().zip(&expected) {
            let is_near = |(got, expected): (&f32, &f32)| (got - expected).abs() < 1e-4 * (1.0 + expected.abs());
            assert!(got.iter().zip(expected).all(is_near));
        }
    }
    let plain = |segments: &Segments| {
        let [query, key, value] = [&q, &k, &v].map(|x| x.clone().inner());
        values(attention_int8(Attention {
            query,
            key,
            value,
            heads: 2,
            query_segments: &queries,
            key_segments: segments,
        }))
    };
    assert!(plain(&once).iter().zip(&expected[0]).all(|(got, expected)| (got - expected).abs() < 1e-4));
    assert!(plain(&keys).iter().zip(&expected[0]).any(|(got, expected)| (got - expected).abs() > 1e-2));
}

#[test]
fn a_residual_is_the_sum_and_hands_its_gradient_to_both() {
    let (x, y) = (random([700, 48]).require_grad(), random([700, 48]).require_grad());
    let sum = residual(x.clone(), y.clone());
    assert_eq!(values(sum.clone()), values(x.clone() + y.clone()));
    let grads = (sum.clone() * sum.clone()).sum().backward();
    for leaf in [x, y] {
        assert_eq!(values(leaf.grad(&grads).unwrap()), values(sum.clone() * 2.0));
    }
}

#[test]
fn no_tokens_at_all_are_fine() {
    let x = random([0, 8]).require_grad();
    let weight = random([8, 8]).require_grad();
    let y = gelu(linear(x.clone(), weight.clone(), None));
    let grads = y.clone().sum().backward();
    assert_eq!(y.dims(), [0, 8]);
    assert_eq!(values(weight.grad(&grads).unwrap()), [0.0; 64]);
    let nothing = Segments::new([]);
    let out = Attention {
        query: x.clone(),
        key: x.clone(),
        value: x,
        heads: 2,
        query_segments: &nothing,
        key_segments: &nothing,
    };
    assert_eq!(attention(out).dims(), [0, 8]);
}

#[test]
fn views_are_read_as_they_look() {
    let x = random([9, 20]);
    let view = x.clone().narrow(1, 4, 8).swap_dims(0, 1);
    let weight = random([9, 3]);
    let got = values(linear(view.clone(), weight.clone(), None));
    let expected = values(view.matmul(weight));
    assert!(got.iter().zip(&expected).all(|(got, expected)| (got - expected).abs() < 1e-5));
}

#[test]
fn a_device_without_autodiff_gives_the_same() {
    let (x, weight) = (random([40, 16]), random([16]));
    let plain = rms_norm_silu(x.clone().inner(), weight.clone().inner());
    assert_eq!(values(plain), values(rms_norm_silu(x, weight)));
}

#[test]
#[should_panic(expected = "linear: x has 4 columns, but weight has 5 rows")]
fn shapes_that_do_not_fit_are_named() {
    linear(random([2, 4]), random([5, 6]), None);
}

#[test]
#[should_panic(expected = "modulated_layer_norm: shift has 2 rows, but the row numbers need 3")]
fn a_row_outside_of_the_table_is_named() {
    let table = random([2, 4]);
    let rows = &Rows::new([0, 2]);
    modulated_layer_norm(ModulatedLayerNorm { x: random([2, 4]), shift: table.clone(), scale: table, rows });
}

#[test]
fn fast_convolution_gives_what_direct_summation_gives() {
    // Sides that four does not divide, still pictures, several samples, one and three taps in time.
    for ([batch, frames, height, width], kt) in [([2, 3, 17, 30], 3), ([1, 1, 32, 33], 1), ([1, 5, 9, 40], 3)] {
        let shape = [batch, frames + kt - 1, height, width, 64];
        let (x, weight, bias) = (random(shape), random([kt * 9 * 64, 80]), random([80]));
        let conv = |x, weight, bias| CausalConv3d { x, weight, bias, kernel: [kt, 3, 3] };
        // What may be differentiated is summed directly.
        let direct = values(causal_conv3d(conv(x.clone(), weight.clone(), bias.clone())));
        let fast = values(causal_conv3d(conv(x.inner(), weight.inner(), bias.inner())));
        let largest = direct.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
        let error = direct.iter().zip(&fast).fold(0.0f32, |error, (a, b)| error.max((a - b).abs())) / largest;
        assert!(error > 0.0 && error < 1e-5, "{kt}: {error}");
    }
}

#[test]
fn convolution_behind_frames_gives_what_it_gives_with_them_in_front() {
    // Wide and narrow channels take different ways; fewer frames than the kernel sees have zeros before them.
    for ([batch, frames, height, width, channels], kernel, num_past) in [
        ([2, 3, 17, 30, 64], [3, 3, 3], 2),
        ([2, 1, 32, 33, 64], [3, 3, 3], 1),
        ([1, 2, 32, 33, 64], [3, 3, 3], 0),
        ([2, 2, 5, 6, 3], [3, 3, 3], 2),
        ([2, 2, 5, 6, 3], [3, 1, 1], 1),
        ([1, 2, 5, 6, 3], [1, 3, 3], 0),
    ] {
        let [kt, kh, kw] = kernel;
        let block = |frames: usize| random([batch, frames, height, width, channels]);
        let (x, past) = (block(frames), (num_past > 0).then(|| block(num_past) * -0.7));
        let (weight, bias) = (random([kt * kh * kw * channels, 64]), random([64]));
        let zeros = Tensor::zeros([batch, kt - 1 - num_past, height, width, channels], &x.device());
        let whole = [Some(zeros), past.clone(), Some(x.clone())].into_iter().flatten().collect();
        let conv = |x| CausalConv3d { x, weight: weight.clone(), bias: bias.clone(), kernel };
        let expected = values(causal_conv3d(conv(Tensor::cat(whole, 1))));
        let tracked = values(causal_conv3d_behind(past.clone(), conv(x.clone())));
        assert_eq!(tracked, expected, "{kernel:?}, {num_past} frames in front, differentiated");
        let CausalConv3d { x, weight, bias, kernel } = conv(x);
        let (x, weight, bias) = (x.inner(), weight.inner(), bias.inner());
        let found = values(causal_conv3d_behind(past.map(Tensor::inner), CausalConv3d { x, weight, bias, kernel }));
        let largest = expected.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
        let error = found.iter().zip(&expected).fold(0.0f32, |error, (a, b)| error.max((a - b).abs())) / largest;
        assert!(error < 1e-5, "{kernel:?}, {num_past} frames in front: {error}");
    }
}

#[test]
fn norms_of_short_rows_and_of_groups_of_heads() {
    let device = Device::default();
    // Rows far shorter than any epsilon, and a row of zeros.
    let x = Tensor::<2>::from_floats([[3e-8, 4e-8], [0.0, 0.0], [-5.0, 12.0]], &device);
    let weight = Tensor::<1>::from_floats([1.0, 2.0], &device);
    let root = 2.0f32.sqrt();
    let expected = [0.6 * root, 1.6 * root, 0.0, 0.0, -5.0 / 13.0 * root, 24.0 / 13.0 * root];
    let got = values(normalize(x.clone(), weight.clone()));
    assert!(got.iter().zip(expected).all(|(got, expected)| (got - expected).abs() < 1e-6), "{got:?}");
    let silu: Vec<f32> = expected.iter().map(|x| x / (1.0 + (-x).exp())).collect();
    let got = values(normalize_silu(x, weight));
    assert!(got.iter().zip(&silu).all(|(got, expected)| (got - expected).abs() < 1e-6), "{got:?}");

    // Normed over both heads, rotated within each.
    let (x, weight) = (random([3, 8]), random([8]));
    let rotary = Rotary { cos: random([3, 2]), sin: random([3, 2]) };
    let input = HeadNormRotary { x, weight, heads: 1, rotary: Some(rotary) };
    let (fused, composite) = (values(head_norm_rotary(input.clone())), values(head_norm::composite(input)));
    assert!(fused.iter().zip(&composite).all(|(a, b)| (a - b).abs() < 1e-5), "{fused:?} {composite:?}");
}

#[test]
fn doubled_sides_repeat_every_position() {
    let x = random([2, 1, 3, 2, 5]).require_grad();
    let (y, expected) = (double_space(x.clone()), upsample::composite(x.clone()));
    assert_eq!(values(y.clone()), values(expected.clone()));
    let gradient = |y: Tensor<5>| values(x.grad(&(y.clone() * y).sum().backward()).unwrap());
    let close = gradient(y).into_iter().zip(gradient(expected)).all(|(a, b)| (a - b).abs() < 1e-5);
    assert!(close);
}

#[test]
fn what_is_written_over_is_held_by_nobody_else() {
    let weight = Tensor::<1>::ones([6], &Device::flex()) * 0.7;
    let other = Tensor::<2>::ones([7, 6], &Device::flex()) * 0.3;
    let below = |y: &Tensor<2>| other.clone().narrow(0, 0, y.dims()[0]);
    let gated = |y: Tensor<2>| {
        let rows = Rows::from_segments(&Segments::new([2, y.dims()[0] - 2]));
        let gate = other.clone().narrow(0, 0, 2) * 5.0;
        gated_residual(GatedResidual { x: below(&y), y, gate, rows: &rows })
    };
    let operations: [(&str, &dyn Fn(Tensor<2>) -> Tensor<2>); 6] = [
        ("gated_residual", &gated),
        ("residual", &|y| residual(below(&y), y)),
        ("gelu", &gelu),
        ("silu", &silu),
        ("rms_norm", &|x| rms_norm(x, weight.clone())),
        ("normalize_silu", &|x| normalize_silu(x, weight.clone())),
    ];
    let fresh = || Tensor::<1, Int>::arange(0..42, &Device::flex()).float().reshape([7, 6]) * 0.1 - 2.0;
    for (name, operation) in operations {
        let (held, before) = (fresh(), values(fresh()));
        let shared = values(operation(held.clone()));
        assert_eq!(values(held.clone()), before, "{name} changed what another holds");
        // A part of what is held, and what nobody else holds.
        let part = values(operation(held.clone().narrow(0, 2, 3)));
        assert_eq!(part, shared[12..30], "{name} of a part");
        assert_eq!(values(held), before, "{name} changed what a part was taken from");
        assert_eq!(values(operation(fresh())), shared, "{name} of what nobody else holds");
        // A part of which the whole is gone.
        assert_eq!(values(operation(fresh().narrow(0, 2, 3))), shared[12..30], "{name} of what is left");
    }
}
