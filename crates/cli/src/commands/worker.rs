//! `misora worker`.

use std::{sync::Arc, time::Duration};

use clap::Args;
use server::{RemoteWorker, ServerLimits, WorkerConfig};

use super::{
    log_choice::LogChoice,
    model_choice::{LoraChoice, ModelChoice},
    policy_choice::PolicyChoice,
    precision_choice::PrecisionChoice,
    shared_choice::SharedChoice,
};
use crate::{
    interrupt::{self, Careful},
    print, value,
};

/// Make videos for servers elsewhere, with which it shares a database and files
#[derive(Args)]
#[command(after_help = "\
Example:
  AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… misora worker \\
    --database postgres://misora:secret@db/misora --files s3://videos/misora

Any number of workers, on any machines, take turns: each job goes to one of them, and when that one dies, to another. It takes
jobs for its own model only. On Ctrl-C it puts its job down and ends.")]
pub struct Worker {
    #[command(flatten)]
    shared: SharedChoice,
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
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(2..=3600))]
    lease: u64,
    #[command(flatten)]
    log: LogChoice,
}

impl Worker {
    pub fn run(self) -> anyhow::Result<()> {
        self.log.begin()?;
        let shared = self.shared.needed()?;
        let policy = Arc::new(self.policy.moderator()?.clone());
        let (generator, _) = self.model.load_any(&self.loras, &self.precision, self.tile)?;
        let limits = ServerLimits { lease: Duration::from_secs(self.lease), ..ServerLimits::default() };
        let worker = RemoteWorker::open(WorkerConfig { shared, generator: Arc::from(generator), policy, limits })?;
        // The first Ctrl-C only asks: what is being made is put down for others.
        let _careful = Careful::begin();
        print::line(format!("misora waits for jobs for {}", worker.model()))?;
        worker.run(interrupt::requested);
        Ok(())
    }
}
