//! Smooth tiling noise with ready-made blurred copies, so that far detail fades instead of flickering.

use std::sync::LazyLock;

const SIDE_LOG2: usize = 8;
const SIDE: usize = 1 << SIDE_LOG2;

/// Cloud-like noise, the same for all stages: a stage shifts and turns it by its seed.
pub(crate) static CLOUDY: LazyLock<NoiseMap> = LazyLock::new(|| NoiseMap::fractal(&[8, 16, 32, 64], 0.52, 0x5EED_0001));
/// Fine even noise, for ground detail.
pub(crate) static FINE: LazyLock<NoiseMap> = LazyLock::new(|| NoiseMap::fractal(&[32, 64, 128], 0.7, 0x5EED_0002));

/// A square of noise that repeats in both directions, around 0, mostly within −1 to 1.
pub(crate) struct NoiseMap {
    /// Level `k` has `SIDE >> k` texels a side.
    levels: Vec<Vec<f32>>,
}

impl NoiseMap {
    /// Adds up lattice noises with `cells` cells a side, each `gain` times as strong as the one before.
    fn fractal(cells: &[usize], gain: f32, seed: u32) -> Self {
        let mut base = vec![0.0f32; SIDE * SIDE];
        let mut weight = 1.0;
        for (octave, &cells) in cells.iter().enumerate() {
            for (index, texel) in base.iter_mut().enumerate() {
                let (x, y) = (index % SIDE, index / SIDE);
                *texel += weight * lattice(x, y, cells, seed.wrapping_add(octave as u32 * 7919));
            }
            weight *= gain;
        }
        let mean = base.iter().sum::<f32>() / base.len() as f32;
        let spread = (base.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / base.len() as f32).sqrt();
        for texel in &mut base {
            *texel = (*texel - mean) / (2.0 * spread);
        }
        let mut levels = vec![base];
        for level in 1..=SIDE_LOG2 {
            let side = SIDE >> level;
            let above = &levels[level - 1];
            let at = |x: usize, y: usize| above[y * side * 2 + x];
            let halved = (0..side * side)
                .map(|index| {
                    let (x, y) = (index % side * 2, index / side * 2);
                    0.25 * (at(x, y) + at(x + 1, y) + at(x, y + 1) + at(x + 1, y + 1))
                })
                .collect();
            levels.push(halved);
        }
        Self { levels }
    }

    /// Value at (`u`, `v`), of which one square is 1 × 1, averaged over about `footprint` (same unit).
    #[inline]
    pub(crate) fn sample(&self, u: f32, v: f32, footprint: f32) -> f32 {
        let wanted = fast_log2((footprint * SIDE as f32).max(1.0)).min(SIDE_LOG2 as f32);
        let level = (wanted as usize).min(SIDE_LOG2 - 1);
        let fine = self.bilinear(level, u, v);
        let between = wanted - level as f32;
        if between < 0.02 { fine } else { fine + (self.bilinear(level + 1, u, v) - fine) * between }
    }

    #[inline]
    fn bilinear(&self, level: usize, u: f32, v: f32) -> f32 {
        let side = SIDE >> level;
        let texels = &self.levels[level];
        let mask = side as i32 - 1;
        // A level's texel centres lie half a texel in.
        let (x, y) = (u * side as f32 - 0.5, v * side as f32 - 0.5);
        let (column, row) = (floor(x), floor(y));
        let (fx, fy) = (x - column as f32, y - row as f32);
        let (x0, x1) = ((column & mask) as usize, ((column + 1) & mask) as usize);
        let (y0, y1) = ((row & mask) as usize * side, ((row + 1) & mask) as usize * side);
        let top = texels[y0 + x0] + (texels[y0 + x1] - texels[y0 + x0]) * fx;
        let bottom = texels[y1 + x0] + (texels[y1 + x1] - texels[y1 + x0]) * fx;
        top + (bottom - top) * fy
    }
}

/// Largest whole number not above `value`; inlined, where the library's is a call on plain x86-64.
#[inline]
pub(crate) fn floor(value: f32) -> i32 {
    let whole = value as i32;
    whole - i32::from((whole as f32) > value)
}

/// 0 below `from`, 1 above `to`, smooth between.
#[inline]
pub(crate) fn smoothstep(from: f32, to: f32, value: f32) -> f32 {
    let x = ((value - from) / (to - from)).clamp(0.0, 1.0);
    x * x * (3.0 - 2.0 * x)
}

/// A well-mixed number in 0 to 1 for each `key`.
#[inline]
pub(crate) fn hash01(key: u32) -> f32 {
    (hash(key) >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// A well-mixed number for each `key`.
#[inline]
pub(crate) fn hash(key: u32) -> u32 {
    let mut x = key.wrapping_mul(0x9E37_79B1) ^ 0x85EB_CA6B;
    x = (x ^ (x >> 15)).wrapping_mul(0x2C1B_3C6D);
    x = (x ^ (x >> 12)).wrapping_mul(0x297A_2D39);
    x ^ (x >> 15)
}

/// Base-2 logarithm to about 0.01, from the float's own exponent.
#[inline]
fn fast_log2(value: f32) -> f32 {
    let bits = value.to_bits();
    let mantissa = f32::from_bits((bits & 0x007F_FFFF) | 0x3F80_0000);
    ((bits >> 23) as i32 - 128) as f32 + (-0.344_845 * mantissa + 2.024_658) * mantissa - 0.674_878
}

/// Value noise on a torus of `cells` × `cells`, at texel (`x`, `y`) of `SIDE`.
fn lattice(x: usize, y: usize, cells: usize, seed: u32) -> f32 {
    let scale = cells as f32 / SIDE as f32;
    let (px, py) = (x as f32 * scale, y as f32 * scale);
    let (cx, cy) = (px as usize, py as usize);
    let ease = |f: f32| f * f * f * (f * (f * 6.0 - 15.0) + 10.0);
    let (fx, fy) = (ease(px - cx as f32), ease(py - cy as f32));
    let corner = |dx: usize, dy: usize| {
        let index = ((cy + dy) % cells * cells + (cx + dx) % cells) as u32;
        hash01(index.wrapping_add(seed)) * 2.0 - 1.0
    };
    let top = corner(0, 0) + (corner(1, 0) - corner(0, 0)) * fx;
    let bottom = corner(0, 1) + (corner(1, 1) - corner(0, 1)) * fx;
    top + (bottom - top) * fy
}
