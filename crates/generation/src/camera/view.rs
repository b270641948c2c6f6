//! What stands where in a first picture, as far as geometry says: ground below the horizon, sky above it.

use std::ops::Range;

use glam::{Quat, Vec2, Vec3};
use models::transformer::{CameraPose, half_view};
use video::{Frame, Resolution};

use super::{horizon::horizon, position, rotation, things::largest_thing};

/// Metres from the ground to the camera where nothing stands on it: the middle of the simulated films.
const EYE_HEIGHT: f32 = 1.23;
/// Metres from the foot to the top of what stands there; nothing else in a picture says how large anything is.
const THING_HEIGHT: f32 = 0.95;
/// How much what stands there is believed, against the middle.
const BELIEF: f32 = 0.7;
/// Heights in metres that cameras have.
const EYE_HEIGHTS: [f32; 2] = [0.7, 2.0];
/// Where the horizon is in them, as a share of the height from the top.
pub(crate) const USUAL_HORIZON: f32 = 0.345;
/// A camera that goes into the ground is held at this height, in metres.
const LEAST_HEIGHT: f32 = 0.1;
/// Rays that fall by less than this for each metre end in the sky.
const LEAST_FALL: f32 = 1e-4;

/// How a picture was taken: over a level ground, below a sky that is far away.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct View {
    /// Width and height in pixels.
    size: Vec2,
    /// Focal length in pixels.
    focal: f32,
    /// Metres above the ground.
    height: f32,
    /// From the axes of the first camera to those of the world: `y` up, and `z` backwards along the ground.
    rotation: Quat,
}

/// Where something that a later camera sees lies in the first picture, in pixels from the top left corner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Place {
    /// It was seen.
    Seen(Vec2),
    /// It was not; what lies there looks like it and moves as it does.
    Alike(Vec2),
}

impl View {
    /// A picture as a model takes it to have been made.
    pub(crate) fn of(picture: &Frame) -> Self {
        let view = Self::with_horizon(picture.resolution(), horizon(picture).unwrap_or(USUAL_HORIZON));
        let height = view.eye_height(largest_thing(picture, &view));
        Self { height, ..view }
    }

    /// How high the camera is, by what stands in these rows of the picture.
    ///
    /// Formula:  eye / thing = (foot − horizon) / (foot − top), where the foot stands on level ground
    fn eye_height(&self, thing: Option<Range<f32>>) -> f32 {
        let Some(Range { start: top, end: foot }) = thing else { return EYE_HEIGHT };
        let found = THING_HEIGHT * (foot - self.horizon()) / (foot - top).max(1.0);
        let [least, most] = EYE_HEIGHTS;
        (found.clamp(least, most).ln() * BELIEF + EYE_HEIGHT.ln() * (1.0 - BELIEF)).exp()
    }

    /// A picture whose horizon is there, as a share of the height from the top.
    fn with_horizon(resolution: Resolution, horizon: f32) -> Self {
        let size = Vec2::new(resolution.width() as f32, resolution.height() as f32);
        let focal = 0.5 * size.y / half_view(size.x / size.y);
        let pitch = ((0.5 - horizon) * size.y / focal).atan();
        Self { size, focal, height: EYE_HEIGHT, rotation: Quat::from_rotation_x(-pitch) }
    }

    /// How far away ground is along itself that is seen so many pixels below the upper edge, in metres.
    pub(crate) fn ground_distance(&self, row: f32) -> Option<f32> {
        let ray = self.rotation * self.ray(Vec2::new(0.5 * self.size.x, row));
        (ray.y < 0.0).then(|| -ray.z * self.height / -ray.y)
    }

