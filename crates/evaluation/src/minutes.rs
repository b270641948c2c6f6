//! Whether a minute that is made in windows keeps its colours and its object, and whether its windows join without a seam.

use generation::{
    GenerationOptions, Generator, Length,
    long::{LongVideo, WindowWishes},
};
use serde::Serialize;
use video::Frame;

use crate::{
    EvaluationError, KnownAnswers, LabelledPrompt, Phase, Question,
    classifier::Classifier,
    edits::seam,
    progress::{Monitor, report},
};

/// To which levels carried latents are noised against drift, one after another.
pub const ANTI_DRIFT: [f32; 2] = [0.0, 0.15];
/// Seconds of a video.
const SECONDS: usize = 60;
/// Seconds after which it is looked at first; it is looked at again when it ends.
const EARLY_SECONDS: usize = 5;
/// Frames that are looked at.
const SEEN: usize = 33;

/// What was measured of minutes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MinuteScores {
    /// Videos of each kind.
    pub videos: usize,
    /// For each of [`ANTI_DRIFT`].
    pub kinds: Vec<MinuteScore>,
}

/// Minutes of one kind, each number a mean over videos.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct MinuteScore {
    /// To which level carried latents were noised for the model to look at.
    pub anti_drift: f32,
    /// Share of videos that show colour and shape as asked, after five seconds.
    pub early: Identity,
    /// The same at the end.
    pub late: Identity,
    /// Share of videos that show the same colour and shape at the end as after five seconds.
    pub same: Identity,
    /// How far the mean colour moves from five seconds to the end, in levels of 255.
    pub mean_moves: f64,
    /// The spread of colours at the end, by that after five seconds.
    pub spread: f64,
    /// The change into a window's first frame by the median of the changes around it.
    pub joint: f64,
}

/// Shares of videos by what is looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Identity {
    /// The object's colour.
    pub colour: f64,
    /// Its shape.
    pub shape: f64,
}

/// Makes a minute of each prompt for each of [`ANTI_DRIFT`], and measures them.
///
/// # Errors
/// [`EvaluationError`] of prompts and of videos; [`EvaluationError::Interrupted`].
pub fn measure(
    generator: &Generator,
    classifier: &Classifier,
    (prompts, options): (&[LabelledPrompt], &GenerationOptions),
    monitor: &mut dyn Monitor,
) -> Result<MinuteScores, EvaluationError> {
    let (total, share) = (prompts.len() * ANTI_DRIFT.len(), 1.0 / prompts.len().max(1) as f64);
    let mut scores = MinuteScores { videos: prompts.len(), kinds: Vec::with_capacity(ANTI_DRIFT.len()) };
    for (kind, anti_drift) in ANTI_DRIFT.into_iter().enumerate() {
        let mut score = MinuteScore { anti_drift, ..MinuteScore::default() };
        for (index, prompt) in prompts.iter().enumerate() {
            report(monitor, Phase::Minutes, kind * prompts.len() + index, total)?;
            let options = GenerationOptions { prompt: prompt.prompt.clone(), ..options.clone() };
            let (frames, joints) = minute(generator, options, anti_drift, index as u64)?;
            score.add(
                share,
                classifier,
                (&frames, &joints, generator.bundle().info.frame_rate as usize),
                &prompt.expected,
            )?;
        }
        scores.kinds.push(score);
    }
    report(monitor, Phase::Minutes, total, total)?;
    Ok(scores)
}

/// A minute, and the frames at which its windows but the first begin.
fn minute(
    generator: &Generator,
    options: GenerationOptions,
    anti_drift: f32,
    seed: u64,
) -> Result<(Vec<Frame>, Vec<usize>), EvaluationError> {
    let options = GenerationOptions { length: Some(Length::Seconds(SECONDS as f64)), ..options };
    let wishes = WindowWishes { seconds: None, anti_drift: Some(anti_drift) };
    let video = LongVideo::new(generator, options, wishes)?;
    let mut frames = Vec::with_capacity(video.num_frames());
    let mut keep = |frame| {
        frames.push(frame);
        Ok(())
    };
    video.make((generator, seed), None, &mut keep, &mut generation::Silent)?;
    Ok((frames, video.joints().collect()))
}

impl MinuteScore {
    fn add(
        &mut self,
        share: f64,
        classifier: &Classifier,
        (frames, joints, rate): (&[Frame], &[usize], usize),
        expected: &KnownAnswers,
    ) -> Result<(), EvaluationError> {
        let early = &frames[EARLY_SECONDS * rate..][..SEEN];
        let late = &frames[frames.len() - SEEN..];
        let (first, last) = (classifier.read(early)?, classifier.read(late)?);
        let of = |agree: &dyn Fn(Question) -> bool| {
            let share = |question| share * f64::from(u8::from(agree(question)));
            Identity { colour: share(Question::Colour), shape: share(Question::Shape) }
        };
        self.early.add(of(&|question| *expected.get(question) == Some(*first.get(question))));
        self.late.add(of(&|question| *expected.get(question) == Some(*last.get(question))));
        self.same.add(of(&|question| first.get(question) == last.get(question)));
        let (before, after) = (Colours::of(early), Colours::of(late));
        self.mean_moves += share * before.distance(after);
        self.spread += share * after.spread / before.spread.max(1e-3);
        for joint in joints {
            self.joint += share / joints.len() as f64 * seam(frames, *joint)?;
        }
        Ok(())
    }
}

impl Identity {
    fn add(&mut self, other: Self) {
        self.colour += other.colour;
        self.shape += other.shape;
    }
}

/// What colours some frames have, in levels of 255.
#[derive(Clone, Copy, Debug)]
struct Colours {
    mean: [f64; 3],
    /// Standard deviation from the mean, of all three together.
    spread: f64,
}

impl Colours {
    fn of(frames: &[Frame]) -> Self {
        let (mut sums, mut squares, mut count) = ([0.0; 3], 0.0, 0.0f64);
        for pixel in frames.iter().flat_map(|frame| frame.rgb().chunks_exact(3)) {
            for (sum, value) in sums.iter_mut().zip(pixel) {
                *sum += f64::from(*value);
                squares += f64::from(*value).powi(2);
            }
            count += 1.0;
        }
        let mean = sums.map(|sum| sum / count.max(1.0));
        let spread = (squares / count.max(1.0) - mean.iter().map(|mean| mean * mean).sum::<f64>()).max(0.0).sqrt();
        Self { mean, spread }
    }

    fn distance(self, other: Self) -> f64 {
        self.mean.iter().zip(other.mean).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
    }
}

#[cfg(test)]
mod tests {
    use video::Resolution;

    use super::*;

    #[test]
    fn colours_have_a_mean_and_a_spread() {
        let size = Resolution::new(16, 16).unwrap();
        let frames = [[0, 40, 10], [20, 40, 10]].map(|colour| Frame::filled(size, colour));
        let colours = Colours::of(&frames);
        assert_eq!((colours.mean, colours.spread), ([10.0, 40.0, 10.0], 10.0));
        let moved = Colours::of(&[Frame::filled(size, [13, 44, 10])]);
        assert_eq!((moved.distance(colours), moved.spread), (5.0, 0.0));
    }
}
