//! Which noise levels a training clip is noised to, so that one model serves every task.

use rand::{Rng, RngCore};
use serde::{Deserialize, Serialize};

use crate::DiffusionError;
use crate::noise::gaussian_pair;
use crate::schedule::{shift_for_tokens, shifted};

/// The levels of training clips, as a recipe states them.
///
/// The six last fields are relative weights: how often each way to lay out a clip is drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainingLevelsConfig {
    /// Mean of the level's logit; above 0 leans towards noise.
    pub mean: f64,
    /// Standard deviation of the level's logit.
    pub std: f64,
    /// Share of levels drawn evenly from [0, 1] instead, without which the ends are hardly ever seen.
    pub uniform_share: f64,
    /// How far levels are shifted towards noise.
    pub shift: LevelShift,
    /// The whole clip at one level.
    pub one_level: f64,
    /// The first latent frames given, the rest at one level: animate, extend.
    pub first_given: f64,
    /// The last latent frames given: extend backwards.
    pub last_given: f64,
    /// The first and the last latent frames given: loop, blend.
    pub both_ends_given: f64,
    /// Latent frames anywhere given: storyboard.
    pub any_given: f64,
    /// Every latent frame at a level of its own: long video, and everything known roughly.
    pub independent: f64,
}

/// How far the levels of a clip are shifted towards noise.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LevelShift {
    /// By the number of tokens of the clip, see [`shift_for_tokens`].
    ByTokens,
    /// By one factor for all clips; 1 shifts nothing.
    Fixed(f64),
}

impl Default for TrainingLevelsConfig {
    fn default() -> Self {
        Self {
            mean: 0.0,
            std: 1.0,
            uniform_share: 0.1,
            shift: LevelShift::ByTokens,
            one_level: 0.6,
            first_given: 0.15,
            last_given: 0.04,
            both_ends_given: 0.06,
            any_given: 0.05,
            independent: 0.1,
        }
    }
}

impl TrainingLevelsConfig {
    /// The whole clip at one level always, as for text-to-video alone.
    pub fn one_level_only() -> Self {
        let none = 0.0;
        Self {
            one_level: 1.0,
            first_given: none,
            last_given: none,
            both_ends_given: none,
            any_given: none,
            independent: none,
            ..Self::default()
        }
    }

    /// Checks the settings.
    ///
    /// # Errors  [`DiffusionError::Setting`] for a number outside its range
    pub fn init(self) -> Result<TrainingLevels, DiffusionError> {
        let check = |setting, expected, found: f64, ok: bool| {
            if ok { Ok(()) } else { Err(DiffusionError::Setting { setting, expected, found }) }
        };
        check("mean", "a finite number", self.mean, self.mean.is_finite())?;
        check("std", "a number of at least 0", self.std, self.std.is_finite() && self.std >= 0.0)?;
        let share = self.uniform_share;
        check("uniform_share", "between 0 and 1", share, (0.0..=1.0).contains(&share))?;
        if let LevelShift::Fixed(shift) = self.shift {
            check("shift", "a number above 0", shift, shift.is_finite() && shift > 0.0)?;
        }
        for (layout, weight) in self.weights() {
            check(layout.setting(), "a weight of at least 0", weight, weight.is_finite() && weight >= 0.0)?;
        }
        let total = self.weights().iter().map(|(_, weight)| weight).sum();
        check("the sum of the weights of all layouts", "above 0", total, total > 0.0)?;
        Ok(TrainingLevels { config: self })
    }

    fn weights(&self) -> [(Layout, f64); 6] {
        [
            (Layout::OneLevel, self.one_level),
            (Layout::FirstGiven, self.first_given),
            (Layout::LastGiven, self.last_given),
            (Layout::BothEndsGiven, self.both_ends_given),
            (Layout::AnyGiven, self.any_given),
            (Layout::Independent, self.independent),
        ]
    }
}

