//! Jobs: what was asked for and how far it is, kept where a crash cannot take them.
//!
//! The traits say what a store promises, so that workers on many machines could share another one; [`SqliteStore`] is
//! the one for a single machine.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`sqlite`] | [`SqliteStore`], one file |
//! | `rows` | jobs as rows |
//! | `work` | what workers ask of it |
//! | `records` | keys, and what is to be told |

mod records;
mod rows;
pub mod sqlite;
mod work;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use sqlite::SqliteStore;

use crate::{Order, ServerError, VideoId, keys::StoredKey};

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Waits for a worker.
    Queued,
    /// A worker has it.
    InProgress,
    /// Its files can be fetched.
    Completed,
    /// There will be no files.
    Failed,
}

impl Status {
    /// All of them, as far as a job can be.
    pub const ALL: [Self; 4] = [Self::Queued, Self::InProgress, Self::Completed, Self::Failed];

    /// As the API says it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }

    /// Whether nothing more will happen to the job.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

/// Why there will be no video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// For programs.
    pub code: String,
    /// For people.
    pub message: String,
}

impl Failure {
    /// A reason with its code.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into() }
    }
}

/// What somebody wants to be made.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// Its name.
    pub id: VideoId,
    /// Whose it is: the id of a key, or nothing where nobody needs one.
    pub owner: String,
    /// What makes it.
    pub model: String,
    /// Width and height as the API says them.
    pub size: String,
    /// Length as the API says it.
    pub seconds: String,
    /// The video that it was made of.
    pub remixed_from: Option<VideoId>,
    /// What was asked for.
    pub order: Order,
    /// Higher ones are made first.
    pub priority: i32,
    /// The request's own name, and what the request was, so that it is taken once.
    pub idempotency: Option<(String, String)>,
    /// Videos that its owner may make in a day.
    pub daily_quota: Option<u32>,
}

/// A job as it is kept.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its name.
    pub id: VideoId,
    /// How far it is.
    pub status: Status,
    /// The same from 0 to 100.
    pub progress: u8,
    /// When it was taken, in seconds since 1970.
    pub created_at: i64,
    /// When it was completed.
    pub completed_at: Option<i64>,
    /// What makes it.
    pub model: String,
    /// Width and height.
    pub size: String,
    /// Length.
    pub seconds: String,
    /// The video that it was made of.
    pub remixed_from: Option<VideoId>,
    /// What was asked for.
    pub order: Order,
    /// Why there will be no video.
    pub failure: Option<Failure>,
    /// How often a worker has begun it; the files of a completed job bear the number of the last.
    pub attempt: u32,
}

/// A worker's right to a job. It ends when the lease runs out, the job is cancelled or deleted, or another one has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The job.
    pub id: VideoId,
    /// The worker.
    pub worker: String,
    /// Which beginning it is.
    pub attempt: u32,
}

/// A part of the list of all jobs.
#[derive(Clone, Debug)]
pub struct Page {
    /// Whose jobs.
    pub owner: String,
    /// Those that follow this one.
    pub after: Option<VideoId>,
    /// So many.
    pub limit: usize,
    /// In which order they were taken.
    pub order: PageOrder,
}

/// The order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageOrder {
    /// The oldest first.
    Ascending,
    /// The newest first.
    Descending,
}

/// Something that happened to a job, to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Its name, the same however often it is told.
    pub id: String,
    /// `video.completed` or `video.failed`.
    pub kind: String,
    /// The job.
    pub video: VideoId,
    /// When it happened, in seconds since 1970.
    pub created_at: i64,
    /// How often it has been tried to tell it.
    pub attempts: u32,
}

/// Keeps jobs. Each call happens whole or not at all, and is kept once it has returned.
pub trait JobStore: Send + Sync {
    /// Takes a job; the same request a second time gives the job of the first.
    ///
    /// # Errors
    /// [`ServerError::QueueFull`], [`ServerError::QuotaUsed`], [`ServerError::KeyReused`], or that of the store.
    fn add(&self, new: &NewJob, most_queued: u64) -> Result<Job, ServerError>;

    /// The job of a request that was taken before.
    ///
    /// # Errors
    /// [`ServerError::KeyReused`] when that was another request, or that of the store.
    fn taken_before(&self, owner: &str, idempotency: &(String, String)) -> Result<Option<Job>, ServerError>;

    /// A job of somebody.
    ///
    /// # Errors
    /// That of the store; so for all that follow.
    fn get(&self, id: &VideoId, owner: &str) -> Result<Option<Job>, ServerError>;

    /// Jobs of somebody, in order; `None` when there is no such job to follow.
    fn list(&self, page: &Page) -> Result<Option<Vec<Job>>, ServerError>;

    /// How many jobs will be begun before this one.
    fn position(&self, id: &VideoId) -> Result<Option<u64>, ServerError>;

    /// Ends a job that has not ended, and gives it as it is then.
    fn cancel(&self, id: &VideoId, owner: &str) -> Result<Option<Job>, ServerError>;

    /// Forgets a job; whether there was one.
    fn remove(&self, id: &VideoId, owner: &str) -> Result<bool, ServerError>;

    /// How many jobs there are of each status.
    fn counts(&self) -> Result<Vec<(Status, u64)>, ServerError>;

    /// Whether there is such a job, whosever it is.
    fn exists(&self, id: &VideoId) -> Result<bool, ServerError>;

    /// Gives a worker the next job: one that waits, or one whose worker said nothing for the length of its lease.
    fn claim(&self, worker: &str, lease: Duration, losses: u32) -> Result<Option<Job>, ServerError>;

    /// Renews a lease and says how far the job is; whether the worker still has it.
    fn renew(&self, lease: &Lease, length: Duration, progress: Option<u8>) -> Result<bool, ServerError>;

    /// The files are there; whether the worker still had the job.
    fn complete(&self, lease: &Lease) -> Result<bool, ServerError>;

    /// There will be no files; whether the worker still had the job.
    fn fail(&self, lease: &Lease, failure: &Failure) -> Result<bool, ServerError>;

    /// Lets the next worker begin the job anew; whether the worker still had it.
    fn give_back(&self, lease: &Lease) -> Result<bool, ServerError>;
}

/// Keeps who may call.
pub trait KeyStore: Send + Sync {
    /// Keeps a key.
    ///
    /// # Errors
    /// [`ServerError::Key`] when the name is taken, or that of the store.
    fn add_key(&self, key: &StoredKey) -> Result<(), ServerError>;

    /// The key with this hash.
    ///
    /// # Errors
    /// That of the store; so for all that follow.
    fn key(&self, hash: &[u8; 32]) -> Result<Option<StoredKey>, ServerError>;

    /// All keys, by name.
    fn keys(&self) -> Result<Vec<StoredKey>, ServerError>;

    /// Takes a key back; whether there was one of this name.
    fn revoke_key(&self, name: &str) -> Result<bool, ServerError>;
}

/// Keeps what is to be told, in one transaction with what happened.
pub trait Outbox: Send + Sync {
    /// What is to be told now.
    ///
    /// # Errors
    /// That of the store; so for all that follow.
    fn due(&self) -> Result<Option<Notice>, ServerError>;

    /// It was told.
    fn told(&self, id: &str) -> Result<(), ServerError>;

    /// It could not be told, and is tried again after a while.
    fn not_told(&self, id: &str, wait: Duration) -> Result<(), ServerError>;
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    now_millis() / 1000
}

/// Milliseconds since 1970.
pub(crate) fn now_millis() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
}
