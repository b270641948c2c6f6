//! What workers ask of the store: to have a job, to keep it, and to end it.
//!
//! Every change names the lease, so that a worker which was thought dead changes nothing of what another one has. Whoever
//! did not hear the answer may ask again: what was done by this lease stays done by it.

use std::time::Duration;

use super::{
    Advance, Claimant, Failure, Job, Lease, Status,
    database::{Database, Session, Value, values},
    rows::{self, query_job},
};
use crate::{ServerError, VideoId};

/// A job that this lease is for.
const HELD: &str = "id = ?1 AND worker = ?2 AND attempt = ?3 AND status = 'in_progress'";
/// Jobs whose worker has said nothing for too long.
const LOST: &str = "status = 'in_progress' AND lease_until <= :now";
/// Nobody has it.
const FREE: &str = "worker = NULL, lease_until = NULL";
/// How far it is when it is begun.
const BEGINNING: &str = "progress = 0, phase = '', step = 0, steps = 0";

pub(super) fn claim(
    database: &impl Database,
    worker: &Claimant,
    (lease, losses): (Duration, u32),
) -> Result<Option<Job>, ServerError> {
    // Nearly always there is nothing to do, and then nothing need be locked.
    let waiting = format!("SELECT 1 FROM videos WHERE (status = 'queued' AND model = ?1) OR ({LOST}) LIMIT 1");
    if database.fleeting(|session| session.first(&waiting, values![&worker.model]))?.is_none() {
        return Ok(None);
    }
    database.lasting(|changes| {
        give_up(changes, losses)?;
        let anew = format!(
            "UPDATE videos SET status = 'queued', losses = losses + 1, {FREE}, {BEGINNING} \
             WHERE id IN (SELECT id FROM videos WHERE {LOST} :skip_locked)"
        );
        changes.execute(&anew, &[])?;
        let next = "SELECT id FROM videos WHERE status = 'queued' AND model = ?1 \
                    ORDER BY priority DESC, seq LIMIT 1 :skip_locked";
        let Some(next) = changes.first(next, values![&worker.model])? else { return Ok(None) };
        let id = rows::id(&next, 0)?;
        changes.execute(
            "UPDATE videos SET status = 'in_progress', worker = ?2, lease_until = :now + ?3, attempt = attempt + 1 \
             WHERE id = ?1",
            values![id.as_str(), &worker.name, millis(lease)],
        )?;
        query_job(changes, "id = ?1", values![id.as_str()])
    })
}

/// Ends jobs that have lost their worker too often: perhaps they are why.
fn give_up(changes: &mut dyn Session, losses: u32) -> Result<(), ServerError> {
    let hopeless = format!("SELECT id FROM videos WHERE {LOST} AND losses >= ?1 :skip_locked");
    for row in changes.query(&hopeless, values![losses])? {
        let id = rows::id(&row, 0)?;
        let message = format!("the job ended its worker {} times; a smaller or shorter video may work", losses + 1);
        let end = format!(
            "UPDATE videos SET status = 'failed', error_code = 'worker_lost', error_message = ?2, {FREE} WHERE id = ?1"
        );
        changes.execute(&end, values![id.as_str(), message])?;
        note(changes, &id, Status::Failed)?;
    }
    Ok(())
}

pub(super) fn renew(
    database: &impl Database,
    lease: &Lease,
    (length, advance): (Duration, Advance),
) -> Result<bool, ServerError> {
    let renew = format!(
        "UPDATE videos SET lease_until = :now + ?4, phase = ?6, step = ?7, steps = ?8, \
         progress = CASE WHEN progress < ?5 THEN ?5 ELSE progress END WHERE {HELD}"
    );
    let Advance { progress, phase, done, total } = advance;
    let more: &[Value] = values![millis(length), progress, phase, done, total];
    Ok(database.fleeting(|session| session.execute(&renew, &[&held(lease)[..], more].concat()))? > 0)
}

pub(super) fn complete(database: &impl Database, lease: &Lease) -> Result<bool, ServerError> {
    let change = format!("status = 'completed', progress = 100, completed_at = :now / 1000, {FREE}");
    end(database, lease, (Status::Completed, &change, &[]))
}

pub(super) fn fail(database: &impl Database, lease: &Lease, failure: &Failure) -> Result<bool, ServerError> {
    let change = format!("status = 'failed', error_code = ?4, error_message = ?5, {FREE}");
    end(database, lease, (Status::Failed, &change, values![&failure.code, &failure.message]))
}

/// Ends a job; whether this lease ended it, now or when it was asked before.
fn end(
    database: &impl Database,
    lease: &Lease,
    (status, change, more): (Status, &str, &[Value]),
) -> Result<bool, ServerError> {
    database.lasting(|changes| {
        let end = format!("UPDATE videos SET {change} WHERE {HELD}");
        if changes.execute(&end, &[&held(lease)[..], more].concat())? > 0 {
            note(changes, &lease.id, status)?;
            return Ok(true);
        }
        // A number of an attempt is given out once, so that whoever has it is who ended the job.
        let before = "SELECT 1 FROM videos WHERE id = ?1 AND attempt = ?2 AND status = ?3";
        let before = changes.first(before, values![lease.id.as_str(), lease.attempt, status.name()])?;
        Ok(before.is_some())
    })
}

pub(super) fn give_back(database: &impl Database, lease: &Lease) -> Result<bool, ServerError> {
    let give = format!("UPDATE videos SET status = 'queued', {FREE}, {BEGINNING} WHERE {HELD}");
    Ok(database.lasting(|changes| changes.execute(&give, &held(lease)))? > 0)
}

/// Puts down what is to be told, if anybody listens.
pub(super) fn note(changes: &mut dyn Session, id: &VideoId, status: Status) -> Result<(), ServerError> {
    if changes.first("SELECT 1 FROM listeners WHERE until > :now", &[])?.is_none() {
        return Ok(());
    }
    let name = VideoId::random().as_str().replace("video_", "evt_");
    let put = "INSERT INTO notices (id, kind, video, created_at, due_at) VALUES (?1, ?2, ?3, :now / 1000, :now)";
    let kind = format!("video.{}", status.name());
    changes.execute(put, values![name, kind, id.as_str()]).map(drop)
}

/// The values of [`HELD`].
fn held(lease: &Lease) -> [Value; 3] {
    [lease.id.as_str().into(), (&lease.worker).into(), lease.attempt.into()]
}

pub(super) fn millis(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX / 2)
}
