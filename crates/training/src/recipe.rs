//! What to train, as TOML.

use std::path::{Path, PathBuf};

use diffusion::training_levels::TrainingLevelsConfig;
use half::f16;
use models::{
    AutoencoderConfig, TextEncoderConfig, TransformerConfig,
    autoencoder::{SPATIAL_FACTOR, TEMPORAL_FACTOR},
};
use serde::{Deserialize, Serialize};
use video::Resolution;
use worlds::Distribution;

use crate::{TrainingError, latents::MEMORY_BUDGET_BYTES, samples::SamplesRecipe, structure};

/// A whole recipe: autoencoder first, then the stages of the transformer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Name of the model that comes out.
    pub name: String,
    /// Decides first weights, data and noise.
    pub seed: u64,
    /// Sizes of all parts.
    pub preset: Preset,
    /// A model folder to begin from instead of from nothing: its tokenizer, and all weights that fit.
    ///
    /// With no steps for the autoencoder, it stays exactly as it is there.
    #[serde(default)]
    pub from: Option<PathBuf>,
    /// Frames per second of all films.
    pub frame_rate: u32,
    /// Licence of the weights, as an SPDX expression.
    pub licence: String,
    /// What the model is trained on, in a sentence.
    pub trained_on: String,
    /// The tokenizer's vocabulary.
    pub tokenizer: TokenizerRecipe,
    /// The first stage.
    pub autoencoder: AutoencoderRecipe,
    /// The later stages, one after another, each from the weights of the one before; none to train the autoencoder alone.
    #[serde(default)]
    pub stages: Vec<StageRecipe>,
}

/// Sizes of all parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// For tests.
    Tiny,
    /// Ships in the binary.
    Nano,
    /// For one GPU, in a day.
    Small,
    /// DiT-B's shape.
    Base,
    /// DiT-L's shape.
    Large,
}

/// How the tokenizer is trained.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenizerRecipe {
    /// Tokens at most.
    pub vocabulary_size: usize,
    /// Worlds whose captions it is trained on.
    pub worlds: u64,
}

/// A set of simulated films.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilmsRecipe {
    /// Which worlds.
    pub worlds: WorldsRecipe,
    /// Size of the pictures, `WxH`.
    pub size: String,
    /// Frames of each film, 4k + 1; 1 for images.
    pub num_frames: usize,
    /// How many films.
    pub count: u64,
}

/// Which worlds are filmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WorldsRecipe {
    /// One object, natural look, clear weather.
    Simple,
    /// The same with a camera that never stands still.
    Moving,
    /// Everything.
    Full,
}

/// How fast to learn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimizerRecipe {
    /// Highest learning rate.
    pub learning_rate: f32,
    /// Steps in which the learning rate rises from zero.
    pub warmup_steps: u64,
    /// Learning rate at the last step, as a share of the highest; the fall is half a cosine.
    pub final_share: f32,
    /// Decoupled weight decay of matrices.
    pub weight_decay: f32,
    /// Largest global norm of a step's gradients.
    pub clip_norm: f32,
    /// Decay of the moving average of the weights.
    pub ema_decay: f32,
}

/// When to say and save something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntervalsRecipe {
    /// Steps between checkpoints.
    pub checkpoint_steps: u64,
    /// Steps between validations.
    pub validation_steps: u64,
}

/// The first stage.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AutoencoderRecipe {
    /// Steps in all.
    pub steps: u64,
    /// Steps after which the encoder stays as it is and the decoder learns alone, so that latents made so far stay valid.
    pub encoder_steps: Option<u64>,
    /// Pixels × frames in one step, about.
    pub batch_voxels: usize,
    /// Films, rendered once and kept in memory; a step draws from one set.
    pub films: Vec<FilmsRecipe>,
    /// Weight of the squared error beside the absolute error.
    pub squared_weight: f32,
    /// Weight of the absolute error of the differences between neighbouring pixels.
    pub gradient_weight: f32,
    /// Weight of what lacks in structural similarity.
    #[serde(default)]
    pub structure_weight: f32,
    /// Weight of the divergence of the latents from a standard normal distribution.
    pub kl_weight: f32,
    /// Standard deviation of the noise added to latents before decoding, at most.
    pub latent_noise: f32,
    /// How fast to learn.
    pub optimizer: OptimizerRecipe,
    /// When to save.
    pub intervals: IntervalsRecipe,
}

