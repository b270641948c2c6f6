//! UniPC, a predictor and a corrector that share their evaluations.

use burn::tensor::Tensor;

use super::lambda::{half_inverse_r, kept, lambda};
use super::walk::{PatchLevel, Step, Walk};
use crate::{Canvas, Denoiser, DiffusionError, Progress, Sigma};

/// Integrates the probability-flow ODE from noise to data with UniPC-2 (B₂(h), data prediction).
///
/// Formula:  UniP:  x̃_t = σ_t/σ_s·x_s − α_t(e^(−h) − 1)·(m_s + ½·D₁/r₁)
///           UniC:  x_t = σ_t/σ_s·x_s − α_t(e^(−h) − 1)·(m_s + ρ₁·D₁/r₁ + ρ₂·(m_t − m_s))
///
/// where m = x − σ·v is the predicted data, D₁ = m_before − m_s, r₁ = (λ_before − λ_s)/h, h = λ_t − λ_s, and
/// α_t(e^(−h) − 1) = σ_t/σ_s − 1 because α = 1 − σ. The corrector uses the evaluation at x̃_t that the next
/// prediction needs anyway. A patch's first step, and the step down to 0, are first order.
///
/// At least second order, one evaluation a step.
///
/// # Shapes  `canvas.latents`: `[B, C, T, H, W]`, returned unchanged in shape
/// # Units   `sigmas` fall from 1 (pure noise) to 0
/// # Errors  as [`Sampler::sample`](super::Sampler::sample)
/// # Source  Zhao et al. 2023, UniPC, algorithms 5 to 8; `UniPCMultistepScheduler` with `bh2` in diffusers
pub fn unipc(
    denoiser: &dyn Denoiser,
    mut canvas: Canvas,
    sigmas: &[Sigma],
    progress: &mut dyn Progress,
) -> Result<Canvas, DiffusionError> {
    let walk = Walk::begin(&canvas, sigmas)?;
    let mut last: Option<Prediction> = None;
    for step in walk.steps() {
        walk.report(progress, step)?;
        let Step { sigma, next, .. } = step;
        let velocity = walk.velocity(denoiser, &canvas, (step, sigma))?;
        let denoised = canvas.denoised(&velocity, sigma);

        // UniC: the network has now spoken at the predicted point, so take that step again with its answer.
        if let Some(last) = &last {
            let rho = |level| unic_weights(level, last.earlier.as_ref().map(|(before, _)| *before), last.sigma, sigma);
            let mut data = last.denoised.clone()
                + (denoised.clone() - last.denoised.clone()) * walk.per_patch(|level| rho(level).of_new);
            if let Some((_, denoised_before)) = &last.earlier {
                let change = denoised_before.clone() - last.denoised.clone();
                data = data + change * walk.per_patch(|level| rho(level).of_old);
            }
            let kept = walk.per_patch(|level| kept(level, last.sigma, sigma));
            let corrected = last.latents.clone() * kept.clone() + data * (-kept + 1.0);
            canvas.latents = walk.moved((last.sigma, sigma), canvas.latents, corrected);
        }

        // UniP: −½·D₁/r₁ is the extrapolation of DPM-Solver++, as B₂(h) = e^(−h) − 1.
        let earlier = last.map(|last| (last.sigma, last.denoised));
        let mut data = denoised.clone();
        if let Some((before, denoised_before)) = &earlier {
            let weight = walk.per_patch(|level| half_inverse_r(level, *before, sigma, next));
            data = data + (denoised.clone() - denoised_before.clone()) * weight;
        }
        let kept = walk.per_patch(|level| kept(level, sigma, next));
        let latents = canvas.latents;
        let predicted = latents.clone() * kept.clone() + data * (-kept + 1.0);
        canvas.latents = walk.moved((sigma, next), latents.clone(), predicted);
        last = Some(Prediction { sigma, latents, denoised, earlier });
    }
    walk.end(canvas, progress)
}

/// A step that was predicted and waits for its correction.
struct Prediction {
    /// The level from which it was predicted.
    sigma: Sigma,
    /// x_s, the corrected latents there.
    latents: Tensor<5>,
    /// m_s, the predicted data there.
    denoised: Tensor<5>,
    /// The level before that, and the predicted data there.
    earlier: Option<(Sigma, Tensor<5>)>,
}

/// The corrector's weights: ρ₁/r₁ for the older change of the predicted data, ρ₂ for the new one.
struct UniCWeights {
    of_old: f64,
    of_new: f64,
}

/// Solves the corrector's 2×2 system for one patch.
///
/// Formula:  ρ₁ + ρ₂ = b₁,  r₁ρ₁ + ρ₂ = b₂,  b_k = k!·φ_{k+1}(−h)·(−h)/B₂(h)
///
/// A patch that only began to move in this step has no older change: first order, ρ₂ = ½.
///
/// # Source  Zhao et al. 2023, equation 12 and appendix E
fn unic_weights(level: PatchLevel, before: Option<Sigma>, sigma: Sigma, next: Sigma) -> UniCWeights {
    let Some(before) = before.filter(|&before| !level.rests(before, sigma) && !level.rests(sigma, next)) else {
        return UniCWeights { of_old: 0.0, of_new: 0.5 };
    };
    let [before, sigma, next] = [before, sigma, next].map(|sigma| lambda(level.at(sigma)));
    let h = next - sigma;
    let r1 = (before - sigma) / h;

    let b_h = (-h).exp_m1();
    let phi_2 = b_h / -h - 1.0;
    let phi_3 = phi_2 / -h - 0.5;
    let [b1, b2] = [phi_2 / b_h, 2.0 * phi_3 / b_h];

    let rho_1 = (b1 - b2) / (1.0 - r1);
    UniCWeights { of_old: rho_1 / r1, of_new: b1 - rho_1 }
}