/// Draws the noise levels of training clips; made by [`TrainingLevelsConfig::init`].
#[derive(Debug, Clone)]
pub struct TrainingLevels {
    config: TrainingLevelsConfig,
}

impl TrainingLevels {
    /// One level per latent frame, for a clip of so many latent frames and tokens; 0 is given.
    ///
    /// At least one frame is always above 0, so that there is something to learn. A still has one frame, at one
    /// level. [`levels_per_frame`](crate::levels_per_frame) makes the tensor.
    pub fn sample(&self, frames: usize, num_tokens: usize, rng: &mut impl RngCore) -> Vec<f32> {
        let shift = match self.config.shift {
            LevelShift::ByTokens => f64::from(shift_for_tokens(num_tokens)),
            LevelShift::Fixed(shift) => shift,
        };
        let mut levels = vec![self.level(shift, rng); frames];
        if frames < 2 {
            return levels;
        }
        match self.layout(frames, rng) {
            Layout::OneLevel => {}
            Layout::FirstGiven => levels[..given(frames - 1, rng)].fill(0.0),
            Layout::LastGiven => levels[frames - given(frames - 1, rng)..].fill(0.0),
            Layout::BothEndsGiven => {
                let first = given(frames - 2, rng);
                let last = given(frames - 1 - first, rng);
                levels[..first].fill(0.0);
                levels[frames - last..].fill(0.0);
            }
            Layout::AnyGiven => {
                let imagined = rng.random_range(0..frames);
                let share: f64 = rng.random();
                for (frame, level) in levels.iter_mut().enumerate() {
                    if frame != imagined && rng.random_bool(share) {
                        *level = 0.0;
                    }
                }
            }
            Layout::Independent => levels.fill_with(|| self.level(shift, rng)),
        }
        levels
    }

    /// One level: logit-normal, or even in `uniform_share` of all cases, then shifted.
    ///
    /// Formula:  σ = shifted(1/(1 + e^(−z)), s), z ~ N(mean, std²)
    ///
    /// # Source  Esser et al. 2024, section 3.1
    fn level(&self, shift: f64, rng: &mut impl RngCore) -> f32 {
        let config = &self.config;
        let sigma = if rng.random_bool(config.uniform_share) {
            1.0 - rng.random::<f64>() // in (0, 1]
        } else {
            let [z, _] = gaussian_pair(rng);
            1.0 / (1.0 + (-(config.mean + config.std * f64::from(z))).exp())
        };
        // Above 0 always: 0 means that a frame is given.
        (shifted(sigma, shift) as f32).clamp(f32::MIN_POSITIVE, 1.0)
    }

    fn layout(&self, frames: usize, rng: &mut impl RngCore) -> Layout {
        let weights = self.config.weights();
        let total: f64 = weights.iter().map(|(_, weight)| weight).sum();
        let mut at = rng.random::<f64>() * total;
        for (layout, weight) in weights {
            at -= weight;
            if at < 0.0 {
                // Two frames have no middle between two given ends.
                return if layout == Layout::BothEndsGiven && frames < 3 { Layout::FirstGiven } else { layout };
            }
        }
        Layout::OneLevel
    }
}

/// The ways to lay out a training clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    OneLevel,
    FirstGiven,
    LastGiven,
    BothEndsGiven,
    AnyGiven,
    Independent,
}

impl Layout {
    fn setting(self) -> &'static str {
        match self {
            Self::OneLevel => "one_level",
            Self::FirstGiven => "first_given",
            Self::LastGiven => "last_given",
            Self::BothEndsGiven => "both_ends_given",
            Self::AnyGiven => "any_given",
            Self::Independent => "independent",
        }
    }
}

/// How many frames are given, 1 to `most`: half of the time a single one, as when a picture is animated.
fn given(most: usize, rng: &mut impl RngCore) -> usize {
    if rng.random() { 1 } else { rng.random_range(1..=most) }
}
