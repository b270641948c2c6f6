//! Euler's method.

use super::walk::{Step, Walk};
use crate::{Canvas, Denoiser, DiffusionError, Progress, Sigma};

/// Integrates the probability-flow ODE from noise to data with Euler's method.
///
/// Formula:  x_t = x_s + (σ_t − σ_s)·v(x_s, σ_s)
///
/// First order, one evaluation a step.
///
/// # Shapes  `canvas.latents`: `[B, C, T, H, W]`, returned unchanged in shape
/// # Units   `sigmas` fall from 1 (pure noise) to 0
/// # Errors  as [`Sampler::sample`](super::Sampler::sample)
/// # Source  Lipman et al. 2023; `FlowMatchEulerDiscreteScheduler` in diffusers
pub fn euler(
    denoiser: &dyn Denoiser,
    mut canvas: Canvas,
    sigmas: &[Sigma],
    progress: &mut dyn Progress,
) -> Result<Canvas, DiffusionError> {
    let walk = Walk::begin(&canvas, sigmas)?;
    for step in walk.steps() {
        walk.report(progress, step)?;
        let Step { sigma, next, .. } = step;
        let velocity = walk.velocity(denoiser, &canvas, (step, sigma))?;
        let dt = walk.per_patch(|level| level.at(next) - level.at(sigma));
        let latents = canvas.latents;
        canvas.latents = walk.moved((sigma, next), latents.clone(), latents + velocity * dt);
    }
    walk.end(canvas, progress)
}
