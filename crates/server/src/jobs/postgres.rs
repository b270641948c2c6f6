//! A PostgreSQL database, for many servers and workers on many machines.

use std::{
    error::Error,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::BytesMut;
use postgres::{
    Client, Config, GenericClient, NoTls,
    config::SslMode,
    types::{IsNull, ToSql, Type, to_sql_checked},
};

use super::{
    database::{Database, Row, SCHEMA, Session, Value},
    store::SqlStore,
};
use crate::ServerError;

/// Connections of one process.
const MOST_CONNECTIONS: usize = 8;
/// How long connecting may take, and waiting for a connection.
const PATIENCE: Duration = Duration::from_secs(5);
/// A connection that has rested so long is looked at before it is used.
const FRESH: Duration = Duration::from_secs(1);
/// What each connection is told: tables lie apart from other programs', and nobody waits for ever.
const MANNERS: &str = "SET search_path TO misora; SET statement_timeout TO '20s'; \
                       SET idle_in_transaction_session_timeout TO '60s'";
/// Names the lock of [`Session::alone`], and that of making tables.
const LOCK: i64 = 0x006d_6973_6f72_6121;

/// Jobs in a PostgreSQL database.
pub type PostgresStore = SqlStore<Postgres>;

/// A PostgreSQL database, over a few connections that are made anew when they break.
pub struct Postgres {
    config: Config,
    pool: Mutex<Pool>,
    freed: Condvar,
}

#[derive(Default)]
struct Pool {
    resting: Vec<(Client, Instant)>,
    open: usize,
}

impl SqlStore<Postgres> {
    /// Connects to `postgres://USER:PASSWORD@HOST/DATABASE`, and makes the tables where there are none.
    ///
    /// # Errors
    /// [`ServerError::DatabaseUrl`], [`ServerError::Database`], or [`ServerError::LaterVersion`].
    pub fn open(url: &str) -> Result<Self, ServerError> {
        let wrong = |problem: String| ServerError::DatabaseUrl { problem };
        let mut config: Config = url.parse().map_err(|error| wrong(ServerError::Database(error).to_string()))?;
        if config.get_hosts().is_empty() {
            return Err(wrong("it names no host".into()));
        }
        if config.get_ssl_mode() == SslMode::Require {
            return Err(wrong("sslmode=require asks for TLS, which is not spoken to the database".into()));
        }
        config.application_name(concat!("misora ", env!("CARGO_PKG_VERSION")));
        config.connect_timeout(PATIENCE).tcp_user_timeout(4 * PATIENCE).keepalives_idle(4 * PATIENCE);
        let database = Postgres { config, pool: Mutex::default(), freed: Condvar::new() };
        database.with(make_tables)?;
        Ok(Self::over(database))
    }
}

/// Makes what tables there are not, once however many begin at the same time.
fn make_tables(client: &mut Client) -> Result<(), ServerError> {
    let mut changes = client.transaction()?;
    changes.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK])?;
    let there: bool = changes.query_one("SELECT to_regclass('misora.schema_version') IS NOT NULL", &[])?.try_get(0)?;
    if !there {
        changes.batch_execute(
            "CREATE SCHEMA IF NOT EXISTS misora; CREATE TABLE misora.schema_version (version BIGINT NOT NULL); \
             INSERT INTO misora.schema_version VALUES (0)",
        )?;
    }
    let found: i64 = changes.query_one("SELECT version FROM misora.schema_version", &[])?.try_get(0)?;
    let missing = super::missing(found)?;
    for step in missing {
        changes.batch_execute(&own_schema(step))?;
    }
    if !missing.is_empty() {
        changes.execute("UPDATE misora.schema_version SET version = $1", &[&(SCHEMA.len() as i64)])?;
    }
    Ok(changes.commit()?)
}

impl Postgres {
    /// Works with a connection that nobody else has.
    fn with<T>(&self, work: impl FnOnce(&mut Client) -> Result<T, ServerError>) -> Result<T, ServerError> {
        let mut taken = Taken { pool: self, client: self.take()? };
        let client = match taken.client.take() {
            Some(client) => client,
            None => self.connect()?,
        };
        let worked = work(taken.client.insert(client));
        if matches!(&worked, Err(ServerError::Database(error)) if error.code().is_none()) {
            // Nothing came back, and most likely the other connections have broken too.
            taken.client = None;
            let broken = std::mem::take(&mut self.pool().resting);
            self.pool().open -= broken.len();
        }
        worked
    }

