//! Jobs as rows of a table.

use super::{
    Advance, Failure, Job, PHASES, Status,
    database::{Row, Session, Value},
};
use crate::{ServerError, VideoId};

/// What [`job`] reads, in its order.
pub(super) const COLUMNS: &str = "id, status, progress, created_at, completed_at, model, size, seconds, remixed_from, \
                                  recipe, error_code, error_message, attempt, phase, step, steps";

/// A job as a row has it.
pub(super) fn job(row: &Row) -> Result<Job, ServerError> {
    let status: String = row.get(1)?;
    let status = Status::ALL.into_iter().find(|known| known.name() == status);
    let phase: String = row.get(13)?;
    Ok(Job {
        id: id(row, 0)?,
        status: status.ok_or(ServerError::Column { index: 1 })?,
        advance: Advance {
            progress: row.get(2)?,
            phase: PHASES.into_iter().find(|known| *known == phase).unwrap_or_default(),
            done: row.get(14)?,
            total: row.get(15)?,
        },
        created_at: row.get(3)?,
        completed_at: row.get(4)?,
        model: row.get(5)?,
        size: row.get(6)?,
        seconds: row.get(7)?,
        remixed_from: row.get::<Option<String>>(8)?.map(|_| id(row, 8)).transpose()?,
        order: serde_json::from_str(&row.get::<String>(9)?)?,
        failure: match (row.get(10)?, row.get(11)?) {
            (Some(code), Some(message)) => Some(Failure { code, message }),
            _ => None,
        },
        attempt: row.get(12)?,
    })
}

/// The name of a video in a column.
pub(super) fn id(row: &Row, index: usize) -> Result<VideoId, ServerError> {
    row.get::<String>(index)?.parse().map_err(|_| ServerError::Column { index })
}

/// The only job of which a condition holds.
pub(super) fn query_job(
    session: &mut dyn Session,
    condition: &str,
    values: &[Value],
) -> Result<Option<Job>, ServerError> {
    let found = session.first(&format!("SELECT {COLUMNS} FROM videos WHERE {condition}"), values)?;
    found.as_ref().map(job).transpose()
}
