//! From linear light to 8-bit sRGB, and back for the few colours that are named in sRGB.

use glam::Vec3;
use std::sync::LazyLock;

/// Light above this is compressed softly, so that highlights keep their hue longer than by clipping.
const SHOULDER: f32 = 0.62;
/// Brightest light that the table holds; more is the same white.
const TABLE_END: f32 = 4.0;
const TABLE_LEN: usize = 4096;

// Spaced by square root, because steps in the dark show most.
static TABLE: LazyLock<[u8; TABLE_LEN]> = LazyLock::new(|| {
    std::array::from_fn(|index| {
        let root = index as f32 / (TABLE_LEN - 1) as f32;
        (255.0 * srgb_from_linear(compressed(root * root * TABLE_END))).round() as u8
    })
});

/// One pixel's bytes for linear light.
pub(crate) fn srgb_bytes(light: Vec3) -> [u8; 3] {
    let scaled = (light * (1.0 / TABLE_END)).clamp(Vec3::ZERO, Vec3::ONE);
    let table = &*TABLE;
    [scaled.x, scaled.y, scaled.z].map(|value| table[(value.sqrt() * (TABLE_LEN - 1) as f32 + 0.5) as usize])
}

/// Light as shown, still linear: every channel pressed under 1.
pub(crate) fn compressed_light(light: Vec3) -> Vec3 {
    Vec3::new(compressed(light.x), compressed(light.y), compressed(light.z))
}

/// Linear light of an sRGB byte triple, without the shoulder.
pub(crate) fn linear_from_srgb(rgb: [u8; 3]) -> Vec3 {
    let channel = |byte: u8| {
        let value = f32::from(byte) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    Vec3::new(channel(rgb[0]), channel(rgb[1]), channel(rgb[2]))
}

fn srgb_from_linear(value: f32) -> f32 {
    if value <= 0.003_130_8 { value * 12.92 } else { 1.055 * value.powf(1.0 / 2.4) - 0.055 }
}

fn compressed(value: f32) -> f32 {
    let room = 1.0 - SHOULDER;
    if value <= SHOULDER { value } else { SHOULDER + room * (1.0 - (-(value - SHOULDER) / room).exp()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dark_and_middle_tones_survive_the_round_trip() {
        for byte in 0..=200u8 {
            let light = linear_from_srgb([byte; 3]);
            if light.x < SHOULDER {
                assert!(srgb_bytes(light)[0].abs_diff(byte) <= 1, "{byte}");
            }
        }
    }

    #[test]
    fn brighter_light_is_never_darker() {
        let shown: Vec<u8> = (0..500).map(|step| srgb_bytes(Vec3::splat(step as f32 * 0.01))[0]).collect();
        assert!(shown.is_sorted());
        assert_eq!(shown[499], 255);
    }
}
