//! Finds the mark again: in all frames together, at every shift, and after a cut-out at a few scales.

use std::f32::consts::TAU;

use serde::Serialize;
use video::Frame;

use super::{
    Payload, WatermarkKey,
    cells::{CELL, Cells, REPEAT, Soft},
    code,
    embed::analysed,
    pattern::{self, Complex, Layout},
    payload::CODED_BITS,
    plane::Plane,
};

/// Scales that are tried, each so much larger than the one before: a cut-out has fewer of the mark's periods for its size.
const SCALE_STEP: f32 = 1.008;
const SCALES: i32 = 30;
/// Places that are read, best first.
const CANDIDATES: usize = 24;
/// Shifts in each direction, in 64ths of a period.
const SHIFTS: usize = 64;
/// How far a place is refined, in 64ths of a period and in parts of the scale.
const FINE_SHIFT: f32 = 0.25 / SHIFTS as f32;
const FINE_SCALE: f32 = 0.001;
/// A message is believed when it stands out of noise by so many standard deviations: where nothing is cut off there is one
/// place to read, and its checksum hardly ever fits by chance; else there are many. The message that fits noise best reaches
/// 7.2 in one of 40 tries, and 7.7 in one of some 5000.
const BELIEVED_WHOLE: f32 = 6.5;
const BELIEVED_ELSEWHERE: f32 = 7.2;
/// Frames that are kept for reading; of longer videos some are passed over.
const KEPT_FRAMES: usize = 64;
/// What a value may count at most, in standard deviations.
const OUTLIER: f32 = 3.0;

/// A watermark that was found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FoundWatermark {
    /// What it says.
    pub payload: Payload,
    /// By how many standard deviations it stands out of what there is besides.
    pub strength: f32,
}

/// Collects frames, and finds the mark that they share.
pub struct WatermarkDetector {
    layout: Layout,
    cells: Cells,
    /// Texture of all frames, added up, and the period of the waves in it.
    sum: Option<(Plane, f32)>,
    kept: Vec<Plane>,
    /// One frame in so many is kept.
    every: usize,
    count: usize,
}

/// Where a mark may be.
#[derive(Clone, Copy, Debug)]
struct Place {
    scale: f32,
    /// By how much of a period its beginning lies before the picture's.
    shift: [f32; 2],
    score: f32,
}

impl WatermarkDetector {
    /// Looks for marks under a key.
    pub fn new(key: &WatermarkKey) -> Self {
        Self { layout: Layout::new(key), cells: Cells::new(key), sum: None, kept: Vec::new(), every: 1, count: 0 }
    }

    /// Takes the next frame; frames of another size than the first are passed over.
    pub fn add(&mut self, frame: &Frame) {
        let (small, period) = analysed(&Plane::luma(frame));
        match &mut self.sum {
            None => self.sum = Some((small.texture().detail, period)),
            Some((sum, _)) if (sum.width, sum.height) == (small.width, small.height) => {
                sum.add(&small.texture().detail)
            }
            Some(_) => return,
        }
        if self.count.is_multiple_of(self.every) {
            self.kept.push(small);
        }
        self.count += 1;
        if self.kept.len() > KEPT_FRAMES {
            let mut index = 0;
            self.kept.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.every *= 2;
        }
    }

    /// The mark of all frames so far, if there is one.
    pub fn find(&self) -> Option<FoundWatermark> {
        let (sum, period) = self.sum.as_ref()?;
        let whole = Place { scale: 1.0, shift: [0.0; 2], score: 0.0 };
        let believed = |place, least: f32| self.read(*period, place).filter(|found| found.strength >= least);
        if let Some(found) = believed(whole, BELIEVED_WHOLE) {
            return Some(found);
        }
        let mut places: Vec<Place> =
            (0..SCALES).flat_map(|step| self.places(sum, *period, SCALE_STEP.powi(step))).collect();
        places.sort_by(|a, b| b.score.total_cmp(&a.score));
        places.truncate(CANDIDATES);
        let read =
            places.into_iter().filter_map(|place| believed(self.refined(sum, *period, place), BELIEVED_ELSEWHERE));
        read.max_by(|a, b| a.strength.total_cmp(&b.strength))
    }

    /// Waves of a picture times what was drawn, turned back: each ring brought to spread 1.
    fn terms(&self, plane: &Plane, period: f32) -> Vec<Complex> {
        let found = pattern::spectrum(plane, &self.layout.waves, period);
        let spread = pattern::ring_spread(&self.layout, &found);
        let term = |((found, &ring), [c, s]): ((&Complex, &usize), &Complex)| {
            let [a, b] = found.map(|part| (part / spread[ring].max(1e-6)).clamp(-OUTLIER, OUTLIER));
            [a * c + b * s, b * c - a * s]
        };
        found.iter().zip(&self.layout.rings).zip(&self.layout.values).map(term).collect()
    }

