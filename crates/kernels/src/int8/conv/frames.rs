//! Frames in 8 bits, as convolutions take them.

use std::sync::Arc;

use burn::tensor::{Device, Tensor};
use rayon::prelude::*;

use super::super::{dot::GROUP, quantise::quantise_above};
use super::tap::POSITIONS;
use crate::activation::silu_value;
use crate::cpu::{self, EachTask, dims, read, simd::Fma, uninit, values, vectorize};
use crate::rms_norm::{inverse_root, length_epsilon};

/// What is added to SiLU so that nothing is below 0: its lowest value is −0.278464543.
pub(super) const OFFSET: f32 = 0.278_464_54;
/// Positions that are put around a frame on each side.
pub(super) const MARGIN: usize = 1;
/// Around a frame is nothing: a number of 1 and a scale of [`OFFSET`].
const AROUND: [u8; GROUP] = [1; GROUP];

/// Frames that were normed and passed through SiLU, in 8 bits with a scale for each position: what a causal convolution
/// takes, and remembers of the frames before. Copies share their numbers.
///
/// Formula:  x = number · scale − 0.278…, where the scale is a 255th of how far the largest x of a position lies above
/// the lowest value of SiLU
#[derive(Clone, Debug)]
pub struct SiluFrames {
    /// Clips side by side, height, width and channels.
    pub(super) sides: [usize; 4],
    pub(super) frames: Vec<Arc<Frame>>,
}

/// The same frame of all clips.
#[derive(Debug)]
pub(super) struct Frame {
    /// Channels by fours: `[B, H + 2, C/4, padded W]`.
    pub(super) numbers: Vec<[u8; GROUP]>,
    /// `[B, H + 2, padded W]`.
    pub(super) scales: Vec<f32>,
}

impl SiluFrames {
    /// [`normalize_silu`](crate::normalize_silu) of frames, rounded. Nothing can be differentiated.
    ///
    /// A position with a NaN or an infinity makes NaNs of all that see it.
    ///
    /// # Shapes  x `[B, T, H, W, C]`, weight `[C]`
    /// # Panics  when weight has another length than a position, or a gradient is asked of either
    pub fn normalize(x: Tensor<5>, weight: Tensor<1>) -> Self {
        let (x, weight) = (on_cpu(x), on_cpu(weight));
        let (x, weight) = (read(cpu::untracked(x.into_dispatch())), read(cpu::untracked(weight.into_dispatch())));
        let [b, t, h, w, c] = dims(&x);
        let scales = values(&weight);
        assert_eq!(scales.len(), c, "SiluFrames: x has {c} channels, but weight has {}", scales.len());
        let sides = [b, h, w, c];
        let frame =
            |frame| Arc::new(Frame::normalize(sides, |clip| &values(&x)[(clip * t + frame) * h * w * c..], scales));
        Self { sides, frames: (0..t).map(frame).collect() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// The last so many, or all where there are fewer, of these behind others.
    ///
    /// # Panics  when they are of other sides
    #[must_use]
    pub fn last_behind(&self, before: Option<&Self>, count: usize) -> Self {
        let before = before.map_or(&[][..], |before| {
            assert_eq!(before.sides, self.sides, "SiluFrames: frames of two kinds");
            &before.frames[..]
        });
        let dropped = (before.len() + self.len()).saturating_sub(count);
        Self { sides: self.sides, frames: before.iter().chain(&self.frames).skip(dropped).cloned().collect() }
    }

    /// The numbers that stand for the frames.
    ///
    /// # Shapes  `[B, T, H, W, C]` laid flat
    pub fn to_f32(&self) -> Vec<f32> {
        let [b, h, w, c] = self.sides;
        let (columns, groups) = (columns(w), c.div_ceil(GROUP));
        let mut out = Vec::with_capacity(b * self.len() * h * w * c);
        for clip in 0..b {
            for (frame, line) in self.frames.iter().flat_map(|frame| (0..h).map(move |line| (frame, line))) {
                let line = clip * (h + 2 * MARGIN) + line + MARGIN;
                for column in MARGIN..MARGIN + w {
                    let scale = frame.scales[line * columns + column];
                    let number = |channel: usize| {
                        let place = (line * groups + channel / GROUP) * columns + column;
                        f32::from(frame.numbers[place][channel % GROUP])
                    };
                    out.extend((0..c).map(|channel| number(channel) * scale - OFFSET));
                }
            }
        }
        out
    }
}

/// Where the numbers are rounded.
pub(super) fn on_cpu<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    if cpu::supported(&tensor) { tensor } else { tensor.to_device(&Device::flex()) }
}

/// Columns of a line with what stands around it: tiles are whole.
pub(super) const fn columns(width: usize) -> usize {
    width.next_multiple_of(POSITIONS) + 2 * MARGIN
}

impl Frame {
    /// The norm of one frame; `x` gives that of a clip and what follows.
    fn normalize<'a>([b, h, w, c]: [usize; 4], x: impl Fn(usize) -> &'a [f32] + Sync, weight: &[f32]) -> Self {
        let (columns, groups, lines) = (columns(w), c.div_ceil(GROUP), h + 2 * MARGIN);
        let mut numbers: Vec<[u8; GROUP]> = uninit(b * lines * groups * columns);
        let mut scales: Vec<f32> = uninit(b * lines * columns);
        let places = numbers.par_chunks_mut((groups * columns).max(1)).zip(scales.par_chunks_mut(columns));
        places.enumerate().each_task(|(line, (numbers, scales))| {
            let (clip, line) = (line / lines, line % lines);
            scales.fill(OFFSET);
            if line < MARGIN || line >= h + MARGIN {
                numbers.fill(AROUND);
                return;
            }
            for numbers in numbers.chunks_exact_mut(columns) {
                numbers[..MARGIN].fill(AROUND);
                numbers[MARGIN + w..].fill(AROUND);
            }
            let x = &x(clip)[(line - MARGIN) * w * c..][..w * c];
            vectorize(
                #[inline(always)]
                |fma| normalize_line(x, weight, (numbers, &mut scales[MARGIN..MARGIN + w]), fma),
            );
        });
        Self { numbers, scales }
    }
}

