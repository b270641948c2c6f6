//! `misora worker`.

use clap::Args;
use server::{RemoteWorker, WorkerConfig};

use super::{
    log_choice::LogChoice,
    serving_choice::{Serving, ServingChoice},
    shared_choice::SharedChoice,
};
use crate::{
    interrupt::{self, Careful},
    print,
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
    serving: ServingChoice,
    #[command(flatten)]
    log: LogChoice,
}

impl Worker {
    pub fn run(self) -> anyhow::Result<()> {
        self.log.begin()?;
        let shared = self.shared.needed()?;
        let Serving { generator, policy, marks, limits } = self.serving.open()?;
        let worker = RemoteWorker::open(WorkerConfig { shared, generator, policy, marks, limits })?;
        // The first Ctrl-C only asks: what is being made is put down for others.
        let _careful = Careful::begin();
        print::line(format!("misora waits for jobs for {}", worker.model()))?;
        worker.run(interrupt::requested);
        Ok(())
    }
}
