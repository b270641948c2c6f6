//! Which noise levels a checkpoint wants to be sampled at, as `scheduler_config.json` gives it.

use std::path::Path;

use serde::Deserialize;

use crate::{WanError, json};

/// How a checkpoint is sampled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SchedulerConfig {
    /// `UniPCMultistepScheduler` on flow matching's levels.
    UniPc {
        /// Bends the levels towards noise.
        flow_shift: f64,
    },
    /// `FlowMatchEulerDiscreteScheduler`.
    FlowMatchEuler {
        /// Bends the levels towards noise.
        shift: f64,
    },
    /// The three levels of a model that FastVideo distilled.
    Dmd,
}

/// The timesteps that FastVideo distils for, and the shift of the levels that it looks them up among.
///
/// Source: `dmd_denoising_steps` of its configurations for FastWan, and its `DmdDenoisingStage`
const DMD_TIMESTEPS: [f64; 3] = [1000.0, 757.0, 522.0];
const DMD_SHIFT: f64 = 8.0;

/// Steps of the time that the network is given, from data to noise.
const TRAIN_TIMESTEPS: f64 = 1000.0;

#[derive(Deserialize)]
#[serde(default)]
struct Stored {
    #[serde(rename = "_class_name")]
    class_name: String,
    num_train_timesteps: f64,
    flow_shift: f64,
    shift: f64,
    solver_order: usize,
    solver_type: String,
    prediction_type: String,
    predict_x0: bool,
    lower_order_final: bool,
    final_sigmas_type: String,
    use_flow_sigmas: bool,
    use_karras_sigmas: Option<bool>,
    use_exponential_sigmas: Option<bool>,
    use_beta_sigmas: Option<bool>,
    use_dynamic_shifting: bool,
    thresholding: bool,
    disable_corrector: Vec<usize>,
    invert_sigmas: bool,
    stochastic_sampling: bool,
    shift_terminal: Option<f64>,
}

impl Default for Stored {
    fn default() -> Self {
        Self {
            class_name: "a scheduler without a name".into(),
            num_train_timesteps: TRAIN_TIMESTEPS,
            flow_shift: 1.0,
            shift: 1.0,
            solver_order: 2,
            solver_type: "bh2".into(),
            prediction_type: "epsilon".into(),
            predict_x0: true,
            lower_order_final: true,
            final_sigmas_type: "zero".into(),
            use_flow_sigmas: false,
            use_karras_sigmas: None,
            use_exponential_sigmas: None,
            use_beta_sigmas: None,
            use_dynamic_shifting: false,
            thresholding: false,
            disable_corrector: Vec::new(),
            invert_sigmas: false,
            stochastic_sampling: false,
            shift_terminal: None,
        }
    }
}

impl SchedulerConfig {
    /// Reads `scheduler_config.json`.
    ///
    /// # Errors
    /// [`WanError`] that names the scheduler or the setting that misora does not have.
    pub fn read(path: &Path) -> Result<Self, WanError> {
        let stored: Stored = json::read(path, json::MAX_CONFIG_BYTES)?;
        let config = match stored.class_name.as_str() {
            "UniPCMultistepScheduler" => Self::UniPc { flow_shift: stored.flow_shift },
            "FlowMatchEulerDiscreteScheduler" => Self::FlowMatchEuler { shift: stored.shift },
            other => {
                let known = "UniPCMultistepScheduler and FlowMatchEulerDiscreteScheduler";
                let found = other.chars().take(64).collect();
                return Err(WanError::Architecture { path: path.into(), found, known });
            }
        };
        config.check(&stored).map_err(|reason| WanError::Config { path: path.into(), reason })?;
        Ok(config)
    }

    /// The only number of steps that the model can be sampled in, where there is one.
    pub const fn only_num_inference_steps(self) -> Option<usize> {
        match self {
            Self::UniPc { .. } | Self::FlowMatchEuler { .. } => None,
            Self::Dmd => Some(DMD_TIMESTEPS.len()),
        }
    }

