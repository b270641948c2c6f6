//! Draws the mark into pictures.

use video::{Frame, Resolution};

use super::{
    Payload, WatermarkKey,
    cells::{CELL, Cells, REPEAT},
    code,
    pattern::{self, Layout},
    plane::Plane,
};

/// Short side at which a picture is looked at.
pub(super) const ANALYSED_SIDE: usize = CELL * REPEAT;
/// Mean square of the waves that tell the place, in grey levels.
const PLACE_MEAN_SQUARE: f32 = 0.55;
/// The most that pictures are changed, as a mean square in grey levels: 42.1 dB with what rounding adds.
const MOST_MEAN_SQUARE: f32 = 3.9;

/// Draws one message into the pictures of one video.
pub struct Watermarker {
    layout: Layout,
    cells: Cells,
    coded: Vec<bool>,
    /// The waves that tell the place, for pictures of the size that came last.
    drawn: Option<Plane>,
}

impl Watermarker {
    /// Prepares a message.
    pub fn new(key: &WatermarkKey, payload: Payload) -> Self {
        Self { layout: Layout::new(key), cells: Cells::new(key), coded: code::encode(&payload.to_bits()), drawn: None }
    }

    /// Draws it into a frame.
    pub fn mark(&mut self, frame: &mut Frame) {
        let luma = Plane::luma(frame);
        let (mut small, _) = analysed(&luma);
        let mut change = self.place(&luma, &small);
        small.add(&change.resized(small.width, small.height));
        change.add(&self.cells.change(&small, &self.coded).resized(luma.width, luma.height));
        change.limit(MOST_MEAN_SQUARE);
        for (pixel, change) in frame.rgb_mut().chunks_exact_mut(3).zip(&change.data) {
            let change = change.round() as i16;
            for channel in pixel {
                *channel = (i16::from(*channel) + change).clamp(0, 255) as u8;
            }
        }
    }

    /// The waves that tell the place, in the picture's size: stronger where much is going on.
    fn place(&mut self, luma: &Plane, small: &Plane) -> Plane {
        let side = pattern::period(luma.short_side());
        let drawn = match self.drawn.take() {
            Some(drawn) if drawn.width == side => drawn,
            _ => pattern::draw(&self.layout.waves, &self.layout.values, side),
        };
        let mut change = small.texture().contrast.resized(luma.width, luma.height);
        for (y, row) in change.data.chunks_exact_mut(luma.width).enumerate() {
            let drawn = &drawn.data[y % side * side..][..side];
            row.iter_mut().zip(drawn.iter().cycle()).for_each(|(value, drawn)| *value *= drawn);
        }
        self.drawn = Some(drawn);
        let scale = (PLACE_MEAN_SQUARE / change.mean_square().max(1e-12)).sqrt();
        change.scale(scale);
        change
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
