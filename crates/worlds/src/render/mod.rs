//! Draws a stage at a moment: a small CPU ray tracer whose solids are all analytic.
//!
//! The same stage, moment and resolution give the same bytes, on any number of threads: nothing here is shared
//! between frames, so callers draw frames side by side.
//!
//! | module | what is in it |
//! | --- | --- |
//! | `solid`, `body` | the unit solids, and solids posed in the world |
//! | `light`, `sky`, `ground` | what surrounds them |
//! | `trace` | follows one ray |
//! | `weather` | stars, rain and snow, laid over the picture |
//! | `look`, `voxel` | drawing styles |
//! | `palette`, `texture`, `tone` | named colours, noise, linear light to sRGB |

mod body;
mod ground;
mod light;
mod look;
pub mod palette;
mod sky;
mod solid;
mod texture;
mod tone;
mod trace;
mod voxel;
mod weather;

use crate::stage::{Look, Moment, Stage};
use body::{Body, Ray};
use glam::{Vec2, Vec3};
use trace::{FAR, Sample, Scene};
use video::{Frame, Resolution};

/// One drawn picture with its ground truth.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// What is seen.
    pub frame: Frame,
    /// Object index + 1 for each pixel, 0 for background, row by row from the top.
    pub ids: Vec<u8>,
    /// For each object, the share of its pixels that nothing stands in front of; 0 when it is outside the picture.
    pub visible: Vec<f32>,
}

/// Draws one stage at any moment; holds all that does not change during a film.
pub struct Renderer {
    stage: Stage,
    rig: light::Rig,
    sky: sky::Sky,
    ground: ground::Ground,
}

impl Renderer {
    /// Prepares for drawing `stage`; cheap enough to do for every clip.
    pub fn new(stage: &Stage) -> Self {
        let rig = light::Rig::new(stage);
        Self { sky: sky::Sky::new(stage, &rig), ground: ground::Ground::new(stage), rig, stage: stage.clone() }
    }

    /// Draws the picture and its ground truth.
    ///
    /// Objects without a pose in `moment` are left out.
    pub fn draw(&self, moment: &Moment, resolution: Resolution) -> Picture {
        let scene = self.scene(moment, resolution);
        let lens = Lens::new(moment, resolution);
        let (frame, samples) = paint(&scene, &lens, resolution);
        let ids = samples.iter().map(|sample| sample.id).collect();
        Picture { frame, ids, visible: visible_shares(&samples, self.stage.props.len()) }
    }

    /// Draws the picture alone, a little faster.
    pub fn draw_frame(&self, moment: &Moment, resolution: Resolution) -> Frame {
        paint(&self.scene(moment, resolution), &Lens::new(moment, resolution), resolution).0
    }

    fn scene(&self, moment: &Moment, resolution: Resolution) -> Scene<'_> {
        let bodies = self.stage.props.iter().zip(&moment.poses).map(|(prop, pose)| Body::new(prop, pose, self.stage.look)).collect();
        Scene {
            stage: &self.stage,
            rig: &self.rig,
            sky: &self.sky,
            ground: &self.ground,
            bodies,
            time_secs: moment.time_secs,
            pixel: moment.camera.vertical_fov / resolution.height() as f32,
            rows: resolution.height() as f32,
        }
    }
}

/// Turns picture positions into rays.
struct Lens {
    eye: Vec3,
    /// Direction through the top left corner of the picture, and the steps of one pixel right and down.
    corner: Vec3,
    right: Vec3,
    down: Vec3,
    size: Vec2,
}

