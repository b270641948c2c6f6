//! Turns requests into frames.

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use diffusion::{Canvas, Sigma};
use models::{
    Bundle, ModelError, Precision,
    text::PromptEmbeds,
    transformer::{MotionPath, Motions},
};
use video::{Clip, Frame, VideoError};

use crate::{
    Abilities, Edit, FrameStream, GenerationError, GenerationOptions, GenerationRequest, ModelDenoiser, Motion,
    Progress,
    denoiser::GuidedModel,
    frame_stream::OwnStream,
    long::{Carried, WindowLatents},
    nano,
    preview::{Course, LatentColours},
    tasks::Plan,
};

/// What a machine has to compute with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Memory that can be had.
    pub available_bytes: u64,
    /// Threads that will compute.
    pub threads: usize,
}

/// Turns requests into frames, whatever the model.
pub trait VideoGenerator {
    /// The model's name.
    fn name(&self) -> String;

    /// Checks what somebody asks for.
    ///
    /// # Errors
    /// [`GenerationError`] that says which wish cannot be met, why, and which one nearest to it can.
    fn request(&self, options: GenerationOptions) -> Result<GenerationRequest, GenerationError>;

    /// Says whether a machine has the memory for a request, with frames given or without, before anything large is read. A
    /// model that needs little for whatever can be asked of it says yes.
    ///
    /// # Errors
    /// [`GenerationError::Memory`] with what it would take and what would fit.
    fn check_memory(&self, _request: (&GenerationRequest, bool), _machine: Machine) -> Result<(), GenerationError> {
        Ok(())
    }

    /// Makes the latents of a video out of noise.
    ///
    /// # Shapes  `[1, C, T, H, W]`
    /// # Errors
    /// [`GenerationError::Interrupted`] when `progress` wants to stop, and whatever goes wrong on the way.
    fn sample_latents(
        &self,
        request: &GenerationRequest,
        seed: u64,
        progress: &mut dyn Progress,
    ) -> Result<Tensor<5>, GenerationError>;

    /// Makes the latents of a video of which something is given.
    ///
    /// # Shapes  `[1, C, T, H, W]`; known positions are what the pictures became, bit for bit
    /// # Errors
    /// As [`Self::sample_latents`].
    fn sample_edit(
        &self,
        request: &GenerationRequest,
        edit: &Edit,
        seed: u64,
        progress: &mut dyn Progress,
    ) -> Result<Tensor<5>, GenerationError>;

    /// What it can make, and makes when nothing is said.
    fn abilities(&self) -> Abilities;

    /// Numbers at each latent position.
    fn latent_channels(&self) -> usize;

    /// Where its tensors live.
    fn device(&self) -> &Device;

    /// Makes the latents of one window of a long video: the first, or one that goes on from what is carried.
    ///
    /// # Errors
    /// As [`Self::sample_latents`].
    fn sample_window(
        &self,
        request: &GenerationRequest,
        carried: Option<&Carried>,
        seed: u64,
        progress: &mut dyn Progress,
    ) -> Result<WindowLatents, GenerationError>;

    /// Says whether a machine has the memory for windows of a request, between which decoding is not over.
    ///
    /// # Errors
    /// As [`Self::check_memory`].
    fn check_window_memory(&self, request: &GenerationRequest, machine: Machine) -> Result<(), GenerationError> {
        self.check_memory((request, false), machine)
    }

    /// Begins to decode a video whose latents come one part after another.
    fn frame_stream(&self) -> Box<dyn FrameStream + '_>;

    /// Decodes latents in memory that does not grow with their length, and hands over each frame.
    ///
    /// # Shapes  latents: `[1, C, T, H, W]`
    /// # Errors
    /// As [`Self::sample_latents`], and when `sink` wants to stop.
    fn decode(
        &self,
        latents: Tensor<5>,
        sink: &mut dyn FnMut(Frame) -> Result<(), VideoError>,
        progress: &mut dyn Progress,
    ) -> Result<(), GenerationError>;
}

impl VideoGenerator for Generator {
    fn name(&self) -> String {
        self.bundle.info.name.clone()
    }

    fn request(&self, options: GenerationOptions) -> Result<GenerationRequest, GenerationError> {
        Self::request(self, options)
    }

    fn sample_latents(
        &self,
        request: &GenerationRequest,
        seed: u64,
        progress: &mut dyn Progress,
    ) -> Result<Tensor<5>, GenerationError> {
        Self::sample_latents(self, request, seed, progress)
    }

    fn sample_edit(
        &self,
        request: &GenerationRequest,
        edit: &Edit,
        seed: u64,
        progress: &mut dyn Progress,
    ) -> Result<Tensor<5>, GenerationError> {
        match request.moving_camera() {
            Some(camera) => self.sample_along_camera(request, (camera, Some(edit)), (seed, progress)),
            None => self.sample_edit_told(request, edit, (seed, progress)),
        }
    }

    fn abilities(&self) -> Abilities {
        Abilities::of(&self.bundle.info)
    }

