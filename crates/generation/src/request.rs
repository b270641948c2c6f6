//! A request that is right: checked once, when it is made.

use diffusion::{DiffusionError, Guidance, Sampler, Sigma};
use models::{BundleInfo, autoencoder::TEMPORAL_FACTOR};
use video::{Frame, FrameRate, Resolution};

use crate::{
    Abilities, CameraPath, GenerationError, GenerationOptions, ImageUse, Length, Motion, Outline,
    limits::{self, MAX_FRAMES},
    ring,
};

/// Characters in a token of the longest words.
const CHARACTERS_PER_TOKEN: usize = 16;
/// How many times longer than the other the longer side of an image may be.
const MAX_IMAGE_ASPECT: u32 = 8;

/// How large, how fast and how long a video is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Extent {
    pub(crate) resolution: Resolution,
    pub(crate) frame_rate: FrameRate,
    pub(crate) num_frames: usize,
}

impl Extent {
    /// What somebody asked for, or what the model likes, of so many frames at most.
    pub(crate) fn of(
        (size, length, frame_rate): (Option<[u32; 2]>, Option<Length>, Option<FrameRate>),
        image: Option<&Frame>,
        (abilities, most_frames): (&Abilities, usize),
    ) -> Result<Self, GenerationError> {
        let like_image = |image: &Frame| abilities.limits.size_like(image.resolution(), abilities.size);
        let size = size.unwrap_or_else(|| image.map_or(abilities.size, like_image));
        let resolution = abilities.limits.check_size(size)?;
        let frame_rate = frame_rate.map_or_else(|| FrameRate::new(abilities.frame_rate, 1), Ok)?;
        let num_frames = match length.unwrap_or(Length::Frames(abilities.num_frames)) {
            Length::Frames(num_frames) => limits::check_frames(num_frames, most_frames)?,
            Length::Seconds(seconds) => limits::frames_from_seconds(seconds, frame_rate, most_frames)?,
        };
        Ok(Self { resolution, frame_rate, num_frames })
    }
}

/// A video that a model can make.
#[derive(Clone, Debug, PartialEq)]
pub struct GenerationRequest {
    prompt: String,
    negative_prompt: String,
    resolution: Resolution,
    num_frames: usize,
    latent_sides: [usize; 3],
    frame_rate: FrameRate,
    sigmas: Vec<Sigma>,
    outline: Option<Outline>,
    guidance: Guidance,
    sampler: Sampler,
    image: Option<Frame>,
    camera: Option<CameraPath>,
    motions: Vec<Motion>,
    is_ring: bool,
}

impl GenerationRequest {
    /// Checks what somebody asks of the model that `info` describes, and fills in what they left out.
    ///
    /// Whether a prompt has too many tokens only the tokenizer can say: [`crate::Generator::request`] asks it too.
    ///
    /// # Errors
    /// [`GenerationError`] that says which wish cannot be met, why, and which one nearest to it can.
    pub fn new(options: GenerationOptions, info: &BundleInfo) -> Result<Self, GenerationError> {
        Self::within(options, &Abilities::of(info))
    }

