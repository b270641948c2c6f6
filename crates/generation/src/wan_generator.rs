//! Wan 2.1 text to video: prompt, sampling and decoding with the parts of a folder that others published.
//!
//! Each part is read when it is needed and let go when it has done its work, so that memory holds one at a time.

use std::{ops::ControlFlow, path::Path};

use burn::tensor::{Device, Tensor};
use diffusion::{Canvas, Denoiser, DiffusionError, Guided, OneLevel, Sampler, Sigma};
use video::{Frame, VideoError};
use wan::{
    Lora, SchedulerConfig, WanError, WanFolder,
    autoencoder::{StreamState, tiles::WHOLE_SIDE},
    text::{MAX_TOKENS, TextEncoder, TextInput, Tokenizer},
    transformer::{Precision, Transformer, TransformerInput},
};

use crate::{
    Abilities, Edit, GenerationError, GenerationOptions, GenerationRequest, Machine, Phase, Progress, VideoGenerator,
    limits::Limits,
    pixels::frames_from_pixels,
    preview::{Course, LatentColours},
    request::Levels,
    wan_memory::{Video, WanMemory},
};

/// Frames that a latent frame stands for, but for the first.
const TEMPORAL_FACTOR: usize = 4;

/// A Wan 2.1 folder that makes videos.
#[derive(Clone, Debug)]
pub struct WanGenerator {
    folder: WanFolder,
    scheduler: SchedulerConfig,
    device: Device,
    /// Pixels along a side up to which frames are decoded in one piece.
    tile: usize,
}

/// A prompt and what guidance leads away from, each as `[1, N, D]`.
#[derive(Clone, Debug)]
pub struct WanPrompts {
    /// The prompt.
    pub prompt: Tensor<3>,
    /// The negative prompt.
    pub negative: Tensor<3>,
}

impl WanGenerator {
    /// Opens a folder in the layout of diffusers. Its parts are not read yet.
    ///
    /// # Errors
    /// [`GenerationError::Wan`] when it is not one, or of another architecture.
    pub fn open(path: &Path, device: &Device) -> Result<Self, GenerationError> {
        let folder = WanFolder::open(path)?;
        let scheduler = folder.scheduler()?;
        Ok(Self { folder, scheduler, device: device.clone(), tile: WHOLE_SIDE })
    }

    /// The same with what these files add to its transformer.
    ///
    /// # Errors
    /// [`GenerationError::Wan`] when one of them does not fit.
    pub fn with_loras(self, loras: Vec<Lora>) -> Result<Self, GenerationError> {
        Ok(Self { folder: self.folder.with_loras(loras)?, ..self })
    }

