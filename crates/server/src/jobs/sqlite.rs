//! Jobs in one SQLite file.

use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, named_params, params};

use super::{
    Job, JobStore, Lease, NewJob, Page, PageOrder, Status, now,
    rows::{COLUMNS, Row, query_job},
    work,
};
use crate::{ServerError, VideoId, jobs::Failure};

const VERSION: i64 = 1;
const SCHEMA: &str = include_str!("schema.sql");
/// How long a transaction waits for one of another process.
const PATIENCE: Duration = Duration::from_secs(10);
const SECONDS_OF_DAY: i64 = 24 * 60 * 60;

/// Jobs in one SQLite file, in write-ahead mode.
///
/// What changes a job's state is on the disk before the call returns; how far a job is, and its lease, need not be.
pub struct SqliteStore {
    lasting: Mutex<Connection>,
    fleeting: Mutex<Connection>,
    outbox: bool,
}

impl SqliteStore {
    /// Opens the file, and makes it where there is none.
    ///
    /// # Errors
    /// [`ServerError::Store`], or [`ServerError::LaterVersion`] for a file of a later version.
    pub fn open(path: &Path) -> Result<Self, ServerError> {
        let mut lasting = connect(path, "FULL")?;
        let schema = lasting.transaction_with_behavior(TransactionBehavior::Immediate)?;
        match schema.query_row("PRAGMA user_version", [], |row| row.get(0))? {
            0 => {
                schema.execute_batch(SCHEMA)?;
                schema.pragma_update(None, "user_version", VERSION)?;
            }
            VERSION => {}
            found => return Err(ServerError::LaterVersion { found, known: VERSION }),
        }
        schema.commit()?;
        Ok(Self { lasting: Mutex::new(lasting), fleeting: Mutex::new(connect(path, "NORMAL")?), outbox: false })
    }

    /// The same, where somebody is to be told what happens.
    #[must_use]
    pub fn with_outbox(self) -> Self {
        Self { outbox: true, ..self }
    }

    /// Ends every lease: for whoever knows that all workers are gone.
    ///
    /// # Errors
    /// [`ServerError::Store`].
    pub fn end_leases(&self) -> Result<(), ServerError> {
        self.change(|changes| {
            Ok(changes.execute("UPDATE videos SET lease_until = 0 WHERE status = 'in_progress'", [])?)
        })?;
        Ok(())
    }

    pub(super) fn read(&self) -> MutexGuard<'_, Connection> {
        self.fleeting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does all of `change` or nothing, and puts it on the disk.
    pub(super) fn change<T>(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, ServerError>,
    ) -> Result<T, ServerError> {
        let mut connection = self.lasting.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let result = change(&changes)?;
        changes.commit()?;
        Ok(result)
    }

    /// Whether somebody is to be told what happens.
    pub(super) const fn has_outbox(&self) -> bool {
        self.outbox
    }
}

fn connect(path: &Path, synchronous: &str) -> Result<Connection, ServerError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(connection)
}

impl JobStore for SqliteStore {
    fn add(&self, new: &NewJob, most_queued: u64) -> Result<Job, ServerError> {
        self.change(|changes| {
            if let Some(idempotency) = &new.idempotency
                && let Some(job) = taken_before(changes, &new.owner, idempotency)?
            {
                return Ok(job);
            }
            let waiting: u64 =
                changes.query_row("SELECT COUNT(*) FROM videos WHERE status = 'queued'", [], |row| row.get(0))?;
            if waiting >= most_queued {
                return Err(ServerError::QueueFull { limit: most_queued });
            }
            count_use(changes, new)?;
            let (key, fingerprint) = new.idempotency.as_ref().map(|(key, print)| (key, print)).unzip();
            changes.execute(
                "INSERT INTO videos (id, owner, status, priority, created_at, model, size, seconds, remixed_from, \
                 recipe, idempotency_key, fingerprint) VALUES (:id, :owner, 'queued', :priority, :created_at, :model, \
                 :size, :seconds, :remixed_from, :recipe, :key, :fingerprint)",
                named_params! {
                    ":id": new.id.as_str(), ":owner": new.owner, ":priority": new.priority, ":created_at": now(),
                    ":model": new.model, ":size": new.size, ":seconds": new.seconds,
                    ":remixed_from": new.remixed_from.as_ref().map(VideoId::as_str),
                    ":recipe": serde_json::to_string(&new.order)?, ":key": key, ":fingerprint": fingerprint,
                },
            )?;
            let job = query_job(changes, "id = ?1", [new.id.as_str()])?;
            job.ok_or_else(|| rusqlite::Error::QueryReturnedNoRows.into())
        })
    }

    fn taken_before(&self, owner: &str, idempotency: &(String, String)) -> Result<Option<Job>, ServerError> {
        taken_before(&self.read(), owner, idempotency)
    }

    fn get(&self, id: &VideoId, owner: &str) -> Result<Option<Job>, ServerError> {
        query_job(&self.read(), "id = ?1 AND owner = ?2", [id.as_str(), owner])
    }

