//! What the named colours look like.

use super::tone::linear_from_srgb;
use crate::stage::Colour;
use glam::Vec3;

/// All the named colours.
pub const COLOURS: [Colour; 8] = [
    Colour::Red,
    Colour::Orange,
    Colour::Yellow,
    Colour::Green,
    Colour::Blue,
    Colour::Purple,
    Colour::White,
    Colour::Black,
];

/// The sRGB reference of a named colour, as it looks in plain white light.
pub const fn reference_srgb(colour: Colour) -> [u8; 3] {
    match colour {
        Colour::Red => [212, 30, 36],
        Colour::Orange => [240, 116, 10],
        Colour::Yellow => [248, 208, 24],
        Colour::Green => [24, 156, 62],
        Colour::Blue => [28, 82, 214],
        Colour::Purple => [132, 48, 186],
        Colour::White => [240, 240, 240],
        Colour::Black => [26, 26, 29],
    }
}

/// Share of light that a surface of this colour gives back.
pub(crate) fn albedo(colour: Colour) -> Vec3 {
    linear_from_srgb(reference_srgb(colour))
}

/// The lighter (or, for white, darker) second tone of a striped surface.
pub(crate) fn stripe_albedo(colour: Colour) -> Vec3 {
    match colour {
        Colour::White => Vec3::new(0.42, 0.44, 0.47),
        Colour::Black => Vec3::new(0.10, 0.10, 0.11),
        _ => albedo(colour).lerp(Vec3::splat(0.92), 0.40),
    }
}