    /// The same, whose transformer computes with these numbers.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { folder: self.folder.with_precision(precision), ..self }
    }

    /// The same, which decodes frames of up to so many pixels along a side in one piece, and larger ones in tiles of so many.
    #[must_use]
    pub fn with_tile(self, tile: usize) -> Self {
        Self { tile, ..self }
    }

    /// What it can make: up to 1280 pixels and 81 frames of 1280×720.
    pub const fn abilities(&self) -> Abilities {
        Abilities {
            limits: Limits { max_side: 1280, max_tokens: 75_600 },
            prompt_tokens: MAX_TOKENS,
            frame_rate: 16,
            size: [832, 480],
            num_frames: 81,
            num_inference_steps: 50,
            guidance_scale: 5.0,
            outline_strength: None,
            sampler: match self.scheduler {
                SchedulerConfig::UniPc { .. } => Sampler::UniPc,
                SchedulerConfig::FlowMatchEuler { .. } => Sampler::Euler,
            },
            levels: Levels::Wan(self.scheduler),
        }
    }

    /// Embeds the prompts of a request.
    ///
    /// # Errors
    /// [`GenerationError::Wan`] when the text encoder or the tokenizer cannot be read.
    pub fn embed(&self, request: &GenerationRequest) -> Result<WanPrompts, GenerationError> {
        let encoder = self.folder.text_encoder(&self.device)?;
        let tokenizer = self.folder.tokenizer(encoder.config().vocab_size)?;
        let prompt = embed(&encoder, &tokenizer, request.prompt())?;
        // Where guidance never acts, nobody asks for the negative prompt.
        let negative = match request.guidance().guidance_scale() {
            1.0 => prompt.clone(),
            _ => embed(&encoder, &tokenizer, request.negative_prompt())?,
        };
        Ok(WanPrompts { prompt, negative })
    }

    /// Makes latents out of noise.
    ///
    /// # Shapes  noise and the result: `[1, C, T, H, W]`
    /// # Errors
    /// [`GenerationError::Interrupted`] when `progress` wants to stop, and whatever goes wrong on the way.
    pub fn sample(
        &self,
        request: &GenerationRequest,
        noise: Tensor<5>,
        prompts: WanPrompts,
        progress: &mut dyn Progress,
    ) -> Result<Tensor<5>, GenerationError> {
        self.walk(request, (Canvas::imagined(noise), request.sigmas(), None), prompts, progress)
    }

    /// Walks a canvas down the given levels. Where it is known in part, noise says so: what is known is noised with that
    /// for the model to look at, which knows one level for a whole clip.
    fn walk(
        &self,
        request: &GenerationRequest,
        (canvas, sigmas, noise): (Canvas, &[Sigma], Option<&Tensor<5>>),
        prompts: WanPrompts,
        progress: &mut dyn Progress,
    ) -> Result<Tensor<5>, GenerationError> {
        let course = Course::begin(progress, (sigmas.len() - 1, request.frame_rate()), || self.colours())?;
        let transformer = self.folder.transformer(&self.device)?;
        let denoiser = |embeds: Tensor<3>| WanDenoiser {
            transformer: &transformer,
            prompt_embeds: padded(embeds),
            scheduler: self.scheduler,
        };
        let (conditional, unconditional) = (denoiser(prompts.prompt), denoiser(prompts.negative));
        let guided = Guided { conditional: &conditional, unconditional: &unconditional, guidance: request.guidance() };
        // The first level may lie just below pure noise, and nothing of the canvas begins above it.
        let first = sigmas.first().copied().unwrap_or(Sigma::PURE_NOISE);
        let canvas = Canvas { start: canvas.start.clamp_max(first.value()), ..canvas };
        let sampling = (request.sampler(), canvas, sigmas);
        match noise {
            None => course.walk(&guided, sampling, 0),
            Some(noise) => course.walk(&OneLevel { denoiser: guided, noise }, sampling, 0),
        }
    }

    /// What the latents look like, roughly.
    fn colours(&self) -> Result<LatentColours, GenerationError> {
        let encoder = self.folder.encoder(&self.device)?;
        LatentColours::fit(|picture| Ok(encoder.normalise(encoder.encode(picture)?)), &self.device)
    }
}

