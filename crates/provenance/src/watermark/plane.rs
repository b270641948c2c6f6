//! Brightness as numbers: taken from pictures, brought to another size, and measured around each point.

use video::Frame;

/// Brightness of BT.709, as H.264 keeps it best.
const LUMA: [f32; 3] = [0.2126, 0.7152, 0.0722];
/// Points on each side over which the surroundings are averaged, twice.
const RADIUS: usize = 4;
/// Contrast that a flat place is taken to have: there the mark is this strong, and noise is not blown up.
const FLAT_CONTRAST: f32 = 6.0;
/// The most that a busy place carries, as a multiple of a flat one: edges must not take the whole of the budget.
const MOST_CONTRAST: f32 = 4.0 * FLAT_CONTRAST;
/// What stands out further counts no more than this.
const OUTLIER: f32 = 2.5;

/// One number for each point of a picture.
#[derive(Clone, Debug)]
pub(super) struct Plane {
    pub width: usize,
    pub height: usize,
    pub data: Vec<f32>,
}

/// A picture as the mark sees it.
pub(super) struct Texture {
    /// What is left when slow changes are taken away and all places are brought to one contrast.
    pub detail: Plane,
    /// How much each place hides: the mark is drawn with this strength.
    pub contrast: Plane,
}

impl Plane {
    /// The brightness of a picture, 0 to 255.
    pub fn luma(frame: &Frame) -> Self {
        let size = frame.resolution();
        let luma = |pixel: &[u8]| (0..3).map(|channel| LUMA[channel] * f32::from(pixel[channel])).sum();
        let data = frame.rgb().chunks_exact(3).map(luma).collect();
        Self { width: size.width() as usize, height: size.height() as usize, data }
    }

    /// The shorter side.
    pub fn short_side(&self) -> usize {
        self.width.min(self.height)
    }

    /// In another size; what is shrunk is averaged.
    pub fn resized(&self, width: usize, height: usize) -> Self {
        if (width, height) == (self.width, self.height) {
            return self.clone();
        }
        let across = self.resized_across(width);
        across.transposed().resized_across(height).transposed()
    }

    fn resized_across(&self, width: usize) -> Self {
        if width == self.width {
            return self.clone();
        }
        let taps = taps(self.width, width);
        let mut data = Vec::with_capacity(width * self.height);
        for row in self.data.chunks_exact(self.width) {
            data.extend(
                taps.iter().map(|(first, weights)| weights.iter().zip(&row[*first..]).map(|(w, v)| w * v).sum::<f32>()),
            );
        }
        Self { width, height: self.height, data }
    }

    fn transposed(&self) -> Self {
        let mut data = Vec::with_capacity(self.data.len());
        for column in 0..self.width {
            data.extend(self.data[column..].iter().step_by(self.width));
        }
        Self { width: self.height, height: self.width, data }
    }

    /// Each point's surroundings, averaged with weights that fall off linearly.
    fn blurred(&self) -> Self {
        let across = self.blurred_across().blurred_across().transposed();
        across.blurred_across().blurred_across().transposed()
    }

    fn blurred_across(&self) -> Self {
        let mut data = Vec::with_capacity(self.data.len());
        let mut sums = Vec::with_capacity(self.width + 1);
        for row in self.data.chunks_exact(self.width) {
            sums.clear();
            sums.push(0.0);
            let mut sum = 0.0_f64;
            sums.extend(row.iter().map(|&value| {
                sum += f64::from(value);
                sum
            }));
            for x in 0..self.width {
                let (from, to) = (x.saturating_sub(RADIUS), (x + RADIUS + 1).min(self.width));
                data.push(((sums[to] - sums[from]) / (to - from) as f64) as f32);
            }
        }
        Self { data, ..*self }
    }

    /// Takes slow changes away, and brings all places to one contrast.
    pub fn texture(&self) -> Texture {
        let mean = self.blurred();
        let detail: Vec<f32> = self.data.iter().zip(&mean.data).map(|(value, mean)| value - mean).collect();
        let squares = Self { data: detail.iter().map(|value| value * value).collect(), ..*self };
        let mut contrast = squares.blurred();
        for value in &mut contrast.data {
            *value = (value.max(0.0).sqrt() + FLAT_CONTRAST).min(MOST_CONTRAST);
        }
        let scaled = detail.iter().zip(&contrast.data).map(|(detail, contrast)| detail / contrast);
        let data = scaled.map(|value| value.clamp(-OUTLIER, OUTLIER)).collect();
        Texture { detail: Self { data, ..*self }, contrast }
    }

