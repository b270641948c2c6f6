//! Drawing styles: ink around and on objects, tones in steps, and pencil on paper.

use super::{
    body::{Body, BodyHit, Ray},
    solid,
    texture::smoothstep,
    tone::compressed_light,
};
use crate::stage::Shape;
use glam::Vec3;

/// Whether an outline of `body` runs along this ray, which does not meet the body itself; `width` is an angle.
///
/// The outline is what a slightly larger solid covers and the solid itself does not.
pub(crate) fn outlined(body: &Body, ray: &Ray, width: f32, reach: f32) -> bool {
    let distance = (body.centre - ray.origin).length();
    let margin = width * distance;
    if !body.near(ray, margin) {
        return false;
    }
    let grown =
        |scale: f32| body.scaled_hit(ray, scale).is_some_and(|t| t < reach && ray.origin.y + ray.direction.y * t > 0.0);
    let share = margin / (0.5 * body.size);
    grown(1.0 + share) || (body.shape == Shape::Ring && grown((1.0 - 2.5 * share).max(0.4)))
}

/// Share of ink on an edge of the solid itself, such as a cube's; `width` is in metres.
pub(crate) fn crease(body: &Body, hit: &BodyHit, width: f32) -> f32 {
    let width = width / body.size;
    let point = hit.local;
    let from_edge = match body.shape {
        Shape::Ball | Shape::Ring => return 0.0,
        Shape::Cube => {
            let depth = Vec3::splat(solid::CUBE_HALF) - point.abs();
            // The smallest depth is that of the face itself; the second smallest leads to the edge.
            let (x, y, z) = (depth.x, depth.y, depth.z);
            x.min(y).max(x.max(y).min(z))
        }
        Shape::Cylinder => {
            let radial = solid::CYLINDER_RADIUS - (point.x * point.x + point.z * point.z).sqrt();
            radial.max(solid::CYLINDER_HALF - point.y.abs())
        }
        Shape::Cone => point.y + solid::CONE_HALF,
    };
    1.0 - smoothstep(0.6 * width, width, from_edge)
}

/// Light in three steps, for flat tones.
pub(crate) fn stepped(light: f32) -> f32 {
    0.62 * smoothstep(0.04, 0.10, light) + 0.38 * smoothstep(0.52, 0.58, light)
}

/// One pixel of a coloured pencil drawing; `rows` is the picture's height.
pub(crate) fn pencil(light: Vec3, is_object: bool, x: usize, y: usize, rows: usize) -> Vec3 {
    const PAPER: Vec3 = Vec3::new(0.83, 0.80, 0.73);
    let light = compressed_light(light);
    let brightness = super::light::luminance(light);
    // Eyes judge darkness by about the square root of light.
    let darkness = 1.0 - brightness.max(0.0).sqrt();
    let spacing = (rows as f32 / 24.0).max(5.5);
    let wave = |along: f32| 0.5 + 0.5 * (along * std::f32::consts::TAU / spacing).sin();
    let (x, y) = (x as f32, y as f32);
    let first = wave((x + y) * 0.8 + 0.6 * (y * 0.11).sin());
    let second = wave((x * 0.35 - y) * 0.95);
    // Objects are hatched firmly, what is behind them faintly; the darkest lines are drawn solid.
    let firm = if is_object { 0.5 } else { 0.22 };
    let strokes = smoothstep(0.12, 0.85, darkness) * (1.0 - firm + firm * first)
        + 0.45 * smoothstep(0.5, 0.95, darkness) * (1.0 - firm + firm * second);
    let strokes = strokes.max(smoothstep(0.8, 0.87, darkness) * 1.2);
    let colourful = if is_object { 0.85 } else { 0.42 };
    let hue = (light / brightness.max(0.02)).min(Vec3::splat(4.0));
    let strongest = hue.max_element().max(1e-3);
    // Pigment takes away light where the colour has none.
    let pigment = Vec3::ONE.lerp(hue / strongest, colourful);
    let grey = 1.0 - (0.72 * strokes).min(0.93);
    PAPER * pigment * grey
}
