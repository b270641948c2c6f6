//! Heun's method.

use super::walk::{Step, Walk};
use crate::{Canvas, Denoiser, DiffusionError, Progress, Sigma};

/// Integrates the probability-flow ODE from noise to data with Heun's method.
///
/// Formula:  x̃_t = x_s + (σ_t − σ_s)·v(x_s, σ_s)
///           x_t = x_s + (σ_t − σ_s)·½(v(x_s, σ_s) + v(x̃_t, σ_t))
///
/// Second order, two evaluations a step and one in the last.
///
/// # Shapes  `canvas.latents`: `[B, C, T, H, W]`, returned unchanged in shape
/// # Units   `sigmas` fall from 1 (pure noise) to 0
/// # Errors  as [`Sampler::sample`](super::Sampler::sample)
/// # Source  Karras et al. 2022, algorithm 1, with flow matching's velocity
pub fn heun(
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
        let predicted = latents.clone() + velocity.clone() * dt.clone();
        canvas.latents = walk.moved((sigma, next), latents.clone(), predicted);

        // Correct with the slope at the far end, but not at σ = 0 where the network is blind.
        if next > Sigma::KNOWN {
            let far_velocity = walk.velocity(denoiser, &canvas, (step, next))?;
            let corrected = latents.clone() + (velocity + far_velocity) * 0.5 * dt;
            canvas.latents = walk.moved((sigma, next), latents, corrected);
        }
    }
    walk.end(canvas, progress)
}
