//! What is given of a video before it is made, and how well: a canvas as pictures.
//!
//! Every way to make a video out of pictures is one layout. A still that comes to life has its first frame known, a clip
//! that goes on has its end known, a remix is known roughly everywhere, and a region that is imagined anew is unknown.

use std::ops::RangeInclusive;

use burn::tensor::{Device, Tensor, TensorData};
use diffusion::{Canvas, DiffusionError, Sigma};
use models::autoencoder::TEMPORAL_FACTOR;
use video::Frame;

use crate::{GenerationError, GenerationRequest, outline::halved, pixels::pixels_from_frames};

/// Pictures on the time line of a video, and the level from which each place is imagined.
#[derive(Clone, Debug)]
pub struct Edit {
    /// One for each frame of the video, of its size. What is imagined from noise alone may be anything.
    frames: Vec<Frame>,
    /// Latent frames, height and width of the levels.
    sides: [usize; 3],
    /// The level of each latent position, in the order of the sides: 0 is kept, 1 imagined.
    levels: Vec<f32>,
}

impl Edit {
    /// Pictures that are known for some latent frames and imagined for the others.
    ///
    /// `given` are pictures at frames of the video; those between are held from the one before, or else after. A latent
    /// frame is known when all of its frames are given.
    ///
    /// # Errors
    /// [`GenerationError::Edit`] when a picture has another size than the video, lies outside of it, or too few are given
    /// to know any latent frame; [`GenerationError::Ring`] for a video that plays round.
    pub fn keep(given: &[(usize, Frame)], request: &GenerationRequest) -> Result<Self, GenerationError> {
        let sides @ [latent_frames, height, width] = sides(request)?;
        let mut frames: Vec<Option<Frame>> = vec![None; request.num_frames()];
        for (index, frame) in given {
            check_size(frame, request)?;
            let count = frames.len();
            let place = frames.get_mut(*index).ok_or_else(|| {
                wrong(format!("frame {index} lies outside of the video, which has {count} frames from 0 on"))
            })?;
            *place = Some(frame.clone());
        }
        let is_known = |latent: usize| latent_frame(latent).all(|frame| frames[frame].is_some());
        let known: Vec<bool> = (0..latent_frames).map(is_known).collect();
        if !known.contains(&true) {
            let advice = format!("give frame 0, or {TEMPORAL_FACTOR} neighbouring frames that end at a multiple of it");
            return Err(wrong(format!("too few frames are given to keep any; {advice}")));
        }
        let levels = known.iter().flat_map(|known| vec![if *known { 0.0 } else { 1.0 }; height * width]).collect();
        Ok(Self { frames: held(frames), sides, levels })
    }

    /// A whole clip that is known roughly: imagined anew from `strength` on.
    ///
    /// # Errors
    /// As [`Self::partly`].
    pub fn remix(frames: Vec<Frame>, strength: Sigma, request: &GenerationRequest) -> Result<Self, GenerationError> {
        let [latent_frames, ..] = request.latent_sides();
        Self::partly(frames, &vec![strength.value(); latent_frames], request)
    }

    /// A whole clip, of which each latent frame is imagined anew from a level of its own: 0 is kept, 1 imagined.
    ///
    /// # Errors
    /// [`GenerationError::Edit`] when clip or levels do not have the video's size and length, and
    /// [`GenerationError::Ring`] for one that plays round.
    pub fn partly(frames: Vec<Frame>, levels: &[f32], request: &GenerationRequest) -> Result<Self, GenerationError> {
        let sides @ [latent_frames, height, width] = sides(request)?;
        check_clip(&frames, request)?;
        if levels.len() != latent_frames {
            return Err(wrong(format!("there are {} levels for {latent_frames} latent frames", levels.len())));
        }
        let levels = levels.iter().flat_map(|level| vec![*level; height * width]).collect();
        Ok(Self { frames, sides, levels })
    }

    /// A whole clip, of which the places where `mask` is true are imagined anew: one number for each pixel of each frame.
    ///
    /// # Errors
    /// [`GenerationError::Edit`] when clip or mask do not have the video's size and length, or the mask is empty, and
    /// [`GenerationError::Ring`] for a video that plays round.
    pub fn inpaint(frames: Vec<Frame>, mask: &[bool], request: &GenerationRequest) -> Result<Self, GenerationError> {
        let sides @ [_, height, width] = sides(request)?;
        check_clip(&frames, request)?;
        let pixels = request.resolution().pixel_count();
        if mask.len() != pixels * request.num_frames() {
            return Err(wrong(format!("the mask has {} numbers for {} pixels", mask.len(), pixels * frames.len())));
        }
        let factor = request.resolution().width() as usize / width;
        let mut levels = vec![0.0; sides.iter().product()];
        for (index, _) in mask.iter().enumerate().filter(|(_, masked)| **masked) {
            let (frame, pixel) = (index / pixels, index % pixels);
            let (row, column) = (pixel / (width * factor) / factor, pixel % (width * factor) / factor);
            levels[(frame.div_ceil(TEMPORAL_FACTOR) * height + row) * width + column] = 1.0;
        }
        if levels.iter().all(|level| *level == 0.0) {
            return Err(wrong("the mask covers nothing; there is nothing to imagine".into()));
        }
        Ok(Self { frames, sides, levels })
    }