    /// As [`Self::new`], for any model.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn within(options: GenerationOptions, abilities: &Abilities) -> Result<Self, GenerationError> {
        let prompt = checked_text("prompt", &options.prompt, abilities)?;
        if prompt.is_empty() {
            return Err(GenerationError::EmptyPrompt);
        }
        let negative_prompt = checked_text("negative prompt", &options.negative_prompt.unwrap_or_default(), abilities)?;
        if options.is_ring && (options.image.is_some() || options.camera.is_some() || !options.motions.is_empty()) {
            let problem = "cannot also begin with a picture or follow a path; it has neither beginning nor end".into();
            return Err(GenerationError::Ring { problem });
        }
        let image = checked_image(options.image, abilities.image)?;
        let Extent { resolution, frame_rate, num_frames } =
            Extent::of((options.size, options.length, options.frame_rate), image.as_ref(), (abilities, MAX_FRAMES))?;
        if image.is_some() && num_frames == 1 {
            let problem = "is the first frame, and nothing follows in a video of one; make 5 frames or more".into();
            return Err(GenerationError::Image { problem });
        }
        // The last frame of a ring would be its first once more.
        let latent_frames = num_frames / TEMPORAL_FACTOR + usize::from(!options.is_ring);
        if options.is_ring {
            ring::check(latent_frames)?;
        }
        let latent_side = |side: u32| (side / abilities.limits.spatial_factor) as usize;
        let num_tokens = abilities.limits.check_tokens(resolution, num_frames)?;
        let steps = options.num_inference_steps.unwrap_or(abilities.num_inference_steps);
        let outline = checked_outline((options.outline_strength, abilities), (resolution, num_frames, steps))?;
        Ok(Self {
            prompt,
            negative_prompt,
            resolution,
            num_frames,
            latent_sides: [latent_frames, latent_side(resolution.height()), latent_side(resolution.width())],
            frame_rate,
            sigmas: abilities.levels.sigmas(num_tokens, steps)?,
            outline,
            guidance: checked_guidance(
                options.guidance_scale.unwrap_or(abilities.guidance_scale),
                options.guidance_interval,
            )?,
            sampler: options.sampler.unwrap_or(abilities.sampler),
            image,
            camera: checked_camera(options.camera, abilities)?,
            motions: checked_motions(options.motions, abilities)?,
            is_ring: options.is_ring,
        })
    }

    /// What the video shows; never empty.
    pub fn prompt(&self) -> &str {
        &self.prompt
    }

    /// What it should not show; may be empty.
    pub fn negative_prompt(&self) -> &str {
        &self.negative_prompt
    }

    /// Size of the pictures.
    pub const fn resolution(&self) -> Resolution {
        self.resolution
    }

    /// Number of frames, 4k + 1; a still picture has one. A ring ends one frame earlier, before its first would come again.
    pub const fn num_frames(&self) -> usize {
        self.num_frames
    }

    /// Frames per second.
    pub const fn frame_rate(&self) -> FrameRate {
        self.frame_rate
    }

    /// How long the video plays, in seconds.
    pub fn duration_secs(&self) -> f64 {
        self.num_frames as f64 * self.frame_rate.frame_duration_secs()
    }

    /// Steps from noise to video, or to its outline.
    pub fn num_inference_steps(&self) -> usize {
        self.sigmas.len() - 1
    }

    /// Steps that are taken in all: with an outline, those at both sizes.
    pub fn total_steps(&self) -> usize {
        self.outline.as_ref().map_or_else(|| self.num_inference_steps(), Outline::total_steps)
    }

    /// Noise levels from 1 down to 0, as they are without an outline.
    pub fn sigmas(&self) -> &[Sigma] {
        &self.sigmas
    }

    /// The small version that the video begins as, if it begins as one.
    pub const fn outline(&self) -> Option<&Outline> {
        self.outline.as_ref()
    }

    /// How strongly the prompt is followed.
    pub const fn guidance(&self) -> Guidance {
        self.guidance
    }

    /// How the steps are taken.
    pub const fn sampler(&self) -> Sampler {
        self.sampler
    }

    /// What the video begins with, if something was given; its size is its own.
    pub const fn image(&self) -> Option<&Frame> {
        self.image.as_ref()
    }

    /// The camera's path, if one was asked for.
    pub const fn camera(&self) -> Option<&CameraPath> {
        self.camera.as_ref()
    }

    /// The same with a camera that stands still.
    pub(crate) fn standing(&self) -> Self {
        Self { camera: Some(CameraPath::still()), ..self.clone() }
    }

    /// The same with things that go as they like.
    pub(crate) fn without_motions(&self) -> Self {
        Self { motions: Vec::new(), ..self.clone() }
    }

    /// Where things go.
    pub fn motions(&self) -> &[Motion] {
        &self.motions
    }

    /// The camera's path, if the camera is to move.
    pub(crate) fn moving_camera(&self) -> Option<&CameraPath> {
        self.camera.as_ref().filter(|camera| camera.moves())
    }

    /// The same for a part of a longer video: at these of its latent frames, of so many.
    pub(crate) fn during(&self, moments: &[usize], of: usize) -> Self {
        Self {
            camera: self.camera.as_ref().map(|camera| camera.during(moments, of)),
            motions: self.motions.iter().map(|motion| motion.during(moments, of)).collect(),
            ..self.clone()
        }
    }

    /// Whether its last frame leads on to its first.
    pub const fn is_ring(&self) -> bool {
        self.is_ring
    }

    /// Latent frames, height and width: `[T, H, W]`.
    pub const fn latent_sides(&self) -> [usize; 3] {
        self.latent_sides
    }
}

