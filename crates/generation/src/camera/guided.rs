//! A camera that is obeyed: a film is made twice, standing, and from what a moving camera would see of that.
//!
//! # Source  the idea is that of ViewCrafter (Yu et al. 2024) and TrajectoryCrafter (Yu et al. 2025), who find depth by a
//! network; here it is known: level ground, upright things, far sky

use std::ops::{ControlFlow, RangeInclusive};

use burn::tensor::{Tensor, TensorData};
use diffusion::{Canvas, Sigma};
use models::autoencoder::TEMPORAL_FACTOR;
use video::{Clip, Frame};

use super::{
    CameraPath,
    plate::at_rest,
    view::View,
    warp::{Warped, warped},
    wrong,
};
use crate::{
    Edit, GenerationError, GenerationRequest, Generator, Phase, Progress,
    long::{Carried, WindowLatents},
    outline::halved,
    pixels::{frames_from_pixels, pixels_from_frames},
};

/// The level from which a place is imagined anew that the standing camera did not see. What it saw is kept. From more noise
/// the model lets fine texture stand still in the picture while all else moves.
const UNSEEN: f32 = 0.1;

impl Generator {
    /// Makes the latents of a video whose camera moves, of which something may be given.
    ///
    /// What is given is what the camera sees where it stands; where that cannot be said, since it lies at both ends or is
    /// but a part of the picture, the model is told of the camera, and no more.
    ///
    /// # Shapes  `[1, C, T, H, W]`
    pub(crate) fn sample_along_camera(
        &self,
        request: &GenerationRequest,
        (camera, edit): (&CameraPath, Option<&Edit>),
        (seed, progress): (u64, &mut dyn Progress),
    ) -> Result<Tensor<5>, GenerationError> {
        let Some(edit) = edit else {
            let mut passes = Passes::first(progress, request)?;
            let standing = self.sample_told(&request.standing(), (seed, &mut passes))?;
            return self.follow((request, camera), (standing, 0..=0), (seed, passes.second()));
        };
        let Some(known) = edit.known_latent_frames() else {
            return self.sample_edit_told(request, edit, (seed, progress));
        };
        let mut passes = Passes::first(progress, request)?;
        let standing = self.sample_edit_told(&request.standing(), edit, (seed, &mut passes))?;
        self.follow((request, camera), (standing, known), (seed, passes.second()))
    }

    /// Makes the latents of a window of a long video whose camera moves: it stands where the window before ended.
    pub(crate) fn window_along_camera(
        &self,
        (request, camera): (&GenerationRequest, &CameraPath),
        carried: Option<&Carried>,
        (seed, progress): (u64, &mut dyn Progress),
    ) -> Result<WindowLatents, GenerationError> {
        let mut passes = Passes::first(progress, request)?;
        let standing = self.sample_told_window(&request.standing(), carried, (seed, &mut passes))?;
        let known = 0..=carried.map_or(0, |carried| carried.lead + carried.latents.len() - 1);
        let latents = self.follow((request, camera), (standing.latents, known), (seed, passes.second()))?;
        let autoencoder = &self.bundle().autoencoder;
        let outline = standing.outline.map(|_| autoencoder.encode(halved(autoencoder.decode(latents.clone()))));
        Ok(WindowLatents { latents, outline })
    }

