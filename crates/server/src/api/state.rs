//! What all calls share.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use generation::Machine;
use tokio::sync::{Semaphore, watch};

use super::{error::ApiError, polls::Polls};
use crate::{
    PromptPolicy, ServerConfig, ServerError, ServerLimits, SharedGenerator, Webhook,
    fetch::Fetcher,
    files::Files,
    http::metrics::Metrics,
    jobs::{Database, JobStore, KeyStore, Outbox, SqlStore},
    keys::Rates,
    live::{Bell, Live},
};

/// All that is kept.
pub(crate) trait Store: JobStore + KeyStore + Outbox {}
impl<D: Database> Store for SqlStore<D> {}

pub(crate) type Shared = Arc<App>;

/// A server as its calls see it.
pub(crate) struct App {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) files: Arc<Files>,
    pub(crate) generator: SharedGenerator,
    pub(crate) machine: Option<Machine>,
    pub(crate) policy: Arc<dyn PromptPolicy>,
    pub(crate) webhook: Option<Webhook>,
    pub(crate) fetcher: Arc<Fetcher>,
    pub(crate) live: Arc<Live>,
    pub(crate) bell: Arc<Bell>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) rates: Rates,
    pub(crate) polls: Polls,
    pub(crate) limits: ServerLimits,
    /// Uploads that are received or read now.
    pub(crate) uploads: Semaphore,
    /// Whether only this machine can reach it.
    pub(crate) is_local: bool,
    /// When it began, in seconds since 1970.
    pub(crate) since: i64,
    /// The same on a clock that nobody sets.
    pub(crate) begun: Instant,
    /// Says when to stop.
    pub(crate) stop: watch::Sender<bool>,
}

impl App {
    pub(crate) fn new(
        config: ServerConfig,
        (store, files): (Arc<dyn Store>, Files),
        address: SocketAddr,
    ) -> Result<Self, ServerError> {
        let metrics = Metrics::new().map_err(|error| ServerError::Start(std::io::Error::other(error)))?;
        Ok(Self {
            store,
            files: Arc::new(files),
            generator: config.generator,
            machine: config.machine,
            policy: config.policy,
            webhook: config.webhook,
            fetcher: Arc::new(Fetcher::new(config.private_urls)),
            live: Arc::default(),
            bell: Arc::default(),
            metrics: Arc::new(metrics),
            rates: Rates::default(),
            polls: Polls::default(),
            limits: config.limits,
            uploads: Semaphore::new(config.limits.uploads),
            is_local: address.ip().is_loopback(),
            since: crate::jobs::now(),
            begun: Instant::now(),
            stop: watch::Sender::new(false),
        })
    }

    /// Does what waits for a disk or a processor, where it holds nobody else up.
    pub(crate) async fn off<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let app = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || work(&app)).await;
        done.unwrap_or_else(|error| Err(ApiError::internal(&error)))
    }

    /// Asks the store.
    pub(crate) async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        question: impl FnOnce(&Self) -> Result<T, ServerError> + Send + 'static,
    ) -> Result<T, ApiError> {
        self.off(|app| Ok(question(app)?)).await
    }
}
