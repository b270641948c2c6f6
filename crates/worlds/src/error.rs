//! The one error of this crate.

/// What can be wrong with a wish for a world or a film.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorldsError {
    /// A name that no value has.
    #[error("\"{given}\" is not a {kind}; choose one of {valid}")]
    UnknownName {
        /// What was to be named: colour, shape, motion, …
        kind: &'static str,
        /// What came.
        given: String,
        /// The names that exist, separated by commas.
        valid: String,
    },
    /// Choices that contradict each other, such as a cube that rolls.
    #[error("{wish} makes no sense: {reason}")]
    Senseless {
        /// The contradicting choices.
        wish: String,
        /// Why not, and what would work.
        reason: String,
    },
    /// A number of objects outside what a world holds.
    #[error("a world holds 1 to {max} objects, not {given}")]
    ObjectCount {
        /// What came.
        given: usize,
        /// Most objects of one world.
        max: usize,
    },
    /// An object too small or too large to be framed.
    #[error("an object's size must lie between 0.2 and 3 metres, not {given}")]
    Size {
        /// What came, in metres.
        given: f32,
    },
    /// A film that is empty, endless or not a number.
    #[error("a film must last more than 0 and at most {max_secs} seconds, not {given}")]
    Duration {
        /// What came, in seconds.
        given: f64,
        /// Longest film in seconds.
        max_secs: f32,
    },
    /// Weights that leave nothing to choose from.
    #[error("no world fits these wishes: {reason}")]
    NothingFits {
        /// What is left without a choice, and what to do.
        reason: String,
    },
    /// Frames that do not make a clip.
    #[error(transparent)]
    Video(#[from] video::VideoError),
}