impl Lens {
    fn new(moment: &Moment, resolution: Resolution) -> Self {
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
    fn forward(&self) -> Vec3 {
        self.right.cross(self.down).normalize()
    }

    /// Where a point of the world appears, and its distance; `None` when it is not in front of the eye.
    fn project(&self, point: Vec3) -> Option<(Vec2, f32)> {
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
    fn ray(&self, x: f32, y: f32) -> Ray {
        Ray { origin: self.eye, direction: (self.corner + self.right * x + self.down * y).normalize() }
    }
}

/// Where in a pixel the extra samples of an edge lie, around the one in its middle.
const EDGE_SAMPLES: [(f32, f32); 3] = [(0.867, 0.598), (0.231, 0.769), (0.402, 0.133)];
/// Difference above which two neighbours count as an edge, of square roots of light, which is about what eyes see.
const EDGE_CONTRAST: f32 = 0.09;

fn paint(scene: &Scene<'_>, lens: &Lens, resolution: Resolution) -> (Frame, Vec<Sample>) {
    let (width, height) = (resolution.width() as usize, resolution.height() as usize);
    let mut samples: Vec<Sample> = Vec::with_capacity(width * height);
    for y in 0..height {
        for x in 0..width {
            samples.push(scene.look(&lens.ray(x as f32 + 0.5, y as f32 + 0.5)));
        }
    }
    let mut edge = vec![false; width * height];
    let mut compare = |a: usize, b: usize| {
        if is_edge(&samples[a], &samples[b]) {
            (edge[a], edge[b]) = (true, true);
        }
    };
    for index in 0..width * height {
        if index % width + 1 < width {
            compare(index, index + 1);
        }
        if index + width < width * height {
            compare(index, index + width);
        }
    }
    let depth: Vec<f32> = samples.iter().map(|sample| sample.depth).collect();
    let mut light: Vec<Vec3> = samples
        .iter()
        .zip(&edge)
        .enumerate()
        .map(|(index, (sample, &edge))| {
            if !edge {
                return sample.light;
            }
            let (x, y) = ((index % width) as f32, (index / width) as f32);
            let look = |(dx, dy): &(f32, f32)| scene.look(&lens.ray(x + dx, y + dy)).light.min(Vec3::ONE);
            (sample.light.min(Vec3::ONE) + EDGE_SAMPLES.iter().map(look).sum::<Vec3>()) * 0.25
        })
        .collect();
    weather::overlay(&mut weather::Canvas { light: &mut light, depth: &depth, width, height }, scene, lens);
    if scene.stage.look == Look::Pencil {
        for (index, light) in light.iter_mut().enumerate() {
            *light = look::pencil(*light, samples[index].id != 0, index % width, index / width, height);
        }
    }
    let mut frame = Frame::filled(resolution, [0; 3]);
    for (pixel, light) in frame.rgb_mut().chunks_exact_mut(3).zip(&light) {
        pixel.copy_from_slice(&tone::srgb_bytes(*light));
    }
    (frame, samples)
}

fn is_edge(one: &Sample, other: &Sample) -> bool {
    if one.id != other.id {
        return true;
    }
    // The sky is smooth by itself.
    if one.depth > FAR && other.depth > FAR {
        return false;
    }
    let (a, b) = (one.light.min(Vec3::ONE), other.light.min(Vec3::ONE));
    // |√a − √b| > c, without a root.
    let gap = (a - b).abs();
    let limit = EDGE_CONTRAST * EDGE_CONTRAST;
    // (√a + √b)² lies between a + b and 2 (a + b).
    (gap * gap).cmpgt((a + b) * (1.9 * limit)).any()
}

/// Each object's seen pixels over the pixels that it would have alone.
fn visible_shares(samples: &[Sample], props: usize) -> Vec<f32> {
    let mut seen = vec![0u32; props];
    let mut alone = vec![0u32; props];
    for sample in samples {
        if sample.id > 0 {
            seen[usize::from(sample.id) - 1] += 1;
        }
        let mut met = sample.met;
        while met != 0 {
            alone[met.trailing_zeros() as usize] += 1;
            met &= met - 1;
        }
    }
    seen.iter().zip(&alone).map(|(&seen, &alone)| if alone == 0 { 0.0 } else { seen as f32 / alone as f32 }).collect()
}