/// One stage of the transformer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageRecipe {
    /// Its name, and its folder's.
    pub name: String,
    /// Steps in all.
    pub steps: u64,
    /// Tokens of one step.
    pub max_tokens: usize,
    /// Films, encoded once and cached.
    pub films: Vec<FilmsRecipe>,
    /// Share of captions that are left empty, for guidance.
    pub caption_dropout: f32,
    /// Share of camera paths that are left out.
    pub camera_dropout: f32,
    /// Share of films whose objects' paths are left out.
    pub motion_dropout: f32,
    /// Share of films that are shown from a later latent frame on, with that one given: a beginning that stands for four
    /// frames instead of one.
    #[serde(default)]
    pub later_share: f32,
    /// Weight of knowing what stands where, beside the velocity.
    pub semantic_weight: f32,
    /// Noise levels.
    #[serde(default)]
    pub levels: TrainingLevelsConfig,
    /// What is made at every validation, to be looked at.
    pub samples: Option<SamplesRecipe>,
    /// How fast to learn.
    pub optimizer: OptimizerRecipe,
    /// When to save.
    pub intervals: IntervalsRecipe,
}

impl Recipe {
    /// Seed of the first film: other films for other seeds of recipes, so that a run that goes on from a model shows it
    /// new ones.
    #[must_use]
    pub const fn first_film(&self) -> u64 {
        self.seed.wrapping_shl(32)
    }

    /// Reads and checks a recipe.
    ///
    /// # Errors
    /// [`TrainingError::File`] or [`TrainingError::Recipe`] that names what is wrong.
    pub fn load(path: &Path) -> Result<Self, TrainingError> {
        let text = std::fs::read_to_string(path).map_err(TrainingError::file("read", path))?;
        Self::parse(&text)
    }

    /// Reads and checks the text of a recipe.
    ///
    /// # Errors
    /// [`TrainingError::Recipe`] that names what is wrong.
    pub fn parse(text: &str) -> Result<Self, TrainingError> {
        let recipe: Self = toml::from_str(text).map_err(|error| TrainingError::Recipe(error.to_string()))?;
        recipe.validate()?;
        Ok(recipe)
    }

    fn validate(&self) -> Result<(), TrainingError> {
        let wrong = |reason: String| Err(TrainingError::Recipe(reason));
        if !(1..=240).contains(&self.frame_rate) {
            return wrong(format!("frame_rate is {}; it must lie between 1 and 240", self.frame_rate));
        }
        for (stage, films, patch) in std::iter::once(("autoencoder", &self.autoencoder.films, 8))
            .chain(self.stages.iter().map(|stage| (stage.name.as_str(), &stage.films, 16)))
        {
            if films.is_empty() {
                return wrong(format!("stage {stage} has no films"));
            }
            for films in films {
                let size = films.resolution()?;
                if size.width() % patch != 0 || size.height() % patch != 0 {
                    return wrong(format!("stage {stage}: the sides of {size} must be multiples of {patch}"));
                }
                if (size.width().min(size.height()) as usize) < structure::WINDOW {
                    return wrong(format!(
                        "stage {stage}: films of {size} are too small to be compared; both sides must be at least {}",
                        structure::WINDOW
                    ));
                }
                if films.num_frames % 4 != 1 {
                    let below = films.num_frames / 4 * 4 + 1;
                    return wrong(format!(
                        "stage {stage}: {} frames are not 4k + 1, such as {below}",
                        films.num_frames
                    ));
                }
                if films.count == 0 {
                    return wrong(format!("stage {stage}: a set of films has count 0"));
                }
            }
        }
        let channels = self.preset.autoencoder().latent_channels as u64;
        for stage in &self.stages {
            let numbers: u64 = stage.films.iter().map(FilmsRecipe::latent_positions).sum::<u64>() * channels;
            let bytes = numbers * size_of::<f16>() as u64;
            if bytes > MEMORY_BUDGET_BYTES {
                return wrong(format!(
                    "stage {}: its latents take {:.1} GB, and at most {:.1} GB are held; give it fewer films",
                    stage.name,
                    bytes as f64 / 1e9,
                    MEMORY_BUDGET_BYTES as f64 / 1e9
                ));
            }
        }
        let names = self.stages.iter().map(|stage| &stage.name);
        let plain = |name: &String| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if let Some(name) = names.clone().chain([&self.name]).find(|name| !plain(name)) {
            return wrong(format!("the name \"{name}\" must be made of letters, digits and hyphens"));
        }
        let optimizers = self.stages.iter().map(|stage| &stage.optimizer).chain([&self.autoencoder.optimizer]);
        for optimizer in optimizers {
            let sound = optimizer.learning_rate > 0.0 && optimizer.clip_norm > 0.0;
            if !sound || !(0.0..1.0).contains(&optimizer.ema_decay) || !(0.0..=1.0).contains(&optimizer.final_share) {
                return wrong(format!("an optimizer is out of range: {optimizer:?}"));
            }
        }
        Ok(())
    }
}

