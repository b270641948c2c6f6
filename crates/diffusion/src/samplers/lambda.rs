//! Half the logarithm of the signal-to-noise ratio, the time in which exponential integrators step.

use super::walk::PatchLevel;
use crate::Sigma;

/// λ of a noise level, −∞ at pure noise and +∞ at known data.
///
/// Formula:  λ = ln(α/σ) with α = 1 − σ
pub(super) fn lambda(sigma: f64) -> f64 {
    ((1.0 - sigma) / sigma).ln()
}

/// What part of the latents a step keeps; the rest comes from the predicted data.
///
/// Formula:  σ_t/σ_s, which with α = 1 − σ equals α_t(e^(−h) − 1) + 1
pub(super) fn kept(level: PatchLevel, sigma: Sigma, next: Sigma) -> f64 {
    if level.rests(sigma, next) { 1.0 } else { level.at(next) / level.at(sigma) }
}

/// The weight of the last change of the predicted data in a second-order multistep prediction.
///
/// Formula:  1/(2r) with r = h_last/h, h = λ_next − λ_sigma, h_last = λ_sigma − λ_before
///
/// It is 0, which makes the step first order, for a patch that only now begins to move (there is no last change)
/// and for the step down to 0 (where h is infinite).
pub(super) fn half_inverse_r(level: PatchLevel, before: Sigma, sigma: Sigma, next: Sigma) -> f64 {
    let begins = level.rests(before, sigma);
    if begins || level.rests(sigma, next) || level.at(next) == 0.0 {
        return 0.0;
    }
    let [before, sigma, next] = [before, sigma, next].map(|sigma| lambda(level.at(sigma)));
    0.5 * (next - sigma) / (sigma - before)
}
