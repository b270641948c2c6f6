//! A server, from the first connection to the last.

use std::{
    fs::{File, TryLockError},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use tokio::{net::TcpListener, sync::watch};

use crate::{
    ServerConfig, ServerError,
    api::{self, state::App},
    files::Files,
    http::accept,
    jobs::{JobStore, KeyStore, SqliteStore},
    webhooks,
    worker::Worker,
};

/// The file of jobs and keys in the data folder.
pub(crate) const STORE_NAME: &str = "misora.sqlite3";
const LOCK_NAME: &str = "lock";
const ASK_TO_STOP: Duration = Duration::from_millis(50);

/// A server that listens, and answers once it runs.
pub struct Server {
    app: Arc<App>,
    worker: Worker,
    listener: std::net::TcpListener,
    address: SocketAddr,
    /// Held for as long as the server lives.
    _lock: File,
}

impl Server {
    /// Opens the data folder and listens.
    ///
    /// # Errors
    /// [`ServerError::OpenWithoutKeys`], [`ServerError::InUse`], [`ServerError::Listen`], or what the folder or the store
    /// says.
    pub fn open(config: ServerConfig) -> Result<Self, ServerError> {
        Files::make_folder(&config.data)?;
        let lock = lock(&config)?;
        let store = SqliteStore::open(&config.data.join(STORE_NAME))?;
        let store = Arc::new(if config.webhook.is_some() { store.with_outbox() } else { store });
        if !config.listen.ip().is_loopback() && store.keys()?.is_empty() {
            return Err(ServerError::OpenWithoutKeys { address: config.listen });
        }
        // Whoever had leases on this folder's jobs is gone: the lock is ours.
        store.end_leases()?;
        let files = Arc::new(Files::open(&config.data)?);
        files.sweep(|id| store.exists(id))?;
        let listening = std::net::TcpListener::bind(config.listen).and_then(|listener| {
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        });
        let (listener, address) = listening.map_err(|source| ServerError::Listen { address: config.listen, source })?;
        let app = Arc::new(App::new(config, (store, files), address)?);
        let worker = Worker {
            name: Worker::new_name(),
            store: app.store.clone(),
            files: Arc::clone(&app.files),
            generator: Arc::clone(&app.generator),
            live: Arc::clone(&app.live),
            bell: Arc::clone(&app.bell),
            metrics: Arc::clone(&app.metrics),
            limits: app.limits,
            stopped: Arc::new(AtomicBool::new(false)),
        };
        Ok(Self { app, worker, listener, address, _lock: lock })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers and works until `stop` says so; then what is being answered is ended, and what is being made waits for the
    /// next start.
    ///
    /// # Errors
    /// [`ServerError::Start`] when the system refuses threads.
    pub fn run(self, stop: impl Fn() -> bool + Send + 'static) -> Result<(), ServerError> {
        let Self { app, worker, listener, address, _lock } = self;
        let (stopped, bell) = (Arc::clone(&worker.stopped), Arc::clone(&worker.bell));
        let working =
            thread::Builder::new().name("worker".into()).spawn(move || worker.run()).map_err(ServerError::Start)?;
        let telling = app.webhook.clone().map(|webhook| {
            let (app, stopped) = (Arc::clone(&app), Arc::clone(&stopped));
            thread::spawn(move || webhooks::tell_all(&webhook, &app.fetcher, app.store.clone(), &stopped))
        });
        tracing::info!(%address, "listening");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(ServerError::Start)?;
        let (tell_stop, hear_stop) = (app.stop.clone(), app.stop.subscribe());
        let told = Arc::clone(&stopped);
        let served = runtime.block_on(async move {
            let limits = app.limits;
            let listener = TcpListener::from_std(listener)?;
            let watching = tokio::spawn(async move { watch_for_stop(stop, &told, &tell_stop).await });
            accept::serve(listener, api::router(app), &limits, hear_stop).await;
            watching.abort();
            Ok::<_, std::io::Error>(())
        });
        stopped.store(true, Ordering::SeqCst);
        bell.ring();
        runtime.shutdown_timeout(Duration::from_secs(1));
        // A worker that has met its end has put down what it could.
        drop(working.join());
        drop(telling.map(thread::JoinHandle::join));
        tracing::info!("stopped");
        served.map_err(ServerError::Start)
    }
}

/// Waits until `stop` says so, and passes it on to the worker and to connections.
async fn watch_for_stop(stop: impl Fn() -> bool, stopped: &AtomicBool, tell: &watch::Sender<bool>) {
    while !stop() {
        tokio::time::sleep(ASK_TO_STOP).await;
    }
    tracing::info!("stopping");
    stopped.store(true, Ordering::SeqCst);
    tell.send_replace(true);
}

/// Makes sure that nobody else works on the folder.
fn lock(config: &ServerConfig) -> Result<File, ServerError> {
    let path = config.data.join(LOCK_NAME);
    let file =
        File::options().create(true).truncate(false).write(true).open(&path).map_err(ServerError::data(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ServerError::InUse { path: config.data.clone() }),
        Err(TryLockError::Error(error)) => Err(ServerError::data(&path)(error)),
    }
}