/// Norms the positions of a line, and rounds them.
#[inline(always)]
fn normalize_line(x: &[f32], weight: &[f32], (numbers, scales): (&mut [[u8; GROUP]], &mut [f32]), fma: Fma) {
    let (channels, columns) = (weight.len(), columns(scales.len()));
    let (mut row, mut bytes) = (vec![0.0; channels], vec![0; channels.next_multiple_of(GROUP)]);
    for (column, (x, scale)) in x.chunks_exact(channels.max(1)).zip(scales).enumerate() {
        let inverse = inverse_root(x, length_epsilon(channels));
        for ((value, x), weight) in row.iter_mut().zip(x).zip(weight) {
            *value = silu_value(x * inverse * weight, fma) + OFFSET;
        }
        *scale = quantise_above(&row, &mut bytes[..channels]);
        for (group, bytes) in bytes.as_chunks().0.iter().enumerate() {
            numbers[group * columns + column + MARGIN] = *bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Distribution;

    use super::*;

    #[test]
    fn rounded_frames_are_near_the_norm() {
        for [b, t, h, w, c] in [[1, 1, 1, 1, 1], [2, 3, 4, 5, 6], [1, 2, 3, 17, 32]] {
            let device = Device::flex();
            let x = Tensor::random([b, t, h, w, c], Distribution::Normal(0.0, 1.0), &device);
            let weight = Tensor::random([c], Distribution::Normal(1.0, 0.1), &device);
            let rounded = SiluFrames::normalize(x.clone(), weight.clone()).to_f32();
            let normed = crate::normalize_silu(x.reshape([b * t * h * w, c]), weight).into_data();
            let normed: Vec<f32> = normed.try_to_vec().unwrap();
            for (rounded, normed) in rounded.chunks(c).zip(normed.chunks(c)) {
                let largest = normed.iter().fold(0.0f32, |largest, value| largest.max(value + OFFSET));
                for (rounded, normed) in rounded.iter().zip(normed) {
                    assert!((rounded - normed).abs() <= 0.501 * largest / 255.0 + 1e-6, "{rounded} for {normed}");
                }
            }
        }
    }

    #[test]
    fn the_last_frames_come_from_before_where_there_are_too_few() {
        let frames = |values: &[f32]| {
            let data = burn::tensor::TensorData::new(values.to_vec(), [1, values.len(), 1, 1, 1]);
            SiluFrames::normalize(Tensor::from_data(data, &Device::flex()), Tensor::ones([1], &Device::flex()))
        };
        // The norm of a single channel is its sign.
        let signs = |frames: &SiluFrames| frames.to_f32().iter().map(|value| *value > 0.0).collect::<Vec<_>>();
        let (before, now) = (frames(&[1.0, -1.0, 1.0]), frames(&[-1.0]));
        assert_eq!(signs(&now.last_behind(Some(&before), 2)), [true, false]);
        assert_eq!(signs(&now.last_behind(None, 2)), [false]);
        assert_eq!(signs(&before.last_behind(Some(&now), 2)), [false, true]);
    }
}
