//! The two seams of a sampler: the model that it asks and the caller that it reports to.

use std::ops::ControlFlow;

use burn::tensor::Tensor;

use crate::{Canvas, DiffusionError, Sigma};

/// A model that says in which direction noise lies.
///
/// The only interface between sampling and models. Closures of the same signature are denoisers too.
pub trait Denoiser {
    /// The velocity at every position of the canvas.
    ///
    /// Formula:  v = noise − data, the derivative dx/dσ of x_σ = (1 − σ)·data + σ·noise
    ///
    /// # Shapes  `canvas.latents` and the result: `[B, C, T, H, W]`
    /// # Units   the canvas as a whole is at `sigma`, each patch at `canvas.levels(sigma)`
    /// # Errors  whatever the model runs into, wrapped by [`DiffusionError::denoiser`]
    fn velocity(&self, canvas: &Canvas, sigma: Sigma) -> Result<Tensor<5>, DiffusionError>;
}

impl<F> Denoiser for F
where
    F: Fn(&Canvas, Sigma) -> Result<Tensor<5>, DiffusionError>,
{
    fn velocity(&self, canvas: &Canvas, sigma: Sigma) -> Result<Tensor<5>, DiffusionError> {
        self(canvas, sigma)
    }
}

/// Hears how far sampling is, and may stop it between two steps.
pub trait Progress {
    /// Called with `done = 0` before the first step and again after every step, up to `done = total`.
    ///
    /// `ControlFlow::Break` ends sampling with [`DiffusionError::Interrupted`].
    fn step(&mut self, done: usize, total: usize) -> ControlFlow<()>;
}

/// Progress for callers that neither watch nor interrupt.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn step(&mut self, _done: usize, _total: usize) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl<F> Progress for F
where
    F: FnMut(usize, usize) -> ControlFlow<()>,
{
    fn step(&mut self, done: usize, total: usize) -> ControlFlow<()> {
        self(done, total)
    }
}
