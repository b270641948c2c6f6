//! A video of Wan that is decoded part by part, and the windows that it is made in.

use burn::tensor::{Device, Tensor};
use video::{Frame, VideoError};
use wan::{
    WanError, WanFolder,
    autoencoder::{Decoder, StreamState, TileStates},
};

use crate::{
    FrameStream, GenerationError, GenerationRequest, Phase, Progress, WanGenerator, frame_stream::report,
    long::Carried, pixels::frames_from_pixels, wan_generator::TEMPORAL_FACTOR,
};

/// The stream of Wan's autoencoder. Weights are read for each part and let go after it.
pub(crate) struct WanStream<'a> {
    folder: &'a WanFolder,
    device: &'a Device,
    /// Pixels along a side up to which frames are decoded in one piece.
    tile: usize,
    /// Frames that the next latent frame stands for.
    next: usize,
    state: StreamState,
    /// What tiles remember; nothing where all latents come at once, and each tile is forgotten when it is done.
    tiles: Option<TileStates>,
}

impl<'a> WanStream<'a> {
    /// A stream for a single part.
    pub(crate) fn begin(folder: &'a WanFolder, (device, tile): (&'a Device, usize)) -> Self {
        Self { folder, device, tile, next: 1, state: StreamState::default(), tiles: None }
    }

    /// The same for any number of parts.
    pub(crate) fn of_parts(self) -> Self {
        Self { tiles: Some(TileStates::default()), ..self }
    }

    fn push_tiled(
        &mut self,
        (decoder, latents): (&Decoder, &Tensor<5>),
        sink: &mut dyn FnMut(Frame) -> Result<(), VideoError>,
        progress: &mut dyn Progress,
    ) -> Result<(), GenerationError> {
        let mut report = |done, total| progress.report(Phase::Decoding, done, total);
        let clip = match &mut self.tiles {
            None => decoder.decode_in_tiles(latents, self.tile, &mut report),
            Some(states) => decoder.decode_next_in_tiles(latents, (self.tile, states), &mut report),
        };
        let clip = clip.map_err(|error| match error {
            WanError::Stopped => GenerationError::Interrupted,
            other => other.into(),
        })?;
        (0..clip.num_frames()).try_for_each(|frame| {
            let pixels = clip.frames(frame..frame + 1, self.device);
            Ok(frames_from_pixels(pixels)?.into_iter().try_for_each(&mut *sink)?)
        })
    }
}

impl FrameStream for WanStream<'_> {
    fn push(
        &mut self,
        latents: Tensor<5>,
        sink: &mut dyn FnMut(Frame) -> Result<(), VideoError>,
        progress: &mut dyn Progress,
    ) -> Result<(), GenerationError> {
        let decoder = self.folder.decoder(self.device)?;
        let latents = decoder.denormalise(latents);
        let [_, _, t, h, w] = latents.dims();
        let total = self.next + (t - 1) * TEMPORAL_FACTOR;
        let mut done = 0;
        if decoder.takes_tiles([h, w], self.tile) {
            self.push_tiled((&decoder, &latents), sink, progress)?;
            self.next = TEMPORAL_FACTOR;
            return Ok(());
        }
        report(progress, done, total)?;
        for frame in 0..t {
            let pixels = decoder.decode_next(latents.clone().narrow(2, frame, 1), &mut self.state);
            frames_from_pixels(pixels)?.into_iter().try_for_each(&mut *sink)?;
            done += std::mem::replace(&mut self.next, TEMPORAL_FACTOR);
            report(progress, done, total)?;
        }
        Ok(())
    }
}

impl WanGenerator {
    /// Makes the latents of a window that goes on from what is carried.
    ///
    /// # Shapes  `[1, C, T, H, W]`
    pub(crate) fn sample_on(
        &self,
        request: &GenerationRequest,
        carried: &Carried,
        (seed, progress): (u64, &mut dyn Progress),
    ) -> Result<Tensor<5>, GenerationError> {
        let prompts = self.embed(request)?;
        let [_, channels, ..] = carried.latents.latents.dims();
        let [t, h, w] = request.latent_sides();
        let noise = diffusion::noise([channels, t, h, w], &[seed], self.device());
        let canvas = carried.canvas(noise.clone())?.with_seeds([seed]);
        let noise = (!self.folder().expands_timesteps()).then_some(&noise);
        self.walk(request, (canvas, request.sigmas(), noise), (prompts, None), progress)
    }
}
