//! The waves that tell where the mark lies.
//!
//! They repeat in both directions with a period of half the short side, so that a cut-out still holds all of them, only
//! shifted; a wave goes through one period a whole number of times.

use std::f32::consts::TAU;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{WatermarkKey, plane::Plane};

/// The slowest and the fastest waves, in turns for each period: slower ones are lost in the picture, faster ones in
/// compression.
const SLOWEST: f32 = 3.9;
const FASTEST: f32 = 14.1;
/// Turns up to which a wave may go in one direction.
pub(super) const MOST_TURNS: usize = 14;
/// Shortest period in pixels: the fastest waves must not be finer than the picture.
const SHORTEST_PERIOD: usize = 32;

/// One wave: turns for each period across (may be negative) and down.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wave {
    pub across: i32,
    pub down: i32,
}

/// A complex number.
pub(super) type Complex = [f32; 2];

/// The waves of a key and how each of them stands where nothing was cut off.
pub(super) struct Layout {
    pub waves: Vec<Wave>,
    pub values: Vec<Complex>,
    /// For each wave the ring of waves of like length that it belongs to.
    pub rings: Vec<usize>,
}

impl Layout {
    /// Chooses waves and their phases, as the key says.
    pub fn new(key: &WatermarkKey) -> Self {
        let mut waves = Vec::new();
        let most = MOST_TURNS as i32;
        for down in 0..=most {
            for across in -most..=most {
                let wave = Wave { across, down };
                // Of each wave and its opposite only one.
                if (SLOWEST..=FASTEST).contains(&wave.turns()) && (down > 0 || across > 0) {
                    waves.push(wave);
                }
            }
        }
        let mut random = ChaCha8Rng::from_seed(key.0);
        let values = waves.iter().map(|_| {
            let angle = random.random::<f32>() * TAU;
            [angle.cos(), angle.sin()]
        });
        let values = values.collect();
        let rings = waves.iter().map(|wave| wave.turns().round() as usize).collect();
        Self { waves, values, rings }
    }
}

impl Wave {
    /// Turns along the short side of a picture.
    pub fn turns(self) -> f32 {
        ((self.across * self.across + self.down * self.down) as f32).sqrt()
    }
}

/// The mark's period in a picture of that short side.
pub(super) fn period(short_side: usize) -> usize {
    short_side.div_ceil(2).max(SHORTEST_PERIOD)
}

/// How strongly each wave is in a picture, for a period in pixels that need not be whole: its Fourier coefficient, scaled
/// to variance 1 in each part for white noise of variance 1.
pub(super) fn spectrum(plane: &Plane, waves: &[Wave], period: f32) -> Vec<Complex> {
    let turns = 2 * MOST_TURNS + 1;
    let table = |len: usize, turn: i32| -> Vec<Complex> {
        (0..len).map(|at| (-TAU * (turn as f32 * at as f32 / period).fract()).sin_cos()).map(|(s, c)| [c, s]).collect()
    };
    // Across first: one sum for each row and each number of turns from −MOST_TURNS on; opposites are conjugates.
    let mut rows = vec![[0.0_f32; 2]; turns * plane.height];
    for turn in 0..=MOST_TURNS {
        let table = table(plane.width, turn as i32);
        for (y, row) in plane.data.chunks_exact(plane.width).enumerate() {
            let [mut re, mut im] = [0.0, 0.0];
            for (value, [c, s]) in row.iter().zip(&table) {
                re += value * c;
                im += value * s;
            }
            rows[(MOST_TURNS + turn) * plane.height + y] = [re, im];
            rows[(MOST_TURNS - turn) * plane.height + y] = [re, -im];
        }
    }
    let down: Vec<_> = (0..=MOST_TURNS).map(|turn| table(plane.height, turn as i32)).collect();
    let scale = (plane.data.len() as f32 / 2.0).sqrt().recip();
    let coefficient = |wave: &Wave| {
        let from = (MOST_TURNS as i32 + wave.across) as usize * plane.height;
        let [mut re, mut im] = [0.0, 0.0];
        for ([a, b], [c, s]) in rows[from..from + plane.height].iter().zip(&down[wave.down as usize]) {
            re += a * c - b * s;
            im += a * s + b * c;
        }
        [re * scale, im * scale]
    };
    waves.iter().map(coefficient).collect()
}

/// Root of the mean square of the waves of each ring, of one part.
pub(super) fn ring_spread(layout: &Layout, found: &[Complex]) -> Vec<f32> {
    let mut sums = vec![(0.0_f32, 0.0_f32); MOST_TURNS + 2];
    for (found, &ring) in found.iter().zip(&layout.rings) {
        sums[ring].0 += found[0] * found[0] + found[1] * found[1];
        sums[ring].1 += 2.0;
    }
    sums.into_iter().map(|(sum, count)| (sum / count.max(1.0)).sqrt()).collect()
}

/// Draws waves over one period of `side` points: Σ Re(c · e^(2πi(across·x + down·y)/side)).
pub(super) fn draw(waves: &[Wave], coefficients: &[Complex], side: usize) -> Plane {
    let turns = 2 * MOST_TURNS + 1;
    let circle: Vec<Complex> =
        (0..side).map(|at| (TAU * at as f32 / side as f32).sin_cos()).map(|(s, c)| [c, s]).collect();
    let mut data = vec![0.0; side * side];
    let mut sums = vec![[0.0_f32; 2]; turns];
    for (y, row) in data.chunks_exact_mut(side).enumerate() {
        sums.fill([0.0; 2]);
        for (wave, [a, b]) in waves.iter().zip(coefficients) {
            let [c, s] = circle[wave.down as usize * y % side];
            let sum = &mut sums[(MOST_TURNS as i32 + wave.across) as usize];
            sum[0] += a * c - b * s;
            sum[1] += a * s + b * c;
        }
        for turn in 0..=MOST_TURNS {
            // Real parts only: a wave to the left and one to the right share their cosines and sines.
            let [right, left] = [sums[MOST_TURNS + turn], sums[MOST_TURNS - turn]];
            let [cosine, sine] = if turn == 0 { [right[0], 0.0] } else { [right[0] + left[0], left[1] - right[1]] };
            for (x, value) in row.iter_mut().enumerate() {
                let [c, s] = circle[turn * x % side];
                *value += cosine * c + sine * s;
            }
        }
    }
    Plane { width: side, height: side, data }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_is_found_again_whatever_the_period() {
        let layout = Layout::new(&WatermarkKey::default());
        for side in [64, 50] {
            let drawn = draw(&layout.waves, &layout.values, side);
            let found = spectrum(&drawn, &layout.waves, side as f32);
            let scale = side as f32 / 2.0_f32.sqrt();
            for (found, drawn) in found.iter().zip(&layout.values) {
                assert!((found[0] / scale - drawn[0]).abs() < 1e-2 && (found[1] / scale - drawn[1]).abs() < 1e-2);
            }
        }
    }

    #[test]
    fn another_key_gives_other_waves() {
        let [one, other] =
            [WatermarkKey::default(), WatermarkKey::from_secret("a")].map(|key| Layout::new(&key).values);
        let product: f32 = one.iter().zip(&other).map(|(a, b)| a[0] * b[0] + a[1] * b[1]).sum();
        assert!(product.abs() < 0.25 * one.len() as f32, "{product}");
    }
}
