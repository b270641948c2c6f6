//! Keys, and what is to be told, in the same file as the jobs.

use std::time::Duration;

use rusqlite::{ErrorCode, OptionalExtension, params, types::Type};

use super::{KeyStore, Notice, Outbox, SqliteStore, now_millis};
use crate::{
    ServerError,
    keys::{KeyProblem, StoredKey},
};

const KEY_COLUMNS: &str = "id, name, hash, created_at, requests_per_minute, videos_per_day";

fn read_key(row: &rusqlite::Row<'_>) -> rusqlite::Result<StoredKey> {
    Ok(StoredKey {
        id: row.get(0)?,
        name: row.get(1)?,
        hash: row.get(2)?,
        created_at: row.get(3)?,
        requests_per_minute: row.get(4)?,
        videos_per_day: row.get(5)?,
    })
}

impl KeyStore for SqliteStore {
    fn add_key(&self, key: &StoredKey) -> Result<(), ServerError> {
        self.change(|changes| {
            let added = changes.execute(
                &format!("INSERT INTO keys ({KEY_COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"),
                params![key.id, key.name, key.hash, key.created_at, key.requests_per_minute, key.videos_per_day],
            );
            match added {
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                    Err(KeyProblem::Taken(key.name.clone()).into())
                }
                added => Ok(added.map(drop)?),
            }
        })
    }

    fn key(&self, hash: &[u8; 32]) -> Result<Option<StoredKey>, ServerError> {
        let connection = self.read();
        let mut key = connection.prepare_cached(&format!("SELECT {KEY_COLUMNS} FROM keys WHERE hash = ?1"))?;
        Ok(key.query_row([hash], read_key).optional()?)
    }

    fn keys(&self) -> Result<Vec<StoredKey>, ServerError> {
        let connection = self.read();
        let mut keys = connection.prepare_cached(&format!("SELECT {KEY_COLUMNS} FROM keys ORDER BY name"))?;
        Ok(keys.query_map([], read_key)?.collect::<Result<_, _>>()?)
    }

    fn revoke_key(&self, name: &str) -> Result<bool, ServerError> {
        self.change(|changes| Ok(changes.execute("DELETE FROM keys WHERE name = ?1", [name])? > 0))
    }
}

impl Outbox for SqliteStore {
    fn due(&self) -> Result<Option<Notice>, ServerError> {
        let connection = self.read();
        let mut due = connection.prepare_cached(
            "SELECT id, kind, video, created_at, attempts FROM notices WHERE due_at <= ?1 ORDER BY due_at, seq LIMIT 1",
        )?;
        let read = |row: &rusqlite::Row<'_>| {
            let video: String = row.get(2)?;
            let wrong = |problem: String| rusqlite::Error::FromSqlConversionFailure(2, Type::Text, problem.into());
            Ok(Notice {
                id: row.get(0)?,
                kind: row.get(1)?,
                video: video.parse().map_err(wrong)?,
                created_at: row.get(3)?,
                attempts: row.get(4)?,
            })
        };
        Ok(due.query_row([now_millis()], read).optional()?)
    }

    fn told(&self, id: &str) -> Result<(), ServerError> {
        self.change(|changes| Ok(changes.execute("DELETE FROM notices WHERE id = ?1", [id]).map(drop)?))
    }

    fn not_told(&self, id: &str, wait: Duration) -> Result<(), ServerError> {
        let due_at = now_millis().saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
        self.change(|changes| {
            let later = "UPDATE notices SET attempts = attempts + 1, due_at = ?2 WHERE id = ?1";
            Ok(changes.execute(later, params![id, due_at]).map(drop)?)
        })
    }
}
