//! The closed forms against brute force on the signed distances, which are much simpler formulas.

use super::*;
use crate::render::texture::hash01;

const SHAPES: [Shape; 5] = [Shape::Ball, Shape::Cube, Shape::Cylinder, Shape::Cone, Shape::Ring];

/// Ray number `index`, aimed from a sphere around the solid at a point near it.
fn ray(index: u32) -> (Vec3, Vec3) {
    let chance = |salt: u32| hash01(index * 8 + salt) * 2.0 - 1.0;
    let from = Vec3::new(chance(0), chance(1), chance(2)).normalize_or(Vec3::X) * 2.5;
    let target = Vec3::new(chance(3), chance(4), chance(5)) * 0.6;
    // Rays along an axis divide by zero where the formulas are careless.
    match index % 12 {
        0 => return (target.with_x(2.0), Vec3::NEG_X),
        1 => return (target.with_y(2.0), Vec3::NEG_Y),
        2 => return (target.with_z(2.0), Vec3::NEG_Z),
        _ => {}
    }
    (from, (target - from).normalize())
}

/// Walks along the ray by the distance to the solid; also returns how close the ray came.
fn walked(shape: Shape, origin: Vec3, direction: Vec3) -> (Option<f32>, f32) {
    let (mut t, mut closest) = (0.0, f32::MAX);
    while t < 6.0 {
        let gap = distance(shape, origin + direction * t);
        closest = closest.min(gap);
        if gap < 2e-5 {
            return (Some(t), closest);
        }
        t += gap * 0.9;
    }
    (None, closest)
}

#[test]
fn rays_enter_where_walking_along_them_meets_the_surface() {
    for shape in SHAPES {
        // The ring's quartic loses digits in f32 where a ray grazes it.
        let tolerance = if shape == Shape::Ring { 1e-3 } else { 2e-4 };
        let mut hits = 0;
        for index in 0..4000 {
            let (origin, direction) = ray(index);
            let (expected, closest) = walked(shape, origin, direction);
            let entry = enter(shape, origin, direction);
            assert_eq!(blocks(shape, origin, direction), entry.is_some(), "{shape:?} {index}");
            match (expected, entry) {
                (Some(t), Some(entry)) => {
                    hits += 1;
                    let point = origin + direction * entry.t;
                    // A grazing walk stops early, so the surface itself is the judge.
                    assert!((t - entry.t).abs() < 0.02, "{shape:?} {index}: {t} {}", entry.t);
                    assert!(distance(shape, point).abs() < tolerance, "{shape:?} {index}: {}", distance(shape, point));
                    assert!((entry.normal.length() - 1.0).abs() < 1e-3 && entry.normal.dot(direction) <= 1e-3);
                    let lifted = distance(shape, point + entry.normal * 0.01);
                    assert!(
                        (lifted - 0.01).abs() < 1.5e-3,
                        "{shape:?} {index}: normal {} rises {lifted}",
                        entry.normal
                    );
                }
                (None, None) => {}
                _ => assert!(closest.abs() < 1e-3, "{shape:?} {index}: walked {expected:?}, entered {entry:?}"),
            }
        }
        assert!(hits > 800, "{shape:?}: only {hits} hits");
    }
}

#[test]
fn bounds_hold_the_solids() {
    for shape in SHAPES {
        for index in 0..3000 {
            let chance = |salt: u32| hash01(index * 4 + salt) * 2.0 - 1.0;
            let point = Vec3::new(chance(0), chance(1), chance(2));
            let inside = distance(shape, point) < 0.0;
            assert!(!inside || point.length() <= bounding_radius(shape), "{shape:?} sticks out at {point}");
            assert!(inside || point.length() >= inscribed_radius(shape), "{shape:?} is hollow at {point}");
        }
    }
}