    fn latent_channels(&self) -> usize {
        self.bundle.info.autoencoder.latent_channels
    }

    fn device(&self) -> &Device {
        &self.device
    }

    fn sample_window(
        &self,
        request: &GenerationRequest,
        carried: Option<&Carried>,
        seed: u64,
        progress: &mut dyn Progress,
    ) -> Result<WindowLatents, GenerationError> {
        match request.moving_camera() {
            Some(camera) => self.window_along_camera((request, camera), carried, (seed, progress)),
            None => self.sample_told_window(request, carried, (seed, progress)),
        }
    }

    fn frame_stream(&self) -> Box<dyn FrameStream + '_> {
        Box::new(OwnStream::begin(&self.bundle.autoencoder))
    }

    fn decode(
        &self,
        latents: Tensor<5>,
        sink: &mut dyn FnMut(Frame) -> Result<(), VideoError>,
        progress: &mut dyn Progress,
    ) -> Result<(), GenerationError> {
        Self::decode(self, latents, sink, progress)
    }
}

/// A model that makes videos.
#[derive(Clone, Debug)]
pub struct Generator {
    bundle: Bundle,
    device: Device,
}

impl Generator {
    /// Takes a model, and works on the device that it is on.
    pub fn new(bundle: Bundle) -> Self {
        let device = bundle.transformer.devices().first().cloned().unwrap_or_default();
        Self { bundle, device }
    }

