//! What servers and workers make videos with.

use std::{sync::Arc, time::Duration};

use clap::Args;
use generation::Machine;
use provenance::{data_folder, moderation::Moderator};
use server::{Marks, ServerLimits, SharedGenerator};

use super::{
    marks::MarkChoice,
    model_choice::{LoraChoice, ModelChoice},
    policy_choice::PolicyChoice,
    precision_choice::PrecisionChoice,
};
use crate::value;

/// Options of every program that makes videos for others.
#[derive(Args)]
pub struct ServingChoice {
    #[command(flatten)]
    model: ModelChoice,
    #[command(flatten)]
    loras: LoraChoice,
    #[command(flatten)]
    precision: PrecisionChoice,
    #[command(flatten)]
    policy: PolicyChoice,
    /// As for `generate`
    #[arg(long, value_name = "PIXELS", value_parser = value::tile(), hide_short_help = true)]
    tile: Option<u64>,
    /// Others take over a job when its worker has said nothing for so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(2..=3600),
        hide_short_help = true)]
    lease: u64,
    #[command(flatten)]
    marks: MarkChoice,
}

/// What makes the videos, and what judges and marks them.
pub struct Serving {
    /// The model, loaded.
    pub generator: SharedGenerator,
    /// What may be asked for.
    pub policy: Arc<Moderator>,
    /// What videos are marked with.
    pub marks: Marks,
    /// How much is taken of anybody, as usual but for how long a worker may say nothing.
    pub limits: ServerLimits,
}

impl ServingChoice {
    /// Reads the policy, and then loads the model.
    pub fn open(&self) -> anyhow::Result<Serving> {
        let policy = Arc::new(self.policy.moderator()?.clone());
        let (generator, _) = self.model.load_any(&self.loras, &self.precision, self.tile)?;
        Ok(Serving {
            generator: Arc::from(generator),
            policy,
            marks: Marks::open(&data_folder()?, self.marks.visible())?,
            limits: ServerLimits { lease: Duration::from_secs(self.lease), ..ServerLimits::default() },
        })
    }

    /// The machine, where it computes itself and says what memory it has.
    pub fn machine(&self) -> Option<Machine> {
        self.model.machine()
    }
}
