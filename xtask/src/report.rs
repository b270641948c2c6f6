//! What a check found.

/// Findings of one check: failures must be put right, hints are only worth a look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    failures: Vec<String>,
    hints: Vec<String>,
}

impl Report {
    /// Notes something that must be put right; the message says where it is and what to do.
    pub fn fail(&mut self, message: impl Into<String>) {
        self.failures.push(message.into());
    }

    /// Notes something that is worth a look but allowed.
    pub fn hint(&mut self, message: impl Into<String>) {
        self.hints.push(message.into());
    }

    /// What must be put right.
    pub fn failures(&self) -> &[String] {
        &self.failures
    }

    /// What is worth a look.
    pub fn hints(&self) -> &[String] {
        &self.hints
    }

    /// Whether nothing must be put right.
    pub const fn is_clean(&self) -> bool {
        self.failures.is_empty()
    }
}
