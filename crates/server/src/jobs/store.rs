//! Jobs in a database, whichever it is.

use std::time::Duration;

use super::{
    Advance, Claimant, Failure, Job, JobStore, Lease, NewJob, Page, PageOrder, Status,
    database::{Database, Session, Value, values},
    rows::{self, COLUMNS, query_job},
    work,
};
use crate::{ServerError, VideoId};

const MILLIS_OF_DAY: i64 = 24 * 60 * 60 * 1000;

/// Jobs in a database.
///
/// What changes a job's state is on the disk before the call returns; how far a job is, and its lease, need not be.
pub struct SqlStore<D> {
    pub(super) database: D,
}

impl<D: Database> SqlStore<D> {
    pub(super) const fn over(database: D) -> Self {
        Self { database }
    }

    /// Ends every lease: for whoever knows that all workers are gone.
    ///
    /// # Errors
    /// That of the database.
    pub fn end_leases(&self) -> Result<(), ServerError> {
        self.database.lasting(|changes| {
            changes.execute("UPDATE videos SET lease_until = 0 WHERE status = 'in_progress'", &[]).map(drop)
        })
    }
}

impl<D: Database> JobStore for SqlStore<D> {
    fn add(&self, new: &NewJob, most_queued: u64) -> Result<Job, ServerError> {
        self.database.lasting(|changes| {
            changes.alone()?;
            if let Some(idempotency) = &new.idempotency
                && let Some(job) = taken_before(changes, &new.owner, idempotency)?
            {
                return Ok(job);
            }
            let waiting = changes.first("SELECT COUNT(*) FROM videos WHERE status = 'queued'", &[])?;
            let waiting: u64 = waiting.ok_or(ServerError::Column { index: 0 })?.get(0)?;
            if waiting >= most_queued {
                return Err(ServerError::QueueFull { limit: most_queued });
            }
            count_use(changes, new)?;
            let (key, fingerprint) = new.idempotency.as_ref().map(|(key, print)| (key, print)).unzip();
            changes.execute(
                "INSERT INTO videos (id, owner, status, priority, created_at, model, size, seconds, remixed_from, \
                 recipe, idempotency_key, fingerprint) \
                 VALUES (?1, ?2, 'queued', ?3, :now / 1000, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                values![
                    new.id.as_str(),
                    &new.owner,
                    new.priority,
                    &new.model,
                    &new.size,
                    &new.seconds,
                    new.remixed_from.as_ref().map(VideoId::as_str),
                    serde_json::to_string(&new.order)?,
                    key,
                    fingerprint,
                ],
            )?;
            query_job(changes, "id = ?1", values![new.id.as_str()])?.ok_or(ServerError::Column { index: 0 })
        })
    }

    fn taken_before(&self, owner: &str, idempotency: &(String, String)) -> Result<Option<Job>, ServerError> {
        self.database.fleeting(|session| taken_before(session, owner, idempotency))
    }

    fn get(&self, id: &VideoId, owner: &str) -> Result<Option<Job>, ServerError> {
        self.database.fleeting(|session| query_job(session, "id = ?1 AND owner = ?2", values![id.as_str(), owner]))
    }

    fn list(&self, page: &Page) -> Result<Option<Vec<Job>>, ServerError> {
        self.database.fleeting(|session| {
            let (beyond, direction, all) = match page.order {
                PageOrder::Ascending => (">", "ASC", 0),
                PageOrder::Descending => ("<", "DESC", i64::MAX),
            };
            let after = match &page.after {
                None => all,
                Some(id) => {
                    let of = "SELECT seq FROM videos WHERE id = ?1 AND owner = ?2";
                    let Some(row) = session.first(of, values![id.as_str(), &page.owner])? else { return Ok(None) };
                    row.get(0)?
                }
            };
            let page_of = format!(
                "SELECT {COLUMNS} FROM videos WHERE owner = ?1 AND seq {beyond} ?2 ORDER BY seq {direction} LIMIT ?3"
            );
            let found = session.query(&page_of, values![&page.owner, after, page.limit])?;
            found.iter().map(rows::job).collect::<Result<_, _>>().map(Some)
        })
    }

    fn position(&self, id: &VideoId) -> Result<Option<u64>, ServerError> {
        let position = "SELECT (SELECT COUNT(*) FROM videos other WHERE other.status = 'queued' AND \
                        (other.priority > own.priority OR (other.priority = own.priority AND other.seq < own.seq))) \
                        FROM videos own WHERE own.id = ?1 AND own.status = 'queued'";
        let found = self.database.fleeting(|session| session.first(position, values![id.as_str()]))?;
        found.map(|row| row.get(0)).transpose()
    }

    fn cancel(&self, id: &VideoId, owner: &str) -> Result<Option<Job>, ServerError> {
        self.database.lasting(|changes| {
            let of = "id = ?1 AND owner = ?2";
            let ended = changes.execute(
                &format!(
                    "UPDATE videos SET status = 'failed', error_code = 'cancelled', error_message = \
                     'the job was cancelled', worker = NULL, lease_until = NULL \
                     WHERE {of} AND status IN ('queued', 'in_progress')"
                ),
                values![id.as_str(), owner],
            )?;
            if ended > 0 {
                work::note(changes, id, Status::Failed)?;
            }
            query_job(changes, of, values![id.as_str(), owner])
        })
    }

    fn remove(&self, id: &VideoId, owner: &str) -> Result<bool, ServerError> {
        let remove = "DELETE FROM videos WHERE id = ?1 AND owner = ?2";
        self.database.lasting(|changes| Ok(changes.execute(remove, values![id.as_str(), owner])? > 0))
    }

    fn counts(&self) -> Result<Vec<(Status, u64)>, ServerError> {
        let counted = "SELECT status, COUNT(*) FROM videos GROUP BY status";
        let counted = self.database.fleeting(|session| session.query(counted, &[]))?;
        let counted: Vec<(String, u64)> =
            counted.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect::<Result<_, ServerError>>()?;
        let count =
            |status: Status| counted.iter().find(|(name, _)| name == status.name()).map_or(0, |(_, count)| *count);
        Ok(Status::ALL.into_iter().map(|status| (status, count(status))).collect())
    }

    fn exists(&self, id: &VideoId) -> Result<bool, ServerError> {
        let there = "SELECT 1 FROM videos WHERE id = ?1";
        Ok(self.database.fleeting(|session| session.first(there, values![id.as_str()]))?.is_some())
    }

    fn claim(&self, worker: &Claimant, lease: Duration, losses: u32) -> Result<Option<Job>, ServerError> {
        work::claim(&self.database, worker, (lease, losses))
    }

    fn renew(&self, lease: &Lease, length: Duration, advance: Advance) -> Result<bool, ServerError> {
        work::renew(&self.database, lease, (length, advance))
    }

    fn complete(&self, lease: &Lease) -> Result<bool, ServerError> {
        work::complete(&self.database, lease)
    }

    fn fail(&self, lease: &Lease, failure: &Failure) -> Result<bool, ServerError> {
        work::fail(&self.database, lease, failure)
    }

    fn give_back(&self, lease: &Lease) -> Result<bool, ServerError> {
        work::give_back(&self.database, lease)
    }
}