    /// Where an upright plane that faces the first camera, so many metres away, was seen in the first picture.
    ///
    /// Nothing where the plane lies behind, or its place was outside of the picture.
    pub(crate) fn upright(&self, pose: &CameraPose, place: Vec2, distance: f32) -> Option<Vec2> {
        let (eye, ray) = self.sight(pose, place);
        let along = (-distance - eye.z) / ray.z;
        (along.is_finite() && along > 0.0)
            .then(|| self.place(eye + ray * along))
            .flatten()
            .filter(|place| self.is_inside(*place))
    }

    /// What a camera at this pose, counted from the first, sees at a place of its picture.
    ///
    /// Ground lies where the ray meets it; all else is far away. What is outside of the first picture is folded into it
    /// about its left and right edges, and at last about the upper and lower one: a world that goes on as its own
    /// mirror image.
    pub(crate) fn first_seen(&self, pose: &CameraPose, place: Vec2) -> Place {
        let (eye, ray) = self.sight(pose, place);
        let from_first = match -ray.y {
            fall if fall > LEAST_FALL * ray.length() => eye + ray * ((self.height + eye.y) / fall),
            _ => ray,
        };
        match self.place(from_first).filter(|place| self.is_inside(*place)) {
            Some(place) => Place::Seen(place),
            None => Place::Alike(self.folded(from_first)),
        }
    }

    /// Where a camera is and where it sees along at a place of its picture, in the axes of the world, from the first one.
    fn sight(&self, pose: &CameraPose, place: Vec2) -> (Vec3, Vec3) {
        let eye = self.rotation * position(pose);
        let eye = Vec3::new(eye.x, eye.y.max(LEAST_HEIGHT - self.height), eye.z);
        (eye, self.rotation * (rotation(pose) * self.ray(place)))
    }

    /// A ray in the axes of its own camera, one metre deep.
    fn ray(&self, place: Vec2) -> Vec3 {
        let across = (place - 0.5 * self.size) / self.focal;
        Vec3::new(across.x, -across.y, -1.0)
    }

    /// Where a point of the world is seen in the first picture, counted from the first camera.
    fn place(&self, point: Vec3) -> Option<Vec2> {
        let local = self.rotation.inverse() * point;
        let depth = -local.z;
        (depth > 1e-4 * local.length()).then(|| 0.5 * self.size + Vec2::new(local.x, -local.y) * (self.focal / depth))
    }

    fn is_inside(&self, place: Vec2) -> bool {
        place.cmpge(Vec2::ZERO).all() && place.cmple(self.size).all()
    }

    /// A place of the first picture that stands for a point outside of it.
    fn folded(&self, point: Vec3) -> Vec2 {
        let most = (0.5 * self.size.x / self.focal).atan();
        let azimuth = fold(point.x.atan2(-point.z), [-most, most]);
        let away = point.x.hypot(point.z);
        let point = Vec3::new(away * azimuth.sin(), point.y, -away * azimuth.cos());
        // Nothing is left that lies behind, but what is below or above the camera.
        let place =
            self.place(point).unwrap_or(Vec2::new(0.5 * self.size.x, if point.y < 0.0 { self.size.y } else { 0.0 }));
        let horizon = self.horizon();
        Vec2::new(
            fold(place.x, [0.0, self.size.x]),
            match place.y {
                y if y > self.size.y => {
                    fold(y, [(0.5 * (horizon + self.size.y)).clamp(0.0, self.size.y - 1.0), self.size.y])
                }
                y if y < 0.0 => fold(y, [0.0, (0.5 * horizon).clamp(1.0, self.size.y)]),
                y => y,
            },
        )
    }

    /// The horizon's distance from the upper edge in the middle of the picture, in pixels.
    pub(crate) fn horizon(&self) -> f32 {
        let far = self.rotation.inverse() * Vec3::NEG_Z;
        0.5 * self.size.y - self.focal * far.y / -far.z.min(-f32::EPSILON)
    }
}

