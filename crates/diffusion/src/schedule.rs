//! Noise levels to sample at, from the first level of the canvas down to 0.

use serde::{Deserialize, Serialize};

use crate::{DiffusionError, Sigma};

/// More steps than any sampler gains from; a larger request is a slip.
pub const MAX_INFERENCE_STEPS: usize = 1000;

/// How the noise levels are spaced.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// Equal steps.
    ///
    /// Formula:  σ_i = 1 − i/n
    Linear,
    /// Equal steps, shifted towards noise: large canvases keep their layout longer than small ones.
    ///
    /// Formula:  σ' = s·σ / (1 + (s − 1)·σ)
    /// Source:   Esser et al. 2024, Scaling Rectified Flow Transformers, equation 23
    Shifted {
        /// s; 1 changes nothing, 3 is common for images, 5 to 12 for video.
        shift: f32,
    },
    /// Steps that grow shorter towards the data.
    ///
    /// Formula:  σ_i = (σ_0^(1/ρ) + i/(n−1)·(σ_min^(1/ρ) − σ_0^(1/ρ)))^ρ, then 0
    /// Source:   Karras et al. 2022, equation 5, on flow matching's levels as diffusers does it
    Karras {
        /// ρ; 7 in the paper.
        rho: f32,
        /// The last level before 0.
        sigma_min: f32,
    },
}

impl Schedule {
    /// The shifted schedule for a canvas of so many tokens, see [`shift_for_tokens`].
    pub fn for_tokens(num_tokens: usize) -> Self {
        Self::Shifted { shift: shift_for_tokens(num_tokens) }
    }

    /// The levels from pure noise to data: `num_inference_steps + 1` of them, strictly falling from 1 to 0.
    ///
    /// # Errors  as [`Schedule::sigmas_from`]
    pub fn sigmas(&self, num_inference_steps: usize) -> Result<Vec<Sigma>, DiffusionError> {
        self.sigmas_from(Sigma::PURE_NOISE, num_inference_steps)
    }

    /// The levels from `first` to data, for canvases that start nearer to data, such as a remix at `strength`.
    ///
    /// The spacing is that of the whole schedule, cut at `first`; the number of steps stays as asked.
    ///
    /// # Errors  [`DiffusionError::Schedule`] for 0 or too many steps and for steps too short for f32,
    /// [`DiffusionError::Setting`] for an unusable shift, ρ or σ_min
    pub fn sigmas_from(&self, first: Sigma, num_inference_steps: usize) -> Result<Vec<Sigma>, DiffusionError> {
        self.check_settings()?;
        if !(1..=MAX_INFERENCE_STEPS).contains(&num_inference_steps) {
            return Err(DiffusionError::Schedule {
                problem: format!(
                    "the number of inference steps must be between 1 and {MAX_INFERENCE_STEPS}, but is \
                     {num_inference_steps}; 20 to 50 are usual"
                ),
            });
        }
        let n = num_inference_steps as f64;
        let top = f64::from(first.value());
        let level = |i: usize| match *self {
            Self::Linear => top * (1.0 - i as f64 / n),
            Self::Shifted { shift } => {
                let shift = f64::from(shift);
                shifted(shifted(top, 1.0 / shift) * (1.0 - i as f64 / n), shift)
            }
            Self::Karras { rho, sigma_min } => {
                let ramp = if i == 0 { 0.0 } else { i as f64 / (n - 1.0) };
                let [from, to] = [top, f64::from(sigma_min)].map(|sigma| sigma.powf(1.0 / f64::from(rho)));
                (from + ramp * (to - from)).powf(f64::from(rho))
            }
        };
        let mut sigmas: Vec<Sigma> = (0..num_inference_steps).map(|i| Sigma::clamped(level(i))).collect();
        sigmas[0] = first;
        sigmas.push(Sigma::KNOWN);
        check_falling(&sigmas)?;
        Ok(sigmas)
    }

    fn check_settings(&self) -> Result<(), DiffusionError> {
        let positive = |setting, value: f32| {
            if value.is_finite() && value > 0.0 {
                return Ok(());
            }
            Err(DiffusionError::Setting { setting, expected: "a number above 0", found: f64::from(value) })
        };
        match *self {
            Self::Linear => Ok(()),
            Self::Shifted { shift } => positive("shift", shift),
            Self::Karras { rho, sigma_min } => positive("rho", rho).and(positive("sigma_min", sigma_min)),
        }
    }
}

