//! Whether edits keep what they should, join without a seam, and change what was asked for: on films whose truth is known.

use generation::{
    GenerationOptions, Generator, Length,
    tasks::{Animate, Extend, Imagine, Mix, Passage, Remix, Source, Task, make},
};
use serde::Serialize;
use video::{Clip, Frame, Resolution};
use worlds::{Colour, FilmSettings};

use crate::{
    EvaluationError, Phase, Question,
    classifier::{Classifier, held_out_worlds},
    films::{self, FilmSet, HELD_OUT_SEED},
    metrics,
    progress::{Monitor, report},
    reconstruction,
};

/// How strongly films are made anew.
pub const STRENGTHS: [f32; 4] = [0.3, 0.5, 0.7, 0.9];
/// Seconds that are added to a clip, or lead back to its beginning.
const SECONDS: f64 = 1.0;
/// Seconds for which two films overlap, and how much of that is imagined anew.
const MIX_SECONDS: f64 = 0.5;
const MIX_STRENGTH: f32 = 0.5;
/// Frames of a film that is given.
const NUM_FRAMES: usize = 17;
/// Films of this set are none of those on which anything else is measured.
const FIRST_SEED: u64 = HELD_OUT_SEED + (1 << 20);

/// What was measured of edits, each a mean over films.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EditScores {
    /// Films.
    pub films: usize,
    /// How near the picture that is brought to life comes back, in dB.
    pub animate_psnr_db: f64,
    /// How near the autoencoder alone brings it back, in dB.
    pub autoencoder_psnr_db: f64,
    /// Change from the last given frame to the first new one, by the median change between frames around it.
    pub extend_seam: f64,
    /// The same where a clip that plays round begins anew.
    pub loop_seam: f64,
    /// The same where a video that was made in a ring begins anew.
    pub ring_seam: f64,
    /// The same at both ends of a passage to another film, the larger of the two.
    pub passage_seam: f64,
    /// The same at both ends of a mix with another film.
    pub mix_seam: f64,
    /// For each of [`STRENGTHS`], weak to strong.
    pub remix: Vec<RemixScore>,
}

/// A film made anew, in another colour.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RemixScore {
    /// How much is imagined anew.
    pub strength: f32,
    /// Correlation of edges with those of the film that was given.
    pub structure: f64,
    /// Share of films that have the colour that was asked for.
    pub colour: f64,
}

/// Makes edits of held-out films of one size and measures them.
///
/// # Errors
/// [`EvaluationError`] of films and of videos; [`EvaluationError::Interrupted`].
pub fn measure(
    generator: &Generator,
    classifier: &Classifier,
    (count, options, resolution): (usize, &GenerationOptions, Resolution),
    monitor: &mut dyn Monitor,
) -> Result<EditScores, EvaluationError> {
    let frame_rate = films::frame_rate(generator.bundle().info.frame_rate)?;
    let settings = FilmSettings { resolution, frame_rate, num_frames: NUM_FRAMES };
    let set = FilmSet { distribution: held_out_worlds(), settings, count, first_seed: FIRST_SEED };
    let mut sums = EditScores {
        films: count,
        animate_psnr_db: 0.0,
        autoencoder_psnr_db: 0.0,
        extend_seam: 0.0,
        loop_seam: 0.0,
        ring_seam: 0.0,
        passage_seam: 0.0,
        mix_seam: 0.0,
        remix: STRENGTHS.map(|strength| RemixScore { strength, structure: 0.0, colour: 0.0 }).to_vec(),
    };
    let share = 1.0 / count.max(1) as f64;
    for index in 0..count {
        report(monitor, Phase::Edits, index, count)?;
        let film = films::render(&set, index..index + 1)?.remove(0);
        let run = |task: &dyn Task, prompt: String| {
            let wishes = GenerationOptions { prompt, ..options.clone() };
            make(generator, task, wishes, index as u64, &mut generation::Silent)
        };
        let (clip, caption) = (&film.clip, film.caption.clone());
        let first = &clip.frames()[0];
        let still = Clip::new(vec![first.clone()], clip.frame_rate())?;
        let animated = run(&Animate::new(first.clone(), 0, None)?, caption.clone())?;
        sums.animate_psnr_db += share * metrics::psnr_db(first, &animated.frames()[0])?;
        sums.autoencoder_psnr_db += share * reconstruction::of_clip(&generator.bundle().autoencoder, &still)?.psnr_db;
        let source = || Source::new(clip.clone(), None, None);
        let longer = run(&Extend::new(source(), [0.0, SECONDS], None)?, caption.clone())?;
        sums.extend_seam += share * seam(longer.frames(), NUM_FRAMES)?;
        let round = run(&Passage::back(source(), SECONDS)?, caption.clone())?;
        let turned = [&round.frames()[NUM_FRAMES..], clip.frames()].concat();
        sums.loop_seam += share * seam(&turned, turned.len() - NUM_FRAMES)?;
        let ring = GenerationOptions {
            size: Some([resolution.width(), resolution.height()]),
            length: Some(Length::Frames(2 * NUM_FRAMES - 1)),
            is_ring: true,
            prompt: caption.clone(),
            ..options.clone()
        };
        let ring = make(generator, &Imagine, ring, index as u64, &mut generation::Silent)?;
        sums.ring_seam += share * seam(&[ring.frames(), ring.frames()].concat(), ring.frames().len())?;
        let other = films::render(&set, count + index..count + index + 1)?.remove(0);
        let two = || [clip, &other.clip].map(|clip| Source::new(clip.clone(), None, None));
        let prompt = format!("{caption}; {}", other.caption);
        let [first, second] = two();
        let passage = run(&Passage::between(first, second, SECONDS)?, prompt.clone())?;
        sums.passage_seam += share * larger_seam(passage.frames(), NUM_FRAMES)?;
        let [first, second] = two();
        let mix = run(&Mix::new(first, second, (MIX_SECONDS, MIX_STRENGTH))?, prompt)?;
        // As many frames as the films overlap are missing from both together.
        let overlap = 2 * NUM_FRAMES - mix.frames().len();
        sums.mix_seam += share * larger_seam(mix.frames(), NUM_FRAMES - overlap)?;
        let colour = other_colour(film.labels.colour);
        let prompt = format!("a {} {}", colour.name(), film.labels.shape.name());
        for score in &mut sums.remix {
            let made = run(&Remix::new(source(), score.strength)?, prompt.clone())?;
            score.structure += share * edge_correlation(clip, &made);
            let read = classifier.read(made.frames())?;
            score.colour += share * f64::from(u8::from(Question::Colour.answer_name(read.colour) == colour.name()));
        }
    }
    report(monitor, Phase::Edits, count, count)?;
    Ok(sums)
}

