//! Every operation against PyTorch, output and gradients, in the fused and the composite form. With the feature `vulkan` the
//! same on a graphics card.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic, and is not documented item by item")]

use burn::tensor::{Device, Shape, Tensor, TensorData};
use kernels::*;
use safetensors::SafeTensors;

const GOLDENS: &[u8] = include_bytes!("goldens/kernels.safetensors");
/// Of the largest value in a tensor; noted in the goldens as well.
const TOLERANCE: f32 = 1e-5;

fn device() -> Device {
    #[cfg(feature = "vulkan")]
    return Device::vulkan(burn::tensor::DeviceKind::DefaultDevice);
    #[cfg(not(feature = "vulkan"))]
    Device::default()
}

fn golden(name: &str) -> (Vec<f32>, Vec<usize>) {
    let file = SafeTensors::deserialize(GOLDENS).unwrap();
    let view = file.tensor(name).unwrap();
    let values = view.data().chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect();
    (values, view.shape().to_vec())
}

fn load<const D: usize>(name: &str) -> Tensor<D> {
    let (values, shape) = golden(name);
    Tensor::from_data(TensorData::new(values, Shape::from(shape)), &device().autodiff())
}

fn assert_close<const D: usize>(name: &str, got: Tensor<D>) {
    let (expected, shape) = golden(name);
    assert_eq!(got.dims().to_vec(), shape, "shape of {name}");
    let got: Vec<f32> = got.into_data().try_to_vec().unwrap();
    let largest = expected.iter().fold(1.0f32, |largest, value| largest.max(value.abs()));
    for (index, (got, expected)) in got.iter().zip(&expected).enumerate() {
        let error = (got - expected).abs() / largest;
        assert!(error <= TOLERANCE, "{name}[{index}] is {got}, but PyTorch says {expected}");
    }
}

/// Loads the inputs, runs the operation, and compares the output and the gradients of all inputs.
macro_rules! check {
    ($name:expr, ($($input:ident: $rank:literal),*), $output:expr) => {{
        $(let $input = load::<$rank>(&format!("{}.{}", $name, stringify!($input))).require_grad();)*
        let output = { $(let $input = $input.clone();)* $output };
        assert_close(&format!("{}.output", $name), output.clone());
        let grads = (output * load(&format!("{}.cotangent", $name))).sum().backward();
        $(assert_close(&format!("{}.{}.grad", $name, stringify!($input)), $input.grad(&grads).unwrap());)*
    }};
}

#[test]
fn linear_layers() {
    check!("linear", (x: 2, weight: 2, bias: 1), linear(x, weight, Some(bias)));
    check!("linear", (x: 2, weight: 2, bias: 1), linear::composite(x, weight, Some(bias)));
    check!("product", (x: 2, weight: 2), linear(x, weight, None));
}

#[test]
fn attentions() {
    for (name, heads, queries, keys) in
        [("self_attention", 3, vec![5, 1, 40], vec![5, 1, 40]), ("cross_attention", 2, vec![7, 300, 3], vec![4, 17, 1])]
    {
        for function in [attention, attention::composite] {
            let (queries, keys) = (Segments::new(queries.clone()), Segments::new(keys.clone()));
            check!(name, (query: 2, key: 2, value: 2), function(Attention {
                query, key, value, heads, query_segments: &queries, key_segments: &keys,
            }));
        }
    }
}

#[test]
fn head_norms() {
    for function in [head_norm_rotary, head_norm::composite] {
        let heads = 3;
        check!("head_norm", (x: 2, weight: 1), function(HeadNormRotary { x, weight, heads, rotary: None }));
        let [cos, sin] = ["cos", "sin"].map(|name| load::<2>(&format!("head_norm_rotary.{name}")));
        let rotary = Some(Rotary { cos, sin });
        check!("head_norm_rotary", (x: 2, weight: 1), function(HeadNormRotary { x, weight, heads, rotary: rotary.clone() }));
    }
}

#[test]
fn modulations() {
    let rows = &Rows::new([0, 0, 2, 2, 2, 1, 0, 2, 1, 1, 1]);
    for function in [modulated_layer_norm, modulation::modulated_layer_norm_composite] {
        check!("modulated_layer_norm", (x: 2, shift: 2, scale: 2), function(ModulatedLayerNorm { x, shift, scale, rows }));
    }
    for function in [gated_residual, modulation::gated_residual_composite] {
        check!("gated_residual", (x: 2, y: 2, gate: 2), function(GatedResidual { x, y, gate, rows }));
    }
}

#[test]
fn activations() {
    check!("gelu", (x: 2), gelu(x));
    check!("gelu", (x: 2), activation::gelu_composite(x));
    check!("silu", (x: 2), silu(x));
    check!("silu", (x: 2), activation::silu_composite(x));
}

#[test]
fn rms_norms() {
    check!("rms_norm", (x: 2, weight: 1), rms_norm(x, weight));
    check!("rms_norm", (x: 2, weight: 1), rms_norm::composite(x, weight));
    check!("rms_norm_silu", (x: 2, weight: 1), rms_norm_silu(x, weight));
}

#[test]
fn convolutions() {
    let kernels =
        [("1x3x3", [1, 3, 3]), ("3x1x1", [3, 1, 1]), ("3x3x3", [3, 3, 3]), ("2x1x5", [2, 1, 5]), ("wide", [3; 3])];
    for (name, kernel) in kernels {
        let name = format!("conv_{name}");
        for function in [causal_conv3d, conv::composite] {
            check!(name, (x: 5, weight: 2, bias: 1), function(CausalConv3d { x, weight, bias, kernel }));
        }
    }
}

#[test]
fn optimizer() {
    let (mut param, _) = golden("adamw.param");
    let (grads, shape) = golden("adamw.grads");
    let (mut m, mut v, mut ema) = (vec![0.0; param.len()], vec![0.0; param.len()], param.clone());
    for (step, grad) in grads.chunks_exact(shape[1]).enumerate() {
        let config = AdamWConfig {
            lr: 3e-2,
            beta1: 0.9,
            beta2: 0.99,
            eps: 1e-8,
            weight_decay: 0.1,
            step: step as u64 + 1,
            clip_scale: 0.5,
            ema_decay: 0.8,
        };
        adamw_step(AdamW { param: &mut param, grad, m: &mut m, v: &mut v, ema: &mut ema }, &config);
    }
    for (got, name) in [(param, "adamw.output"), (ema, "adamw.ema")] {
        assert_close(name, Tensor::<1>::from_data(TensorData::new(got, [shape[1]]), &Device::default()));
    }
}