    /// A part of it, beginning at a point that need not be whole and in steps that need not be either; beyond its edges it
    /// goes on as at the edge.
    pub fn sampled(&self, [left, top]: [f32; 2], step: f32, [width, height]: [usize; 2]) -> Self {
        let place = |at: f32, len: usize| {
            let at = at.clamp(0.0, len as f32 - 1.0);
            let low = (at as usize).min(len.saturating_sub(2));
            (low, at - low as f32, usize::from(len > 1))
        };
        let columns: Vec<_> = (0..width).map(|x| place((x as f32 + 0.5) * step + left - 0.5, self.width)).collect();
        let mut data = Vec::with_capacity(width * height);
        for y in 0..height {
            let (row, below, next) = place((y as f32 + 0.5) * step + top - 0.5, self.height);
            let [upper, lower] = [row, row + next].map(|row| &self.data[row * self.width..][..self.width]);
            data.extend(columns.iter().map(|&(column, right, next)| {
                let mix = |line: &[f32]| line[column] * (1.0 - right) + line[column + next] * right;
                mix(upper) * (1.0 - below) + mix(lower) * below
            }));
        }
        Self { width, height, data }
    }

    /// The mean of the squares.
    pub fn mean_square(&self) -> f32 {
        let sum: f64 = self.data.iter().map(|value| f64::from(value * value)).sum();
        (sum / self.data.len().max(1) as f64) as f32
    }

    /// Multiplies all by a number.
    pub fn scale(&mut self, factor: f32) {
        self.data.iter_mut().for_each(|value| *value *= factor);
    }

    /// Scales down what has a larger mean square.
    pub fn limit(&mut self, most: f32) {
        let found = self.mean_square();
        if found > most {
            self.scale((most / found).sqrt());
        }
    }

    /// Adds another of the same size.
    pub fn add(&mut self, other: &Self) {
        for (sum, value) in self.data.iter_mut().zip(&other.data) {
            *sum += value;
        }
    }
}

/// For each new point the first of the old ones that it is made of, and their weights.
fn taps(from: usize, to: usize) -> Vec<(usize, Vec<f32>)> {
    let scale = from as f32 / to as f32;
    let reach = scale.max(1.0);
    (0..to)
        .map(|point| {
            let centre = (point as f32 + 0.5) * scale - 0.5;
            let first = (centre - reach).ceil().max(0.0) as usize;
            let last = ((centre + reach).floor().max(0.0) as usize).min(from - 1);
            let weights = (first..=last).map(|old| (1.0 - (old as f32 - centre).abs() / reach).max(0.0));
            let mut weights: Vec<f32> = weights.collect();
            let sum: f32 = weights.iter().sum();
            weights.iter_mut().for_each(|weight| *weight /= sum);
            (first, weights)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(width: usize, height: usize) -> Plane {
        Plane { width, height, data: (0..width * height).map(|index| (index % width) as f32).collect() }
    }

    #[test]
    fn a_new_size_keeps_the_mean_and_the_slope() {
        let plane = ramp(64, 32);
        for (width, height) in [(32, 16), (128, 64), (50, 31)] {
            let other = plane.resized(width, height);
            let mean = other.data.iter().sum::<f32>() / other.data.len() as f32;
            assert!((mean - 31.5).abs() < 0.2, "{width}x{height}: {mean}");
            let middle = other.data[width / 2 + 1] - other.data[width / 2];
            assert!((middle - 64.0 / width as f32).abs() < 0.3);
        }
    }

    #[test]
    fn flat_pictures_have_no_detail_and_the_least_contrast() {
        let texture = Plane { width: 20, height: 10, data: vec![80.0; 200] }.texture();
        assert!(texture.detail.data.iter().all(|value| value.abs() < 1e-3));
        assert!(texture.contrast.data.iter().all(|value| (value - FLAT_CONTRAST).abs() < 1e-2));
    }
}