fn checked_text(which: &'static str, text: &str, abilities: &Abilities) -> Result<String, GenerationError> {
    let limit = abilities.prompt_tokens.saturating_mul(CHARACTERS_PER_TOKEN);
    let text = text.trim();
    let found = text.chars().count();
    if found > limit { Err(GenerationError::PromptLength { which, found, limit }) } else { Ok(text.to_owned()) }
}

fn checked_image(image: Option<Frame>, image_use: ImageUse) -> Result<Option<Frame>, GenerationError> {
    let refused = |problem: String| Err(GenerationError::Image { problem });
    match (&image, image_use) {
        (Some(_), ImageUse::Never) => refused(
            "cannot be used: this model makes videos of prompts alone; leave it out, name another model, or animate the picture".into(),
        ),
        (None, ImageUse::Always) => {
            refused("is missing: this model makes videos that begin with one; give one, or name another model".into())
        }
        (Some(picture), _) => {
            let size = picture.resolution();
            let (long, short) = (size.width().max(size.height()), size.width().min(size.height()));
            if long > MAX_IMAGE_ASPECT * short {
                return refused(format!(
                    "is {size}; its longer side may be at most {MAX_IMAGE_ASPECT} times the shorter; cut it"
                ));
            }
            Ok(image)
        }
        (None, _) => Ok(None),
    }
}

/// The outline for a strength; when none is given, as the model likes it.
fn checked_outline(
    (strength, abilities): (Option<f32>, &Abilities),
    (resolution, num_frames, steps): (Resolution, usize, usize),
) -> Result<Option<Outline>, GenerationError> {
    let wanted = strength.or(abilities.outline_strength).unwrap_or(1.0);
    if !(wanted > 0.0 && wanted <= 1.0) {
        return Err(GenerationError::OutlineStrength { found: wanted });
    }
    if wanted == 1.0 {
        return Ok(None);
    }
    if abilities.outline_strength.is_none() {
        return Err(GenerationError::ModelWithoutOutline);
    }
    let outline = Outline::of(resolution, num_frames / TEMPORAL_FACTOR + 1, (steps, Sigma::new(wanted)?))?;
    if outline.is_none() && strength.is_some() {
        return Err(GenerationError::NoOutline { width: resolution.width(), height: resolution.height() });
    }
    Ok(outline)
}

fn checked_guidance(scale: f32, interval: Option<[f32; 2]>) -> Result<Guidance, DiffusionError> {
    let guidance = Guidance::new(scale)?;
    let Some([low, high]) = interval else { return Ok(guidance) };
    guidance.within(Sigma::new(low)?, Sigma::new(high)?)
}

fn checked_camera(camera: Option<CameraPath>, abilities: &Abilities) -> Result<Option<CameraPath>, GenerationError> {
    if camera.is_some() && !abilities.camera {
        let problem = "cannot be followed: this model was not told of cameras; describe it in the prompt".into();
        return Err(GenerationError::Camera { problem });
    }
    Ok(camera)
}

fn checked_motions(motions: Vec<Motion>, abilities: &Abilities) -> Result<Vec<Motion>, GenerationError> {
    if let Some(motion) = motions.first().filter(|_| !abilities.motion) {
        let problem = format!(
            "of \"{}\" cannot be followed: this model was not told of such ways; describe it in the prompt",
            motion.name()
        );
        return Err(GenerationError::Motion { problem });
    }
    Ok(motions)
}
