//! One clip turns into another while both are seen.

use diffusion::Sigma;
use video::Frame;

use super::{CONTEXT_FRAMES, Piece, Plan, Source, Task, wrong};
use crate::{Edit, GenerationError, GenerationOptions, GenerationRequest};

/// Two clips that overlap: the end of the first fades into the beginning of the second, and a model makes one picture of
/// the two.
#[derive(Clone, Debug)]
pub struct Mix {
    first: Source,
    second: Source,
    spans: Spans,
    strength: Sigma,
}

/// Where clips and overlap lie on the model's time line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Spans {
    /// Frames of the first clip, before the overlap, that the model sees.
    before: usize,
    /// Frames in which both are seen.
    over: usize,
    /// Frames of the second clip that it sees after the overlap.
    after: usize,
}

impl Mix {
    /// Two clips of one size that overlap for at least so many seconds, and how much of the overlap is imagined anew:
    /// above 0, which only fades, to 1, which keeps nothing of either.
    ///
    /// # Errors
    /// [`GenerationError::Edit`] when a clip is too short for the overlap, or for another strength.
    pub fn new(first: Source, second: Source, (seconds, strength): (f64, f32)) -> Result<Self, GenerationError> {
        let strength = Sigma::new(strength).ok().filter(|strength| *strength > Sigma::KNOWN).ok_or_else(|| {
            wrong(format!("the strength of a mix lies above 0 and is at most 1, such as 0.5, but is {strength}"))
        })?;
        let rate = first.frame_rate().as_f64();
        let frames = if seconds > 0.0 { (seconds * rate).ceil() as usize } else { 0 };
        let lengths = [&first, &second].map(Source::num_frames);
        let spans = Spans::of(lengths, frames).ok_or_else(|| {
            let most = (lengths[0].min(lengths[1]) - 1) / 4 * 4;
            wrong(match most {
                0 => "a clip of 4 frames or fewer is too short for a mix; make a passage instead".into(),
                _ => format!(
                    "these clips can be mixed for more than 0 and at most {:.2} seconds, not for {seconds}; a passage instead \
                     of a mix can take as long as you like",
                    most as f64 / rate
                ),
            })
        })?;
        Ok(Self { first, second, spans, strength })
    }

    /// All that the model sees, the last frame held until latent frames are whole.
    fn seen(&self, request: &GenerationRequest) -> Result<Vec<Frame>, GenerationError> {
        let Spans { before, over, after } = self.spans;
        let (fade, last) = (self.first.num_frames() - over, self.second.num_frames() - 1);
        let mut frames = Vec::with_capacity(before + over + after);
        for index in fade - before..fade {
            frames.push(self.first.fitted(index, request)?);
        }
        for index in 0..over {
            let share = (index + 1) as f32 / (over + 1) as f32;
            frames.push(faded([self.first.fitted(fade + index, request)?, self.second.fitted(index, request)?], share));
        }
        for index in over..over + after {
            frames.push(self.second.fitted(index.min(last), request)?);
        }
        Ok(frames)
    }
}

impl Spans {
    /// An overlap of at least so many frames of clips of so many, if both are longer.
    fn of([first, second]: [usize; 2], frames: usize) -> Option<Self> {
        let over = frames.next_multiple_of(4);
        if over == 0 || over >= first.min(second) {
            return None;
        }
        let before = (CONTEXT_FRAMES.min(first - over) - 1) / 4 * 4 + 1;
        let after = CONTEXT_FRAMES.min(second - over).next_multiple_of(4);
        Some(Self { before, over, after })
    }
}

impl Task for Mix {
    fn options(&self, wishes: GenerationOptions) -> GenerationOptions {
        let Spans { before, over, after } = self.spans;
        self.first.options(before + over + after, wishes)
    }

    fn plan(&self, request: &GenerationRequest) -> Result<Plan, GenerationError> {
        let Spans { before, over, after } = self.spans;
        let level = |(count, level)| std::iter::repeat_n(level, count);
        let levels = [(before.div_ceil(4), 0.0), (over / 4, self.strength.value()), (after / 4, 0.0)];
        let levels: Vec<f32> = levels.into_iter().flat_map(level).collect();
        let [mut start, mut rest] = [&self.first, &self.second].map(|source| source.clip().frames().to_vec());
        start.truncate(start.len() - over);
        rest.drain(..over);
        Ok(Plan {
            edit: Some(Edit::partly(self.seen(request)?, &levels, request)?),
            pieces: vec![Piece::Given(start), Piece::Made((before..before + over).collect()), Piece::Given(rest)],
            finish: self.first.to_own_size(),
            is_round: false,
            resolution: self.first.resolution(),
            frame_rate: self.first.frame_rate(),
        })
    }
}

/// Two pictures of one size as one: all of the first at 0, and of the second at 1.
fn faded([mut first, second]: [Frame; 2], share: f32) -> Frame {
    for (value, other) in first.rgb_mut().iter_mut().zip(second.rgb()) {
        *value = (f32::from(*value) + share * (f32::from(*other) - f32::from(*value))).round() as u8;
    }
    first
}

#[cfg(test)]
mod tests {
    use video::{Clip, Resolution};

    use super::*;
    use crate::tasks::enough_frames;

    fn source(frames: usize) -> Source {
        let frame = Frame::filled(Resolution::new(16, 16).unwrap(), [9; 3]);
        Source::new(Clip::new(vec![frame; frames], "16".parse().unwrap()).unwrap(), None, None)
    }

    #[test]
    fn clips_and_overlap_fill_whole_latent_frames() {
        for (lengths, frames, expected) in
            [([33, 33], 16, [17, 16, 20]), ([17, 17], 16, [1, 16, 4]), ([20, 40], 5, [9, 8, 20])]
        {
            let Spans { before, over, after } = Spans::of(lengths, frames).unwrap();
            assert_eq!([before, over, after], expected);
            assert_eq!(enough_frames(before + over + after), before + over + after);
        }
    }

    #[test]
    fn too_long_a_mix_and_no_mix_are_refused() {
        for seconds in [0.0, -1.0, f64::NAN, 1.0, f64::INFINITY] {
            let error = Mix::new(source(16), source(40), (seconds, 0.5)).unwrap_err().to_string();
            assert!(error.contains("at most 0.75 seconds"), "{error}");
        }
        assert!(Mix::new(source(4), source(40), (0.1, 0.5)).unwrap_err().to_string().contains("too short"));
        assert!(Mix::new(source(16), source(16), (0.5, 0.0)).unwrap_err().to_string().contains("above 0"));
    }

    #[test]
    fn a_fade_goes_from_one_picture_to_the_other() {
        let pictures = || [0, 200].map(|value| Frame::filled(Resolution::new(16, 16).unwrap(), [value; 3]));
        assert_eq!([0.0, 0.25, 1.0].map(|share| faded(pictures(), share).rgb()[0]), [0, 50, 200]);
    }
}