    fn score(&self, terms: &[Complex], shift: [f32; 2]) -> f32 {
        let parts = terms.iter().zip(&self.layout.waves).map(|([a, b], wave)| {
            let (s, c) = (TAU * (wave.across as f32 * shift[0] + wave.down as f32 * shift[1])).sin_cos();
            a * c + b * s
        });
        parts.sum::<f32>() / (terms.len() as f32).sqrt()
    }

    /// The best shifts at one scale.
    fn places(&self, plane: &Plane, period: f32, scale: f32) -> Vec<Place> {
        let terms = self.terms(plane, period * scale);
        let circle: Vec<Complex> =
            (0..SHIFTS).map(|at| (TAU * at as f32 / SHIFTS as f32).sin_cos()).map(|(s, c)| [c, s]).collect();
        let turn = |turns: i32| circle[turns.rem_euclid(SHIFTS as i32) as usize];
        let norm = (terms.len() as f32).sqrt().recip();
        let most = pattern::MOST_TURNS as i32;
        let mut best: Vec<Place> = Vec::new();
        for down in 0..SHIFTS {
            // First over the turns down, for each number of turns across.
            let mut sums = vec![[0.0_f32; 2]; 2 * pattern::MOST_TURNS + 1];
            for ([a, b], wave) in terms.iter().zip(&self.layout.waves) {
                let [c, s] = turn(wave.down * down as i32);
                let sum = &mut sums[(most + wave.across) as usize];
                sum[0] += a * c + b * s;
                sum[1] += b * c - a * s;
            }
            for across in 0..SHIFTS {
                let parts = sums.iter().enumerate().map(|(index, [a, b])| {
                    let [c, s] = turn((index as i32 - most) * across as i32);
                    a * c + b * s
                });
                let score = parts.sum::<f32>() * norm;
                best.push(Place { scale, shift: [across, down].map(|at| at as f32 / SHIFTS as f32), score });
            }
        }
        best.sort_by(|a, b| b.score.total_cmp(&a.score));
        best.truncate(2);
        best
    }

    /// The best place near one.
    fn refined(&self, plane: &Plane, period: f32, place: Place) -> Place {
        let mut best = place;
        for scale in (-4..=4).map(|step| place.scale * (1.0 + FINE_SCALE * step as f32)) {
            let terms = self.terms(plane, period * scale);
            for (across, down) in (-4..=4).flat_map(|down| (-4..=4).map(move |across| (across, down))) {
                let shift = [place.shift[0] + FINE_SHIFT * across as f32, place.shift[1] + FINE_SHIFT * down as f32];
                let score = self.score(&terms, shift);
                if score > best.score {
                    best = Place { scale, shift, score };
                }
            }
        }
        best
    }

    /// Reads the message at a place, in all four quarters of its repetition that it may begin in.
    fn read(&self, period: f32, place: Place) -> Option<FoundWatermark> {
        let period = period * place.scale;
        let cell = 2.0 * period / REPEAT as f32;
        let per_period = REPEAT / 2;
        // Cells, whole or not, that lie before the picture.
        let before = place.shift.map(|shift| shift.rem_euclid(1.0) * per_period as f32);
        let skipped = before.map(|before| (before - 0.05).ceil().max(0.0) as usize);
        let [left, top] = [0, 1].map(|axis| (skipped[axis] as f32 - before[axis]) * cell);
        let first = self.kept.first()?;
        let cells = |len: usize, from: f32| ((len as f32 - from) / cell + 0.05).max(0.0) as usize;
        let sides = [cells(first.width, left) * CELL, cells(first.height, top) * CELL];
        let aligned: Vec<Plane> =
            self.kept.iter().map(|frame| frame.sampled([left, top], cell / CELL as f32, sides)).collect();
        let halves =
            [[0, 0], [0, 1], [1, 0], [1, 1]].map(|half| [0, 1].map(|axis| skipped[axis] + half[axis] * per_period));
        let whole = place.scale == 1.0 && place.shift == [0.0; 2];
        let halves = if whole { &halves[..1] } else { &halves[..] };
        let read = halves.iter().filter_map(|&skipped| {
            let mut soft = Soft::new(skipped);
            aligned.iter().for_each(|frame| self.cells.read(frame, &mut soft));
            let (means, bits) = soft.bits(&self.cells);
            let bits = code::decode(&bits);
            let payload = Payload::from_bits(&bits)?;
            debug_assert_eq!(bits.len(), CODED_BITS);
            Some(FoundWatermark { payload, strength: Soft::agreement(&means, &self.cells, &code::encode(&bits)) })
        });
        read.max_by(|a, b| a.strength.total_cmp(&b.strength))
    }
}
