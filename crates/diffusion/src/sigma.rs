//! The noise level as a type that cannot be wrong.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::DiffusionError;

/// A noise level in [0, 1]: 0 is known data, 1 is pure noise.
///
/// Formula:  x_σ = (1 − σ)·data + σ·noise
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f32", into = "f32")]
pub struct Sigma(f32);

impl Sigma {
    /// Known data, level 0.
    pub const KNOWN: Self = Self(0.0);
    /// Pure noise, level 1.
    pub const PURE_NOISE: Self = Self(1.0);

    /// Checks a noise level.
    ///
    /// # Errors  [`DiffusionError::SigmaOutOfRange`] outside [0, 1] and for NaN
    pub fn new(value: f32) -> Result<Self, DiffusionError> {
        if (0.0..=1.0).contains(&value) { Ok(Self(value)) } else { Err(DiffusionError::SigmaOutOfRange { value }) }
    }

    /// The level as a number in [0, 1].
    pub fn value(self) -> f32 {
        self.0
    }

    /// What a network that was trained with the 1000 timesteps of diffusers is given: 1000·σ.
    pub fn timestep(self) -> f32 {
        self.0 * 1000.0
    }

    /// The nearest level to a number that rounding may have pushed just outside [0, 1].
    pub(crate) fn clamped(value: f64) -> Self {
        Self((value as f32).clamp(0.0, 1.0))
    }
}

impl TryFrom<f32> for Sigma {
    type Error = DiffusionError;

    fn try_from(value: f32) -> Result<Self, DiffusionError> {
        Self::new(value)
    }
}

impl From<Sigma> for f32 {
    fn from(sigma: Sigma) -> f32 {
        sigma.0
    }
}

impl fmt::Display for Sigma {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_both_ends_and_refuses_everything_outside() {
        assert_eq!(Sigma::new(0.0).unwrap(), Sigma::KNOWN);
        assert_eq!(Sigma::new(1.0).unwrap(), Sigma::PURE_NOISE);
        for wrong in [-1e-6, 1.000_001, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let message = Sigma::new(wrong).unwrap_err().to_string();
            assert!(message.contains("between 0 (known) and 1 (pure noise)"), "{message}");
        }
    }
}
