//! One SQLite file, for a single machine.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rusqlite::{
    Connection, ToSql, TransactionBehavior, params_from_iter,
    types::{ToSqlOutput, ValueRef},
};

use super::{
    database::{Database, Row, SCHEMA, Session, Value},
    store::SqlStore,
};
use crate::ServerError;

/// How long a transaction waits for one of another process.
const PATIENCE: Duration = Duration::from_secs(10);

/// Jobs in one SQLite file.
pub type SqliteStore = SqlStore<Sqlite>;

/// One SQLite file, in write-ahead mode.
pub struct Sqlite {
    lasting: Mutex<Connection>,
    fleeting: Mutex<Connection>,
}

impl SqlStore<Sqlite> {
    /// Opens the file, and makes it where there is none.
    ///
    /// # Errors
    /// [`ServerError::Store`], or [`ServerError::LaterVersion`] for a file of a later version.
    pub fn open(path: &Path) -> Result<Self, ServerError> {
        let mut lasting = connect(path, "FULL")?;
        let schema = lasting.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found: i64 = schema.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        let missing = super::missing(found)?;
        if !missing.is_empty() {
            missing.iter().try_for_each(|step| schema.execute_batch(step))?;
            schema.pragma_update(None, "user_version", SCHEMA.len() as i64)?;
        }
        schema.commit()?;
        Ok(Self::over(Sqlite { lasting: Mutex::new(lasting), fleeting: Mutex::new(connect(path, "NORMAL")?) }))
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

impl Database for Sqlite {
    fn lasting<T>(&self, change: impl FnOnce(&mut dyn Session) -> Result<T, ServerError>) -> Result<T, ServerError> {
        let mut connection = self.lasting.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let result = change(&mut Speaking(&changes))?;
        changes.commit()?;
        Ok(result)
    }

    fn fleeting<T>(&self, ask: impl FnOnce(&mut dyn Session) -> Result<T, ServerError>) -> Result<T, ServerError> {
        let connection = self.fleeting.lock().unwrap_or_else(PoisonError::into_inner);
        ask(&mut Speaking(&connection))
    }
}

struct Speaking<'a>(&'a Connection);

impl Session for Speaking<'_> {
    fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, ServerError> {
        let mut statement = self.0.prepare_cached(&own(sql))?;
        Ok(statement.execute(params_from_iter(values))? as u64)
    }

    fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, ServerError> {
        let mut statement = self.0.prepare_cached(&own(sql))?;
        let columns = statement.column_count();
        let read = |row: &rusqlite::Row<'_>| -> rusqlite::Result<Row> {
            (0..columns).map(|index| Ok(value(row.get_ref(index)?))).collect::<Result<_, _>>().map(Row)
        };
        let rows = statement.query_map(params_from_iter(values), read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn alone(&mut self) -> Result<(), ServerError> {
        // Whoever changes anything is alone.
        Ok(())
    }
}

/// The common text as SQLite says it.
fn own(sql: &str) -> String {
    sql.replace(":now", "CAST(unixepoch('subsec') * 1000 AS INTEGER)").replace(":skip_locked", "")
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn value(found: ValueRef<'_>) -> Value {
    match found {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        // No column holds fractions.
        ValueRef::Real(number) => Value::Integer(number as i64),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
    }
}
