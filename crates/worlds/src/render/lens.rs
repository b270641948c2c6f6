//! The pinhole camera: pixels to rays, and points to pixels.

use super::body::Ray;
use crate::stage::Moment;
use glam::{Vec2, Vec3};
use video::Resolution;

/// Turns picture positions into rays.
pub(crate) struct Lens {
    pub(crate) eye: Vec3,
    /// Direction through the top left corner of the picture, and the steps of one pixel right and down.
    corner: Vec3,
    right: Vec3,
    down: Vec3,
    size: Vec2,
}

impl Lens {
    pub(crate) fn new(moment: &Moment, resolution: Resolution) -> Self {
        let pose = moment.camera.pose;
        let tall = (0.5 * moment.camera.vertical_fov).tan();
        let step = 2.0 * tall / resolution.height() as f32;
        let (right, down) = (pose.rotation * Vec3::X * step, pose.rotation * Vec3::NEG_Y * step);
        let forward = pose.rotation * Vec3::NEG_Z;
        let corner = forward - right * (resolution.width() as f32 * 0.5) - down * (resolution.height() as f32 * 0.5);
        let size = Vec2::new(resolution.width() as f32, resolution.height() as f32);
        Self { eye: pose.position, corner, right, down, size }
    }

    /// Unit direction of the middle of the picture.
    pub(crate) fn forward(&self) -> Vec3 {
        self.right.cross(self.down).normalize()
    }

    /// Where a point of the world appears, and its distance; `None` when it is not in front of the eye.
    pub(crate) fn project(&self, point: Vec3) -> Option<(Vec2, f32)> {
        let from_eye = point - self.eye;
        let ahead = from_eye.dot(self.forward());
        if ahead < 0.05 {
            return None;
        }
        // `right` and `down` are as long as one pixel at distance 1.
        let pixel_squared = self.right.length_squared() * ahead;
        let offset = Vec2::new(from_eye.dot(self.right), from_eye.dot(self.down)) / pixel_squared;
        Some((self.size * 0.5 + offset, from_eye.length()))
    }

    /// The ray through (`x`, `y`), in pixels from the top left corner.
    #[inline]
    pub(crate) fn ray(&self, x: f32, y: f32) -> Ray {
        Ray { origin: self.eye, direction: (self.corner + self.right * x + self.down * y).normalize() }
    }
}
