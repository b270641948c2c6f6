//! One window after another.

use video::{Frame, VideoError};

use super::{Carried, LongVideo, Partial, WindowLatents, windows::Window};
use crate::{
    GenerationError, GenerationRequest, Progress, VideoGenerator,
    joints::{Joints, Origin},
};
use models::autoencoder::TEMPORAL_FACTOR;

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
        let (mut joints, mut number) = (Joints::default(), 0);
        let mut before: Option<WindowLatents> = None;
        let mut done = 0;
        for (index, window) in self.windows.iter().enumerate() {
            progress.part(index, self.windows.len());
            let shapes = self.part_shapes(generator, window.new);
            let kept = partial.map(|partial| partial.window(index, &shapes)).transpose()?.flatten();
            let new = match kept {
                Some(kept) => kept,
                None => {
                    let carried = before.clone().map(|before| Carried::of(before, *window, self.anti_drift));
                    let seed = part_seed(seed, index);
                    let request = self.window_request(*window, done);
                    let made = generator.sample_window(&request, carried.as_ref(), seed, progress)?;
                    let new = made.last(window.new);
                    partial.map(|partial| partial.keep(index, &new)).transpose()?;
                    new
                }
            };
            let mut join = |frame| {
                let origin = Origin::made(index, number);
                number += 1;
                joints.add((origin, frame), sink)
            };
            stream.push(new.latents.clone(), &mut join, progress)?;
            let all = match before {
                None => new,
                Some(before) => before.followed_by(new),
            };
            before = Some(all.last(self.window.latent_sides()[0]));
            done += window.new;
        }
        Ok(joints.finish(&[], sink)?)
    }

    /// What a window is asked for that goes on after so many latent frames: its own part of all paths.
    fn window_request(&self, Window { lead, carried, new }: Window, done: usize) -> GenerationRequest {
        let all = self.num_frames().div_ceil(TEMPORAL_FACTOR);
        // What leads the second window may stand before the beginning.
        let moments: Vec<usize> =
            (0..lead + carried + new).map(|index| (done + index).saturating_sub(lead + carried)).collect();
        self.window.during(&moments, all)
    }
}