    /// Those of a schedule's levels that lie below the highest one here, and that one first; no higher than the schedule.
    ///
    /// # Errors
    /// [`DiffusionError::SigmaOutOfRange`] for a level that is none.
    pub(crate) fn sigmas(&self, schedule: &[Sigma]) -> Result<Vec<Sigma>, DiffusionError> {
        let highest = Sigma::new(self.levels.iter().copied().fold(0.0, f32::max))?;
        let highest = schedule.first().copied().filter(|first| *first < highest).unwrap_or(highest);
        let below = schedule.iter().copied().filter(|sigma| *sigma < highest);
        Ok(std::iter::once(highest).chain(below).collect())
    }

    /// The latent frames that are known, if they are so entirely, lie in a row, and nothing is known of all others.
    pub(crate) fn known_latent_frames(&self) -> Option<RangeInclusive<usize>> {
        let [_, height, width] = self.sides;
        let frames = self.levels.chunks_exact(height * width);
        let is_known = |level: f32| move |frame: &[f32]| frame.iter().all(|found| *found == level);
        let first = frames.clone().position(is_known(0.0))?;
        let last = frames.clone().rposition(is_known(0.0))?;
        let as_said = |(index, frame)| is_known(if (first..=last).contains(&index) { 0.0 } else { 1.0 })(frame);
        frames.enumerate().all(as_said).then_some(first..=last)
    }

    /// The canvas of the video, of latents that its pictures became.
    ///
    /// # Errors
    /// [`DiffusionError::Shape`] when the latents have other sides.
    pub(crate) fn canvas(&self, latents: Tensor<5>, noise: Tensor<5>) -> Result<Canvas, DiffusionError> {
        let start = self.start(&latents.device());
        Canvas::noised(latents, noise, start)
    }

    /// The pictures.
    ///
    /// # Shapes  `[1, 3, T, H, W]`
    pub(crate) fn pixels(&self, device: &Device) -> Tensor<5> {
        pixels_from_frames(&self.frames, device)
    }

    /// The pictures at half the size.
    ///
    /// # Shapes  `[1, 3, T, H/2, W/2]`
    pub(crate) fn half_pixels(&self, device: &Device) -> Tensor<5> {
        halved(self.pixels(device))
    }

    /// The level of each latent position.
    ///
    /// # Shapes  `[1, 1, T, H, W]`
    pub(crate) fn start(&self, device: &Device) -> Tensor<5> {
        let [t, h, w] = self.sides;
        Tensor::from_data(TensorData::new(self.levels.clone(), [1, 1, t, h, w]), device)
    }

    /// The same at half the size: as unknown as the least known of four positions.
    ///
    /// # Shapes  `[1, 1, T, H/2, W/2]`
    pub(crate) fn half_start(&self, device: &Device) -> Tensor<5> {
        let [t, h, w] = self.sides;
        let (height, width) = (h / 2, w / 2);
        self.start(device).reshape([t, height, 2, width, 2]).max_dim(2).max_dim(4).reshape([1, 1, t, height, width])
    }
}

/// The latent frames, height and width of a video of which something can be given.
fn sides(request: &GenerationRequest) -> Result<[usize; 3], GenerationError> {
    if request.is_ring() {
        let problem = "cannot also be made of a picture or a clip; it has neither beginning nor end";
        return Err(GenerationError::Ring { problem: problem.into() });
    }
    Ok(request.latent_sides())
}

/// Frames of a latent frame: one, and then four each.
fn latent_frame(latent: usize) -> RangeInclusive<usize> {
    let last = latent * TEMPORAL_FACTOR;
    (last + 1).saturating_sub(TEMPORAL_FACTOR)..=last
}

/// Every frame that is missing as the one before it, or else the first one after.
fn held(frames: Vec<Option<Frame>>) -> Vec<Frame> {
    let mut before = frames.iter().flatten().next().cloned();
    let next = |frame: Option<Frame>| {
        if frame.is_some() {
            before = frame;
        }
        before.clone()
    };
    frames.into_iter().filter_map(next).collect()
}

fn check_clip(frames: &[Frame], request: &GenerationRequest) -> Result<(), GenerationError> {
    if frames.len() != request.num_frames() {
        let (found, expected) = (frames.len(), request.num_frames());
        return Err(wrong(format!("the clip has {found} frames, but the video {expected}")));
    }
    frames.iter().try_for_each(|frame| check_size(frame, request))
}

fn check_size(frame: &Frame, request: &GenerationRequest) -> Result<(), GenerationError> {
    let (found, expected) = (frame.resolution(), request.resolution());
    if found == expected { Ok(()) } else { Err(wrong(format!("a picture is {found}, but the video {expected}"))) }
}

fn wrong(problem: String) -> GenerationError {
    GenerationError::Edit { problem }
}