impl VideoGenerator for WanGenerator {
    fn name(&self) -> String {
        self.folder.path().file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    fn request(&self, options: GenerationOptions) -> Result<GenerationRequest, GenerationError> {
        if options.camera.is_some() {
            let problem = "cannot be followed: this model was not told of cameras; describe it in the prompt".into();
            return Err(GenerationError::Camera { problem });
        }
        GenerationRequest::within(options, &self.abilities())
    }

    fn check_memory(&self, request: &GenerationRequest, machine: Machine) -> Result<(), GenerationError> {
        WanMemory::open(&self.folder, self.tile)?.check(Video::of(request, machine.threads), machine.available_bytes)
    }

    fn sample_latents(
        &self,
        request: &GenerationRequest,
        seed: u64,
        progress: &mut dyn Progress,
    ) -> Result<Tensor<5>, GenerationError> {
        let channels = self.folder.latent_channels()?;
        let prompts = self.embed(request)?;
        let [t, h, w] = request.latent_sides();
        let noise = diffusion::noise([channels, t, h, w], &[seed], &self.device);
        self.sample(request, noise, prompts, progress)
    }

    fn sample_edit(
        &self,
        request: &GenerationRequest,
        edit: &Edit,
        seed: u64,
        progress: &mut dyn Progress,
    ) -> Result<Tensor<5>, GenerationError> {
        let prompts = self.embed(request)?;
        let latents = {
            let encoder = self.folder.encoder(&self.device)?;
            encoder.normalise(encoder.encode(edit.pixels(&self.device))?)
        };
        let [_, channels, t, h, w] = latents.dims();
        let noise = diffusion::noise([channels, t, h, w], &[seed], &self.device);
        let (canvas, sigmas) = (edit.canvas(latents, noise.clone())?, edit.sigmas(request.sigmas())?);
        self.walk(request, (canvas, &sigmas, Some(&noise)), prompts, progress)
    }

    fn decode(
        &self,
        latents: Tensor<5>,
        sink: &mut dyn FnMut(Frame) -> Result<(), VideoError>,
        progress: &mut dyn Progress,
    ) -> Result<(), GenerationError> {
        let decoder = self.folder.decoder(&self.device)?;
        let latents = decoder.denormalise(latents);
        let [_, _, t, h, w] = latents.dims();
        if decoder.takes_tiles([h, w], self.tile) {
            let mut report = |done, total| progress.report(Phase::Decoding, done, total);
            let clip = decoder.decode_in_tiles(&latents, self.tile, &mut report).map_err(|error| match error {
                WanError::Stopped => GenerationError::Interrupted,
                other => other.into(),
            })?;
            return (0..clip.num_frames()).try_for_each(|frame| {
                let pixels = clip.frames(frame..frame + 1, &self.device);
                Ok(frames_from_pixels(pixels)?.into_iter().try_for_each(&mut *sink)?)
            });
        }
        let mut state = StreamState::default();
        let mut report = |done| match progress.report(Phase::Decoding, done, (t - 1) * TEMPORAL_FACTOR + 1) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(GenerationError::Interrupted),
        };
        report(0)?;
        for frame in 0..t {
            let pixels = decoder.decode_next(latents.clone().narrow(2, frame, 1), &mut state);
            frames_from_pixels(pixels)?.into_iter().try_for_each(&mut *sink)?;
            report(frame * TEMPORAL_FACTOR + 1)?;
        }
        Ok(())
    }
}

/// A transformer with a prompt, as sampling sees it.
struct WanDenoiser<'a> {
    transformer: &'a Transformer,
    /// `[1, N, D]`.
    prompt_embeds: Tensor<3>,
    scheduler: SchedulerConfig,
}

impl Denoiser for WanDenoiser<'_> {
    fn velocity(&self, canvas: &Canvas, sigma: Sigma) -> Result<Tensor<5>, DiffusionError> {
        let input = TransformerInput {
            hidden_states: canvas.latents.clone(),
            timesteps: &[self.scheduler.timestep(sigma.value())],
            encoder_hidden_states: self.prompt_embeds.clone(),
            encoder_hidden_states_image: None,
        };
        self.transformer.forward(input).map_err(DiffusionError::denoiser)
    }
}

fn embed(encoder: &TextEncoder, tokenizer: &Tokenizer, text: &str) -> Result<Tensor<3>, WanError> {
    let ids = tokenizer.encode(text)?;
    encoder.forward(&TextInput { ids: &ids, present: &vec![true; ids.len()], length: ids.len() })
}

/// The model was trained with prompts of 512 tokens, zeros behind the last one.
fn padded(embeds: Tensor<3>) -> Tensor<3> {
    let [b, n, d] = embeds.dims();
    let padding = Tensor::zeros([b, MAX_TOKENS.saturating_sub(n), d], &embeds.device());
    Tensor::cat(vec![embeds, padding], 1)
}
