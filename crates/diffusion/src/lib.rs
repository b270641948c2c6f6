//! Flow matching on the canvas: noise levels, schedules, samplers and guidance.
//!
//! A [`Canvas`] holds latents in which every position has its own noise level. A sampler walks the canvas from
//! noise to data along a falling list of [`Sigma`]s and asks a [`Denoiser`] for the velocity at every step.
//! Positions that are known rest, so that one sampler serves every task, from text-to-video to inpainting.
//!
//! Formula:  x_σ = (1 − σ)·data + σ·noise,  v = dx/dσ = noise − data
//!
//! This crate does not know what a model is, what latents mean, or what a prompt is: `generation` and `training`
//! join models to it through [`Denoiser`].
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`Sigma`] | a noise level that cannot be wrong |
//! | [`Canvas`], [`noised`], [`levels_per_frame`] | latents with their levels, for sampling and for training |
//! | [`Denoiser`], [`Progress`] | what a sampler asks, and to whom it reports |
//! | [`schedule`] | falling noise levels for sampling, and the shift by number of tokens |
//! | [`training_levels`] | which levels a training clip is noised to |
//! | [`samplers`] | Euler, Heun, DPM-Solver++ 2M, UniPC, DMD, and the names by which one picks them |
//! | [`guidance`] | classifier-free guidance as a denoiser around two |
//! | [`OneLevel`] | canvases for models that know one level for a whole clip |
//! | [`noise`] | Gaussian noise that is the same on every machine |

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod canvas;
mod denoiser;
mod error;
pub mod guidance;
pub mod noise;
mod one_level;
pub mod samplers;
pub mod schedule;
mod sigma;
pub mod training_levels;

pub use canvas::{Canvas, levels_per_frame, noised, velocity_target};
pub use denoiser::{Denoiser, Progress, Silent};
pub use error::DiffusionError;
pub use guidance::{Guidance, Guided};
pub use noise::{fresh_noise, noise};
pub use one_level::OneLevel;
pub use samplers::Sampler;
pub use schedule::Schedule;
pub use sigma::Sigma;
pub use training_levels::{TrainingLevels, TrainingLevelsConfig};