    /// Lets the camera of a standing film move away from what is known of it.
    fn follow(
        &self,
        (request, camera): (&GenerationRequest, &CameraPath),
        (standing, known): (Tensor<5>, RangeInclusive<usize>),
        (seed, mut progress): (u64, Passes<'_>),
    ) -> Result<Tensor<5>, GenerationError> {
        let autoencoder = &self.bundle().autoencoder;
        let (dims @ [_, _, t, h, w], device) = (standing.dims(), standing.device());
        let frames = frames_from_pixels(autoencoder.decode(standing.clone()).clamp(-1.0, 1.0))?;
        let Warped { frames, seen } = moved(&frames, camera, &known)?;
        let mut start = levels(&seen, (request, [t, h, w]));
        start[known.start() * h * w..(known.end() + 1) * h * w].fill(0.0);
        let anything_unseen = start.iter().any(|level| *level > 0.0);
        let start = Tensor::<5>::from_data(TensorData::new(start, [1, 1, t, h, w]), &device);

        let guide = autoencoder.encode(pixels_from_frames(&frames, &device));
        let kept = standing.narrow(2, *known.start(), known.clone().count());
        let [_, c, ..] = dims;
        let guide = guide.slice_assign([0..1, 0..c, *known.start()..known.end() + 1, 0..h, 0..w], kept);
        if !anything_unseen {
            progress.end()?;
            return Ok(guide);
        }
        let canvas = Canvas::noised(guide, self.noise([t, h, w], !seed), start)?.with_seeds([!seed]);
        let sigmas = unseen_sigmas(request)?;
        let course = self.course(request, sigmas.len() - 1, &mut progress)?;
        // Ways were gone in the standing picture.
        self.walk(&request.without_motions(), (canvas, &sigmas), (&course, 0))
    }
}

/// Levels at which what was not seen is imagined.
fn unseen_sigmas(request: &GenerationRequest) -> Result<Vec<Sigma>, GenerationError> {
    let highest = Sigma::new(UNSEEN)?;
    let below = request.sigmas().iter().copied().filter(|sigma| *sigma < highest);
    Ok(std::iter::once(highest).chain(below).collect())
}

/// A film of a standing camera as one would see it that goes along a path.
///
/// The camera stands where the path's camera is at the frames of the `known` latent frames; before and behind them it goes
/// on along the path, and these stay as they are.
///
/// # Errors
/// [`GenerationError::Camera`] when the known latent frames lie outside of the film.
pub fn moved(frames: &[Frame], camera: &CameraPath, known: &RangeInclusive<usize>) -> Result<Warped, GenerationError> {
    let first = (known.start() * TEMPORAL_FACTOR + 1).saturating_sub(TEMPORAL_FACTOR);
    let last = known.end() * TEMPORAL_FACTOR;
    if known.is_empty() || last >= frames.len() {
        return Err(wrong(format!("stands still at latent frames {known:?} of a film of {} frames", frames.len())));
    }
    let part = |frames: &[Frame], stands: usize, poses: &[_]| {
        warped(&at_rest(frames, stands)?, &View::of(&frames[stands]), poses)
    };
    let mut moved = part(&frames[..=first], first, &camera.poses_from(first, frames.len())[..=first])?;
    let behind = part(&frames[last..], 0, &camera.poses_from(last, frames.len())[last..])?;
    let pixels = frames[0].resolution().pixel_count();
    moved.frames.splice(first.., frames[first..last].iter().cloned().chain(behind.frames));
    moved.seen.splice(first * pixels.., std::iter::repeat_n(true, (last - first) * pixels).chain(behind.seen));
    Ok(moved)
}

/// The level of each latent position: known where all of its pixels were seen.
fn levels(seen: &[bool], (request, [t, h, w]): (&GenerationRequest, [usize; 3])) -> Vec<f32> {
    let factor = request.resolution().width() as usize / w;
    let (width, pixels) = (w * factor, h * w * factor * factor);
    let mut levels = vec![0.0; t * h * w];
    for (index, _) in seen.iter().enumerate().filter(|(_, seen)| !**seen) {
        let (frame, pixel) = (index / pixels, index % pixels);
        let (row, column) = (pixel / width / factor, pixel % width / factor);
        levels[(frame.div_ceil(TEMPORAL_FACTOR) * h + row) * w + column] = UNSEEN;
    }
    levels
}

/// Two passes of sampling as one.
struct Passes<'a> {
    progress: &'a mut dyn Progress,
    /// Steps of the passes before this one, and behind it.
    before: usize,
    behind: usize,
    /// Steps of this one, as far as it has said.
    total: usize,
}

impl<'a> Passes<'a> {
    fn first(progress: &'a mut dyn Progress, request: &GenerationRequest) -> Result<Self, GenerationError> {
        Ok(Self { progress, before: 0, behind: unseen_sigmas(request)?.len() - 1, total: 0 })
    }

    fn second(self) -> Self {
        Self { before: self.total, behind: 0, total: self.behind, ..self }
    }

    /// Says that nothing is left to do.
    fn end(&mut self) -> Result<(), GenerationError> {
        match self.report(Phase::Sampling, self.total, self.total) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(GenerationError::Interrupted),
        }
    }
}

impl Progress for Passes<'_> {
    fn report(&mut self, phase: Phase, done: usize, total: usize) -> ControlFlow<()> {
        self.total = total;
        self.progress.report(phase, self.before + done, self.before + total + self.behind)
    }

    fn wants_preview(&self) -> bool {
        self.progress.wants_preview()
    }

    fn preview(&mut self, look: &dyn Fn() -> Result<Clip, GenerationError>) {
        self.progress.preview(look);
    }
}

#[cfg(test)]
mod tests {
    use video::Resolution;

    use super::*;

    #[test]
    fn a_camera_stands_where_something_is_known_and_goes_on_before_and_behind() {
        let size = Resolution::new(32, 32).unwrap();
        let frame = |index: usize| {
            let value = |at: usize| (at / 3 % 32 * 7 + at / 96 * 3 + usize::from(at / 96 > 12) * 60 + index) as u8;
            Frame::new(size, (0..32 * 32 * 3).map(value).collect()).unwrap()
        };
        let frames: Vec<Frame> = (0..13).map(frame).collect();
        let camera: CameraPath = "pan left 24".parse().unwrap();
        let Warped { frames: moved, seen } = moved(&frames, &camera, &(1..=2)).unwrap();
        assert_eq!((moved.len(), seen.len()), (13, 13 * 32 * 32));
        // Latent frames 1 and 2 are frames 1 to 8.
        assert_eq!(moved[1..8], frames[1..8]);
        let unseen: Vec<usize> = seen.chunks(32 * 32).map(|seen| seen.iter().filter(|seen| !**seen).count()).collect();
        assert!(unseen[0] > 0 && unseen[1..=8] == [0; 8] && unseen[12] > unseen[10] && unseen[10] > 0, "{unseen:?}");
        assert!(super::moved(&frames, &camera, &(2..=4)).is_err());
    }
}
