//! Whether a minute keeps its colours and its object and moves on, made in windows or at once, and whether windows join
//! without a seam.

use generation::{
    GenerationOptions, Generator, Length,
    long::{LongVideo, WindowWishes},
};
use serde::Serialize;
use video::Frame;

use crate::{
    EvaluationError, KnownAnswers, LabelledPrompt, Phase, Question,
    classifier::Classifier,
    edits::{change, seam},
    progress::{Monitor, report},
};

/// How minutes are made, one after another.
pub const WAYS: [Way; 3] = [Way::Windows { anti_drift: 0.0 }, Way::Windows { anti_drift: 0.15 }, Way::AtOnce];
/// Seconds of a video.
const SECONDS: usize = 60;
/// Seconds after which it is looked at first; it is looked at again when it ends.
const EARLY_SECONDS: usize = 5;
/// Frames that are looked at.
const SEEN: usize = 33;

/// How a minute is made.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// In windows, each going on from the one before.
    Windows {
        /// To which level carried latents are noised for the model to look at.
        anti_drift: f32,
    },
    /// All frames in one canvas.
    AtOnce,
}

/// What was measured of minutes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MinuteScores {
    /// Videos of each kind.
    pub videos: usize,
    /// For each of [`WAYS`] that the model can go.
    pub kinds: Vec<MinuteScore>,
}

/// Minutes of one kind, each number a mean over videos.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MinuteScore {
    /// How they were made.
    pub way: Way,
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
    /// The change from frame to frame, in levels of 255.
    pub change: f64,
    /// The change into a window's first frame by the median of the changes around it, where there are windows.
    pub joint: Option<f64>,
}

/// Shares of videos by what is looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Identity {
    /// The object's colour.
    pub colour: f64,
    /// Its shape.
    pub shape: f64,
}

/// Makes a minute of each prompt in each of [`WAYS`] that the model can go, and measures them.
///
/// # Errors
/// [`EvaluationError`] of prompts and of videos; [`EvaluationError::Interrupted`].
pub fn measure(
    generator: &Generator,
    classifier: &Classifier,
    (prompts, options): (&[LabelledPrompt], &GenerationOptions),
    monitor: &mut dyn Monitor,
) -> Result<MinuteScores, EvaluationError> {
    let options = GenerationOptions { length: Some(Length::Seconds(SECONDS as f64)), ..options.clone() };
    let fits_at_once = !LongVideo::is_needed(generator, &options)?;
    let ways: Vec<_> = WAYS.into_iter().filter(|way| *way != Way::AtOnce || fits_at_once).collect();
    let (total, share) = (prompts.len() * ways.len(), 1.0 / prompts.len().max(1) as f64);
    let mut scores = MinuteScores { videos: prompts.len(), kinds: Vec::with_capacity(ways.len()) };
    for (kind, way) in ways.into_iter().enumerate() {
        let mut score = MinuteScore::none(way);
        for (index, prompt) in prompts.iter().enumerate() {
            report(monitor, Phase::Minutes, kind * prompts.len() + index, total)?;
            let options = GenerationOptions { prompt: prompt.prompt.clone(), ..options.clone() };
            let (frames, joints) = minute(generator, options, way, index as u64)?;
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
    way: Way,
    seed: u64,
) -> Result<(Vec<Frame>, Vec<usize>), EvaluationError> {
    let Way::Windows { anti_drift } = way else {
        let clip = generator.clip(&generator.request(options)?, seed, &mut generation::Silent)?;
        return Ok((clip.into_frames(), Vec::new()));
    };
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
    /// Of no videos.
    fn none(way: Way) -> Self {
        let [early, late, same] = [Identity::default(); 3];
        let joint = (way != Way::AtOnce).then_some(0.0);
        Self { way, early, late, same, mean_moves: 0.0, spread: 0.0, change: 0.0, joint }
    }

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
        for frame in 1..frames.len() {
            self.change += share / (frames.len() - 1) as f64 * change(frames, frame)?;
        }
        for joint in joints {
            *self.joint.get_or_insert_default() += share / joints.len() as f64 * seam(frames, *joint)?;
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
