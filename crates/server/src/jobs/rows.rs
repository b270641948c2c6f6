//! Jobs as rows of a table.

use rusqlite::{Connection, OptionalExtension, Params, types::Type};

use super::{Failure, Job, Status};
use crate::{ServerError, VideoId};

/// What [`Row::read`] reads, in its order.
pub(super) const COLUMNS: &str = "id, status, progress, created_at, completed_at, model, size, seconds, remixed_from, \
                                  recipe, error_code, error_message, attempt";

/// A row, of which the order is still text.
pub(super) struct Row {
    id: String,
    status: Status,
    progress: u8,
    created_at: i64,
    completed_at: Option<i64>,
    model: String,
    size: String,
    seconds: String,
    remixed_from: Option<String>,
    recipe: String,
    error: (Option<String>, Option<String>),
    attempt: u32,
}

impl Row {
    pub(super) fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        let status: String = row.get(1)?;
        let named = Status::ALL.into_iter().find(|known| known.name() == status);
        Ok(Self {
            id: row.get(0)?,
            status: named.ok_or_else(|| rusqlite::Error::InvalidColumnType(1, "status".into(), Type::Text))?,
            progress: row.get(2)?,
            created_at: row.get(3)?,
            completed_at: row.get(4)?,
            model: row.get(5)?,
            size: row.get(6)?,
            seconds: row.get(7)?,
            remixed_from: row.get(8)?,
            recipe: row.get(9)?,
            error: (row.get(10)?, row.get(11)?),
            attempt: row.get(12)?,
        })
    }

    pub(super) fn job(self) -> Result<Job, ServerError> {
        let id = |index, text: String| {
            let wrong = |problem: String| rusqlite::Error::FromSqlConversionFailure(index, Type::Text, problem.into());
            text.parse::<VideoId>().map_err(wrong)
        };
        Ok(Job {
            id: id(0, self.id)?,
            status: self.status,
            progress: self.progress,
            created_at: self.created_at,
            completed_at: self.completed_at,
            model: self.model,
            size: self.size,
            seconds: self.seconds,
            remixed_from: self.remixed_from.map(|text| id(8, text)).transpose()?,
            order: serde_json::from_str(&self.recipe)?,
            failure: match self.error {
                (Some(code), Some(message)) => Some(Failure { code, message }),
                _ => None,
            },
            attempt: self.attempt,
        })
    }
}

/// The only job of which a condition holds.
pub(super) fn query_job(
    connection: &Connection,
    condition: &str,
    parameters: impl Params,
) -> Result<Option<Job>, ServerError> {
    let mut query = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM videos WHERE {condition}"))?;
    query.query_row(parameters, Row::read).optional()?.map(Row::job).transpose()
}
