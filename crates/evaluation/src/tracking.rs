//! Where a thing is in a picture, found by its colours, which a film with known outlines has taught.

use video::Frame;
use worlds::FrameTruth;

/// Steps of each of red, green and blue.
const STEPS: usize = 12;
/// Least likelihood, against that of everything else, at which a pixel belongs to the thing.
const LEAST_RATIO: f32 = 3.0;
/// Pixels that any colour is thought to have been seen.
const DOUBT: f32 = 0.5;

/// The colours of one thing against those of everything else.
#[derive(Clone, Debug)]
pub struct Tracker {
    belongs: Vec<bool>,
}

/// A thing in a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sighting {
    /// Its middle, as shares of width and height.
    pub place: [f32; 2],
    /// Share of the picture that it covers.
    pub area: f32,
}

impl Tracker {
    /// Learns the colours of the object whose number (from 1) is `id`.
    pub fn learn(frames: &[Frame], truth: &[FrameTruth], id: u8) -> Self {
        let mut counts = vec![[DOUBT; 2]; STEPS * STEPS * STEPS];
        for (frame, truth) in frames.iter().zip(truth) {
            let (pixels, _) = frame.rgb().as_chunks::<3>();
            for (pixel, found) in pixels.iter().zip(&truth.ids) {
                counts[colour_index(pixel)][usize::from(*found == id)] += 1.0;
            }
        }
        Self { belongs: counts.iter().map(|[others, thing]| *thing > LEAST_RATIO * others).collect() }
    }

    /// The thing, where enough of it is seen.
    pub fn find(&self, frame: &Frame) -> Option<Sighting> {
        let size = frame.resolution();
        let (width, height) = (size.width() as usize, size.height() as usize);
        let (pixels, _) = frame.rgb().as_chunks::<3>();
        let mut sums = [0.0_f32; 3];
        for (index, _) in pixels.iter().enumerate().filter(|(_, pixel)| self.belongs[colour_index(pixel)]) {
            let (x, y) = ((index % width) as f32 + 0.5, (index / width) as f32 + 0.5);
            sums[0] += x / width as f32;
            sums[1] += y / height as f32;
            sums[2] += 1.0;
        }
        let [x, y, count] = sums;
        let area = count / (width * height) as f32;
        (count > 0.0).then(|| Sighting { place: [x / count, y / count], area })
    }
}

fn colour_index([r, g, b]: &[u8; 3]) -> usize {
    let step = |value: u8| usize::from(value) * STEPS / 256;
    (step(*r) * STEPS + step(*g)) * STEPS + step(*b)
}

#[cfg(test)]
mod tests {
    use glam::{Quat, Vec3};
    use video::Resolution;
    use worlds::{Camera, Intrinsics, Pose};

    use super::*;

    #[test]
    fn a_thing_is_found_where_its_colour_is() {
        let size = Resolution::new(16, 8).unwrap();
        let mut frame = Frame::filled(size, [40, 120, 40]);
        let mut ids = vec![0; 128];
        for (index, pixel) in frame.rgb_mut().chunks_exact_mut(3).enumerate() {
            if index % 16 >= 12 && index / 16 < 4 {
                pixel.copy_from_slice(&[210, 30, 30]);
                ids[index] = 1;
            }
        }
        let pose = Pose { position: Vec3::Y, rotation: Quat::IDENTITY };
        let camera = Camera { pose, vertical_fov: 0.7 };
        let truth = FrameTruth {
            time_secs: 0.0,
            camera,
            intrinsics: Intrinsics::of(&camera, size),
            poses: vec![pose],
            visible: vec![1.0],
            ids,
        };
        let tracker = Tracker::learn(std::slice::from_ref(&frame), &[truth], 1);
        assert_eq!(tracker.find(&frame), Some(Sighting { place: [14.0 / 16.0, 0.25], area: 0.125 }));
        assert_eq!(tracker.find(&Frame::filled(size, [40, 120, 40])), None);
    }
}
