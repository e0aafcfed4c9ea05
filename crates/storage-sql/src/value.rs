//! Values as both engines know them.

use character_domain::{Meta, Revision, Timestamp};
use uuid::Uuid;

/// One value of a parameter or a column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Uuid(Uuid),
    Text(String),
    Bool(bool),
    Int(i64),
    /// A PostgreSQL array with the type of its elements; SQLite has none.
    List(ColumnType, Vec<Value>),
}

impl Value {
    /// Microseconds since 1970: exact over the whole range of [`Timestamp`], which `timestamptz` is not.
    pub(crate) fn time(time: Timestamp) -> Self {
        Self::Int(time.as_microsecond())
    }

    /// A number that no column holds cannot match one either: -1 stands for it.
    pub(crate) fn revision(revision: Revision) -> Self {
        Self::Int(i64::try_from(revision.0).unwrap_or(-1))
    }

    pub(crate) fn or_null(value: Option<Self>) -> Self {
        value.unwrap_or(Self::Null)
    }
}

impl From<Uuid> for Value {
    fn from(id: Uuid) -> Self {
        Self::Uuid(id)
    }
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColumnType {
    Uuid,
    Text,
    Bool,
    Int,
}

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) holds: ColumnType,
}

impl Column {
    pub(crate) const fn new(name: &'static str, holds: ColumnType) -> Self {
        Self { name, holds }
    }
}

/// A stored value that is not what the column should hold.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unreadable(pub(crate) String);

/// One row of a result, read column by column from the left.
#[derive(Clone, Debug)]
pub(crate) struct Row(std::vec::IntoIter<Value>);

impl Row {
    pub(crate) fn new(values: Vec<Value>) -> Self {
        Self(values.into_iter())
    }

    pub(crate) fn read<T: FromValue>(&mut self) -> Result<T, Unreadable> {
        T::from_value(self.0.next().ok_or_else(|| Unreadable("the row has too few columns".into()))?)
    }

    /// The last column that was not read.
    pub(crate) fn pop(&mut self) -> Result<Value, Unreadable> {
        self.0.next_back().ok_or_else(|| Unreadable("the row has too few columns".into()))
    }

    /// The number of bytes of its texts.
    pub(crate) fn text_bytes(&self) -> usize {
        let bytes = |value: &Value| if let Value::Text(text) = value { text.len() } else { 0 };
        self.0.as_slice().iter().map(bytes).sum()
    }

    /// The columns `revision, created_at, updated_at, deleted_at`.
    pub(crate) fn read_meta(&mut self) -> Result<Meta, Unreadable> {
        Ok(Meta {
            revision: self.read()?,
            created_at: self.read()?,
            updated_at: self.read()?,
            deleted_at: self.read()?,
        })
    }
}

/// What a column can be read as.
pub(crate) trait FromValue: Sized {
    fn from_value(value: Value) -> Result<Self, Unreadable>;
}

fn unexpected<T>(wanted: &str) -> Result<T, Unreadable> {
    Err(Unreadable(format!("a column does not hold {wanted}")))
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Value) -> Result<Self, Unreadable> {
        if value == Value::Null { Ok(None) } else { T::from_value(value).map(Some) }
    }
}

impl FromValue for Uuid {
    fn from_value(value: Value) -> Result<Self, Unreadable> {
        if let Value::Uuid(id) = value { Ok(id) } else { unexpected("a UUID") }
    }
}

impl FromValue for String {
    fn from_value(value: Value) -> Result<Self, Unreadable> {
        if let Value::Text(text) = value { Ok(text) } else { unexpected("a text") }
    }
}

impl FromValue for bool {
    fn from_value(value: Value) -> Result<Self, Unreadable> {
        match value {
            Value::Bool(value) => Ok(value),
            // SQLite has no type of its own for truth.
            Value::Int(value) => Ok(value != 0),
            _ => unexpected("a truth value"),
        }
    }
}

impl FromValue for i64 {
    fn from_value(value: Value) -> Result<Self, Unreadable> {
        if let Value::Int(number) = value { Ok(number) } else { unexpected("an integer") }
    }
}

impl FromValue for Timestamp {
    fn from_value(value: Value) -> Result<Self, Unreadable> {
        let microseconds = i64::from_value(value)?;
        Timestamp::from_microsecond(microseconds).map_err(|error| Unreadable(error.to_string()))
    }
}

impl FromValue for Revision {
    fn from_value(value: Value) -> Result<Self, Unreadable> {
        u64::try_from(i64::from_value(value)?).map(Revision).or_else(|_| unexpected("a revision"))
    }
}
