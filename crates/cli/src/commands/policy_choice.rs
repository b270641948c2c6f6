//! What may be asked for.

use std::{path::PathBuf, sync::Arc, sync::OnceLock};

use clap::Args;
use provenance::moderation::{Moderator, Policy};

/// The policy of every command that makes videos.
#[derive(Args)]
pub struct PolicyChoice {
    /// What may be asked for, as a file in TOML [default: the policy that `misora policy show` prints]
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    policy: Option<PathBuf>,
    #[arg(skip)]
    moderator: OnceLock<Moderator>,
}

impl PolicyChoice {
    /// Whether another policy than the usual one was named.
    pub const fn is_given(&self) -> bool {
        self.policy.is_some()
    }

    /// What judges by it; read once.
    pub fn moderator(&self) -> anyhow::Result<&Moderator> {
        if let Some(moderator) = self.moderator.get() {
            return Ok(moderator);
        }
        let policy = self.policy()?;
        Ok(self.moderator.get_or_init(|| Moderator::new(policy)))
    }

    /// The policy itself.
    pub fn policy(&self) -> anyhow::Result<Arc<Policy>> {
        Ok(match &self.policy {
            Some(path) => Arc::new(Policy::read(path)?),
            None => Policy::standard()?,
        })
    }
}
