//! Hearing how far generation is, and stopping it.

use std::ops::ControlFlow;

use video::Clip;

use crate::GenerationError;

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Noise becomes latents; counted in steps.
    Sampling,
    /// Latents become pictures; counted in frames.
    Decoding,
}

/// Hears how far generation is, and may stop it.
pub trait Progress {
    /// Called before the first unit of a phase with `done = 0` and after each, up to `done = total`.
    ///
    /// `ControlFlow::Break` ends generation with [`GenerationError::Interrupted`].
    fn report(&mut self, phase: Phase, done: usize, total: usize) -> ControlFlow<()>;

    /// Called before each part of a video that is made in parts, such as the windows of a long one; `report` counts anew.
    fn part(&mut self, _index: usize, _count: usize) {}

    /// Whether somebody may look at [`Self::preview`]; asked before the first step.
    fn wants_preview(&self) -> bool {
        false
    }

    /// May look at the clip as it would be if the rest of its noise went away at once: small, and four times as slow. It is
    /// made when it is looked at.
    fn preview(&mut self, _look: &dyn Fn() -> Result<Clip, GenerationError>) {}
}

/// Progress for callers that neither watch nor interrupt.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn report(&mut self, _phase: Phase, _done: usize, _total: usize) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl<F> Progress for F
where
    F: FnMut(Phase, usize, usize) -> ControlFlow<()>,
{
    fn report(&mut self, phase: Phase, done: usize, total: usize) -> ControlFlow<()> {
        self(phase, done, total)
    }
}
