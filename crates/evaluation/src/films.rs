//! Sets of rendered films.

use video::{Clip, FrameRate};
use worlds::{Distribution, FilmSettings, Labels, World};

use crate::EvaluationError;

/// Films for measuring come from seeds that training never uses.
pub const HELD_OUT_SEED: u64 = 1 << 49;
/// Films that the classifier learns from come from others again.
pub const CLASSIFIER_SEED: u64 = 1 << 50;

/// Films of one size and kind.
#[derive(Clone, Debug)]
pub struct FilmSet {
    /// What they show; its duration is set by `settings`.
    pub distribution: Distribution,
    /// Their size, length and speed.
    pub settings: FilmSettings,
    /// How many.
    pub count: usize,
    /// Seed of the first; the others follow.
    pub first_seed: u64,
}

/// A rendered film and what is true of it.
#[derive(Clone, Debug)]
pub struct RenderedFilm {
    /// The pictures.
    pub clip: Clip,
    /// The main object and what it does.
    pub labels: Labels,
    /// What it shows, in a detailed English sentence.
    pub caption: String,
}

/// Renders some films of a set.
///
/// # Errors
/// [`EvaluationError::Worlds`] when the set cannot be filmed.
pub fn render(set: &FilmSet, which: std::ops::Range<usize>) -> Result<Vec<RenderedFilm>, EvaluationError> {
    let seconds = set.settings.time_secs(set.settings.num_frames) as f32;
    let distribution = set.distribution.clone().with_duration_secs(seconds);
    which
        .map(|index| {
            let world = World::try_sample(&distribution, set.first_seed + index as u64)?;
            let clip = Clip::new(world.frames(set.settings), set.settings.frame_rate)?;
            Ok(RenderedFilm { clip, labels: world.labels(), caption: world.captions().detailed_en })
        })
        .collect()
}

/// Whole frames per second.
pub(crate) fn frame_rate(per_second: u32) -> Result<FrameRate, EvaluationError> {
    Ok(FrameRate::new(per_second, 1)?)
}
