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
//! GOP/s, where f32 reaches 240 to 291. The innermost loop, twelve rows by 32 outputs, runs at 750 a core where all is in
//! the caches, and at 657 in a whole transformer; six rows by 16 outputs, one sum each, at 395. AVX-VNNI has not been measured.

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

use crate::cpu::{self, Operation, dims, read, tensor, tracked_by_autodiff, uninit, values};
use affine::{Activation, Affine};
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

/// Of so many rows those that are multiplied at once. Where a wide result is soon made narrow again, there need be no more
/// of it.
pub fn rows_at_once(rows: usize) -> usize {
    affine::rows_per_task(rows).max(1)
}

/// Multiplies every row by a matrix in 8 bits and adds a bias. Nothing can be differentiated.
///
/// Formula:  y = round(x / sₓ) · W · sₓ·s + bias, where sₓ is a 127th of the largest number of a row
///
/// A row with a NaN or an infinity gives a row of NaN.
///
/// # Shapes  x `[N, In]`, bias `[Out]` → `[N, Out]`
/// # Panics  when the shapes do not fit together, or a gradient is asked of x or bias
pub fn linear_int8(x: Tensor<2>, weight: &QuantisedWeight, bias: Option<Tensor<1>>) -> Tensor<2> {
    activated(x, weight, bias, Activation::Identity)
}

/// [`gelu`](crate::gelu()) of [`linear_int8`], in one pass.
///
/// # Shapes  x `[N, In]`, bias `[Out]` → `[N, Out]`
/// # Panics  as [`linear_int8`]
pub fn linear_gelu_int8(x: Tensor<2>, weight: &QuantisedWeight, bias: Option<Tensor<1>>) -> Tensor<2> {
    activated(x, weight, bias, Activation::Gelu)
}

fn activated(x: Tensor<2>, weight: &QuantisedWeight, bias: Option<Tensor<1>>, activation: Activation) -> Tensor<2> {
    let ([_, inputs], [expected, outputs]) = (x.dims(), weight.dims());
    assert_eq!(inputs, expected, "linear_int8: x has {inputs} columns, but weight has {expected} inputs");
    if let Some(bias) = &bias {
        let [length] = bias.dims();
        assert_eq!(length, outputs, "linear_int8: bias has {length} entries, but weight has {outputs} outputs");
    }
    if !cpu::supported(&x) || !bias.as_ref().is_none_or(cpu::supported) {
        let y = composite(x, weight, bias);
        return match activation {
            Activation::Identity => y,
            Activation::Gelu => crate::gelu(y),
        };
    }
    let (x, bias) = (x.into_dispatch(), bias.map(Tensor::into_dispatch));
    let tracked = tracked_by_autodiff(&x) || bias.as_ref().is_some_and(tracked_by_autodiff);
    assert!(
        !tracked,
        "linear_int8: numbers in 8 bits have no gradient; call `linear`, or take x and bias off autodiff"
    );
    let layer = Layer { weight: weight.clone(), activation };
    Tensor::from_dispatch(match bias {
        Some(bias) => cpu::run(layer, [x, bias]),
        None => cpu::run(layer, [x]),
    })
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

#[derive(Debug, Clone)]
struct Layer {
    weight: QuantisedWeight,
    activation: Activation,
}

impl Layer {
    fn forward(&self, x: FlexTensor, bias: Option<&[f32]>) -> FlexTensor {
        let x = read(x);
        let ([n, _], [_, outputs]) = (dims(&x), self.weight.dims());
        let mut y = uninit(n * outputs);
        let (weight, activation) = (&*self.weight.packed, self.activation);
        Instructions::best().run(Affine { x: values(&x), weight, bias, activation, y: &mut y });
        tensor(y, [n, outputs])
    }
}

impl Operation<1> for Layer {
    type Saved = ();

    fn forward(&self, [x]: [FlexTensor; 1]) -> (FlexTensor, ()) {
        (self.forward(x, None), ())
    }

    fn backward(&self, (): (), _: FlexTensor, _: [bool; 1]) -> [Option<FlexTensor>; 1] {
        unreachable!("no tracked tensor comes here")
    }
}

impl Operation<2> for Layer {
    type Saved = ();

    fn forward(&self, [x, bias]: [FlexTensor; 2]) -> (FlexTensor, ()) {
        (self.forward(x, Some(values(&read(bias)))), ())
    }

    fn backward(&self, (): (), _: FlexTensor, _: [bool; 2]) -> [Option<FlexTensor>; 2] {
        unreachable!("no tracked tensor comes here")
    }
}
