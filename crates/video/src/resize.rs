//! Pictures in another size.

use crate::{Frame, Resolution, VideoError};

/// What a new pixel is made of: a weighted mean of the old ones around it.
///
/// Smaller pictures take in proportionally more of them, so that nothing is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Keys' cubic with a = −½, two pixels to each side.
    Bicubic,
    /// A sinc under a wider one, three pixels to each side: sharper.
    Lanczos,
}

/// Bits behind the point of a weight: what three bytes' sum of products leaves of 32.
const WEIGHT_BITS: u32 = 22;

impl Filter {
    /// Old pixels to each side that count.
    const fn support(self) -> f64 {
        match self {
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    /// Formula:  (a + 2)|x|³ − (a + 3)x² + 1 below 1, a(|x|³ − 5x² + 8|x| − 4) below 2;  sinc(x)·sinc(x/3) below 3
    fn weight(self, x: f64) -> f64 {
        let sinc = |x: f64| if x == 0.0 { 1.0 } else { (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x) };
        match (self, x.abs()) {
            (Self::Bicubic, x) if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
            (Self::Bicubic, x) if x < 2.0 => -0.5 * (((x - 5.0) * x + 8.0) * x - 4.0),
            (Self::Lanczos, x) if x < 3.0 => sinc(x) * sinc(x / 3.0),
            _ => 0.0,
        }
    }
}

impl Frame {
    /// The same picture in another size, stretched where the proportions differ.
    ///
    /// Columns first, then rows, each rounded to bytes: bit for bit what Pillow's `Image.resize` gives.
    ///
    /// # Errors
    /// None for a resolution that exists; the type is that of [`Frame::new`].
    pub fn resized(&self, size: Resolution, filter: Filter) -> Result<Self, VideoError> {
        let (old, [width, height]) = (self.resolution(), [size.width() as usize, size.height() as usize]);
        let [old_width, old_height] = [old.width() as usize, old.height() as usize];
        let mut narrow = vec![0; old_height * width * 3];
        let columns = taps(old_width, width, filter);
        for (line, out) in self.rgb().chunks_exact(old_width * 3).zip(narrow.chunks_exact_mut(width * 3)) {
            for (pixel, Taps { first, weights }) in out.chunks_exact_mut(3).zip(&columns) {
                for (channel, value) in pixel.iter_mut().enumerate() {
                    *value = weighted(line[first * 3 + channel..].iter().step_by(3), weights);
                }
            }
        }
        let mut rgb = vec![0; height * width * 3];
        for (out, Taps { first, weights }) in rgb.chunks_exact_mut(width * 3).zip(&taps(old_height, height, filter)) {
            for (place, value) in out.iter_mut().enumerate() {
                *value = weighted(narrow[first * width * 3 + place..].iter().step_by(width * 3), weights);
            }
        }
        Self::new(size, rgb)
    }

    /// The middle of the picture; sides that are longer than its own become its own.
    ///
    /// # Errors
    /// None for a resolution that exists; the type is that of [`Frame::new`].
    pub fn middle(&self, size: Resolution) -> Result<Self, VideoError> {
        let old = self.resolution();
        let size = Resolution::new(size.width().min(old.width()), size.height().min(old.height()))?;
        let [left, top] =
            [(old.width() - size.width()) / 2, (old.height() - size.height()) / 2].map(|side| side as usize);
        let lines = self.rgb().chunks_exact(old.width() as usize * 3).skip(top).take(size.height() as usize);
        let rgb = lines.flat_map(|line| &line[left * 3..][..size.width() as usize * 3]).copied().collect();
        Self::new(size, rgb)
    }

    /// The same picture in another size, in its own proportions: as large as it must be to fill it, and then its middle.
    ///
    /// # Errors
    /// [`VideoError::Resolution`] for a picture so narrow that filling the size would make it too long.
    pub fn filling(&self, size: Resolution, filter: Filter) -> Result<Self, VideoError> {
        let old = self.resolution();
        let [across, down] =
            [f64::from(size.width()) / f64::from(old.width()), f64::from(size.height()) / f64::from(old.height())];
        let side = |old: u32, least: u32| ((f64::from(old) * across.max(down)).round() as u32).max(least);
        let whole = Resolution::new(side(old.width(), size.width()), side(old.height(), size.height()))?;
        self.resized(whole, filter)?.middle(size)
    }
}

/// The old pixels that a new one is made of.
struct Taps {
    first: usize,
    /// In units of 2⁻²².
    weights: Vec<i32>,
}

/// What each of `new` positions is made of, of `old` ones.
fn taps(old: usize, new: usize, filter: Filter) -> Vec<Taps> {
    let scale = old as f64 / new as f64;
    let reach = scale.max(1.0);
    let support = filter.support() * reach;
    let tap = |index: usize| {
        let centre = (index as f64 + 0.5) * scale;
        let first = (centre - support + 0.5).max(0.0) as usize;
        let end = ((centre + support + 0.5) as usize).min(old);
        let weights: Vec<f64> =
            (first..end).map(|position| filter.weight((position as f64 - centre + 0.5) / reach)).collect();
        let total: f64 = weights.iter().sum();
        let whole = |weight: &f64| (weight / total * f64::from(1 << WEIGHT_BITS)).round() as i32;
        Taps { first, weights: weights.iter().map(whole).collect() }
    };
    (0..new).map(tap).collect()
}

/// The mean of bytes, rounded and clamped to one.
fn weighted<'a>(values: impl Iterator<Item = &'a u8>, weights: &[i32]) -> u8 {
    let sum: i32 = values.zip(weights).map(|(value, weight)| i32::from(*value) * weight).sum();
    ((sum + (1 << (WEIGHT_BITS - 1))) >> WEIGHT_BITS).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(text: &str) -> Resolution {
        text.parse().unwrap()
    }

    #[test]
    fn a_flat_picture_stays_flat_and_no_size_is_too_odd() {
        let picture = Frame::filled(size("7x5"), [3, 128, 255]);
        for filter in [Filter::Bicubic, Filter::Lanczos] {
            for new in ["1x1", "7x5", "3x11", "64x1", "1x64"] {
                assert_eq!(picture.resized(size(new), filter).unwrap(), Frame::filled(size(new), [3, 128, 255]));
                assert_eq!(picture.filling(size(new), filter).unwrap(), Frame::filled(size(new), [3, 128, 255]));
            }
        }
    }

    #[test]
    fn the_middle_is_what_lies_there() {
        let rgb = (0..4 * 3).flat_map(|pixel| [pixel, pixel, pixel]).collect();
        let picture = Frame::new(size("4x3"), rgb).unwrap();
        let middle = picture.middle(size("2x1")).unwrap();
        assert_eq!(middle.rgb(), [5, 5, 5, 6, 6, 6]);
        assert_eq!(picture.middle(size("9x9")).unwrap(), picture);
    }

    #[test]
    fn a_line_that_would_become_too_long_is_refused() {
        let line = Frame::filled(size("16384x1"), [0; 3]);
        let error = line.filling(size("832x480"), Filter::Lanczos).unwrap_err();
        assert!(matches!(error, VideoError::Resolution { .. }), "{error}");
    }
}
