//! What workers ask of the store: to have a job, to keep it, and to end it.
//!
//! Every change names the lease, so that a worker which was thought dead changes nothing of what another one has.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{Failure, Job, Lease, SqliteStore, Status, now, now_millis, rows::query_job};
use crate::{ServerError, VideoId};

/// A job that this lease is for.
const HELD: &str = "id = ?1 AND worker = ?2 AND attempt = ?3 AND status = 'in_progress'";
/// Jobs whose worker has said nothing for too long.
const LOST: &str = "status = 'in_progress' AND lease_until <= ?1";

pub(super) fn claim(
    store: &SqliteStore,
    worker: &str,
    (lease, losses): (Duration, u32),
) -> Result<Option<Job>, ServerError> {
    // Nearly always there is nothing to do, and then nothing need be locked.
    if !has_work(&store.read())? {
        return Ok(None);
    }
    store.change(|changes| {
        give_up(store, changes, losses)?;
        let now = now_millis();
        changes.execute(
            &format!("UPDATE videos SET status = 'queued', progress = 0, losses = losses + 1, worker = NULL WHERE {LOST}"),
            [now],
        )?;
        let next = "SELECT id FROM videos WHERE status = 'queued' ORDER BY priority DESC, seq LIMIT 1";
        let Some(id) = changes.query_row(next, [], |row| row.get::<_, String>(0)).optional()? else { return Ok(None) };
        changes.execute(
            "UPDATE videos SET status = 'in_progress', worker = ?2, lease_until = ?3, attempt = attempt + 1 WHERE id = ?1",
            params![id, worker, until(lease)],
        )?;
        query_job(changes, "id = ?1", [id])
    })
}

fn has_work(connection: &Connection) -> Result<bool, ServerError> {
    let mut waiting =
        connection.prepare_cached(&format!("SELECT 1 FROM videos WHERE status = 'queued' OR ({LOST})"))?;
    Ok(waiting.exists([now_millis()])?)
}

/// Ends jobs that have lost their worker too often: perhaps they are why.
fn give_up(store: &SqliteStore, changes: &Transaction<'_>, losses: u32) -> Result<(), ServerError> {
    let mut hopeless = changes.prepare_cached(&format!("SELECT id FROM videos WHERE {LOST} AND losses >= ?2"))?;
    let ids: Vec<String> =
        hopeless.query_map(params![now_millis(), losses], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for id in ids {
        let message = format!("the job ended its worker {} times; a smaller or shorter video may work", losses + 1);
        changes.execute(
            "UPDATE videos SET status = 'failed', error_code = 'worker_lost', error_message = ?2, worker = NULL WHERE id = ?1",
            [&id, &message],
        )?;
        if let (true, Ok(id)) = (store.has_outbox(), id.parse()) {
            note(changes, &id, Status::Failed)?;
        }
    }
    Ok(())
}

pub(super) fn renew(
    connection: &Connection,
    lease: &Lease,
    (length, progress): (Duration, Option<u8>),
) -> Result<bool, ServerError> {
    let mut renew = connection.prepare_cached(&format!(
        "UPDATE videos SET lease_until = ?4, progress = MAX(progress, COALESCE(?5, 0)) WHERE {HELD}"
    ))?;
    let held = params![lease.id.as_str(), lease.worker, lease.attempt, until(length), progress];
    Ok(renew.execute(held)? > 0)
}

pub(super) fn complete(store: &SqliteStore, lease: &Lease) -> Result<bool, ServerError> {
    store.change(|changes| {
        let done = changes.execute(
            &format!(
                "UPDATE videos SET status = 'completed', progress = 100, completed_at = ?4, worker = NULL, \
                 lease_until = NULL WHERE {HELD}"
            ),
            params![lease.id.as_str(), lease.worker, lease.attempt, now()],
        )? > 0;
        if done && store.has_outbox() {
            note(changes, &lease.id, Status::Completed)?;
        }
        Ok(done)
    })
}

pub(super) fn fail(store: &SqliteStore, lease: &Lease, failure: &Failure) -> Result<bool, ServerError> {
    store.change(|changes| {
        let failed = changes.execute(
            &format!(
                "UPDATE videos SET status = 'failed', error_code = ?4, error_message = ?5, worker = NULL, \
                 lease_until = NULL WHERE {HELD}"
            ),
            params![lease.id.as_str(), lease.worker, lease.attempt, failure.code, failure.message],
        )? > 0;
        if failed && store.has_outbox() {
            note(changes, &lease.id, Status::Failed)?;
        }
        Ok(failed)
    })
}

pub(super) fn give_back(store: &SqliteStore, lease: &Lease) -> Result<bool, ServerError> {
    store.change(|changes| {
        let given = changes.execute(
            &format!(
                "UPDATE videos SET status = 'queued', progress = 0, worker = NULL, lease_until = NULL WHERE {HELD}"
            ),
            params![lease.id.as_str(), lease.worker, lease.attempt],
        )?;
        Ok(given > 0)
    })
}

/// Puts down what is to be told.
pub(super) fn note(changes: &Transaction<'_>, id: &VideoId, status: Status) -> Result<(), ServerError> {
    let name = VideoId::random().as_str().replace("video_", "evt_");
    changes.execute(
        "INSERT INTO notices (id, kind, video, created_at, due_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![name, format!("video.{}", status.name()), id.as_str(), now(), now_millis()],
    )?;
    Ok(())
}

fn until(lease: Duration) -> i64 {
    now_millis().saturating_add(i64::try_from(lease.as_millis()).unwrap_or(i64::MAX))
}