impl FilmsRecipe {
    /// Size of the pictures.
    ///
    /// # Errors
    /// [`TrainingError::Recipe`] when it is not a size.
    pub fn resolution(&self) -> Result<Resolution, TrainingError> {
        self.size.parse().map_err(TrainingError::Recipe)
    }

    /// Positions of all films' latents; nothing for a size that is none.
    fn latent_positions(&self) -> u64 {
        let pixels = self.resolution().map_or(0, Resolution::pixel_count) as u64;
        let frames = (self.num_frames / TEMPORAL_FACTOR + 1) as u64;
        self.count.saturating_mul(frames).saturating_mul(pixels / (SPATIAL_FACTOR * SPATIAL_FACTOR) as u64)
    }

    /// Which worlds.
    pub fn distribution(&self, frame_rate: u32) -> Distribution {
        let distribution = match self.worlds {
            WorldsRecipe::Simple => Distribution::simple(),
            WorldsRecipe::Moving => Distribution::moving(),
            WorldsRecipe::Full => Distribution::full(),
        };
        let duration_secs = self.num_frames as f32 / frame_rate as f32;
        // An image shows any moment of a film of usual length.
        let duration_secs = if self.num_frames == 1 { 2.0 } else { duration_secs };
        distribution.with_duration_secs(duration_secs)
    }
}

impl OptimizerRecipe {
    /// Learning rate of a step, counted from 1.
    pub fn learning_rate_at(&self, step: u64, steps: u64) -> f32 {
        if step <= self.warmup_steps {
            return self.learning_rate * step as f32 / self.warmup_steps.max(1) as f32;
        }
        let share = (step - self.warmup_steps) as f32 / steps.saturating_sub(self.warmup_steps).max(1) as f32;
        let cosine = 0.5 * (1.0 + (std::f32::consts::PI * share.min(1.0)).cos());
        self.learning_rate * (self.final_share + (1.0 - self.final_share) * cosine)
    }
}

impl Preset {
    /// The autoencoder's sizes.
    pub fn autoencoder(self) -> AutoencoderConfig {
        match self {
            Self::Tiny => AutoencoderConfig::tiny(),
            _ => AutoencoderConfig::nano(),
        }
    }

    /// The text encoder's sizes.
    pub fn text_encoder(self, vocabulary_size: usize) -> TextEncoderConfig {
        match self {
            Self::Tiny => TextEncoderConfig::tiny(vocabulary_size),
            _ => TextEncoderConfig::nano(vocabulary_size),
        }
    }

    /// The transformer's sizes.
    pub fn transformer(self, latent_channels: usize, text_width: usize) -> TransformerConfig {
        match self {
            Self::Tiny => TransformerConfig::tiny(latent_channels, text_width),
            Self::Nano => TransformerConfig::nano(latent_channels, text_width),
            Self::Small => TransformerConfig::small(latent_channels, text_width),
            Self::Base => TransformerConfig::base(latent_channels, text_width),
            Self::Large => TransformerConfig::large(latent_channels, text_width),
        }
    }
}