fn taken_before(
    session: &mut dyn Session,
    owner: &str,
    (key, fingerprint): &(String, String),
) -> Result<Option<Job>, ServerError> {
    let of = "owner = ?1 AND idempotency_key = ?2";
    let request: &[Value] = values![owner, key];
    match session.first(&format!("SELECT fingerprint FROM videos WHERE {of}"), request)? {
        None => Ok(None),
        Some(found) if found.get::<String>(0)? != *fingerprint => Err(ServerError::KeyReused),
        Some(_) => query_job(session, of, request),
    }
}

/// Counts a video of today, apart from the jobs: deleting one gives nothing back.
fn count_use(changes: &mut dyn Session, new: &NewJob) -> Result<(), ServerError> {
    let used = changes.first(
        &format!(
            "INSERT INTO usage (owner, day, videos) VALUES (?1, :now / {MILLIS_OF_DAY}, 1) \
             ON CONFLICT (owner, day) DO UPDATE SET videos = usage.videos + 1 RETURNING videos"
        ),
        values![&new.owner],
    )?;
    let used: u32 = used.ok_or(ServerError::Column { index: 0 })?.get(0)?;
    match new.daily_quota {
        Some(limit) if used > limit => Err(ServerError::QuotaUsed { limit }),
        _ => Ok(()),
    }
}
