//! The weight of a convolution in 8 bits.

use std::sync::Arc;

use rayon::prelude::*;

use super::super::{dot::GROUP, quantise::quantise};
use super::frames::{MARGIN, OFFSET};
use super::tap::{OUTPUTS, TapWeights};

/// Taps along each side of a frame.
pub(super) const SIDE: usize = 2 * MARGIN + 1;
/// Taps of a frame.
pub(super) const TAPS: usize = SIDE * SIDE;
/// The weight of a convolution of 3×3 taps in space in 8 bits, with a scale for each output. Copies share their numbers.
#[derive(Clone, Debug)]
pub struct QuantisedKernel {
    pub(super) packed: Arc<Packed>,
}

/// Weights in the order in which taps take them.
#[derive(Debug)]
pub(super) struct Packed {
    /// Frames, inputs and outputs.
    pub(super) dims: [usize; 3],
    /// `[panels, taps, groups]`, zeros where there is no input or output.
    pub(super) panels: Vec<TapWeights>,
    /// What each output's numbers are multiplied by, one more for each lane without an output.
    pub(super) scales: Vec<f32>,
    /// The sum of each output's numbers of a frame: `[frames, lanes]`.
    sums: Vec<i32>,
}

impl QuantisedKernel {
    /// Rounds a weight that is given output by output: `fill` writes those of one, `[inputs, frames, 3, 3]`.
    ///
    /// Where an output has a number that is not finite, all that it gives will be NaN.
    pub fn new([depth, inputs, outputs]: [usize; 3], fill: impl Fn(usize, &mut [f32]) + Sync) -> Self {
        let (groups, panels, taps) = (inputs.div_ceil(GROUP), outputs.div_ceil(OUTPUTS), depth * TAPS);
        let mut packed = Packed {
            dims: [depth, inputs, outputs],
            panels: vec![[0; OUTPUTS * GROUP]; panels * taps * groups],
            scales: vec![0.0; panels * OUTPUTS],
            sums: vec![0; depth * panels * OUTPUTS],
        };
        let places = packed.panels.par_chunks_mut((taps * groups).max(1)).zip(packed.scales.par_chunks_mut(OUTPUTS));
        let sums = places.enumerate().map(|(index, (panel, scales))| {
            let (mut row, mut numbers) = (vec![0.0; inputs * taps], vec![0i8; inputs * taps]);
            let mut sums = vec![[0; OUTPUTS]; depth];
            for lane in 0..OUTPUTS.min(outputs - index * OUTPUTS) {
                fill(index * OUTPUTS + lane, &mut row);
                scales[lane] = quantise(&row, &mut numbers);
                for (place, number) in numbers.iter().enumerate() {
                    let (input, tap) = (place / taps, place % taps);
                    panel[tap * groups + input / GROUP][lane * GROUP + input % GROUP] = *number;
                    sums[tap / TAPS][lane] += i32::from(*number);
                }
            }
            sums
        });
        let sums: Vec<_> = sums.collect();
        for (frame, place) in packed.sums.chunks_exact_mut((panels * OUTPUTS).max(1)).enumerate() {
            for (place, sums) in place.chunks_exact_mut(OUTPUTS).zip(&sums) {
                place.copy_from_slice(&sums[frame]);
            }
        }
        Self { packed: Arc::new(packed) }
    }

    /// Number of frames, of inputs and of outputs.
    pub fn dims(&self) -> [usize; 3] {
        self.packed.dims
    }

    /// Whether all numbers were finite.
    pub fn is_finite(&self) -> bool {
        self.packed.scales.iter().all(|scale| scale.is_finite())
    }

    /// The numbers that stand for the weight.
    ///
    /// # Shapes  `[taps · In, Out]` laid flat, the taps in the order time, height, width
    pub fn to_f32(&self) -> Vec<f32> {
        let Packed { dims: [depth, inputs, outputs], panels, scales, .. } = &*self.packed;
        let (groups, taps) = (inputs.div_ceil(GROUP), depth * TAPS);
        let number = |row: usize, output: usize| {
            let (tap, input) = (row / inputs, row % inputs);
            let weights = &panels[(output / OUTPUTS * taps + tap) * groups + input / GROUP];
            f32::from(weights[output % OUTPUTS * GROUP + input % GROUP]) * scales[output]
        };
        (0..taps * inputs * outputs).map(|index| number(index / outputs, index % outputs)).collect()
    }
}

impl Packed {
    /// What is added to the outputs of a frame that has so many before it: frames that are not there are zeros.
    pub(super) fn biases(&self, bias: &[f32], num_before: usize) -> Vec<f32> {
        let [depth, _, _] = self.dims;
        let lanes = self.scales.len();
        let seen = &self.sums[depth.saturating_sub(num_before + 1) * lanes..];
        let lane = |lane: usize| {
            let sum: i32 = seen.iter().skip(lane).step_by(lanes).sum();
            bias.get(lane).copied().unwrap_or_default() - OFFSET * self.scales[lane] * sum as f32
        };
        (0..lanes).map(lane).collect()
    }
}
