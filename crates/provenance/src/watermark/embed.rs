//! Draws the mark into pictures.

use video::{Frame, Resolution};

use super::{
    Payload, WatermarkKey,
    cells::{CELL, Cells, REPEAT},
    code,
    pattern::{self, Complex, Layout},
    plane::Plane,
};

/// Short side at which a picture is looked at.
pub(super) const ANALYSED_SIDE: usize = CELL * REPEAT;
/// Mean square of the waves that tell the place, in grey levels.
const PLACE_MEAN_SQUARE: f32 = 0.45;
/// Width of a rung. A wave moves by up to one, and by its third in the mean square; four of the 256 waves of a cell make 3
/// grey levels, and with the rest some 42.5 dB.
pub(super) const RUNG: f32 = 24.0;
/// How much stronger a wave is drawn where the picture itself says the opposite.
const AGAINST_THE_PICTURE: f32 = 0.3;
const STRENGTHS: std::ops::RangeInclusive<f32> = 0.3..=2.2;

/// Draws one message into the pictures of one video.
pub struct Watermarker {
    layout: Layout,
    cells: Cells,
    coded: Vec<bool>,
    /// Frames so far, for the grain that stands for fractions of grey levels.
    frames: u32,
}

impl Watermarker {
    /// Prepares a message.
    pub fn new(key: &WatermarkKey, payload: Payload) -> Self {
        Self { layout: Layout::new(key), cells: Cells::new(key), coded: code::encode(&payload.to_bits()), frames: 0 }
    }

    /// Draws it into the next frame. The same frames in the same order become the same.
    pub fn mark(&mut self, frame: &mut Frame) {
        let luma = Plane::luma(frame);
        let (mut small, period) = analysed(&luma);
        let mut change = self.place(&luma, &small, period);
        small.add(&change.resized(small.width, small.height));
        change.add(&self.cells.change(&small, &self.coded, RUNG).resized(luma.width, luma.height));
        self.frames = self.frames.wrapping_add(1);
        let mut grain = Grain(self.frames.wrapping_mul(0x9E37_79B9) | 1);
        for (pixel, change) in frame.rgb_mut().chunks_exact_mut(3).zip(&change.data) {
            let change = (change + grain.next()).floor() as i16;
            for channel in pixel {
                *channel = (i16::from(*channel) + change).clamp(0, 255) as u8;
            }
        }
    }

    /// The waves that tell the place, in the picture's size.
    fn place(&self, luma: &Plane, small: &Plane, period: f32) -> Plane {
        let side = pattern::period(luma.short_side());
        let texture = small.texture();
        let found = pattern::spectrum(&texture.detail, &self.layout.waves, period);
        let drawn = pattern::draw(&self.layout.waves, &self.strengths(&found), side);
        let mut change = texture.contrast.resized(luma.width, luma.height);
        for (y, row) in change.data.chunks_exact_mut(luma.width).enumerate() {
            let drawn = &drawn.data[y % side * side..][..side];
            row.iter_mut().zip(drawn.iter().cycle()).for_each(|(value, drawn)| *value *= drawn);
        }
        let square = change.data.iter().map(|value| f64::from(value * value)).sum::<f64>() / change.data.len() as f64;
        let scale = (f64::from(PLACE_MEAN_SQUARE) / square.max(1e-12)).sqrt() as f32;
        change.data.iter_mut().for_each(|value| *value *= scale);
        change
    }

    /// Each wave as strong as it takes, given what the picture says by itself.
    fn strengths(&self, found: &[Complex]) -> Vec<Complex> {
        let spread = ring_spread(&self.layout, found);
        let waves = self.layout.values.iter().zip(found).zip(&self.layout.rings);
        waves
            .map(|((value, found), &ring)| {
                let agrees = (value[0] * found[0] + value[1] * found[1]) / spread[ring].max(1e-6);
                let strength = (1.0 - AGAINST_THE_PICTURE * agrees).clamp(*STRENGTHS.start(), *STRENGTHS.end());
                value.map(|part| part * strength)
            })
            .collect()
    }
}

/// Frames of a size that is worth marking: below this there is no room for a message.
pub fn has_room(resolution: Resolution) -> bool {
    resolution.width().min(resolution.height()) >= 64
}

/// A picture in the size in which it is looked at, and the period of the waves there.
pub(super) fn analysed(luma: &Plane) -> (Plane, f32) {
    let short = luma.short_side();
    let scale = ANALYSED_SIDE as f32 / short as f32;
    let side = |side: usize| (side as f32 * scale).round() as usize;
    (luma.resized(side(luma.width), side(luma.height)), pattern::period(short) as f32 * scale)
}

/// Root of the mean square of the waves of each ring, of one part.
pub(super) fn ring_spread(layout: &Layout, found: &[Complex]) -> Vec<f32> {
    let mut sums = vec![(0.0_f32, 0.0_f32); pattern::MOST_TURNS + 2];
    for (found, &ring) in found.iter().zip(&layout.rings) {
        sums[ring].0 += found[0] * found[0] + found[1] * found[1];
        sums[ring].1 += 2.0;
    }
    sums.into_iter().map(|(sum, count)| (sum / count.max(1.0)).sqrt()).collect()
}

/// Even numbers from 0 to 1, the same on every machine.
struct Grain(u32);

impl Grain {
    fn next(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        (self.0 >> 8) as f32 / (1 << 24) as f32
    }
}
