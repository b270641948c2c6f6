//! Films of a world: pictures, and the truth about them.

use glam::Vec3;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use video::{Clip, Frame};

use crate::{
    error::WorldsError,
    render::Renderer,
    stage::{Camera, Moment, Pose},
    world::{FilmSettings, World},
};

/// A rendered clip with its ground truth.
#[derive(Clone, Debug)]
pub struct Film {
    /// The pictures.
    pub clip: Clip,
    /// What is true of each picture.
    pub truth: Truth,
}

/// What is true of each frame of a film.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// One for each frame.
    pub frames: Vec<FrameTruth>,
}

/// What is true of one frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FrameTruth {
    /// Seconds since the film began.
    pub time_secs: f32,
    /// The camera's pose and vertical field of view.
    pub camera: Camera,
    /// The camera as a pinhole with square pixels.
    pub intrinsics: Intrinsics,
    /// Each object's pose in the world.
    pub poses: Vec<Pose>,
    /// For each object, the share of its pixels that nothing stands in front of; 0 when it is outside the picture.
    pub visible: Vec<f32>,
    /// Object index + 1 for each pixel, 0 for background, row by row from the top.
    pub ids: Vec<u8>,
}

/// A pinhole camera in pixels: `u = focal · x / depth + centre_x`, `v = -focal · y / depth + centre_y`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intrinsics {
    /// Focal length in pixels.
    pub focal: f32,
    /// Principal point from the left edge in pixels.
    pub centre_x: f32,
    /// Principal point from the top edge in pixels.
    pub centre_y: f32,
}

impl Intrinsics {
    /// Those of a camera for pictures of one size.
    pub fn of(camera: &Camera, resolution: video::Resolution) -> Self {
        let (width, height) = (resolution.width() as f32, resolution.height() as f32);
        Self { focal: 0.5 * height / (0.5 * camera.vertical_fov).tan(), centre_x: 0.5 * width, centre_y: 0.5 * height }
    }

    /// Where a point of the world appears, in pixels from the top left, and how far in front of the camera it is.
    pub fn project(&self, camera: &Camera, point: Vec3) -> Option<(f32, f32, f32)> {
        let local = camera.pose.rotation.inverse() * (point - camera.pose.position);
        let depth = -local.z;
        (depth > 1e-4).then(|| {
            let scale = self.focal / depth;
            (self.centre_x + local.x * scale, self.centre_y - local.y * scale, depth)
        })
    }
}

impl World {
    /// Renders a film with its ground truth.
    ///
    /// # Errors
    /// [`WorldsError::Video`] for a film without frames, [`WorldsError::Duration`] for one that is too long.
    pub fn film(&self, settings: FilmSettings) -> Result<Film, WorldsError> {
        settings.check()?;
        let moments = self.moments(settings);
        let renderer = Renderer::new(self.stage());
        let pictures: Vec<_> = moments.par_iter().map(|moment| renderer.draw(moment, settings.resolution)).collect();
        let mut frames = Vec::with_capacity(pictures.len());
        let mut truths = Vec::with_capacity(pictures.len());
        for (picture, moment) in pictures.into_iter().zip(moments) {
            frames.push(picture.frame);
            let Moment { time_secs, camera, poses } = moment;
            let intrinsics = Intrinsics::of(&camera, settings.resolution);
            truths.push(FrameTruth {
                time_secs,
                camera,
                intrinsics,
                poses,
                visible: picture.visible,
                ids: picture.ids,
            });
        }
        Ok(Film { clip: Clip::new(frames, settings.frame_rate)?, truth: Truth { frames: truths } })
    }

    /// Renders the pictures alone, which is faster.
    pub fn frames(&self, settings: FilmSettings) -> Vec<Frame> {
        let renderer = Renderer::new(self.stage());
        self.moments(settings).par_iter().map(|moment| renderer.draw_frame(moment, settings.resolution)).collect()
    }
}