/// Shifts one noise level towards noise (`shift` above 1) or towards data (below 1).
///
/// Formula:  σ' = s·σ / (1 + (s − 1)·σ), undone by the shift 1/s
///
/// # Source  Esser et al. 2024, equation 23
pub fn shifted(sigma: f64, shift: f64) -> f64 {
    shift * sigma / (1.0 + (shift - 1.0) * sigma)
}

/// The shift that suits a canvas of so many tokens: neighbouring patches of a larger canvas tell more about each
/// other, so that it takes more noise to hide the same amount.
///
/// Formula:  s = exp(μ), μ rising linearly from 0.5 at 256 tokens to 1.15 at 4096, and on beyond
///
/// # Source  Flux's published sampling code, `calculate_shift` in diffusers
pub fn shift_for_tokens(num_tokens: usize) -> f32 {
    const BASE: (f64, f64) = (256.0, 0.5);
    const MAX: (f64, f64) = (4096.0, 1.15);
    let slope = (MAX.1 - BASE.1) / (MAX.0 - BASE.0);
    let mu = BASE.1 + slope * (num_tokens as f64 - BASE.0);
    mu.exp() as f32
}

/// Refuses levels that a sampler cannot walk down.
///
/// # Errors  [`DiffusionError::Schedule`] when there are fewer than two or when they do not fall strictly
pub fn check_falling(sigmas: &[Sigma]) -> Result<(), DiffusionError> {
    if sigmas.len() < 2 {
        return Err(DiffusionError::Schedule {
            problem: format!(
                "expected at least two noise levels, a first and a last, but got {}; make them with Schedule::sigmas",
                sigmas.len()
            ),
        });
    }
    match sigmas.windows(2).position(|pair| pair[1] >= pair[0]) {
        None => Ok(()),
        Some(i) => Err(DiffusionError::Schedule {
            problem: format!(
                "noise levels must fall strictly, but level {} is {} after {}; use fewer steps or a smaller shift",
                i + 1,
                sigmas[i + 1],
                sigmas[i]
            ),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Schedule; 3] =
        [Schedule::Linear, Schedule::Shifted { shift: 5.0 }, Schedule::Karras { rho: 7.0, sigma_min: 0.005 }];

    #[test]
    fn every_schedule_falls_strictly_from_its_first_level_to_zero() {
        for schedule in ALL {
            for steps in [1, 2, 7, 50, MAX_INFERENCE_STEPS] {
                for first in [1.0, 0.6, 0.05].map(|value| Sigma::new(value).unwrap()) {
                    let sigmas = schedule.sigmas_from(first, steps).unwrap();
                    assert_eq!((sigmas.len(), sigmas[0], sigmas[steps]), (steps + 1, first, Sigma::KNOWN));
                    check_falling(&sigmas).unwrap();
                }
            }
        }
    }

    #[test]
    fn a_shift_is_undone_by_its_inverse() {
        for sigma in [0.0, 0.01, 0.3, 0.99, 1.0] {
            assert!((shifted(shifted(sigma, 5.0), 0.2) - sigma).abs() < 1e-12);
        }
    }

    #[test]
    fn unusable_requests_say_what_would_do() {
        let message = Schedule::Linear.sigmas(0).unwrap_err().to_string();
        assert!(message.contains("between 1 and 1000"), "{message}");
        assert!(Schedule::Linear.sigmas(MAX_INFERENCE_STEPS + 1).is_err());
        for shift in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            let message = Schedule::Shifted { shift }.sigmas(4).unwrap_err().to_string();
            assert!(message.contains("shift must be a number above 0"), "{message}");
        }
        // A remix so light that Karras' last level lies above its first.
        let light = Sigma::new(0.001).unwrap();
        assert!(Schedule::Karras { rho: 7.0, sigma_min: 0.005 }.sigmas_from(light, 4).is_err());
        assert!(Schedule::Linear.sigmas_from(Sigma::KNOWN, 4).is_err());
    }
}
