//! What is said about a file that is cut, flipped or missing.

use std::fmt;

use serde::Serialize;

use crate::DatasetError;

/// What to do about a damaged file or sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDamage {
    /// Leave it out and name it in a [`DamageReport`].
    Skip,
    /// Stop with [`DatasetError::Damaged`].
    Refuse,
}

/// One damaged file, or one damaged sample in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// Name of the file within its folder.
    pub file: String,
    /// Key or number of the sample; `None` when the whole file is meant.
    pub sample: Option<String>,
    /// What was expected and what was found.
    pub reason: String,
    /// How many samples are lost by it, as far as is known.
    pub samples_lost: u64,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.sample {
            Some(sample) => write!(f, "{}, sample {sample}: {}", self.file, self.reason),
            None => write!(f, "{}: {}", self.file, self.reason),
        }
    }
}

/// Everything that was left out, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DamageReport {
    /// In the order of discovery.
    pub damages: Vec<Damage>,
}

impl DamageReport {
    /// Nothing was damaged.
    pub fn is_empty(&self) -> bool {
        self.damages.is_empty()
    }

    /// How many samples are lost, as far as is known.
    pub fn samples_lost(&self) -> u64 {
        self.damages.iter().map(|damage| damage.samples_lost).sum()
    }

    /// Notes a damage, or refuses it.
    pub(crate) fn note(&mut self, damage: Damage, on_damage: OnDamage) -> Result<(), DatasetError> {
        match on_damage {
            OnDamage::Refuse => Err(DatasetError::Damaged(damage)),
            OnDamage::Skip => {
                self.damages.push(damage);
                Ok(())
            }
        }
    }
}

impl fmt::Display for DamageReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return write!(f, "nothing is damaged");
        }
        write!(f, "{} damaged, {} samples left out:", self.damages.len(), self.samples_lost())?;
        self.damages.iter().try_for_each(|damage| write!(f, "\n  {damage}"))
    }
}
