//! Recipes and the loop that carries them out: worlds → autoencoder → latents → transformer → a model folder.
//!
//! Knows nothing of terminals: what happens is told to a [`Monitor`].
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`recipe`] | what to train, as TOML |
//! | [`run`](mod@run) | a recipe from its first stage to its last, resumed where it stopped |
//! | [`autoencoder`] | the first stage: pixels to latents and back |
//! | [`latents`] | simulated films, encoded and cached |
//! | [`denoising`] | the later stages: text encoder and transformer |
//! | `batch` | noised clips, cut into patches |
//! | [`motion`] | which ways of things the transformer is told of |
//! | [`semantics`] | what stands where, as a second thing to learn |
//! | [`stage`] | the loop that all stages share |
//! | `principal` | the linear autoencoder from which the real one begins |
//! | [`optimizer`] | AdamW with clipping by global norm, and the moving average |
//! | [`structure`] | structural similarity, to be differentiated |
//! | [`state`] | checkpoints that are whole or not there |
//! | [`samples`] | contact sheets of what the model makes while it learns |
//! | [`films`] | simulated films as pixels |
//! | [`log`] | JSONL log, and what a run tells while it happens |
//! | [`curves`] | the log as a picture |
//! | [`bench`] | how fast a training step is |
//! | [`error`] | [`TrainingError`], the one error of this crate |
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod autoencoder;
mod batch;
pub mod bench;
pub mod curves;
pub mod denoising;
pub mod error;
pub mod films;
pub mod latents;
pub mod log;
pub mod motion;
pub mod optimizer;
mod principal;
pub mod recipe;
pub mod run;
pub mod samples;
pub mod semantics;
pub mod stage;
pub mod state;
pub mod structure;

pub use error::TrainingError;
pub use log::{Monitor, Quiet, StepReport};
pub use recipe::Recipe;
pub use run::{Run, run};