    fn list(&self, page: &Page) -> Result<Option<Vec<Job>>, ServerError> {
        let connection = self.read();
        let after: Option<i64> = match &page.after {
            None => None,
            Some(id) => {
                let mut of = connection.prepare_cached("SELECT seq FROM videos WHERE id = ?1 AND owner = ?2")?;
                let Some(seq) = of.query_row([id.as_str(), &page.owner], |row| row.get(0)).optional()? else {
                    return Ok(None);
                };
                Some(seq)
            }
        };
        let (beyond, direction) = match page.order {
            PageOrder::Ascending => (">", "ASC"),
            PageOrder::Descending => ("<", "DESC"),
        };
        let mut rows = connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM videos WHERE owner = ?1 AND (?2 IS NULL OR seq {beyond} ?2) \
             ORDER BY seq {direction} LIMIT ?3"
        ))?;
        let rows = rows.query_map(params![page.owner, after, page.limit as i64], Row::read)?;
        rows.map(|row| row?.job()).collect::<Result<_, _>>().map(Some)
    }

    fn position(&self, id: &VideoId) -> Result<Option<u64>, ServerError> {
        let connection = self.read();
        let mut position = connection.prepare_cached(
            "SELECT (SELECT COUNT(*) FROM videos other WHERE other.status = 'queued' AND (other.priority > own.priority \
             OR (other.priority = own.priority AND other.seq < own.seq))) \
             FROM videos own WHERE own.id = ?1 AND own.status = 'queued'",
        )?;
        Ok(position.query_row([id.as_str()], |row| row.get(0)).optional()?)
    }

    fn cancel(&self, id: &VideoId, owner: &str) -> Result<Option<Job>, ServerError> {
        self.change(|changes| {
            let of = "id = ?1 AND owner = ?2";
            let failure = Failure::new("cancelled", "the job was cancelled");
            let ended = changes.execute(
                &format!(
                    "UPDATE videos SET status = 'failed', error_code = ?3, error_message = ?4, worker = NULL, \
                     lease_until = NULL WHERE {of} AND status IN ('queued', 'in_progress')"
                ),
                [id.as_str(), owner, &failure.code, &failure.message],
            )?;
            if ended > 0 && self.outbox {
                work::note(changes, id, Status::Failed)?;
            }
            query_job(changes, of, [id.as_str(), owner])
        })
    }

    fn remove(&self, id: &VideoId, owner: &str) -> Result<bool, ServerError> {
        self.change(|changes| {
            Ok(changes.execute("DELETE FROM videos WHERE id = ?1 AND owner = ?2", [id.as_str(), owner])? > 0)
        })
    }

    fn counts(&self) -> Result<Vec<(Status, u64)>, ServerError> {
        let connection = self.read();
        let mut count = connection.prepare_cached("SELECT COUNT(*) FROM videos WHERE status = ?1")?;
        let count = |status: Status| Ok((status, count.query_row([status.name()], |row| row.get(0))?));
        Status::ALL.into_iter().map(count).collect()
    }

    fn exists(&self, id: &VideoId) -> Result<bool, ServerError> {
        Ok(self.read().prepare_cached("SELECT 1 FROM videos WHERE id = ?1")?.exists([id.as_str()])?)
    }

    fn claim(&self, worker: &str, lease: Duration, losses: u32) -> Result<Option<Job>, ServerError> {
        work::claim(self, worker, (lease, losses))
    }

    fn renew(&self, lease: &Lease, length: Duration, progress: Option<u8>) -> Result<bool, ServerError> {
        work::renew(&self.read(), lease, (length, progress))
    }

    fn complete(&self, lease: &Lease) -> Result<bool, ServerError> {
        work::complete(self, lease)
    }

    fn fail(&self, lease: &Lease, failure: &Failure) -> Result<bool, ServerError> {
        work::fail(self, lease, failure)
    }

    fn give_back(&self, lease: &Lease) -> Result<bool, ServerError> {
        work::give_back(self, lease)
    }
}

fn taken_before(
    connection: &Connection,
    owner: &str,
    (key, fingerprint): &(String, String),
) -> Result<Option<Job>, ServerError> {
    let mut found =
        connection.prepare_cached("SELECT fingerprint FROM videos WHERE owner = ?1 AND idempotency_key = ?2")?;
    match found.query_row([owner, key], |row| row.get::<_, String>(0)).optional()? {
        None => Ok(None),
        Some(found) if found != *fingerprint => Err(ServerError::KeyReused),
        Some(_) => query_job(connection, "owner = ?1 AND idempotency_key = ?2", [owner, key]),
    }
}

/// Counts a video of today, apart from the jobs: deleting one gives nothing back.
fn count_use(changes: &Transaction<'_>, new: &NewJob) -> Result<(), ServerError> {
    let today = now() / SECONDS_OF_DAY;
    let used: u32 = changes.query_row(
        "INSERT INTO usage (owner, day, videos) VALUES (?1, ?2, 1) \
         ON CONFLICT (owner, day) DO UPDATE SET videos = videos + 1 RETURNING videos",
        params![new.owner, today],
        |row| row.get(0),
    )?;
    match new.daily_quota {
        Some(limit) if used > limit => Err(ServerError::QuotaUsed { limit }),
        _ => Ok(()),
    }
}
