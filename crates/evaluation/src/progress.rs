//! How far an evaluation is, and whether it should go on.

use std::ops::ControlFlow;

use crate::EvaluationError;

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The classifier reads held-out renders.
    Renders,
    /// Held-out clips are rendered.
    Clips,
    /// Held-out clips go through the autoencoder.
    Autoencoder,
    /// Held-out clips are denoised.
    Loss,
    /// Videos are made; counted in sampling steps.
    Videos,
    /// Held-out films are edited.
    Edits,
    /// The camera and things are told where to go.
    Guides,
    /// A minute is made in windows.
    Minutes,
}

impl Phase {
    /// What to call it on a bar.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Renders => "reading renders",
            Self::Clips => "held-out films",
            Self::Autoencoder => "autoencoder",
            Self::Loss => "loss",
            Self::Videos => "videos",
            Self::Edits => "edits",
            Self::Guides => "guides",
            Self::Minutes => "minutes",
        }
    }
}

/// Watches an evaluation, and may stop it.
pub trait Monitor {
    /// So much of a phase is done; `ControlFlow::Break` ends it with [`EvaluationError::Interrupted`].
    fn step(&mut self, phase: Phase, done: u64, total: u64) -> ControlFlow<()>;
}

/// For callers that neither watch nor interrupt.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Monitor for Silent {
    fn step(&mut self, _phase: Phase, _done: u64, _total: u64) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// Reports a step; an error when the monitor wants to stop.
pub(crate) fn report(
    monitor: &mut dyn Monitor,
    phase: Phase,
    done: usize,
    total: usize,
) -> Result<(), EvaluationError> {
    match monitor.step(phase, done as u64, total as u64) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(EvaluationError::Interrupted),
    }
}
