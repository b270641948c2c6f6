//! Which prompts are refused.

/// Decides what may be asked for. Every prompt that is to become a video passes here before its job is taken.
pub trait PromptPolicy: Send + Sync {
    /// Looks at a prompt.
    ///
    /// # Errors
    /// [`Refusal`], which whoever asked is told.
    fn check(&self, prompt: &str) -> Result<(), Refusal>;
}

/// Why a prompt is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What kind of prompt it is, for logs and programs.
    pub category: String,
    /// The same for a person.
    pub explanation: String,
}

/// Refuses nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Anything;

impl PromptPolicy for Anything {
    fn check(&self, _prompt: &str) -> Result<(), Refusal> {
        Ok(())
    }
}
