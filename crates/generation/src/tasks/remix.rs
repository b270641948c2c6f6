//! A clip is made anew after a prompt.

use diffusion::Sigma;

use super::{Piece, Plan, Source, Task, enough_frames, wrong};
use crate::{Edit, GenerationError, GenerationOptions, GenerationRequest};

/// A clip whose structure stays, and whose style or content changes.
#[derive(Clone, Debug)]
pub struct Remix {
    source: Source,
    strength: Sigma,
}

impl Remix {
    /// A clip, and how much of it is imagined anew: above 0, which keeps all, to 1, which keeps nothing.
    ///
    /// # Errors
    /// [`GenerationError::Edit`] for another strength.
    pub fn new(source: Source, strength: f32) -> Result<Self, GenerationError> {
        match Sigma::new(strength) {
            Ok(strength) if strength > Sigma::KNOWN => Ok(Self { source, strength }),
            _ => Err(wrong(format!("the strength lies above 0 and is at most 1, such as 0.6, but is {strength}"))),
        }
    }
}

impl Task for Remix {
    fn options(&self, wishes: GenerationOptions) -> GenerationOptions {
        self.source.options(enough_frames(self.source.num_frames()), wishes)
    }

    fn plan(&self, request: &GenerationRequest) -> Result<Plan, GenerationError> {
        let edit = Edit::remix(self.source.all_fitted(request)?, self.strength, request)?;
        let pieces = vec![Piece::Made((0..self.source.num_frames()).collect())];
        Ok(Plan { pieces, ..Plan::of(request, Some(edit)) })
    }
}
