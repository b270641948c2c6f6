//! One window after another.

use video::{Frame, VideoError};

use super::{Carried, LongVideo, Partial, WindowLatents};
use crate::{GenerationError, Progress, VideoGenerator};

/// Keeps seeds apart, so that no part meets the noise of another: the fraction of the golden ratio.
const SEED_STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// The seed of a part of a video; that of the first is the video's own.
pub(crate) const fn part_seed(seed: u64, index: usize) -> u64 {
    seed.wrapping_add(SEED_STEP.wrapping_mul(index as u64))
}

impl LongVideo {
    /// Makes the video and hands over each frame as soon as it is decoded. Windows that `partial` has are taken from it,
    /// others are put there as soon as they are done.
    ///
    /// The same video, seed and kind of machine give the same frames, however often it was stopped and gone on with.
    ///
    /// # Errors
    /// [`GenerationError::Interrupted`] when `progress` or `sink` wants to stop, and whatever goes wrong on the way.
    pub fn make(
        &self,
        (generator, seed): (&dyn VideoGenerator, u64),
        partial: Option<&Partial>,
        sink: &mut dyn FnMut(Frame) -> Result<(), VideoError>,
        progress: &mut dyn Progress,
    ) -> Result<(), GenerationError> {
        let mut stream = generator.frame_stream();
        let mut before: Option<WindowLatents> = None;
        for (index, window) in self.windows.iter().enumerate() {
            progress.part(index, self.windows.len());
            let shapes = self.part_shapes(generator, window.new);
            let kept = partial.map(|partial| partial.window(index, &shapes)).transpose()?.flatten();
            let new = match kept {
                Some(kept) => kept,
                None => {
                    let carried = before.clone().map(|before| Carried::of(before, *window, self.anti_drift));
                    let seed = part_seed(seed, index);
                    let made = generator.sample_window(&self.window, carried.as_ref(), seed, progress)?;
                    let new = made.last(window.new);
                    partial.map(|partial| partial.keep(index, &new)).transpose()?;
                    new
                }
            };
            stream.push(new.latents.clone(), sink, progress)?;
            let all = match before {
                None => new,
                Some(before) => before.followed_by(new),
            };
            before = Some(all.last(self.window.latent_sides()[0]));
        }
        Ok(())
    }
}
