//! Samplers: ways to walk the probability-flow ODE dx/dσ = v(x, σ) from noise to data, and one that leaps.
//!
//! Each is a plain function in a file of its own. To add one, write the function, add a variant to [`Sampler`]
//! and its line to `Sampler::entry`; names, parsing, help texts and dispatch follow from that line, and the
//! tests that walk [`Sampler::ALL`] hold it to the rules of the canvas.

mod dmd;
mod dpm_solver_pp_2m;
mod euler;
mod heun;
mod lambda;
mod unipc;
mod walk;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use dmd::dmd;
pub use dpm_solver_pp_2m::dpm_solver_pp_2m;
pub use euler::euler;
pub use heun::heun;
pub use unipc::unipc;

use crate::{Canvas, Denoiser, DiffusionError, Progress, Sigma};

/// The samplers, as one picks them by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Sampler {
    /// [`euler`]: first order, the plainest.
    Euler,
    /// [`heun`]: second order, two evaluations a step.
    Heun,
    /// [`dpm_solver_pp_2m`]: second order, one evaluation a step.
    DpmSolverPp2M,
    /// [`unipc`]: corrected second order, one evaluation a step.
    #[default]
    UniPc,
    /// [`dmd`]: data and fresh noise at every step, for models that were distilled to a few.
    Dmd,
}

/// What every sampler is, seen from outside.
type Integrate = fn(&dyn Denoiser, Canvas, &[Sigma], &mut dyn Progress) -> Result<Canvas, DiffusionError>;

struct Entry {
    name: &'static str,
    integrate: Integrate,
    evaluations_per_step: usize,
}

impl Sampler {
    /// Every sampler there is.
    pub const ALL: [Self; 5] = [Self::Euler, Self::Heun, Self::DpmSolverPp2M, Self::UniPc, Self::Dmd];

    /// The one place that knows what belongs to a sampler.
    fn entry(self) -> Entry {
        match self {
            Self::Euler => Entry { name: "euler", integrate: euler, evaluations_per_step: 1 },
            Self::Heun => Entry { name: "heun", integrate: heun, evaluations_per_step: 2 },
            Self::DpmSolverPp2M => Entry { name: "dpmpp-2m", integrate: dpm_solver_pp_2m, evaluations_per_step: 1 },
            Self::UniPc => Entry { name: "unipc", integrate: unipc, evaluations_per_step: 1 },
            Self::Dmd => Entry { name: "dmd", integrate: dmd, evaluations_per_step: 1 },
        }
    }

    /// The name by which it is picked on the command line and in requests.
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// All names, as a list to read.
    pub fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    /// How often the denoiser is asked per step; Heun saves the second time in the last step.
    pub fn evaluations_per_step(self) -> usize {
        self.entry().evaluations_per_step
    }

    /// Walks a canvas from the first of `sigmas` to the last.
    ///
    /// The canvas that comes back is at the last level: after a walk to 0 all of it is known. Positions that were
    /// known come back bit for bit, and those known roughly rest until the walk has come down to their level.
    ///
    /// # Shapes  `canvas.latents`: `[B, C, T, H, W]`, returned unchanged in shape
    /// # Units   `sigmas` fall from at least the highest level on the canvas
    /// # Errors  [`DiffusionError::Schedule`] when they do not, [`DiffusionError::Shape`] and
    /// [`DiffusionError::SigmaOutOfRange`] for a canvas laid out wrongly, [`DiffusionError::NotFinite`]
    /// when the denoiser fails silently, [`DiffusionError::Interrupted`], and the denoiser's own
    pub fn sample(
        self,
        denoiser: &dyn Denoiser,
        canvas: Canvas,
        sigmas: &[Sigma],
        progress: &mut dyn Progress,
    ) -> Result<Canvas, DiffusionError> {
        (self.entry().integrate)(denoiser, canvas, sigmas, progress)
    }
}

impl fmt::Display for Sampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Sampler {
    type Err = DiffusionError;

    fn from_str(name: &str) -> Result<Self, DiffusionError> {
        let wanted = name.trim().to_lowercase().replace('_', "-");
        let found = Self::ALL.into_iter().find(|sampler| sampler.name() == wanted);
        // A name in an error message stays short, however long the one that came.
        found.ok_or_else(|| DiffusionError::UnknownSampler { name: name.chars().take(64).collect() })
    }
}

impl TryFrom<String> for Sampler {
    type Error = DiffusionError;

    fn try_from(name: String) -> Result<Self, DiffusionError> {
        name.parse()
    }
}

impl From<Sampler> for &'static str {
    fn from(sampler: Sampler) -> Self {
        sampler.name()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_its_sampler() {
        for sampler in Sampler::ALL {
            assert_eq!(sampler.to_string().parse::<Sampler>().unwrap(), sampler);
            assert_eq!(serde_json::from_str::<Sampler>(&serde_json::to_string(&sampler).unwrap()).unwrap(), sampler);
        }
        assert_eq!("DPMPP_2M".parse::<Sampler>().unwrap(), Sampler::DpmSolverPp2M);
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let message = "ddim".parse::<Sampler>().unwrap_err().to_string();
        assert_eq!(message, "there is no sampler called \"ddim\"; choose one of: euler, heun, dpmpp-2m, unipc, dmd");
        assert!("x".repeat(100_000).parse::<Sampler>().unwrap_err().to_string().len() < 200);
    }
}
