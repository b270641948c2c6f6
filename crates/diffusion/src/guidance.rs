//! Classifier-free guidance, as a denoiser around two others.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::{Canvas, Denoiser, DiffusionError, Sigma};

/// How strongly, and at which noise levels, the prompt is followed; checked once when it is made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Guidance {
    guidance_scale: f32,
    low: Sigma,
    high: Sigma,
}

impl Guidance {
    /// The largest scale that is taken; far smaller ones already burn the colours.
    pub const MAX_SCALE: f32 = 100.0;

    /// Guidance at every noise level.
    ///
    /// # Errors  [`DiffusionError::Setting`] when the scale is negative, not a number or above 100
    pub fn new(guidance_scale: f32) -> Result<Self, DiffusionError> {
        if !(0.0..=Self::MAX_SCALE).contains(&guidance_scale) {
            return Err(DiffusionError::Setting {
                setting: "guidance_scale",
                expected: "between 0 and 100 (1 follows the prompt without guidance, 4 to 8 are usual)",
                found: f64::from(guidance_scale),
            });
        }
        Ok(Self { guidance_scale, low: Sigma::KNOWN, high: Sigma::PURE_NOISE })
    }

    /// Guidance only from noise level `high` down to `low`, both included; outside, half the work is saved.
    ///
    /// # Errors  [`DiffusionError::Setting`] when `low` lies above `high`
    /// # Source  Kynkäänniemi et al. 2024, Applying Guidance in a Limited Interval
    pub fn within(self, low: Sigma, high: Sigma) -> Result<Self, DiffusionError> {
        if low > high {
            return Err(DiffusionError::Setting {
                setting: "the guidance interval's lower level",
                expected: "at most its upper level",
                found: f64::from(low.value()),
            });
        }
        Ok(Self { low, high, ..self })
    }

    /// The scale: 1 is the conditional model alone, above 1 leads away from the unconditional one.
    pub fn guidance_scale(&self) -> f32 {
        self.guidance_scale
    }

    /// Whether the unconditional model is needed at this noise level.
    pub fn applies_at(&self, sigma: Sigma) -> bool {
        self.guidance_scale != 1.0 && (self.low..=self.high).contains(&sigma)
    }

    /// Combines two velocities.
    ///
    /// Formula:  v = v_u + s·(v_c − v_u)
    ///
    /// # Shapes  all `[B, C, T, H, W]`
    /// # Source  Ho & Salimans 2022, Classifier-Free Diffusion Guidance, with w = s − 1
    pub fn combine(&self, conditional: Tensor<5>, unconditional: Tensor<5>) -> Tensor<5> {
        unconditional.clone() + (conditional - unconditional) * self.guidance_scale
    }
}

/// A denoiser that is led towards a prompt and away from an empty or negative one.
///
/// Where [`Guidance::applies_at`] says no, only `conditional` runs.
#[derive(Clone, Copy)]
pub struct Guided<'a> {
    /// The model with the prompt.
    pub conditional: &'a dyn Denoiser,
    /// The model with the negative prompt, or with none.
    pub unconditional: &'a dyn Denoiser,
    /// How strongly and where.
    pub guidance: Guidance,
}

impl Denoiser for Guided<'_> {
    fn velocity(&self, canvas: &Canvas, sigma: Sigma) -> Result<Tensor<5>, DiffusionError> {
        let conditional = self.conditional.velocity(canvas, sigma)?;
        if !self.guidance.applies_at(sigma) {
            return Ok(conditional);
        }
        Ok(self.guidance.combine(conditional, self.unconditional.velocity(canvas, sigma)?))
    }
}

/// The numbers of a recipe before they are checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    guidance_scale: f32,
    #[serde(default = "known")]
    low: Sigma,
    #[serde(default = "pure_noise")]
    high: Sigma,
}

fn known() -> Sigma {
    Sigma::KNOWN
}

fn pure_noise() -> Sigma {
    Sigma::PURE_NOISE
}

impl TryFrom<Unchecked> for Guidance {
    type Error = DiffusionError;

    fn try_from(unchecked: Unchecked) -> Result<Self, DiffusionError> {
        Self::new(unchecked.guidance_scale)?.within(unchecked.low, unchecked.high)
    }
}
