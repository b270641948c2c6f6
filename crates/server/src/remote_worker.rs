//! A worker without a server: it takes jobs of a shared database, and puts what it makes where all can fetch it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{
    ServerError, WorkerConfig,
    files::{Files, Place},
    http::metrics::Metrics,
    jobs::PostgresStore,
    live::{Bell, Live},
    worker::Worker,
};

const ASK_TO_STOP: Duration = Duration::from_millis(50);

/// A worker without a server.
pub struct RemoteWorker {
    worker: Worker,
    /// Where videos come about.
    _scratch: TempDir,
    /// Carries files to and fro.
    _runtime: Runtime,
}

impl RemoteWorker {
    /// Opens what is shared.
    ///
    /// # Errors
    /// What the database or the place of files says, or [`ServerError::Start`].
    pub fn open(config: WorkerConfig) -> Result<Self, ServerError> {
        let WorkerConfig { shared, generator, policy, limits } = config;
        let runtime = runtime()?;
        let store = Arc::new(PostgresStore::open(&shared.database)?);
        let scratch = tempfile::tempdir().map_err(ServerError::data(std::env::temp_dir()))?;
        let place = scratch.path().join("scratch");
        let files = Arc::new(Files::open(Place::named(&shared.files)?, place, runtime.handle().clone())?);
        let worker = Worker {
            claimant: Worker::new_claimant(&generator),
            store,
            files,
            generator,
            live: Arc::new(Live::default()),
            is_seen: false,
            bell: Arc::new(Bell::default()),
            policy,
            metrics: Arc::new(Metrics::new().map_err(|error| ServerError::Start(std::io::Error::other(error)))?),
            limits,
            stopped: Arc::new(AtomicBool::new(false)),
        };
        Ok(Self { worker, _scratch: scratch, _runtime: runtime })
    }

    /// The model for whose jobs it waits.
    pub fn model(&self) -> &str {
        &self.worker.claimant.model
    }

    /// Works until `stop` says so; what is being made is then left to other workers.
    pub fn run(self, stop: impl Fn() -> bool) {
        let worker = &self.worker;
        tracing::info!(worker = worker.claimant.name, model = worker.claimant.model, "waiting for jobs");
        thread::scope(|scope| {
            let working = scope.spawn(|| worker.run());
            while !stop() && !working.is_finished() {
                thread::sleep(ASK_TO_STOP);
            }
            worker.stopped.store(true, Ordering::SeqCst);
            worker.bell.ring();
        });
        tracing::info!("stopped");
    }
}

/// What carries files to and fro, and answers.
pub(crate) fn runtime() -> Result<Runtime, ServerError> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().map_err(ServerError::Start)
}
