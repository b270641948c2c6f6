//! Wan 2.1 and the 5B model of Wan 2.2, also as FastVideo distilled them: prompt, sampling and decoding with the parts of a folder that others published.
//!
//! Each part is read when it is needed and let go when it has done its work, so that memory holds one at a time.

use std::path::Path;

use burn::tensor::{Device, Tensor};
use diffusion::{Canvas, Guided, OneLevel, Sampler, Sigma};
use video::{Frame, VideoError};
use wan::{
    Lora, Pipeline, Precision, SchedulerConfig, WanError, WanFolder,
    autoencoder::{AutoencoderConfig, tiles::WHOLE_SIDE},
    text::{MAX_TOKENS, TextEncoder, TextInput, Tokenizer},
};

use crate::{
    Abilities, Edit, FrameStream, GenerationError, GenerationOptions, GenerationRequest, ImageUse, Machine, Progress,
    VideoGenerator, WanImage, WanImageChannels,
    abilities::Levels,
    limits::Limits,
    long::{Carried, WindowLatents},
    preview::{Course, LatentColours},
    wan_denoiser::{Timesteps, WanDenoiser, padded},
    wan_memory::{Video, WanMemory},
    wan_stream::WanStream,
};

/// Frames that a latent frame stands for, but for the first.
pub(crate) const TEMPORAL_FACTOR: usize = 4;
/// Pixels along each side of a latent position: of Wan 2.1, and of the 5B model of Wan 2.2.
const SPATIAL_FACTOR: usize = 8;
const LARGE_SPATIAL_FACTOR: usize = 16;

/// A Wan folder that makes videos.
#[derive(Clone, Debug)]
pub struct WanGenerator {
    folder: WanFolder,
    scheduler: SchedulerConfig,
    autoencoder: AutoencoderConfig,
    device: Device,
    /// Pixels along a side up to which frames are decoded in one piece.
    tile: usize,
}

