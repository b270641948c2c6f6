//! A passage from the end of one clip to the beginning of another, which may be the same.

use video::Frame;

use super::{CONTEXT_FRAMES, Piece, Plan, Source, Task, wrong};
use crate::{Edit, GenerationError, GenerationOptions, GenerationRequest};

/// The longest passage in seconds.
const MOST_SECONDS: f64 = 64.0;

/// Clips and what joins them; their own frames come out as they went in.
#[derive(Clone, Debug)]
pub struct Passage {
    first: Source,
    /// The clip that it leads to; without one it leads back to the first.
    second: Option<Source>,
    spans: Spans,
}

/// Where clips and passage lie on the model's time line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Spans {
    /// Frames of the first clip's end that the model sees.
    before: usize,
    /// New frames.
    new: usize,
    /// Frames of the second clip's beginning that it sees.
    after: usize,
}

impl Passage {
    /// A passage of at least so many seconds from one clip to another of its size.
    ///
    /// # Errors
    /// [`GenerationError::Edit`] for too few or too many seconds.
    pub fn between(first: Source, second: Source, seconds: f64) -> Result<Self, GenerationError> {
        Self::new(first, Some(second), seconds)
    }

    /// A passage from a clip's end back to its beginning, so that it plays round.
    ///
    /// # Errors
    /// As [`Self::between`].
    pub fn back(clip: Source, seconds: f64) -> Result<Self, GenerationError> {
        Self::new(clip, None, seconds)
    }

    fn new(first: Source, second: Option<Source>, seconds: f64) -> Result<Self, GenerationError> {
        if !(seconds > 0.0 && seconds <= MOST_SECONDS) {
            return Err(wrong(format!("a passage takes above 0 and at most {MOST_SECONDS} seconds, not {seconds}")));
        }
        let frames = (seconds * first.frame_rate().as_f64()).ceil() as usize;
        let spans = Spans::of([&first, second.as_ref().unwrap_or(&first)].map(Source::num_frames), frames);
        Ok(Self { first, second, spans })
    }

    fn second(&self) -> &Source {
        self.second.as_ref().unwrap_or(&self.first)
    }

    fn known(&self, request: &GenerationRequest) -> Result<Vec<(usize, Frame)>, GenerationError> {
        let Spans { before, new, after } = self.spans;
        let (start, last) = (self.first.num_frames() - before, self.second().num_frames() - 1);
        let earlier = (0..before).map(|index| (index, &self.first, start + index));
        // A clip that is shorter than what is shown of it holds its last frame.
        let later = (0..after).map(|index| (before + new + index, self.second(), index.min(last)));
        earlier.chain(later).map(|(place, source, frame)| Ok((place, source.fitted(frame, request)?))).collect()
    }
}

impl Spans {
    /// A passage of at least so many frames between clips of so many.
    fn of([first, second]: [usize; 2], frames: usize) -> Self {
        // Latent frames stand for one frame and then four each, and only whole ones are known.
        let before = (first.min(CONTEXT_FRAMES) - 1) / 4 * 4 + 1;
        let after = second.min(CONTEXT_FRAMES).next_multiple_of(4);
        Self { before, new: frames.max(1).next_multiple_of(4), after }
    }

    const fn total(self) -> usize {
        self.before + self.new + self.after
    }
}

impl Task for Passage {
    fn options(&self, wishes: GenerationOptions) -> GenerationOptions {
        self.first.options(self.spans.total(), wishes)
    }

    fn plan(&self, request: &GenerationRequest) -> Result<Plan, GenerationError> {
        let given = |source: &Source| Piece::Given(source.clip().frames().to_vec());
        let new = self.spans.before..self.spans.before + self.spans.new;
        let pieces = [Some(given(&self.first)), Some(Piece::Made(new.collect())), self.second.as_ref().map(given)];
        Ok(Plan {
            edit: Some(Edit::keep(&self.known(request)?, request)?),
            pieces: pieces.into_iter().flatten().collect(),
            finish: self.first.to_own_size(),
            is_round: self.second.is_none(),
            resolution: self.first.resolution(),
            frame_rate: self.first.frame_rate(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::enough_frames;

    #[test]
    fn clips_and_passage_fill_whole_latent_frames() {
        for (lengths, frames, expected) in
            [([33, 33], 16, [17, 16, 20]), ([1, 1], 1, [1, 4, 4]), ([6, 9], 10, [5, 12, 12]), ([4, 4], 4, [1, 4, 4])]
        {
            let spans = Spans::of(lengths, frames);
            assert_eq!([spans.before, spans.new, spans.after], expected);
            assert_eq!(enough_frames(spans.total()), spans.total());
        }
    }
}
