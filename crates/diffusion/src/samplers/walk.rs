//! What all samplers share: the checked way down, and the level at which each patch of the canvas stands.

use std::ops::ControlFlow;

use burn::tensor::{Bool, DType, Device, Tensor, TensorData};

use crate::canvas::check_shape;
use crate::schedule::check_falling;
use crate::{Canvas, Denoiser, DiffusionError, Progress, Sigma, fresh_noise};

/// A checked way down for a checked canvas.
///
/// Every patch walks on its own level min(start, σ), so each formula of a paper is taken once per patch, in f64,
/// by [`Walk::per_patch`], and then applied to all latents at once.
pub(super) struct Walk<'a> {
    sigmas: &'a [Sigma],
    /// The start level of every patch, `[B, 1, T, H, W]` laid flat.
    start: Vec<f32>,
    /// `[B, C, T, H, W]`
    dims: [usize; 5],
    device: Device,
}

/// One step down, from `sigma` to `next`.
#[derive(Clone, Copy)]
pub(super) struct Step {
    /// Steps done before this one.
    done: usize,
    pub(super) sigma: Sigma,
    pub(super) next: Sigma,
}

/// The level of one patch as a function of the canvas' level.
#[derive(Clone, Copy)]
pub(super) struct PatchLevel {
    start: f32,
}

impl PatchLevel {
    /// min(start, σ)
    pub(super) fn at(self, sigma: Sigma) -> f64 {
        f64::from(self.start.min(sigma.value()))
    }

    /// Whether the patch stays as it is while the canvas goes from one level to the other.
    pub(super) fn rests(self, from: Sigma, to: Sigma) -> bool {
        self.at(from) == self.at(to)
    }
}

impl<'a> Walk<'a> {
    /// Checks the schedule and the canvas, and that the one starts high enough for the other.
    pub(super) fn begin(canvas: &Canvas, sigmas: &'a [Sigma]) -> Result<Self, DiffusionError> {
        check_falling(sigmas)?;
        let dims @ [b, _, t, h, w] = canvas.latents.dims();
        check_shape("the start levels of a canvas", canvas.start.dims(), [b, 1, t, h, w])?;
        let start: Vec<f32> = read(canvas.start.clone())?;
        start.iter().try_for_each(|&level| Sigma::new(level).map(drop))?;

        let highest = start.iter().copied().fold(0.0, f32::max);
        if highest > sigmas[0].value() {
            return Err(DiffusionError::Schedule {
                problem: format!(
                    "the canvas has patches at level {highest}, but the noise levels begin at {}; begin them at \
                     {highest} or above (Schedule::sigmas_from)",
                    sigmas[0]
                ),
            });
        }
        Ok(Self { sigmas, start, dims, device: canvas.latents.device() })
    }

    /// Noise that nothing on the canvas has met yet, for a level to which it is noised.
    pub(super) fn fresh_noise(&self, canvas: &Canvas, level: Sigma) -> Result<Tensor<5>, DiffusionError> {
        let [b, shape @ ..] = self.dims;
        if canvas.seeds.len() != b {
            let (what, expected) = ("the seeds of a canvas", format!("[{b}], one for each clip"));
            return Err(DiffusionError::Shape { what, expected, found: vec![canvas.seeds.len()] });
        }
        Ok(fresh_noise(shape, &canvas.seeds, level, &self.device))
    }

    pub(super) fn steps(&self) -> impl Iterator<Item = Step> + use<'a> {
        self.sigmas.windows(2).enumerate().map(|(done, pair)| Step { done, sigma: pair[0], next: pair[1] })
    }

    /// Tells how far the walk is, and ends it when the caller wants that.
    pub(super) fn report(&self, progress: &mut dyn Progress, step: Step) -> Result<(), DiffusionError> {
        self.report_done(progress, step.done)
    }

    /// Asks the denoiser and makes sure that its answer can be walked along.
    pub(super) fn velocity(
        &self,
        denoiser: &dyn Denoiser,
        canvas: &Canvas,
        (step, sigma): (Step, Sigma),
    ) -> Result<Tensor<5>, DiffusionError> {
        let velocity = denoiser.velocity(canvas, sigma)?;
        check_shape("the velocity that a denoiser returns", velocity.dims(), self.dims)?;
        let velocity = velocity.cast(DType::F32).detach();
        let finite = velocity.clone().is_finite().all().try_into_scalar::<bool>().map_err(device_error)?;
        if finite {
            return Ok(velocity);
        }
        Err(DiffusionError::NotFinite { step: step.done + 1, total: self.total(), sigma: sigma.value() })
    }

    /// One coefficient per patch, `[B, 1, T, H, W]`.
    pub(super) fn per_patch(&self, coefficient: impl Fn(PatchLevel) -> f64) -> Tensor<5> {
        let values = self.start.iter().map(|&start| coefficient(PatchLevel { start }) as f32).collect();
        Tensor::from_data(TensorData::new(values, self.patch_dims()), (&self.device, DType::F32))
    }

    /// The latents after a step: moved where a patch moves, and bit for bit the old ones where it rests.
    pub(super) fn moved(&self, (from, to): (Sigma, Sigma), old: Tensor<5>, new: Tensor<5>) -> Tensor<5> {
        let resting: Vec<bool> = self.start.iter().map(|&start| PatchLevel { start }.rests(from, to)).collect();
        if !resting.contains(&true) {
            return new;
        }
        let resting = TensorData::new(resting, self.patch_dims());
        let resting = Tensor::<5, Bool>::from_data(resting, &self.device).expand(self.dims);
        new.mask_where(resting, old)
    }

    /// The canvas at the end of the walk: nothing on it is above the last level any more.
    pub(super) fn end(&self, canvas: Canvas, progress: &mut dyn Progress) -> Result<Canvas, DiffusionError> {
        self.report_done(progress, self.total())?;
        let start = canvas.levels(self.sigmas[self.total()]);
        Ok(Canvas { start, ..canvas })
    }

    fn report_done(&self, progress: &mut dyn Progress, done: usize) -> Result<(), DiffusionError> {
        match progress.step(done, self.total()) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(DiffusionError::Interrupted { done, total: self.total() }),
        }
    }

    fn total(&self) -> usize {
        self.sigmas.len() - 1
    }

    fn patch_dims(&self) -> [usize; 5] {
        let [b, _, t, h, w] = self.dims;
        [b, 1, t, h, w]
    }
}

fn read(tensor: Tensor<5>) -> Result<Vec<f32>, DiffusionError> {
    tensor.try_into_vec_as().map_err(device_error)
}

fn device_error(error: impl std::fmt::Display) -> DiffusionError {
    DiffusionError::Device(error.to_string())
}
