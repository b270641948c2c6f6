//! Frames out of latents that come one part after another, without a seam between the parts.
//!
//! A causal decoder remembers what it needs of the latent frames before. As long as that is kept, it does not matter how
//! a video is cut into parts, nor how long it is.

use std::ops::ControlFlow;

use burn::tensor::Tensor;
use models::autoencoder::{Autoencoder, Chunk, StreamState, TEMPORAL_FACTOR, frames_from_latent_frames};
use video::{Frame, VideoError};

use crate::{GenerationError, Phase, Progress, pixels::frames_from_pixels};

/// Latent positions that are decoded at once; bounds the memory of decoding whatever the length.
const CHUNK_POSITIONS: usize = 1024;

/// A video that is being decoded.
pub trait FrameStream {
    /// Decodes the next latents and hands over each frame: the first of all gives one, each later one four.
    ///
    /// # Shapes  latents: `[1, C, T, H, W]`
    /// # Errors
    /// [`GenerationError::Interrupted`] when `progress` wants to stop, and what goes wrong here or in `sink`.
    fn push(
        &mut self,
        latents: Tensor<5>,
        sink: &mut dyn FnMut(Frame) -> Result<(), VideoError>,
        progress: &mut dyn Progress,
    ) -> Result<(), GenerationError>;
}

/// The stream of misora's own autoencoder.
pub(crate) struct OwnStream<'a> {
    autoencoder: &'a Autoencoder,
    state: StreamState,
    next: Chunk,
}

impl<'a> OwnStream<'a> {
    pub(crate) fn begin(autoencoder: &'a Autoencoder) -> Self {
        Self { autoencoder, state: StreamState::default(), next: Chunk::First }
    }
}

impl FrameStream for OwnStream<'_> {
    fn push(
        &mut self,
        latents: Tensor<5>,
        sink: &mut dyn FnMut(Frame) -> Result<(), VideoError>,
        progress: &mut dyn Progress,
    ) -> Result<(), GenerationError> {
        let [_, _, t, h, w] = latents.dims();
        let begins = self.next == Chunk::First;
        let frames = |latent: usize| if begins { frames_from_latent_frames(latent) } else { latent * TEMPORAL_FACTOR };
        let chunk_len = (CHUNK_POSITIONS / (h * w)).max(1);
        report(progress, 0, frames(t))?;
        for start in (0..t).step_by(chunk_len) {
            let end = (start + chunk_len).min(t);
            let chunk = std::mem::replace(&mut self.next, Chunk::Later);
            let latents = latents.clone().narrow(2, start, end - start);
            let pixels = self.autoencoder.decode_chunk(latents, &mut self.state, chunk);
            frames_from_pixels(pixels)?.into_iter().try_for_each(&mut *sink)?;
            report(progress, frames(end), frames(t))?;
        }
        Ok(())
    }
}

/// Tells how many frames are decoded.
pub(crate) fn report(progress: &mut dyn Progress, done: usize, total: usize) -> Result<(), GenerationError> {
    match progress.report(Phase::Decoding, done, total) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(GenerationError::Interrupted),
    }
}
