//! Linear layers, attention and convolution in 8 bits, for inference.
//!
//! What follows holds for linear layers; how the others differ is said in `attention` and `conv`. A weight is rounded to
//! whole numbers from −127 to 127 with one scale for each output, an input with one for each row, found when it is seen.
//! Products of them are summed exactly, in 32 bits; only then does anything become f32 again. Whatever instructions the
//! processor has, the same sums come out.
//!
//! For N tokens, 2·N·In·Out operations, on N·(4·In + 4·Out) bytes of activations and In·Out bytes of weights, which
//! are read once for every 1728 rows and, from the caches, once for every 432: bound by the product. What becomes of
//! the operations differs:
//!
//! | instructions | form | products of one instruction |
//! | --- | --- | --- |
//! | AVX-512 VNNI | bytes, activations with 128 added | 64, and they are added |
//! | AVX-VNNI | the same | 32, and they are added |
//! | AVX2 | both widened to 16 bits | 16; adding takes another |
//! | any other | as the compiler sees fit | |
//!
//! AVX2 also multiplies bytes (`vpmaddubsw`), 32 at once, but one side without a sign and sums of two in 16 bits. Kept
//! exact by giving the sign of one side to the other, it takes four instructions for 32 products: sign, multiply, widen,
//! add; and so do 16 bits: multiply, add, twice. An AMD Zen 3 core does three of them in a cycle. In loops alone it
//! reached 164 GOP/s in 16 bits, 137 to 157 with signs moved, 164 with the products halved by Winograd's inner product
//! of 1968, and f32's fused products 101. Giving up one bit of either side saves the sign and reached 200; one bit is
//! half of the precision, so that is not done here.
//!
//! Measured on such a core while others used the machine, 1280 rows, 1536 to 1536, to 8960, and back: 128, 134 and 132
//! GOP/s, where f32 reaches 88 to 90. Rounding and laying out the rows takes 4 to 8 % of that time.
//!
//! On two cores of a Xeon with AVX-512 VNNI, whose instruction peaks at 740 GOP/s a core (f32: 172): 1012, 1050 and 1127
//! GOP/s with twelve rows by 32 outputs, 1183, 1236 and 1240 with six by 64, where f32 reaches 240 to 310. AVX-VNNI has not
//! been measured.

mod affine;
mod attention;
mod conv;
mod dot;
mod quantise;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use attention::{MOST_KEYS, attention_int8};
pub use conv::{QuantisedKernel, SiluFrames, causal_conv3d_int8};

use std::sync::Arc;

use burn::tensor::Tensor;
use burn_flex::FlexTensor;
use rayon::prelude::*;

use crate::cpu::{self, dims, parts, read, tensor, tracked_by_autodiff, uninit, values, without_gradient};
use affine::{Activation, Affine, Layer};
use dot::{GROUP, Instructions, LANES, Weights};

/// Most inputs whose products surely fit into a sum of 32 bits.
pub const MOST_INPUTS: usize = 1 << 17;

/// The weight of a linear layer in 8 bits, with a scale for each output. Copies share their numbers.
#[derive(Clone, Debug)]
pub struct QuantisedWeight {
    packed: Arc<Packed>,
}

/// Weights in the order in which products take them.
#[derive(Debug)]
struct Packed {
    inputs: usize,
    outputs: usize,
    /// Panels of [`LANES`] outputs: `[panels, groups]`, zeros where there is no input or output.
    panels: Vec<Weights>,
    /// What each output's numbers are multiplied by, one more for each lane without an output.
    scales: Vec<f32>,
    /// The sum of each output's numbers.
    sums: Vec<i32>,
}

