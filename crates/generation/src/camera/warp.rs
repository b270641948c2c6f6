//! A film of a standing camera, seen by one that moves.

use glam::Vec2;
use models::transformer::CameraPose;
use video::{Frame, VideoError};

use super::{
    things::Things,
    view::{Place, View},
};

/// Frames as a moving camera would see them.
#[derive(Clone, Debug)]
pub struct Warped {
    /// As many and as large as before.
    pub frames: Vec<Frame>,
    /// For each pixel of each frame whether the standing camera saw it.
    pub seen: Vec<bool>,
}

/// Shows each frame from its own pose.
///
/// Ground and sky go where geometry says, and things stand upright on the ground. What is behind them, or outside of the
/// picture, is made up of what is around.
///
/// # Errors
/// [`VideoError`] never, since sizes stay.
pub(crate) fn warped(frames: &[Frame], view: &View, poses: &[CameraPose]) -> Result<Warped, VideoError> {
    let mut seen = Vec::new();
    let mut shown = Vec::with_capacity(frames.len());
    for (frame, pose) in frames.iter().zip(poses) {
        let size = frame.resolution();
        let (width, height) = (size.width(), size.height());
        let things = Things::find(frame, view)?;
        let mut rgb = Vec::with_capacity(frame.rgb().len());
        for (row, column) in (0..height).flat_map(|row| (0..width).map(move |column| (row, column))) {
            let place = Vec2::new(column as f32 + 0.5, row as f32 + 0.5);
            let (colour, is_seen) = match things.seen_at((view, pose), place, width) {
                Some(from) => (colour(frame, from), true),
                None => match view.first_seen(pose, place) {
                    Place::Seen(from) => (colour(&things.behind, from), things.owner_at(from, width) == 0),
                    Place::Alike(from) => (colour(&things.behind, from), false),
                },
            };
            rgb.extend(colour);
            seen.push(is_seen);
        }
        shown.push(Frame::new(size, rgb)?);
    }
    Ok(Warped { frames: shown, seen })
}

impl Things {
    /// Where the nearest thing that is seen at a place now was seen in the first picture.
    fn seen_at(&self, (view, pose): (&View, &CameraPose), place: Vec2, width: u32) -> Option<Vec2> {
        let places = self.distances.iter().zip(1..).filter_map(|(distance, number)| {
            let from = view.upright(pose, place, *distance)?;
            (self.owner_at(from, width) == number).then_some((distance, from))
        });
        places.min_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, from)| from)
    }

    fn owner_at(&self, place: Vec2, width: u32) -> u16 {
        let column = (place.x as usize).min(width as usize - 1);
        self.owner.get(place.y as usize * width as usize + column).copied().unwrap_or_default()
    }
}

/// The colour at a place in pixels from the top left corner, between the four nearest pixels.
fn colour(frame: &Frame, place: Vec2) -> [u8; 3] {
    let (width, height) = (frame.resolution().width() as usize, frame.resolution().height() as usize);
    let last = Vec2::new((width - 1) as f32, (height - 1) as f32);
    let place = (place - 0.5).clamp(Vec2::ZERO, last);
    let [left, top] = place.to_array().map(|side| side as usize);
    let (right, bottom) = ((left + 1).min(width - 1), (top + 1).min(height - 1));
    let (across, down) = (place.x - left as f32, place.y - top as f32);
    let value =
        |row: usize, column: usize, channel: usize| f32::from(frame.rgb()[(row * width + column) * 3 + channel]);
    std::array::from_fn(|channel| {
        let upper = value(top, left, channel) * (1.0 - across) + value(top, right, channel) * across;
        let lower = value(bottom, left, channel) * (1.0 - across) + value(bottom, right, channel) * across;
        (upper * (1.0 - down) + lower * down).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use video::Resolution;

    use super::*;

    #[test]
    fn a_camera_that_stands_still_changes_nothing() {
        let size = Resolution::new(48, 32).unwrap();
        let frame = |shift: usize| {
            Frame::new(size, (0..48 * 32 * 3).map(|index| ((index / 3 + shift) * 37 % 251) as u8).collect()).unwrap()
        };
        let frames = [frame(0), frame(5)];
        let warped = warped(&frames, &View::of(&frames[0]), &[[0.0; 6]; 2]).unwrap();
        assert!(warped.seen.iter().all(|seen| *seen));
        let apart = |(one, other): (&Frame, &Frame)| {
            one.rgb().iter().zip(other.rgb()).map(|(one, other)| one.abs_diff(*other)).max().unwrap()
        };
        assert!(warped.frames.iter().zip(&frames).map(apart).max().unwrap() <= 1);
    }
}
