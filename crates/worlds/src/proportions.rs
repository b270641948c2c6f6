//! How high and wide the solids are, and how they stand, float and spin.

use std::f32::consts::{FRAC_PI_2, PI};

use glam::Quat;

use crate::stage::{Place, Prop, Shape};

/// Height of a floating solid's centre above the water, as a share of its height above the ground.
pub(crate) const AFLOAT: f32 = 0.5;

pub(crate) fn can_roll(shape: Shape) -> bool {
    matches!(shape, Shape::Ball | Shape::Cylinder | Shape::Ring)
}

/// Height of the centre above the ground when the solid stands, for size 1.
pub(crate) fn rest_height(shape: Shape) -> f32 {
    match shape {
        Shape::Ball | Shape::Cone => 0.5,
        Shape::Cube | Shape::Cylinder => 0.45,
        Shape::Ring => 0.56,
    }
}

pub(crate) fn full_height(shape: Shape) -> f32 {
    2.0 * rest_height(shape)
}

pub(crate) fn rolling_radius(prop: &Prop) -> f32 {
    rest_height(prop.shape) * prop.size
}

pub(crate) fn width(prop: &Prop) -> f32 {
    prop.size
        * match prop.shape {
            Shape::Ball => 1.0,
            Shape::Cube | Shape::Cylinder => 0.9,
            Shape::Cone => 1.1,
            Shape::Ring => 1.12,
        }
}

/// How the solid is turned so that its turning shows.
pub(crate) fn spin_attitude(shape: Shape) -> Quat {
    match shape {
        // Bands across the equator would look the same all the way round.
        Shape::Ball => Quat::from_rotation_z(1.2),
        Shape::Cylinder => Quat::from_rotation_z(FRAC_PI_2),
        // On its tip, leaning, like a top.
        Shape::Cone => Quat::from_rotation_z(0.35) * Quat::from_rotation_x(PI),
        Shape::Cube | Shape::Ring => Quat::IDENTITY,
    }
}

pub(crate) fn spin_height(prop: &Prop, place: Place) -> f32 {
    let height = match prop.shape {
        // The tip touches the ground: half the height, leaning.
        Shape::Cone => 0.5 * 0.35_f32.cos(),
        shape => rest_height(shape),
    } * prop.size;
    if place == Place::Sea { AFLOAT * height } else { height }
}