    /// A connection that works, or leave to make one.
    fn take(&self) -> Result<Option<Client>, ServerError> {
        let begun = Instant::now();
        let mut pool = self.pool();
        loop {
            if let Some((mut client, since)) = pool.resting.pop() {
                drop(pool);
                let works = since.elapsed() < FRESH && !client.is_closed() || client.is_valid(PATIENCE).is_ok();
                return Ok(works.then_some(client));
            }
            if pool.open < MOST_CONNECTIONS {
                pool.open += 1;
                return Ok(None);
            }
            let left = PATIENCE.checked_sub(begun.elapsed()).ok_or(ServerError::NoConnection)?;
            pool = self.freed.wait_timeout(pool, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn connect(&self) -> Result<Client, ServerError> {
        let mut client = self.config.connect(NoTls)?;
        client.batch_execute(MANNERS)?;
        Ok(client)
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection, or the right to one, that goes back when it is dropped.
struct Taken<'a> {
    pool: &'a Postgres,
    client: Option<Client>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let working = self.client.take().filter(|client| !client.is_closed());
        let mut pool = self.pool.pool();
        match working {
            Some(client) => pool.resting.push((client, Instant::now())),
            None => pool.open -= 1,
        }
        self.pool.freed.notify_one();
    }
}

impl Database for Postgres {
    fn lasting<T>(&self, change: impl FnOnce(&mut dyn Session) -> Result<T, ServerError>) -> Result<T, ServerError> {
        self.with(|client| {
            let mut changes = client.transaction()?;
            let result = change(&mut Speaking(&mut changes))?;
            changes.commit()?;
            Ok(result)
        })
    }

    fn fleeting<T>(&self, ask: impl FnOnce(&mut dyn Session) -> Result<T, ServerError>) -> Result<T, ServerError> {
        self.with(|client| ask(&mut Speaking(client)))
    }
}

struct Speaking<'a, C>(&'a mut C);

impl<C: GenericClient> Session for Speaking<'_, C> {
    fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, ServerError> {
        Ok(self.0.execute(own(sql).as_str(), &parameters(values))?)
    }

    fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, ServerError> {
        let rows = self.0.query(own(sql).as_str(), &parameters(values))?;
        let read =
            |row: &postgres::Row| (0..row.len()).map(|index| value(row, index)).collect::<Result<_, _>>().map(Row);
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }

    fn alone(&mut self) -> Result<(), ServerError> {
        Ok(self.0.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).map(drop)?)
    }
}

fn parameters(values: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

/// The common text as PostgreSQL says it.
fn own(sql: &str) -> String {
    sql.replace(":now", "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)")
        .replace(":skip_locked", "FOR UPDATE SKIP LOCKED")
        .replace('?', "$")
}

/// The common tables as PostgreSQL says them.
fn own_schema(sql: &str) -> String {
    sql.replace("INTEGER PRIMARY KEY AUTOINCREMENT", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY")
        .replace("INTEGER", "BIGINT")
        .replace("BLOB", "BYTEA")
        .replace(" STRICT", "")
}

impl ToSql for Value {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(number) if *kind == Type::INT4 => i32::try_from(*number)?.to_sql(kind, out),
            Self::Integer(number) => number.to_sql(kind, out),
            Self::Text(text) => text.to_sql(kind, out),
            Self::Bytes(bytes) => bytes.to_sql(kind, out),
        }
    }

    fn accepts(kind: &Type) -> bool {
        [Type::INT4, Type::INT8, Type::TEXT, Type::BYTEA].contains(kind)
    }

    to_sql_checked!();
}

fn value(row: &postgres::Row, index: usize) -> Result<Value, postgres::Error> {
    Ok(match *row.columns()[index].type_() {
        Type::INT8 => row.try_get::<_, Option<i64>>(index)?.into(),
        Type::INT4 => row.try_get::<_, Option<i32>>(index)?.into(),
        Type::BYTEA => row.try_get::<_, Option<&[u8]>>(index)?.into(),
        _ => row.try_get::<_, Option<&str>>(index)?.into(),
    })
}