    /// The same with a transformer that computes with so many bits. 8 are meant for the CPU.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        let Bundle { transformer, .. } = self.bundle;
        let transformer = match precision {
            Precision::F32 => transformer,
            Precision::Int8 => transformer.quantised(),
        };
        Self { bundle: Bundle { transformer, ..self.bundle }, ..self }
    }

    /// The model that is built in.
    ///
    /// # Errors
    /// As [`nano::load`].
    pub fn nano(device: &Device) -> Result<Self, GenerationError> {
        nano::load(device).map(Self::new)
    }

    /// The model.
    pub const fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// Numbers that were learned: autoencoder, text encoder, transformer.
    pub fn parameter_counts(&self) -> [usize; 3] {
        let Bundle { autoencoder, text_encoder, transformer, .. } = &self.bundle;
        [autoencoder.num_params(), text_encoder.num_params(), transformer.num_params()]
    }

    /// Checks what somebody asks for, the length of the prompts in tokens too.
    ///
    /// # Errors
    /// As [`GenerationRequest::new`], and [`ModelError::PromptTooLong`].
    pub fn request(&self, options: GenerationOptions) -> Result<GenerationRequest, GenerationError> {
        let request = GenerationRequest::new(options, &self.bundle.info)?;
        self.token_ids(request.prompt())?;
        self.token_ids(request.negative_prompt())?;
        request.motions().iter().try_for_each(|motion| self.token_ids(motion.name()).map(drop))?;
        Ok(request)
    }

    /// Makes a video and hands over each frame as soon as it is decoded.
    ///
    /// The same request, seed and kind of machine give the same frames.
    ///
    /// # Errors
    /// [`GenerationError::Interrupted`] when `progress` or `sink` wants to stop, and whatever goes wrong on the way.
    pub fn generate(
        &self,
        request: &GenerationRequest,
        seed: u64,
        sink: &mut dyn FnMut(Frame) -> Result<(), VideoError>,
        progress: &mut dyn Progress,
    ) -> Result<(), GenerationError> {
        Plan::of(request, None).make((self, request), (seed, progress), sink)
    }

    /// As [`Self::generate`], into memory.
    ///
    /// # Errors
    /// As [`Self::generate`].
    pub fn clip(
        &self,
        request: &GenerationRequest,
        seed: u64,
        progress: &mut dyn Progress,
    ) -> Result<Clip, GenerationError> {
        let mut frames = Vec::with_capacity(request.num_frames());
        let mut sink = |frame| {
            frames.push(frame);
            Ok(())
        };
        self.generate(request, seed, &mut sink, progress)?;
        Ok(Clip::new(frames, request.frame_rate())?)
    }

    /// Makes the latents of a video out of noise.
    ///
    /// # Shapes  `[1, C, T, H, W]`
    /// # Errors
    /// As [`Self::generate`].
    pub fn sample_latents(
        &self,
        request: &GenerationRequest,
        seed: u64,
        progress: &mut dyn Progress,
    ) -> Result<Tensor<5>, GenerationError> {
        match request.moving_camera() {
            Some(camera) => self.sample_along_camera(request, (camera, None), (seed, progress)),
            None => self.sample_told(request, (seed, progress)),
        }
    }

    /// The same by a model that is told of the camera, and no more.
    pub(crate) fn sample_told(
        &self,
        request: &GenerationRequest,
        (seed, progress): (u64, &mut dyn Progress),
    ) -> Result<Tensor<5>, GenerationError> {
        match request.outline() {
            Some(outline) => self.sample_over_outline(request, (outline, None), (seed, progress)),
            None => {
                let canvas = Canvas::imagined(self.noise(request.latent_sides(), seed)).with_seeds([seed]);
                self.sample_canvas(request, canvas, progress)
            }
        }
    }

    /// Makes the latents of a video of which something is given, by a model that is told of the camera, and no more.
    pub(crate) fn sample_edit_told(
        &self,
        request: &GenerationRequest,
        edit: &Edit,
        (seed, progress): (u64, &mut dyn Progress),
    ) -> Result<Tensor<5>, GenerationError> {
        let sigmas = edit.sigmas(request.sigmas())?;
        match request.outline() {
            // What is known roughly everywhere needs no outline.
            Some(outline) if sigmas[0] == Sigma::PURE_NOISE => {
                self.sample_over_outline(request, (outline, Some(edit)), (seed, progress))
            }
            _ => {
                let latents = self.bundle.autoencoder.encode(edit.pixels(&self.device));
                let canvas = edit.canvas(latents, self.noise(request.latent_sides(), seed))?.with_seeds([seed]);
                let course = self.course(request, sigmas.len() - 1, progress)?;
                self.walk(request, (canvas, &sigmas), (&course, 0))
            }
        }
    }

    /// Noise of so many latent frames, rows and columns.
    pub(crate) fn noise(&self, [t, h, w]: [usize; 3], seed: u64) -> Tensor<5> {
        diffusion::noise([self.bundle.info.autoencoder.latent_channels, t, h, w], &[seed], &self.device)
    }

    /// Imagines what is not known yet on a canvas of the request's size.
    ///
    /// # Shapes  `canvas.latents` and the result: `[1, C, T, H, W]`
    /// # Errors
    /// As [`Self::generate`]; known positions of the canvas come back bit for bit.
    pub fn sample_canvas(
        &self,
        request: &GenerationRequest,
        canvas: Canvas,
        progress: &mut dyn Progress,
    ) -> Result<Tensor<5>, GenerationError> {
        let course = self.course(request, request.num_inference_steps(), progress)?;
        self.walk(request, (canvas, request.sigmas()), (&course, 0))
    }

    /// Begins to tell of so many steps of sampling.
    pub(crate) fn course<'a>(
        &self,
        request: &GenerationRequest,
        steps: usize,
        progress: &'a mut dyn Progress,
    ) -> Result<Course<'a>, GenerationError> {
        let encode = |picture| Ok(self.bundle.autoencoder.encode(picture));
        Course::begin(progress, (steps, request), || LatentColours::fit(encode, &self.device))
    }

    /// Walks a canvas of any size down the given levels, as the request asks otherwise, after so many steps.
    pub(crate) fn walk(
        &self,
        request: &GenerationRequest,
        (canvas, sigmas): (Canvas, &[Sigma]),
        (course, before): (&Course<'_>, usize),
    ) -> Result<Tensor<5>, GenerationError> {
        let [latent_frames, ..] = request.latent_sides();
        let cameras = [request.camera().map(|camera| camera.poses(latent_frames))];
        let paths: Vec<MotionPath> = request.motions().iter().map(|motion| motion.path(latent_frames)).collect();
        let names = self.embed_all(request.motions().iter().map(Motion::name))?;
        let motions = (!paths.is_empty()).then_some(Motions { paths: &paths, names: &names });
        let (prompt, negative) = (self.embed(request.prompt())?, self.embed(request.negative_prompt())?);
        // Guidance leads away from what nobody was told of, so that it makes more of camera and ways too.
        let unconditional = ModelDenoiser {
            transformer: &self.bundle.transformer,
            prompt_embeds: &negative,
            cameras: &[None],
            motions: None,
        };
        let conditional = ModelDenoiser { prompt_embeds: &prompt, cameras: &cameras, motions, ..unconditional.clone() };
        let guided = GuidedModel { conditional, unconditional, guidance: request.guidance() };
        course.walk(&guided, (request.sampler(), canvas, sigmas), before)
    }

    /// Decodes latents chunk by chunk, in memory that does not grow with their length.
    ///
    /// # Shapes  latents: `[1, C, T, H, W]`
    /// # Errors
    /// As [`Self::generate`].
    pub fn decode(
        &self,
        latents: Tensor<5>,
        sink: &mut dyn FnMut(Frame) -> Result<(), VideoError>,
        progress: &mut dyn Progress,
    ) -> Result<(), GenerationError> {
        OwnStream::begin(&self.bundle.autoencoder).push(latents, sink, progress)
    }

    fn embed(&self, prompt: &str) -> Result<PromptEmbeds, ModelError> {
        self.embed_all(std::iter::once(prompt))
    }

    fn embed_all<'a>(&self, prompts: impl Iterator<Item = &'a str>) -> Result<PromptEmbeds, ModelError> {
        let ids: Vec<_> = prompts.map(|prompt| self.token_ids(prompt)).collect::<Result<_, _>>()?;
        Ok(self.bundle.text_encoder.forward(&ids))
    }

    fn token_ids(&self, prompt: &str) -> Result<Vec<u32>, ModelError> {
        self.bundle.tokenizer.encode(prompt, self.bundle.info.text_encoder.max_tokens)
    }
}
