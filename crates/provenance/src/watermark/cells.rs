//! The cells that carry the message: each holds a few slow waves, and each wave's strength is moved to the nearest step of
//! a ladder of which every other rung says one, and those between zero.
//!
//! So what the picture itself holds does not disturb the message, however much it is. A cell is an eighth of the short side,
//! slow enough to stay in coarse compression; the message repeats after eight cells in both directions.
//!
//! A wave goes only part of the way to its step, on a ladder that is wider for it: what is left of the way disturbs less than
//! the wider rungs help. Fewer waves with wider rungs are moved out of the reach of an encoder that leaves small changes out.
//!
//! Source: Chen and Wornell 2001, distortion-compensated quantization index modulation.

use std::f32::consts::{PI, TAU};

use rand::{Rng, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::{WatermarkKey, code, payload::CODED_BITS, plane::Plane};

/// Points along a cell's side.
pub(super) const CELL: usize = 16;
/// Cells after which the message repeats; the short side has as many.
pub(super) const REPEAT: usize = 8;
/// Half turns across and down of the waves in a cell. They vanish at its edges, so that no edge is seen.
const WAVES: [[usize; 2]; 3] = [[1, 1], [1, 2], [2, 1]];
/// Width of a rung. A wave is moved by up to [`WAY`] of one, and by a third of that in the mean square; three of the 256 waves
/// of a cell make 3.2 grey levels.
const RUNG: f32 = 44.0;
/// How much of the way to its step a wave goes.
const WAY: f32 = 0.65;
/// Waves of one repetition.
const PLACES: usize = REPEAT * REPEAT * WAVES.len();

/// What each wave of each cell carries under a key.
pub(super) struct Cells {
    /// Which coded bit.
    bits: Vec<usize>,
    /// Where the ladder begins, in rungs.
    offsets: Vec<f32>,
    /// The waves, drawn.
    waves: [[f32; CELL * CELL]; WAVES.len()],
}

impl Cells {
    /// Spreads the message's bits and draws the waves, as the key says.
    pub fn new(key: &WatermarkKey) -> Self {
        let mut random = ChaCha8Rng::from_seed(key.0);
        random.set_stream(1);
        let mut bits: Vec<usize> = (0..PLACES).map(|place| place % code::coded_len(CODED_BITS)).collect();
        bits.shuffle(&mut random);
        let offsets = (0..PLACES).map(|_| random.random::<f32>() * 2.0).collect();
        let waves = WAVES.map(|[across, down]| {
            let line = |turns: usize, at: usize| (PI * turns as f32 * (at as f32 + 0.5) / CELL as f32).sin();
            std::array::from_fn(|at| 2.0 / CELL as f32 * line(across, at % CELL) * line(down, at / CELL))
        });
        Self { bits, offsets, waves }
    }

    /// What has to be added to a picture so that its cells say these coded bits.
    pub fn change(&self, picture: &Plane, coded: &[bool]) -> Plane {
        let mut change = Plane { data: vec![0.0; picture.data.len()], ..*picture };
        self.visit(picture, |place, wave, start, strength| {
            let aim = self.offsets[place] + f32::from(coded[self.bits[place]]);
            let rungs = strength / RUNG - aim;
            let step = ((rungs / 2.0).round() * 2.0 - rungs) * RUNG * WAY;
            for (row, wave) in wave.chunks_exact(CELL).enumerate() {
                let line = &mut change.data[start + row * picture.width..][..CELL];
                line.iter_mut().zip(wave).for_each(|(value, wave)| *value += step * wave);
            }
        });
        change
    }

    /// Adds to `soft` for each coded bit how much the picture's cells say one, of cells that begin `skipped` cells after the
    /// message does.
    pub fn read(&self, picture: &Plane, places: &mut Soft) {
        self.visit_from(picture, places.skipped, |place, _, _, strength| {
            let rungs = strength / RUNG - self.offsets[place];
            places.values[place] -= (TAU / 2.0 * rungs).cos();
            places.counts[place] += 1.0;
        });
    }

    fn visit(&self, picture: &Plane, see: impl FnMut(usize, &[f32], usize, f32)) {
        self.visit_from(picture, [0; 2], see);
    }

    /// Calls `see` for each wave of each whole cell: its place in the message, the wave, the cell's first point, and how
    /// strong the wave is.
    fn visit_from(&self, picture: &Plane, skipped: [usize; 2], mut see: impl FnMut(usize, &[f32], usize, f32)) {
        for (down, across) in
            (0..picture.height / CELL).flat_map(|down| (0..picture.width / CELL).map(move |across| (down, across)))
        {
            let start = down * CELL * picture.width + across * CELL;
            let cell = (down + skipped[1]) % REPEAT * REPEAT + (across + skipped[0]) % REPEAT;
            for (index, wave) in self.waves.iter().enumerate() {
                let rows = wave.chunks_exact(CELL).enumerate();
                let line = |row: usize| &picture.data[start + row * picture.width..][..CELL];
                let strength =
                    rows.map(|(row, wave)| line(row).iter().zip(wave).map(|(a, b)| a * b).sum::<f32>()).sum();
                see(cell * WAVES.len() + index, wave, start, strength);
            }
        }
    }
}

/// What cells say, of many pictures together.
pub(super) struct Soft {
    values: Vec<f32>,
    counts: Vec<f32>,
    skipped: [usize; 2],
}

impl Soft {
    /// Before the first picture, of which so many cells are cut off across and down.
    pub fn new(skipped: [usize; 2]) -> Self {
        Self { values: vec![0.0; PLACES], counts: vec![0.0; PLACES], skipped }
    }

    /// The mean of each place, and for each coded bit how surely it is one.
    pub fn bits(&self, cells: &Cells) -> (Vec<f32>, Vec<f32>) {
        let means: Vec<f32> = self.values.iter().zip(&self.counts).map(|(sum, count)| sum / count.max(1.0)).collect();
        let mut bits = vec![0.0; code::coded_len(CODED_BITS)];
        for (mean, &bit) in means.iter().zip(&cells.bits) {
            bits[bit] += mean;
        }
        (means, bits)
    }

    /// By how many standard deviations the places together say these coded bits.
    pub fn agreement(means: &[f32], cells: &Cells, coded: &[bool]) -> f32 {
        let signed = means.iter().zip(&cells.bits).map(|(mean, &bit)| if coded[bit] { *mean } else { -mean });
        let spread = means.iter().map(|mean| mean * mean).sum::<f32>().sqrt();
        signed.sum::<f32>() / spread.max(1e-6)
    }
}
