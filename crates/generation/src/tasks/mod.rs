//! What can be made out of pictures and clips: each task says what to ask of a model, and lays out what is given.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`Animate`] | a picture comes to life |
//! | [`Extend`] | a clip goes on |
//! | [`Remix`] | a clip is made anew after a prompt |
//! | [`Inpaint`] | a region is imagined anew |
//! | [`Passage`] | from the end of one clip to the beginning of another, or of itself |
//! | [`Mix`] | one clip turns into another while both are seen |
//! | [`Source`] | a clip, fitted to what a model makes |
//! | `assembly` | [`Piece`], a part of the finished video, and the order in which they are written |

mod animate;
mod assembly;
mod extend;
mod inpaint;
mod mix;
mod passage;
mod remix;
mod source;

use burn::tensor::Tensor;
use video::{Clip, Frame, FrameRate, Resolution, VideoError};

pub use animate::Animate;
use assembly::Assembly;
pub use assembly::{Finish, Piece};
pub use extend::Extend;
pub use inpaint::{Inpaint, Region};
pub use mix::Mix;
pub use passage::Passage;
pub use remix::Remix;
pub use source::Source;

use crate::{
    Edit, GenerationError, GenerationOptions, GenerationRequest, Progress, VideoGenerator, joints::Joints, ring,
};

/// Most frames that a model sees of a clip on either side of what is new; one more than a multiple of 4.
const CONTEXT_FRAMES: usize = 17;

/// A way to make a video.
pub trait Task {
    /// What is asked of a model: size, length and rate as the task needs them, the rest as somebody wished.
    fn options(&self, wishes: GenerationOptions) -> GenerationOptions;

    /// What is given of the video that was asked for, and what becomes of the frames that are made.
    ///
    /// # Errors
    /// [`GenerationError`] when what is given does not fit the video.
    fn plan(&self, request: &GenerationRequest) -> Result<Plan, GenerationError>;
}

/// What is given of a video, and what becomes of the frames that are made.
pub struct Plan {
    /// What is known before the video is made, if anything is.
    pub edit: Option<Edit>,
    /// What the video consists of, in order.
    pub pieces: Vec<Piece>,
    /// What is done to each frame that was made.
    pub finish: Finish,
    /// Whether it plays round: behind its last frame comes the first.
    pub is_round: bool,
    /// Size of what comes out.
    pub resolution: Resolution,
    /// Frames per second of what comes out.
    pub frame_rate: FrameRate,
}

/// A video of which nothing is given.
#[derive(Clone, Copy, Debug, Default)]
pub struct Imagine;

impl Task for Imagine {
    fn options(&self, wishes: GenerationOptions) -> GenerationOptions {
        wishes
    }

    fn plan(&self, request: &GenerationRequest) -> Result<Plan, GenerationError> {
        Ok(Plan::of(request, None))
    }
}

impl Plan {
    /// All frames that are made, as they are.
    pub(crate) fn of(request: &GenerationRequest, edit: Option<Edit>) -> Self {
        let made = match request.latent_sides() {
            [latent_frames, ..] if request.is_ring() => ring::frames(latent_frames),
            _ => 0..request.num_frames(),
        };
        Self {
            edit,
            pieces: vec![Piece::Made(made.collect())],
            finish: Box::new(|_, frame: Frame| Ok(frame)),
            is_round: request.is_ring(),
            resolution: request.resolution(),
            frame_rate: request.frame_rate(),
        }
    }

    /// Makes the video and hands over each of its frames as soon as it is whole.
    ///
    /// # Errors
    /// As [`VideoGenerator::sample_latents`], and those of `write` and of what is done to frames.
    pub fn make(
        &self,
        (generator, request): (&dyn VideoGenerator, &GenerationRequest),
        (seed, progress): (u64, &mut dyn Progress),
        write: &mut dyn FnMut(Frame) -> Result<(), VideoError>,
    ) -> Result<(), GenerationError> {
        let latents = self.sample(generator, request, (seed, progress))?;
        let mut assembly = Assembly::new(&self.pieces, &self.finish);
        let Some(first) = self.pieces.iter().find_map(Piece::given) else {
            let mut pass_on = |frame| assembly.add(frame, &mut |(_, frame)| write(frame));
            return generator.decode(latents, &mut pass_on, progress);
        };
        // Where frames that were made meet others, they are led towards them.
        let mut joints = Joints::default();
        let mut join = |frame| assembly.add(frame, &mut |from| joints.add(from, write));
        generator.decode(latents, &mut join, progress)?;
        Ok(joints.finish(if self.is_round { first } else { &[] }, write)?)
    }

    /// Frames of the finished video.
    pub fn num_frames(&self) -> usize {
        self.pieces.iter().map(Piece::num_frames).sum()
    }

    /// How long the finished video plays, in seconds.
    pub fn duration_secs(&self) -> f64 {
        self.num_frames() as f64 * self.frame_rate.frame_duration_secs()
    }

    /// Makes the latents of a video of which this is given, ready to be decoded.
    ///
    /// # Shapes  `[1, C, T, H, W]`
    fn sample(
        &self,
        generator: &dyn VideoGenerator,
        request: &GenerationRequest,
        (seed, progress): (u64, &mut dyn Progress),
    ) -> Result<Tensor<5>, GenerationError> {
        match &self.edit {
            None if request.is_ring() => generator.sample_latents(request, seed, progress).map(ring::to_decode),
            None => generator.sample_latents(request, seed, progress),
            Some(edit) => generator.sample_edit(request, edit, seed, progress),
        }
    }
}

/// Makes the video of a task into memory.
///
/// # Errors
/// [`GenerationError`] for wishes that cannot be met, and whatever goes wrong on the way.
pub fn make(
    generator: &dyn VideoGenerator,
    task: &dyn Task,
    wishes: GenerationOptions,
    seed: u64,
    progress: &mut dyn Progress,
) -> Result<Clip, GenerationError> {
    let request = generator.request(task.options(wishes))?;
    let plan = task.plan(&request)?;
    let mut frames = Vec::new();
    let mut write = |frame| {
        frames.push(frame);
        Ok(())
    };
    plan.make((generator, &request), (seed, progress), &mut write)?;
    Ok(Clip::new(frames, plan.frame_rate)?)
}

fn wrong(problem: impl Into<String>) -> GenerationError {
    GenerationError::Edit { problem: problem.into() }
}

/// The fewest frames that a model can make which are at least so many: 4k + 1.
pub(crate) const fn enough_frames(frames: usize) -> usize {
    frames.saturating_sub(1).next_multiple_of(4) + 1
}
