//! DPM-Solver++ (2M).

use super::lambda::{half_inverse_r, kept};
use super::walk::{Step, Walk};
use crate::{Canvas, Denoiser, DiffusionError, Progress, Sigma};

/// Integrates the probability-flow ODE from noise to data with the second multistep solver of DPM-Solver++.
///
/// Formula:  D = (1 + 1/2r)·m_s − 1/2r·m_before,  r = h_last/h
///           x_t = σ_t/σ_s·x_s − α_t(e^(−h) − 1)·D,  h = λ_t − λ_s
///
/// where m = x − σ·v is the predicted data, and α_t(e^(−h) − 1) = σ_t/σ_s − 1 because α = 1 − σ. A patch's first
/// step, and the step down to 0, are first order.
///
/// Second order, one evaluation a step. From 1 to 0 the error falls as (ln n)/n², since λ is infinite at both ends.
///
/// # Shapes  `canvas.latents`: `[B, C, T, H, W]`, returned unchanged in shape
/// # Units   `sigmas` fall from 1 (pure noise) to 0
/// # Errors  as [`Sampler::sample`](super::Sampler::sample)
/// # Source  Lu et al. 2022, DPM-Solver++, algorithm 2; `DPMSolverMultistepScheduler` with `midpoint` in diffusers
pub fn dpm_solver_pp_2m(
    denoiser: &dyn Denoiser,
    mut canvas: Canvas,
    sigmas: &[Sigma],
    progress: &mut dyn Progress,
) -> Result<Canvas, DiffusionError> {
    let walk = Walk::begin(&canvas, sigmas)?;
    let mut last = None;
    for step in walk.steps() {
        walk.report(progress, step)?;
        let Step { sigma, next, .. } = step;
        let velocity = walk.velocity(denoiser, &canvas, (step, sigma))?;
        let denoised = canvas.denoised(&velocity, sigma);

        let data = match last {
            None => denoised.clone(),
            Some((before, denoised_before)) => {
                let weight = walk.per_patch(|level| half_inverse_r(level, before, sigma, next));
                denoised.clone() + (denoised.clone() - denoised_before) * weight
            }
        };
        let kept = walk.per_patch(|level| kept(level, sigma, next));
        let latents = canvas.latents;
        let stepped = latents.clone() * kept.clone() + data * (-kept + 1.0);
        canvas.latents = walk.moved((sigma, next), latents, stepped);
        last = Some((sigma, denoised));
    }
    walk.end(canvas, progress)
}