/// A colour that nobody takes for the other.
const fn other_colour(colour: Colour) -> Colour {
    match colour {
        Colour::Blue | Colour::Purple | Colour::Black => Colour::Yellow,
        _ => Colour::Blue,
    }
}

/// The change from the frame before into frame `at`, in levels of 255.
pub(crate) fn change(frames: &[Frame], at: usize) -> Result<f64, EvaluationError> {
    metrics::mean_squared_error(&frames[at - 1], &frames[at]).map(f64::sqrt)
}

/// The change into frame `at`, by the median of the four changes on either side.
pub(crate) fn seam(frames: &[Frame], at: usize) -> Result<f64, EvaluationError> {
    let around = (at.saturating_sub(4).max(1)..(at + 5).min(frames.len())).filter(|frame| *frame != at);
    let mut changes = around.map(|frame| change(frames, frame)).collect::<Result<Vec<_>, _>>()?;
    changes.sort_by(f64::total_cmp);
    Ok(change(frames, at)? / changes[changes.len() / 2].max(1e-3))
}

/// The larger of the seams where what is new begins and ends, between as many given frames on either side.
fn larger_seam(frames: &[Frame], given: usize) -> Result<f64, EvaluationError> {
    Ok(seam(frames, given)?.max(seam(frames, frames.len() - given)?))
}

/// Correlation of the strength of edges, over all frames of two clips of one size.
fn edge_correlation(a: &Clip, b: &Clip) -> f64 {
    let [a, b] = [a, b].map(|clip| clip.frames().iter().flat_map(edges).collect::<Vec<f64>>());
    let count = a.len().min(b.len()) as f64;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / count;
    let (mean_a, mean_b) = (mean(&a), mean(&b));
    let mut sums = [0.0; 3];
    for (a, b) in a.iter().zip(&b) {
        let (a, b) = (a - mean_a, b - mean_b);
        for (sum, product) in sums.iter_mut().zip([a * b, a * a, b * b]) {
            *sum += product;
        }
    }
    sums[0] / (sums[1] * sums[2]).sqrt().max(f64::MIN_POSITIVE)
}

/// How much the green of each pixel differs from that of its right and lower neighbour.
fn edges(frame: &Frame) -> Vec<f64> {
    let size = frame.resolution();
    let (width, height) = (size.width() as usize, size.height() as usize);
    let at = |row: usize, column: usize| f64::from(frame.rgb()[3 * (row * width + column) + 1]);
    let edge = |row: usize, column: usize| {
        (at(row, column + 1) - at(row, column)).abs() + (at(row + 1, column) - at(row, column)).abs()
    };
    (0..height - 1)
        .flat_map(|row| (0..width - 1).map(move |column| (row, column)))
        .map(|(row, column)| edge(row, column))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(value: u8) -> Frame {
        Frame::filled(Resolution::new(16, 16).unwrap(), [value; 3])
    }

    #[test]
    fn a_jump_is_a_seam_and_an_even_pace_is_none() {
        let even: Vec<Frame> = (0..10).map(|index| frame(10 * index)).collect();
        assert!((seam(&even, 5).unwrap() - 1.0).abs() < 1e-9);
        let jump: Vec<Frame> = (0..10).map(|index| frame(10 * index + if index >= 5 { 40 } else { 0 })).collect();
        assert!((seam(&jump, 5).unwrap() - 5.0).abs() < 1e-9);
        assert!((seam(&jump, 3).unwrap() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn edges_in_the_same_place_correlate() {
        let striped = |period: usize, colours: [u8; 2]| {
            let mut frame = frame(0);
            for (index, pixel) in frame.rgb_mut().chunks_exact_mut(3).enumerate() {
                pixel.fill(colours[index % 16 / period % 2]);
            }
            Clip::new(vec![frame], "16".parse().unwrap()).unwrap()
        };
        assert!((edge_correlation(&striped(4, [0, 200]), &striped(4, [90, 30])) - 1.0).abs() < 1e-9);
        assert!(edge_correlation(&striped(4, [0, 200]), &striped(3, [0, 200])) < 0.5);
    }
}