/// What a video is made of besides its request.
#[derive(Clone, Debug)]
pub struct WanInput {
    /// What all of it begins as, `[1, C, T, H, W]`.
    pub noise: Tensor<5>,
    /// What samplers draw further noise from.
    pub seed: u64,
    /// What it shows.
    pub prompts: WanPrompts,
    /// What it begins with, as [`WanGenerator::prepare_image`] makes it.
    pub image: Option<WanImage>,
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
    /// Opens a folder in the layout of diffusers. No weight is read yet.
    ///
    /// # Errors
    /// [`GenerationError::Wan`] when it is not one, or of another architecture.
    pub fn open(path: &Path, device: &Device) -> Result<Self, GenerationError> {
        let folder = WanFolder::open(path)?;
        let scheduler = folder.scheduler()?;
        let autoencoder = folder.autoencoder_config()?;
        let (time, space) = (autoencoder.temporal_factor(), autoencoder.spatial_factor());
        if time != TEMPORAL_FACTOR || ![SPATIAL_FACTOR, LARGE_SPATIAL_FACTOR].contains(&space) {
            let reason = format!(
                "its autoencoder makes {time} frames of {space}x{space} pixels one latent position; videos are made with \
                 those that make it of {TEMPORAL_FACTOR} frames and 8x8 or 16x16 pixels"
            );
            return Err(WanError::Config { path: path.join("vae"), reason }.into());
        }
        Ok(Self { folder, scheduler, autoencoder, device: device.clone(), tile: WHOLE_SIDE })
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

    /// What it can make, and makes when nothing is said.
    ///
    /// Source: the configurations of the Wan team for Wan 2.1's small model and for Wan 2.2's 5B model, `FastWanT2V480P` of
    /// FastVideo for what it distilled
    pub fn abilities(&self) -> Abilities {
        let is_large = self.autoencoder.spatial_factor() == LARGE_SPATIAL_FACTOR;
        let is_distilled = self.folder.pipeline() == Pipeline::Dmd;
        // All of the longest that it was trained for, at its largest size.
        let max_tokens = if is_large { 27_280 } else { 75_600 };
        let (size, num_frames, frame_rate) = match (is_large, is_distilled) {
            (true, _) => ([1280, 704], 121, 24),
            (false, true) => ([832, 448], 61, 16),
            (false, false) => ([832, 480], 81, 16),
        };
        Abilities {
            limits: Limits {
                spatial_factor: if is_large { LARGE_SPATIAL_FACTOR as u32 } else { SPATIAL_FACTOR as u32 },
                max_side: 1280,
                max_tokens,
            },
            prompt_tokens: MAX_TOKENS,
            frame_rate,
            size,
            num_frames,
            num_inference_steps: self.scheduler.only_num_inference_steps().unwrap_or(match self.folder.pipeline() {
                Pipeline::ImageToVideo => 40,
                _ => 50,
            }),
            guidance_scale: if is_distilled { 1.0 } else { 5.0 },
            outline_strength: None,
            sampler: match self.scheduler {
                SchedulerConfig::UniPc { .. } => Sampler::UniPc,
                SchedulerConfig::FlowMatchEuler { .. } => Sampler::Euler,
                SchedulerConfig::Dmd => Sampler::Dmd,
            },
            levels: Levels::Wan(self.scheduler),
            image: match self.folder.pipeline() {
                Pipeline::ImageToVideo => ImageUse::Always,
                _ if self.folder.expands_timesteps() => ImageUse::IfGiven,
                _ => ImageUse::Never,
            },
            camera: false,
            motion: false,
        }
    }

    pub(crate) const fn folder(&self) -> &WanFolder {
        &self.folder
    }

    pub(crate) const fn device(&self) -> &Device {
        &self.device
    }

    fn stream(&self) -> WanStream<'_> {
        WanStream::begin(&self.folder, (&self.device, self.tile))
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
    /// # Shapes  `[1, C, T, H, W]`, as the noise
    /// # Errors
    /// [`GenerationError::Interrupted`] when `progress` wants to stop, and whatever goes wrong on the way.
    pub fn sample(
        &self,
        request: &GenerationRequest,
        input: WanInput,
        progress: &mut dyn Progress,
    ) -> Result<Tensor<5>, GenerationError> {
        let WanInput { noise, seed, prompts, image } = input;
        let (first_frame, image) = match image {
            Some(WanImage::FirstFrame(latents)) => (Some(latents), None),
            Some(WanImage::Beside(channels)) => (None, Some(channels)),
            None => (None, None),
        };
        let canvas = Canvas::imagined(noise).with_seeds([seed]);
        let canvas = match first_frame {
            Some(latents) => beginning_with(latents, canvas),
            None => canvas,
        };
        self.walk(request, (canvas, request.sigmas(), None), (prompts, image), progress)
    }

    /// Walks a canvas down the given levels. Where it is known in part, and the model knows one level for a whole clip, noise
    /// says so: what is known is noised with that for the model to look at.
    pub(crate) fn walk(
        &self,
        request: &GenerationRequest,
        (canvas, sigmas, noise): (Canvas, &[Sigma], Option<&Tensor<5>>),
        (prompts, image): (WanPrompts, Option<WanImageChannels>),
        progress: &mut dyn Progress,
    ) -> Result<Tensor<5>, GenerationError> {
        let course = Course::begin(progress, (sigmas.len() - 1, request), || self.colours())?;
        let transformer = self.folder.transformer(&self.device)?;
        let timesteps = if self.folder.expands_timesteps() { Timesteps::OfTokens } else { Timesteps::OfClip };
        let denoiser = |embeds: Tensor<3>| WanDenoiser {
            transformer: &transformer,
            prompt_embeds: padded(embeds),
            scheduler: self.scheduler,
            timesteps,
            image: image.clone(),
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
        GenerationRequest::within(options, &self.abilities())
    }

    fn check_memory(
        &self,
        (request, has_frames): (&GenerationRequest, bool),
        machine: Machine,
    ) -> Result<(), GenerationError> {
        WanMemory::open(&self.folder, self.abilities().limits, self.tile)?
            .check(Video::of(request, has_frames, machine.threads), machine.available_bytes)
    }

    fn sample_latents(
        &self,
        request: &GenerationRequest,
        seed: u64,
        progress: &mut dyn Progress,
    ) -> Result<Tensor<5>, GenerationError> {
        let (prompts, image) = (self.embed(request)?, self.prepare_image(request)?);
        let [t, h, w] = request.latent_sides();
        let noise = diffusion::noise([self.autoencoder.z_dim, t, h, w], &[seed], &self.device);
        self.sample(request, WanInput { noise, seed, prompts, image }, progress)
    }

    fn sample_edit(
        &self,
        request: &GenerationRequest,
        edit: &Edit,
        seed: u64,
        progress: &mut dyn Progress,
    ) -> Result<Tensor<5>, GenerationError> {
        let prompts = self.embed(request)?;
        let beside = match self.prepare_image(request)? {
            Some(WanImage::Beside(channels)) => Some(channels),
            _ => None,
        };
        let latents = {
            let encoder = self.folder.encoder(&self.device)?;
            encoder.normalise(encoder.encode(edit.pixels(&self.device))?)
        };
        let [_, channels, t, h, w] = latents.dims();
        let noise = diffusion::noise([channels, t, h, w], &[seed], &self.device);
        let canvas = edit.canvas(latents, noise.clone())?.with_seeds([seed]);
        let sigmas = edit.sigmas(request.sigmas())?;
        let noise = (!self.folder.expands_timesteps()).then_some(&noise);
        self.walk(request, (canvas, &sigmas, noise), (prompts, beside), progress)
    }

    fn abilities(&self) -> Abilities {
        Self::abilities(self)
    }

    fn latent_channels(&self) -> usize {
        self.autoencoder.z_dim
    }

    fn device(&self) -> &Device {
        Self::device(self)
    }

    fn sample_window(
        &self,
        request: &GenerationRequest,
        carried: Option<&Carried>,
        seed: u64,
        progress: &mut dyn Progress,
    ) -> Result<WindowLatents, GenerationError> {
        let latents = match carried {
            None => VideoGenerator::sample_latents(self, request, seed, progress)?,
            Some(carried) => self.sample_on(request, carried, (seed, progress))?,
        };
        Ok(WindowLatents { latents, outline: None })
    }

    fn check_window_memory(&self, request: &GenerationRequest, machine: Machine) -> Result<(), GenerationError> {
        // Between windows every tile remembers its part, which is as much as for a whole picture.
        WanMemory::open(&self.folder, self.abilities().limits, usize::MAX)?
            .check(Video::of(request, false, machine.threads), machine.available_bytes)
    }

    fn frame_stream(&self) -> Box<dyn FrameStream + '_> {
        Box::new(self.stream().of_parts())
    }

    fn decode(
        &self,
        latents: Tensor<5>,
        sink: &mut dyn FnMut(Frame) -> Result<(), VideoError>,
        progress: &mut dyn Progress,
    ) -> Result<(), GenerationError> {
        self.stream().push(latents, sink, progress)
    }
}

/// A canvas of which the first latent frame is known.
///
/// # Shapes  latents: `[1, C, 1, H, W]`
fn beginning_with(latents: Tensor<5>, canvas: Canvas) -> Canvas {
    let [_, _, t, ..] = canvas.latents.dims();
    let after = |tensor: Tensor<5>| tensor.narrow(2, 1, t - 1);
    let known = canvas.start.clone().narrow(2, 0, 1) * 0.0;
    let start = Tensor::cat(vec![known, after(canvas.start)], 2);
    Canvas { latents: Tensor::cat(vec![latents, after(canvas.latents)], 2), start, ..canvas }
}

fn embed(encoder: &TextEncoder, tokenizer: &Tokenizer, text: &str) -> Result<Tensor<3>, WanError> {
    let ids = tokenizer.encode(text)?;
    encoder.forward(&TextInput { ids: &ids, present: &vec![true; ids.len()], length: ids.len() })
}
