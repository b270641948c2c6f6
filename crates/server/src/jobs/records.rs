//! Keys, and what is to be told, in the same database as the jobs.

use std::time::Duration;

use super::{
    KeyStore, Notice, Outbox,
    database::{Database, Row, values},
    rows,
    store::SqlStore,
    work::millis,
};
use crate::{
    ServerError,
    keys::{KeyProblem, StoredKey},
};

const KEY_COLUMNS: &str = "id, name, hash, created_at, requests_per_minute, videos_per_day";
/// Whoever has taken a notice to tell it, and is gone, leaves it to others after so many milliseconds.
const TELLING_MILLIS: i64 = 120_000;

fn read_key(row: &Row) -> Result<StoredKey, ServerError> {
    Ok(StoredKey {
        id: row.get(0)?,
        name: row.get(1)?,
        hash: row.get(2)?,
        created_at: row.get(3)?,
        requests_per_minute: row.get(4)?,
        videos_per_day: row.get(5)?,
    })
}

impl<D: Database> KeyStore for SqlStore<D> {
    fn add_key(&self, key: &StoredKey) -> Result<(), ServerError> {
        self.database.lasting(|changes| {
            changes.alone()?;
            if changes.first("SELECT 1 FROM keys WHERE name = ?1", values![&key.name])?.is_some() {
                return Err(KeyProblem::Taken(key.name.clone()).into());
            }
            let put = format!("INSERT INTO keys ({KEY_COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
            let StoredKey { id, name, hash, created_at, requests_per_minute, videos_per_day } = key;
            let values = values![id, name, &hash[..], *created_at, *requests_per_minute, *videos_per_day];
            changes.execute(&put, values).map(drop)
        })
    }

    fn key(&self, hash: &[u8; 32]) -> Result<Option<StoredKey>, ServerError> {
        let key = format!("SELECT {KEY_COLUMNS} FROM keys WHERE hash = ?1");
        let found = self.database.fleeting(|session| session.first(&key, values![&hash[..]]))?;
        found.as_ref().map(read_key).transpose()
    }

    fn keys(&self) -> Result<Vec<StoredKey>, ServerError> {
        let keys = format!("SELECT {KEY_COLUMNS} FROM keys ORDER BY name");
        self.database.fleeting(|session| session.query(&keys, &[]))?.iter().map(read_key).collect()
    }

    fn revoke_key(&self, name: &str) -> Result<bool, ServerError> {
        let revoke = "DELETE FROM keys WHERE name = ?1";
        self.database.lasting(|changes| Ok(changes.execute(revoke, values![name])? > 0))
    }
}

impl<D: Database> Outbox for SqlStore<D> {
    fn listen(&self, length: Duration) -> Result<(), ServerError> {
        let listen = "INSERT INTO listeners (name, until) VALUES ('webhook', :now + ?1) \
                      ON CONFLICT (name) DO UPDATE SET until = excluded.until";
        self.database.lasting(|changes| changes.execute(listen, values![millis(length)]).map(drop))
    }

    fn due(&self) -> Result<Option<Notice>, ServerError> {
        // Nearly always there is nothing to tell, and then nothing need be locked.
        let due = "SELECT seq FROM notices WHERE due_at <= :now ORDER BY due_at, seq LIMIT 1";
        if self.database.fleeting(|session| session.first(due, &[]))?.is_none() {
            return Ok(None);
        }
        let take = format!(
            "UPDATE notices SET due_at = :now + {TELLING_MILLIS} WHERE seq = ({due} :skip_locked) \
             RETURNING id, kind, video, created_at, attempts"
        );
        let Some(row) = self.database.lasting(|changes| changes.first(&take, &[]))? else { return Ok(None) };
        Ok(Some(Notice {
            id: row.get(0)?,
            kind: row.get(1)?,
            video: rows::id(&row, 2)?,
            created_at: row.get(3)?,
            attempts: row.get(4)?,
        }))
    }

    fn told(&self, id: &str) -> Result<(), ServerError> {
        let told = "DELETE FROM notices WHERE id = ?1";
        self.database.lasting(|changes| changes.execute(told, values![id]).map(drop))
    }

    fn not_told(&self, id: &str, wait: Duration) -> Result<(), ServerError> {
        let later = "UPDATE notices SET attempts = attempts + 1, due_at = :now + ?2 WHERE id = ?1";
        self.database.lasting(|changes| changes.execute(later, values![id, millis(wait)]).map(drop))
    }
}
