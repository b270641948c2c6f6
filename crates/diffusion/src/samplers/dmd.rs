//! The few steps of models that were distilled.

use super::walk::{Step, Walk};
use crate::{Canvas, Denoiser, DiffusionError, Progress, Sigma, noised};

/// Leaps to the data at every step, and noises them anew to the next level.
///
/// Formula:  x_t = (1 − σ_t)·m_s + σ_t·ε,  m_s = x_s − σ_s·v(x_s, σ_s)
///
/// where ε is noise that was not there before. It integrates nothing: a model whose velocity points straight at data from
/// every level needs a few steps only, and any other gains nothing from more. One evaluation a step.
///
/// # Shapes  `canvas.latents`: `[B, C, T, H, W]`, returned unchanged in shape
/// # Units   `sigmas` fall from 1 (pure noise) to 0
/// # Errors  as [`Sampler::sample`](super::Sampler::sample), and [`DiffusionError::Shape`] for a canvas without a seed
/// for each clip
/// # Source  Yin et al. 2024, Improved Distribution Matching Distillation; `DmdDenoisingStage` in FastVideo;
/// `FlowMatchEulerDiscreteScheduler` with `stochastic_sampling` in diffusers
pub fn dmd(
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
        let denoised = canvas.denoised(&velocity, sigma);
        let renoised = if next == Sigma::KNOWN {
            denoised
        } else {
            let noise = walk.fresh_noise(&canvas, next)?;
            noised(denoised, noise, walk.per_patch(|level| level.at(next)))
        };
        canvas.latents = walk.moved((sigma, next), canvas.latents, renoised);
    }
    walk.end(canvas, progress)
}