/// A number reflected at both ends of a range until it lies inside.
fn fold(value: f32, [low, high]: [f32; 2]) -> f32 {
    let span = high - low;
    let along = (value - low).rem_euclid(2.0 * span);
    low + if along > span { 2.0 * span - along } else { along }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STILL: CameraPose = [0.0; 6];

    fn view(horizon: f32) -> View {
        View::with_horizon(Resolution::new(128, 96).unwrap(), horizon)
    }

    fn places() -> impl Iterator<Item = Vec2> {
        (0..12).flat_map(|row| (0..16).map(move |column| Vec2::new(column as f32 * 8.0 + 4.0, row as f32 * 8.0 + 4.0)))
    }

    #[test]
    fn a_camera_that_stands_still_sees_all_where_it_was() {
        for place in places() {
            let Place::Seen(from) = view(0.345).first_seen(&STILL, place) else { panic!("{place} was not seen") };
            assert!(from.distance(place) < 1e-2, "{from} {place}");
        }
    }

    #[test]
    fn the_horizon_is_where_it_was_put() {
        for horizon in [0.2, 0.345, 0.5, 0.6] {
            assert!((view(horizon).horizon() - horizon * 96.0).abs() < 1e-2);
        }
    }

    #[test]
    fn a_camera_is_higher_where_things_are_smaller() {
        let view = view(0.4);
        let [near, far] = [40.0..76.0, 60.0..76.0].map(|rows| view.eye_height(Some(rows)));
        assert!(near < far, "{near} {far}");
        assert_eq!(view.eye_height(None), EYE_HEIGHT);
        assert!((view.eye_height(Some(60.0..60.0)) - EYE_HEIGHT).abs() < 1.0);
    }

    #[test]
    fn a_turn_moves_all_alike_and_a_drive_the_ground_alone() {
        let view = view(0.5);
        let middle = Vec2::new(64.0, 48.0);
        let left = view.first_seen(&[0.0, 0.0, 0.0, 0.0, 0.2, 0.0], middle);
        let Place::Seen(from) = left else { panic!("{left:?}") };
        assert!(from.distance(middle - Vec2::X * view.focal * 0.2_f32.tan()) < 1e-2, "{from}");

        let ahead = [0.0, 0.0, -0.5, 0.0, 0.0, 0.0];
        let sky = Vec2::new(30.0, 20.0);
        assert_eq!(view.first_seen(&ahead, sky), view.first_seen(&STILL, sky));
        let Place::Seen(from) = view.first_seen(&ahead, Vec2::new(64.0, 90.0)) else { panic!() };
        let [now, then] = [90.0, from.y].map(|row| view.ground_distance(row).unwrap());
        assert!((then - now - 0.5).abs() < 1e-3, "{now} {then}");
        // What stands upright is larger from nearer, about its own place.
        let upright = view.upright(&ahead, Vec2::new(84.0, 48.0), 2.0).unwrap();
        assert!((upright.x - (64.0 + 20.0 * 1.5 / 2.0)).abs() < 1e-2 && (upright.y - 48.0).abs() < 1e-2, "{upright}");
    }

    #[test]
    fn whatever_was_not_seen_stands_for_a_place_of_the_picture() {
        let view = view(0.345);
        let mut unseen = 0;
        for step in -12..=12 {
            let turn = step as f32 * 0.26;
            let poses = [
                [0.0, 0.0, 0.0, 0.0, turn, 0.0],
                [0.0, 0.0, 0.0, turn, 0.0, 0.0],
                [turn, 0.5 * turn, 2.0 * turn, 0.3 * turn, turn, 0.1],
            ];
            for (pose, place) in poses.iter().flat_map(|pose| places().map(move |place| (pose, place))) {
                let (Place::Seen(from) | Place::Alike(from)) = view.first_seen(pose, place);
                assert!(view.is_inside(from), "{pose:?} {place}: {from}");
                unseen += usize::from(matches!(view.first_seen(pose, place), Place::Alike(_)));
            }
        }
        assert!(unseen > 1000, "{unseen}");
    }
}