impl QuantisedWeight {
    /// Rounds a weight that is given output by output: `fill` writes all inputs of one output.
    ///
    /// Only a row for each thread is ever there in f32. Where an output has a number that is not finite, all that it
    /// gives will be NaN.
    ///
    /// # Panics  when there are more than [`MOST_INPUTS`]
    pub fn new([inputs, outputs]: [usize; 2], fill: impl Fn(usize, &mut [f32]) + Sync) -> Self {
        assert!(inputs <= MOST_INPUTS, "a weight in 8 bits has at most {MOST_INPUTS} inputs, not {inputs}");
        let (groups, panels) = (inputs.div_ceil(GROUP), outputs.div_ceil(LANES));
        let mut packed = Packed {
            inputs,
            outputs,
            panels: vec![[0; LANES * GROUP]; panels * groups],
            scales: vec![0.0; panels * LANES],
            sums: vec![0; panels * LANES],
        };
        let scales = packed.scales.par_chunks_mut(LANES).zip(packed.sums.par_chunks_mut(LANES));
        let panels = packed.panels.par_chunks_mut(groups.max(1));
        panels.zip(scales).enumerate().for_each(|(index, (panel, (scales, sums)))| {
            let (mut row, mut numbers) = (vec![0.0; inputs], vec![0i8; groups * GROUP]);
            for lane in 0..LANES.min(outputs - index * LANES) {
                fill(index * LANES + lane, &mut row);
                scales[lane] = quantise::quantise(&row, &mut numbers[..inputs]);
                sums[lane] = numbers.iter().map(|number| i32::from(*number)).sum();
                dot::put_lane(panel, lane, &numbers);
            }
        });
        Self { packed: Arc::new(packed) }
    }

    /// Rounds a weight that is there in f32.
    ///
    /// # Shapes  `[In, Out]`, as [`linear`](crate::linear()) takes it
    /// # Panics  when there are more than [`MOST_INPUTS`]
    pub fn of(weight: Tensor<2>) -> Self {
        let [inputs, outputs] = weight.dims();
        let by_output = weight.transpose().into_data();
        let values = by_output.as_slice::<f32>().expect("weights are f32");
        Self::new([inputs, outputs], |output, row| row.copy_from_slice(&values[output * inputs..][..inputs]))
    }

    /// Number of inputs and of outputs.
    pub fn dims(&self) -> [usize; 2] {
        [self.packed.inputs, self.packed.outputs]
    }

    /// Whether all numbers were finite.
    pub fn is_finite(&self) -> bool {
        self.packed.scales.iter().all(|scale| scale.is_finite())
    }

    /// The numbers that stand for the weight.
    ///
    /// # Shapes  `[In, Out]` laid flat
    pub fn to_f32(&self) -> Vec<f32> {
        let Packed { inputs, outputs, panels, scales, .. } = &*self.packed;
        let groups = inputs.div_ceil(GROUP);
        let number = |input: usize, output: usize| {
            let weights = &panels[output / LANES * groups + input / GROUP];
            f32::from(weights[output % LANES * GROUP + input % GROUP]) * scales[output]
        };
        (0..inputs * outputs).map(|index| number(index / outputs, index % outputs)).collect()
    }
}

impl Packed {
    /// The groups of one panel; none where there is no such panel.
    fn panel(&self, index: usize) -> &[Weights] {
        let groups = self.inputs.div_ceil(GROUP);
        self.panels.get(index * groups..(index + 1) * groups).unwrap_or_default()
    }
}

/// A linear layer in 8 bits: its weight, and its bias `[Out]`.
pub type LayerInt8<'a> = (&'a QuantisedWeight, Option<Tensor<1>>);

/// Multiplies every row by a matrix in 8 bits and adds a bias. Nothing can be differentiated.
///
/// Formula:  y = round(x / sₓ) · W · sₓ·s + bias, where sₓ is a 127th of the largest number of a row
///
/// A row with a NaN or an infinity gives a row of NaN.
///
/// # Shapes  x `[N, In]`, bias `[Out]` → `[N, Out]`
/// # Panics  when the shapes do not fit together, or a gradient is asked of x or bias
pub fn linear_int8(x: Tensor<2>, weight: &QuantisedWeight, bias: Option<Tensor<1>>) -> Tensor<2> {
    let [y] = linears_int8(x, [(weight, bias)]);
    y
}

