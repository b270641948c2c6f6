//! A passage from the end of one clip to the beginning of another, which may be the same.

use generation::{Edit, GenerationOptions, GenerationRequest, Length};
use video::Frame;

use super::{
    assembly::Piece,
    making::{Given, Making},
    source::{Source, enough_frames},
};
use crate::target::Target;

/// Most frames that the model sees on either side; one more than a multiple of 4.
const CONTEXT_FRAMES: usize = 17;

/// Where clips and passage lie on the model's time line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bridge {
    /// Frames of the first clip's end that the model sees.
    before: usize,
    /// New frames.
    new: usize,
    /// Frames of the second clip's beginning that it sees.
    after: usize,
}

impl Bridge {
    /// A passage of at least so many seconds between clips of so many frames.
    pub fn of([first, second]: [usize; 2], frames: usize) -> Self {
        // Latent frames stand for one frame and then four each, and only whole ones are known.
        let before = (first.min(CONTEXT_FRAMES) - 1) / 4 * 4 + 1;
        let after = second.min(CONTEXT_FRAMES).next_multiple_of(4);
        Self { before, new: frames.max(1).next_multiple_of(4), after }
    }

    /// Makes it, and puts the pieces around it that `pieces` makes of the new frames.
    pub fn make(
        self,
        making: &Making,
        (target, prompt): (Option<Target>, String),
        [first, second]: [&Source; 2],
        pieces: impl FnOnce(Piece) -> Vec<Piece>,
    ) -> anyhow::Result<()> {
        let options = GenerationOptions {
            size: Some(first.size()),
            length: Some(Length::Frames(enough_frames(self.before + self.new + self.after))),
            frame_rate: Some(first.frame_rate()),
            ..making.options(prompt)
        };
        making.run(target, options, |request| {
            let new = self.before..self.before + self.new;
            Ok(Given {
                edit: Some(Edit::keep(&self.known([first, second], request)?, request)?),
                pieces: pieces(Piece::Made(new.collect())),
                finish: first.to_own_size(),
                format: (first.clip().resolution(), first.frame_rate()),
            })
        })
    }

    fn known(self, [first, second]: [&Source; 2], request: &GenerationRequest) -> anyhow::Result<Vec<(usize, Frame)>> {
        let start = first.clip().frames().len() - self.before;
        let last = second.clip().frames().len() - 1;
        let before = (0..self.before).map(|index| (index, first, start + index));
        // A clip that is shorter than what is shown of it holds its last frame.
        let after = (0..self.after).map(|index| (self.before + self.new + index, second, index.min(last)));
        before.chain(after).map(|(place, source, frame)| Ok((place, source.fitted(frame, request)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clips_and_passage_fill_whole_latent_frames() {
        for (lengths, frames, expected) in
            [([33, 33], 16, [17, 16, 20]), ([1, 1], 1, [1, 4, 4]), ([6, 9], 10, [5, 12, 12])]
        {
            let Bridge { before, new, after } = Bridge::of(lengths, frames);
            assert_eq!([before, new, after], expected);
            assert_eq!(enough_frames(before + new + after), before + new + after);
        }
    }
}
