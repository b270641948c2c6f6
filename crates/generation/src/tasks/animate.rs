//! A picture comes to life.

use models::autoencoder::TEMPORAL_FACTOR;
use video::{Fit, Frame};

use super::{Plan, Task, wrong};
use crate::{Edit, GenerationError, GenerationOptions, GenerationRequest};

/// A picture that is one frame of a video.
#[derive(Clone, Debug)]
pub struct Animate {
    picture: Frame,
    fit: Option<Fit>,
    at: usize,
}

impl Animate {
    /// A picture at frame 0, or at a multiple of 4, for which the three frames before are held.
    ///
    /// # Errors
    /// [`GenerationError::Edit`] for another frame.
    pub fn new(picture: Frame, at: usize, fit: Option<Fit>) -> Result<Self, GenerationError> {
        if at.is_multiple_of(TEMPORAL_FACTOR) {
            return Ok(Self { picture, fit, at });
        }
        let nearest = at / TEMPORAL_FACTOR * TEMPORAL_FACTOR;
        Err(wrong(format!(
            "a picture can be frame 0 or a multiple of {TEMPORAL_FACTOR}, such as {nearest} or {}, not {at}",
            nearest + TEMPORAL_FACTOR
        )))
    }
}

impl Task for Animate {
    fn options(&self, wishes: GenerationOptions) -> GenerationOptions {
        wishes
    }

    fn plan(&self, request: &GenerationRequest) -> Result<Plan, GenerationError> {
        let picture = self.picture.fitted(request.resolution(), self.fit)?;
        let held = (self.at + 1).saturating_sub(TEMPORAL_FACTOR)..=self.at;
        let given: Vec<_> = held.map(|frame| (frame, picture.clone())).collect();
        Ok(Plan::of(request, Some(Edit::keep(&given, request)?)))
    }
}
