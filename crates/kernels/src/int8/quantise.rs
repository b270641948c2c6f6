//! Numbers to whole numbers of 8 bits and back.

use crate::cpu::vectorize;

/// Largest whole number. −128 is left out, so that a number and its negative are rounded alike.
pub(super) const LEVELS: f32 = 127.0;
/// Rows whose numbers are all smaller than this count as zeros: the inverse of their scale would be infinite.
const SMALLEST: f32 = 1e-36;
/// Added to a small number, it leaves the nearest whole number in the lowest bits; of two, the even one.
const ROUNDER: f32 = 12_582_912.0; // 1.5 · 2²³

/// Rounds a row, and returns its scale.
///
/// Formula:  out = round(row / scale), scale = max |row| / 127
///
/// A row with a number that is not finite becomes zeros, and its scale NaN.
pub(super) fn quantise(row: &[f32], out: &mut [i8]) -> f32 {
    vectorize(
        #[inline(always)]
        |_| {
            let Some((inverse, scale)) = scales(row, LEVELS) else {
                out.fill(0);
                return f32::NAN;
            };
            for (out, value) in out.iter_mut().zip(row) {
                *out = (value * inverse + ROUNDER).to_bits() as i8;
            }
            scale
        },
    )
}

/// Largest number without a sign.
const LEVELS_ABOVE: f32 = 255.0;

/// Rounds a row of which nothing is below 0 but by a rounding error, and returns its scale.
///
/// Formula:  out = round(row / scale), scale = max row / 255
///
/// A row with a number that is not finite becomes zeros, and its scale NaN. Write it inside of [`vectorize`].
#[inline(always)]
pub(super) fn quantise_above(row: &[f32], out: &mut [u8]) -> f32 {
    let Some((inverse, scale)) = scales(row, LEVELS_ABOVE) else {
        out.fill(0);
        return f32::NAN;
    };
    for (out, value) in out.iter_mut().zip(row) {
        *out = (value * inverse + ROUNDER).to_bits() as u8;
    }
    scale
}

/// What rounds a row to so many levels, and what undoes it; nothing where a number is not finite.
#[inline(always)]
fn scales(row: &[f32], levels: f32) -> Option<(f32, f32)> {
    // Of numbers without a sign the bits are in the same order, and those of what is not finite above all.
    let mut largest = 0;
    for value in row {
        largest = value.abs().to_bits().max(largest);
    }
    match f32::from_bits(largest) {
        largest if !largest.is_finite() => None,
        largest if largest < SMALLEST => Some((0.0, 0.0)),
        largest => Some((levels / largest, largest / levels)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_to_the_nearest_of_their_row() {
        let row: Vec<f32> = (0..1001).map(|index| (index as f32 * 0.37).sin() * 5.0).collect();
        let mut out = vec![0; row.len()];
        let scale = quantise(&row, &mut out);
        for (value, out) in row.iter().zip(&out) {
            assert!((f32::from(*out) * scale - value).abs() <= 0.50001 * scale, "{value} became {out}");
        }
        assert_eq!(out.iter().map(|out| i32::from(*out).abs()).max(), Some(127));
    }

    #[test]
    fn rows_without_a_scale() {
        let mut out = [1; 3];
        assert_eq!((quantise(&[0.0, -0.0, 0.0], &mut out), out), (0.0, [0; 3]));
        assert_eq!((quantise(&[1e-40, 0.0, -1e-37], &mut out), out), (0.0, [0; 3]));
        assert_eq!((quantise(&[f32::MAX, -f32::MAX, 1e-36], &mut out), out), (f32::MAX / LEVELS, [127, -127, 0]));
        for value in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut out = [1; 3];
            assert!(quantise(&[1.0, value, 2.0], &mut out).is_nan());
            assert_eq!(out, [0; 3]);
        }
    }
}
