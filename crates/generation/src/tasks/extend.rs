//! A clip goes on, before its beginning, behind its end, or both.

use video::FrameRate;

use super::{Piece, Plan, Source, Task, enough_frames, wrong};
use crate::{Edit, GenerationError, GenerationOptions, GenerationRequest};

/// Most frames of the clip that the model sees at the end where it goes on.
const CONTEXT_FRAMES: usize = 33;
/// The longest time that can be added at an end, in seconds.
const MOST_SECONDS: f64 = 64.0;

/// A clip with new time at either end or both; its own frames come out as they went in.
#[derive(Clone, Debug)]
pub struct Extend {
    source: Source,
    /// At which rate the model works.
    frame_rate: FrameRate,
    /// Frames of the clip, by number, that the model is shown.
    shown: Vec<usize>,
    /// New frames at the model's rate before and behind them.
    made: [usize; 2],
    /// New frames at the clip's rate before and behind it.
    wanted: [usize; 2],
}

impl Extend {
    /// So many seconds before the clip and behind it, by a model that works at another rate or at the clip's own.
    ///
    /// # Errors
    /// [`GenerationError::Edit`] for seconds below 0, too many of them, or less than a frame in all.
    pub fn new(
        source: Source,
        [backward, forward]: [f64; 2],
        frame_rate: Option<FrameRate>,
    ) -> Result<Self, GenerationError> {
        for (where_to, seconds) in [("forward", forward), ("backward", backward)] {
            if !(0.0..=MOST_SECONDS).contains(&seconds) {
                return Err(wrong(format!("a clip goes on {where_to} for 0 to {MOST_SECONDS} seconds, not {seconds}")));
            }
        }
        let (own, last) = (source.frame_rate().as_f64(), source.num_frames() - 1);
        let frame_rate = frame_rate.unwrap_or(source.frame_rate());
        let speed = frame_rate.as_f64() / own;
        let wanted = [backward, forward].map(|seconds| (seconds * own).round() as usize);
        if wanted == [0, 0] {
            return Err(wrong("there is nothing to add: both times are shorter than a frame"));
        }
        let made = |wanted: usize| (wanted as f64 * speed).ceil() as usize;
        // Latent frames behind the first stand for four frames each: new ones before the clip fill theirs.
        let before = if wanted[0] == 0 { 0 } else { enough_frames(made(wanted[0])) };
        // The clip's frames at the model's rate, counted from the end that goes on; all of them where both do.
        let count = (last as f64 * speed).floor() as usize + 1;
        let count = if wanted[0] > 0 && wanted[1] > 0 { count } else { count.min(CONTEXT_FRAMES) };
        let at = |index: usize| ((index as f64 / speed).round() as usize).min(last);
        let shown = match wanted {
            [_, 0] => (0..count).map(at).collect(),
            _ => (0..count).rev().map(|index| last - at(index)).collect(),
        };
        Ok(Self { source, frame_rate, shown, made: [before, made(wanted[1])], wanted })
    }

    /// Frames at the model's rate for so many at the clip's.
    fn steps(&self, frames: usize) -> usize {
        (frames as f64 * self.frame_rate.as_f64() / self.source.frame_rate().as_f64()).round() as usize
    }
}

impl Task for Extend {
    fn options(&self, wishes: GenerationOptions) -> GenerationOptions {
        let num_frames = enough_frames(self.made[0] + self.shown.len() + self.made[1]);
        GenerationOptions { frame_rate: Some(self.frame_rate), ..self.source.options(num_frames, wishes) }
    }

    fn plan(&self, request: &GenerationRequest) -> Result<Plan, GenerationError> {
        let ([before, _], shown) = (self.made, self.shown.len());
        let place = |(index, frame): (usize, &usize)| Ok((before + index, self.source.fitted(*frame, request)?));
        let known = self.shown.iter().enumerate().map(place).collect::<Result<Vec<_>, GenerationError>>()?;
        // The nearest frames that were made, and never one of those that were shown.
        let earlier = (1..=self.wanted[0]).rev().map(|frame| before - self.steps(frame).clamp(1, before)).collect();
        let later = (1..=self.wanted[1]).map(|frame| before + shown - 1 + self.steps(frame).max(1)).collect();
        let given = Piece::Given(self.source.clip().frames().to_vec());
        Ok(Plan {
            edit: Some(Edit::keep(&known, request)?),
            pieces: vec![Piece::Made(earlier), given, Piece::Made(later)],
            finish: self.source.to_own_size(),
            is_round: false,
            resolution: self.source.resolution(),
            frame_rate: self.source.frame_rate(),
        })
    }
}
