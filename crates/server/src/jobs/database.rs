//! What a database must be able to do, so that one text of SQL serves them all.
//!
//! The text is SQLite's, with `?1` for parameters, and two words more: `:now` are milliseconds since 1970 by the database's
//! own clock, so that machines whose clocks differ agree; `:skip_locked` keeps a row that is chosen from whoever else
//! chooses at this moment.

use crate::ServerError;

/// The tables, as they came to be: a database of an earlier version gets what it lacks.
pub(super) const SCHEMA: [&str; 2] = [include_str!("schema-1.sql"), include_str!("schema-2.sql")];

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A whole number.
    Integer(i64),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// A row that was asked for.
#[derive(Clone, Debug)]
pub struct Row(pub(super) Vec<Value>);

impl Row {
    /// What a column holds.
    pub(super) fn get<T: Column>(&self, index: usize) -> Result<T, ServerError> {
        self.0.get(index).and_then(T::read).ok_or(ServerError::Column { index })
    }
}

/// One who may ask and change.
pub trait Session {
    /// Changes rows; how many.
    ///
    /// # Errors
    /// That of the database; so for all that follow.
    fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, ServerError>;

    /// All rows that are asked for.
    fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, ServerError>;

    /// Waits until nobody else who asked for it is in the middle of a change.
    fn alone(&mut self) -> Result<(), ServerError>;

    /// The first row that is asked for.
    fn first(&mut self, sql: &str, values: &[Value]) -> Result<Option<Row>, ServerError> {
        Ok(self.query(sql, values)?.into_iter().next())
    }
}

/// A database.
pub trait Database: Send + Sync {
    /// Does all of `change` or nothing, and puts it on the disk.
    ///
    /// # Errors
    /// That of `change`, or of the database; so for all that follow.
    fn lasting<T>(&self, change: impl FnOnce(&mut dyn Session) -> Result<T, ServerError>) -> Result<T, ServerError>;

    /// Asks, or changes what need not outlive the machine.
    fn fleeting<T>(&self, ask: impl FnOnce(&mut dyn Session) -> Result<T, ServerError>) -> Result<T, ServerError>;
}

/// What can be read from a column.
pub(super) trait Column: Sized {
    fn read(value: &Value) -> Option<Self>;
}

impl Column for String {
    fn read(value: &Value) -> Option<Self> {
        if let Value::Text(text) = value { Some(text.clone()) } else { None }
    }
}

impl Column for [u8; 32] {
    fn read(value: &Value) -> Option<Self> {
        if let Value::Bytes(bytes) = value { bytes.as_slice().try_into().ok() } else { None }
    }
}

impl<T: Column> Column for Option<T> {
    fn read(value: &Value) -> Option<Self> {
        if *value == Value::Null { Some(None) } else { T::read(value).map(Some) }
    }
}

macro_rules! whole_numbers {
    ($($kind:ty),*) => {$(
        impl Column for $kind {
            fn read(value: &Value) -> Option<Self> {
                if let Value::Integer(number) = value { (*number).try_into().ok() } else { None }
            }
        }

        impl From<$kind> for Value {
            fn from(number: $kind) -> Self {
                // Nothing here counts so far.
                Self::Integer(i64::try_from(number).unwrap_or(i64::MAX))
            }
        }
    )*};
}
whole_numbers!(i32, i64, u8, u32, u64, usize);

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Parameters of a statement.
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$($crate::jobs::database::Value::from($value)),*] };
}
pub(super) use values;