    /// The noise levels of so many steps, from noise down to 0.
    ///
    /// Formula:  σ' = s·σ / (1 + (s − 1)·σ) of σ_i = 1 − i·0.999/n, the first at most 1 − 1e-6, for UniPC;
    ///           of n even steps from the shifted 1 to the shifted 0.001 for Euler, shifted once more;
    ///           of the i in thousandths whose σ' is nearest to a timestep for DMD
    ///
    /// # Source  `set_timesteps` of the two schedulers in diffusers
    pub fn sigmas(self, num_inference_steps: usize) -> Vec<f32> {
        let last = TRAIN_TIMESTEPS.recip();
        let sigmas = (0..num_inference_steps).map(|index| match self {
            Self::UniPc { flow_shift } => {
                let sigma = 1.0 - (1.0 - last) * index as f64 / num_inference_steps as f64;
                shifted(sigma, flow_shift).min(1.0 - 1e-6)
            }
            Self::FlowMatchEuler { shift } => {
                let (from, to) = (1.0, shifted(last, shift));
                let steps = num_inference_steps.saturating_sub(1).max(1) as f64;
                shifted(from + (to - from) * index as f64 / steps, shift)
            }
            Self::Dmd => nearest_level(DMD_TIMESTEPS[index.min(DMD_TIMESTEPS.len() - 1)]),
        });
        sigmas.map(|sigma| sigma as f32).chain([0.0]).collect()
    }

    /// What the network is given for a noise level.
    pub fn timestep(self, sigma: f32) -> f32 {
        let timestep = f64::from(sigma) * TRAIN_TIMESTEPS;
        match self {
            // UniPC keeps whole steps.
            Self::UniPc { .. } => timestep.trunc() as f32,
            Self::FlowMatchEuler { .. } => timestep as f32,
            Self::Dmd => timestep.round() as f32,
        }
    }

    fn check(self, stored: &Stored) -> Result<(), String> {
        let (Self::UniPc { flow_shift: shift } | Self::FlowMatchEuler { shift }) = self else { return Ok(()) };
        let is_unipc = matches!(self, Self::UniPc { .. });
        if !(1e-3..=1e3).contains(&shift) {
            return Err(format!("the shift is {shift}, but must lie between 0.001 and 1000"));
        }
        let others = [stored.use_karras_sigmas, stored.use_exponential_sigmas, stored.use_beta_sigmas];
        let wanted = [
            ("num_train_timesteps", "1000", stored.num_train_timesteps == TRAIN_TIMESTEPS),
            ("use_dynamic_shifting", "false", !stored.use_dynamic_shifting),
            ("use_karras_sigmas, use_exponential_sigmas, use_beta_sigmas", "false", !others.contains(&Some(true))),
            ("shift_terminal", "left out", stored.shift_terminal.is_none()),
            ("invert_sigmas", "false", !stored.invert_sigmas),
            ("stochastic_sampling", "false", !stored.stochastic_sampling),
            ("prediction_type", "\"flow_prediction\"", !is_unipc || stored.prediction_type == "flow_prediction"),
            ("use_flow_sigmas", "true", !is_unipc || stored.use_flow_sigmas),
            ("solver_order", "2", !is_unipc || stored.solver_order == 2),
            ("solver_type", "\"bh2\"", !is_unipc || stored.solver_type == "bh2"),
            ("predict_x0 and lower_order_final", "true", !is_unipc || (stored.predict_x0 && stored.lower_order_final)),
            ("final_sigmas_type", "\"zero\"", !is_unipc || stored.final_sigmas_type == "zero"),
            ("thresholding", "false", !stored.thresholding),
            ("disable_corrector", "empty", stored.disable_corrector.is_empty()),
        ];
        match wanted.iter().find(|(_, _, fits)| !fits) {
            None => Ok(()),
            Some((name, value, _)) => Err(format!("misora samples with {name} {value} only")),
        }
    }
}

/// The level whose timestep, of a thousand, is nearest to this one.
fn nearest_level(timestep: f64) -> f64 {
    let level = |index| shifted(f64::from(index) / TRAIN_TIMESTEPS, DMD_SHIFT);
    let distance = |level: &f64| (level * TRAIN_TIMESTEPS - timestep).abs();
    (1..=1000).map(level).min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap_or(1.0)
}

/// Shifts one noise level towards noise.
fn shifted(sigma: f64, shift: f64) -> f64 {
    shift * sigma / (1.0 + (shift - 1.0) * sigma)
}