/// [`linear_int8`] of the same x with several layers: it is rounded once.
///
/// # Shapes  x `[N, In]` → `[N, Out]` each
/// # Panics  as [`linear_int8`]
pub fn linears_int8<const N: usize>(x: Tensor<2>, layers: [LayerInt8<'_>; N]) -> [Tensor<2>; N] {
    for layer in &layers {
        check(x.dims()[1], layer);
    }
    if !layers.iter().all(|(_, bias)| is_fused(&x, bias)) {
        return layers.map(|(weight, bias)| composite(x.clone(), weight, bias));
    }
    let x = read(untracked(x));
    let [rows, _] = dims(&x);
    let biases = layers.each_ref().map(|(_, bias)| bias.clone().map(untracked).map(read));
    let mut outputs = layers.each_ref().map(|(weight, _)| {
        let columns = weight.packed.outputs;
        (columns, uninit(rows * columns))
    });
    let multiplied = layers.iter().zip(&biases).zip(&mut outputs).map(|(((weight, _), bias), (_, y))| Layer {
        weight: &weight.packed,
        bias: bias.as_ref().map(values),
        activation: Activation::Identity,
        y,
    });
    Instructions::best().run(Affine { rows, x: values(&x), layers: multiplied.collect() });
    outputs.map(|(columns, y)| Tensor::from_dispatch(without_gradient(tensor(y, [rows, columns]))))
}

/// [`linear_int8`], [`gelu`](crate::gelu()), and [`linear_int8`] again, for some rows after others: of the hidden layer no more is
/// there at a time than is multiplied at once.
///
/// # Shapes  x `[N, In]` → `[N, Out]`
/// # Panics  as [`linear_int8`]
pub fn feed_forward_int8(x: Tensor<2>, [up, down]: [LayerInt8<'_>; 2]) -> Tensor<2> {
    check(check(x.dims()[1], &up), &down);
    if !is_fused(&x, &up.1) || !is_fused(&x, &down.1) {
        return composite(crate::gelu(composite(x, up.0, up.1)), down.0, down.1);
    }
    let x = read(untracked(x));
    let [rows, inputs] = dims(&x);
    let [(up, up_bias), (down, down_bias)] =
        [up, down].map(|(weight, bias)| (&*weight.packed, bias.map(untracked).map(read)));
    let step = rows_at_once(rows);
    let mut hidden = uninit(step.min(rows) * up.outputs);
    let mut y = uninit(rows * down.outputs);
    for part in parts(rows, step) {
        let rows = part.len();
        let hidden = &mut hidden[..rows * up.outputs];
        let bias = up_bias.as_ref().map(values);
        let layer = Layer { weight: up, bias, activation: Activation::Gelu, y: &mut *hidden };
        let x = &values(&x)[part.start * inputs..part.end * inputs];
        Instructions::best().run(Affine { rows, x, layers: vec![layer] });
        let y = &mut y[part.start * down.outputs..part.end * down.outputs];
        let bias = down_bias.as_ref().map(values);
        let layer = Layer { weight: down, bias, activation: Activation::Identity, y };
        Instructions::best().run(Affine { rows, x: hidden, layers: vec![layer] });
    }
    Tensor::from_dispatch(without_gradient(tensor(y, [rows, down.outputs])))
}

/// Whether this processor multiplies and adds numbers of 8 bits in one instruction (VNNI).
pub fn is_one_instruction() -> bool {
    Instructions::best().sum_at_once()
}

/// Of so many rows those whose hidden layer is there at the same time in [`feed_forward_int8`].
pub fn rows_at_once(rows: usize) -> usize {
    affine::rows_per_task(rows).max(1)
}

/// Whether a layer takes so many inputs, and its outputs.
fn check(inputs: usize, (weight, bias): &LayerInt8<'_>) -> usize {
    let [expected, outputs] = weight.dims();
    assert_eq!(inputs, expected, "linear_int8: x has {inputs} columns, but weight has {expected} inputs");
    if let Some(bias) = &bias {
        let [length] = bias.dims();
        assert_eq!(length, outputs, "linear_int8: bias has {length} entries, but weight has {outputs} outputs");
    }
    outputs
}

/// Whether the operands are on the CPU.
fn is_fused(x: &Tensor<2>, bias: &Option<Tensor<1>>) -> bool {
    cpu::supported(x) && bias.as_ref().is_none_or(cpu::supported)
}

/// What the CPU holds of a tensor.
fn untracked<const D: usize>(tensor: Tensor<D>) -> FlexTensor {
    let tensor = tensor.into_dispatch();
    assert!(
        !tracked_by_autodiff(&tensor),
        "linear_int8: numbers in 8 bits have no gradient; call `linear`, or take x and bias off autodiff"
    );
    cpu::untracked(tensor)
}

/// The meaning of [`linear_int8`] in burn's operations.
pub fn composite(x: Tensor<2>, weight: &QuantisedWeight, bias: Option<Tensor<1>>) -> Tensor<2> {
    let data = burn::tensor::TensorData::new(weight.to_f32(), weight.dims());
    let matrix = Tensor::<2>::from_data(data, &x.device());
    let scale = x.clone().abs().max_dim(1) / quantise::LEVELS; // [N, 1]
    // A row of zeros has no scale.
    let divisor = scale.clone() + scale.clone().equal_elem(0.0).float();
    crate::linear((x / divisor).round() * scale, matrix, bias)
}
