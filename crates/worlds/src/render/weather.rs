//! What is laid over the traced picture as soft spots and streaks: stars, rain and snow.
//!
//! Drops live in the world and fall with time, so that they pass behind objects and move against the camera.

use super::{
    lens::Lens,
    texture::{hash01, smoothstep},
    trace::{FAR, Scene},
};
use crate::stage::{Daytime, Place, Weather};
use glam::{Vec2, Vec3};

/// A picture in linear light with the distance of every pixel.
pub(crate) struct Canvas<'a> {
    pub(crate) light: &'a mut [Vec3],
    pub(crate) depth: &'a [f32],
    pub(crate) width: usize,
    pub(crate) height: usize,
}

/// A soft stroke from one picture position to another.
struct Stroke {
    from: Vec2,
    to: Vec2,
    /// Half its width in pixels.
    radius: f32,
    colour: Vec3,
    alpha: f32,
    depth: f32,
}

/// Edge of the cube of air around the view that holds the drops; they repeat beyond it.
const AIR: f32 = 9.0;

/// Draws stars and whatever falls.
pub(crate) fn overlay(canvas: &mut Canvas<'_>, scene: &Scene<'_>, lens: &Lens) {
    if scene.stage.place == Place::Room {
        return;
    }
    if scene.stage.daytime == Daytime::Night && scene.stage.weather == Weather::Clear {
        stars(canvas, scene, lens);
    }
    match scene.stage.weather {
        Weather::Clear => {}
        Weather::Rain => rain(canvas, scene, lens),
        Weather::Snow => snow(canvas, scene, lens),
    }
}

fn stars(canvas: &mut Canvas<'_>, scene: &Scene<'_>, lens: &Lens) {
    let key = scene.key();
    for index in 0..300u32 {
        let chance = |salt: u32| hash01(key ^ (index * 8 + salt).wrapping_mul(0x0101_0193));
        let up = 0.06 + 0.9 * chance(0) * chance(0).sqrt();
        let flat = (1.0 - up * up).sqrt();
        let (sin, cos) = (chance(2) * std::f32::consts::TAU).sin_cos();
        let direction = Vec3::new(sin * flat, up, cos * flat);
        let Some((at, _)) = lens.project(lens.eye + direction) else { continue };
        let brightness = chance(3);
        let clouds = scene.sky.cloudiness(direction, scene.time_secs);
        let size = canvas.height as f32 / 128.0;
        let radius = (0.42 + 0.45 * brightness * brightness) * size.max(0.9);
        let alpha = (0.25 + 0.65 * brightness * brightness) * (1.0 - clouds) * smoothstep(0.06, 0.2, up);
        let colour = Vec3::new(0.80, 0.86, 1.0).lerp(Vec3::new(1.0, 0.92, 0.78), chance(4));
        canvas.stroke(&Stroke { from: at, to: at, radius, colour, alpha, depth: FAR });
    }
}

fn rain(canvas: &mut Canvas<'_>, scene: &Scene<'_>, lens: &Lens) {
    let fall = Vec3::new(0.7, -5.6, 0.3);
    let colour = scene.rig.horizon * 0.7 + scene.rig.ambient_up * 0.3 + Vec3::splat(0.18);
    for index in 0..150u32 {
        let Some((position, fade)) = in_air(scene, lens, index, fall * scene.time_secs) else { continue };
        let tail = position - fall * 0.055;
        if let (Some((from, depth)), Some((to, _))) = (lens.project(position), lens.project(tail)) {
            let (radius, cover) = drawn_size(0.011 / (depth * scene.pixel), 0.55);
            canvas.stroke(&Stroke { from, to, radius, colour, alpha: 0.42 * fade * cover.max(0.45), depth });
        }
    }
}

fn snow(canvas: &mut Canvas<'_>, scene: &Scene<'_>, lens: &Lens) {
    let fall = Vec3::new(0.25, -0.95, 0.12);
    let colour = Vec3::splat(0.62) + scene.rig.ambient_up * 0.5;
    for index in 0..230u32 {
        let sway = (scene.time_secs * 1.7 + index as f32).sin() * 0.12;
        let moved = fall * scene.time_secs + Vec3::new(sway, 0.0, sway * 0.6);
        let Some((position, fade)) = in_air(scene, lens, index, moved) else { continue };
        if let Some((at, depth)) = lens.project(position) {
            let (radius, cover) = drawn_size(0.026 / (depth * scene.pixel), 0.7);
            canvas.stroke(&Stroke { from: at, to: at, radius, colour, alpha: 0.85 * fade * cover, depth });
        }
    }
}

/// Radius to draw for a true radius in pixels, and the share of light left when it had to be widened.
fn drawn_size(true_radius: f32, least: f32) -> (f32, f32) {
    let radius = true_radius.max(least);
    (radius, (true_radius / radius).min(1.0))
}

/// Where a drop is that has moved by `moved`, and how solid it is; it fades out before it wraps around.
fn in_air(scene: &Scene<'_>, lens: &Lens, index: u32, moved: Vec3) -> Option<(Vec3, f32)> {
    let key = scene.key() ^ index.wrapping_mul(0x0100_0193);
    let start = Vec3::new(hash01(key ^ 1), hash01(key ^ 2), hash01(key ^ 3)) * AIR;
    let middle = lens.eye + lens.forward() * (0.5 * AIR - 0.6);
    let offset = (start + moved - middle) / AIR;
    let offset = offset - offset.round();
    let position = middle + offset * AIR;
    let edge = offset.abs().max_element() * 2.0;
    let fade = 1.0 - smoothstep(0.75, 1.0, edge);
    let near = smoothstep(0.5, 1.6, (position - lens.eye).dot(lens.forward()));
    (position.y > 0.0 && fade * near > 0.02).then_some((position, fade * near))
}

impl Canvas<'_> {
    fn stroke(&mut self, stroke: &Stroke) {
        let margin = stroke.radius + 1.0;
        let (low, high) = (stroke.from.min(stroke.to) - margin, stroke.from.max(stroke.to) + margin);
        if high.x < 0.0 || high.y < 0.0 || low.x >= self.width as f32 || low.y >= self.height as f32 {
            return;
        }
        let (left, top) = (low.x.max(0.0) as usize, low.y.max(0.0) as usize);
        let (right, bottom) = ((high.x as usize + 1).min(self.width), (high.y as usize + 1).min(self.height));
        let along = stroke.to - stroke.from;
        let inverse = 1.0 / along.length_squared().max(1e-6);
        for y in top..bottom {
            for x in left..right {
                let index = y * self.width + x;
                if self.depth[index] < stroke.depth {
                    continue;
                }
                let from = Vec2::new(x as f32 + 0.5, y as f32 + 0.5) - stroke.from;
                let share = (from.dot(along) * inverse).clamp(0.0, 1.0);
                let away = (from - along * share).length();
                let alpha = stroke.alpha * (1.0 - smoothstep(stroke.radius - 0.6, stroke.radius + 0.9, away));
                self.light[index] = self.light[index].lerp(stroke.colour, alpha);
            }
        }
    }
}
