//! A line of a file: one JSON object, its members taken one by one.

use character_domain::{Meta, Revision, Timestamp, json, number, size::MAX_ROW};
use character_storage_port::MAX_REVISION;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// Where a line comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// From an export of this service: it has a `revision`, and the row is to be exactly as it was.
    Backup,
    /// From a service that knows neither revisions nor versions: the row begins here.
    Elsewhere,
}

/// Whether a file says of a live row that it is not deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deletion {
    /// `is_deleted` and `deleted_at` are always there.
    Told,
    /// They are there for soft-deleted rows alone, since the format of old has no such members in this file.
    Sparse,
}

/// The member that a backup has and no other file.
const REVISION: &str = "revision";

/// The members of a line that are not read yet, or those written so far.
#[derive(Debug, Default)]
pub(super) struct Line(pub(super) Map<String, Value>);

impl Line {
    /// The object in `text`, and where it comes from; the reason as a sentence when it is refused. A line has at most
    /// [`MAX_ROW`] bytes, and an export writes none that is longer.
    pub(super) fn parse(text: &[u8]) -> Result<(Self, Origin), String> {
        if text.len() > MAX_ROW {
            return Err(too_large());
        }
        let line = json::parse(text).map(Self).map_err(|error| at_column(&error))?;
        let origin = if line.0.contains_key(REVISION) { Origin::Backup } else { Origin::Elsewhere };
        Ok((line, origin))
    }

    /// A member; an absent one is the same as `null`.
    pub(super) fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, String> {
        match self.0.remove(name) {
            // JSON has more than one spelling for a whole number.
            Some(Value::Number(number)) => {
                let number = Value::Number(number);
                let number = number::whole(&number).map_or(number, Value::from);
                serde_json::from_value(number).map_err(|error| format!("{name}: {error}"))
            }
            Some(value) => serde_json::from_value(value).map_err(|error| format!("{name}: {error}")),
            None => serde_json::from_value(Value::Null).map_err(|_| format!("{name}: is required")),
        }
    }

    /// A member that may be absent.
    pub(super) fn maybe<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, String> {
        if self.0.contains_key(name) { self.take(name).map(Some) } else { Ok(None) }
    }

    pub(super) fn take_meta(&mut self) -> Result<Meta, String> {
        let is_deleted: Option<bool> = self.maybe("is_deleted")?;
        let deleted_at: Option<Timestamp> = self.take("deleted_at")?;
        match (is_deleted, deleted_at) {
            (Some(true), None) => return Err("is_deleted without deleted_at".to_owned()),
            (Some(false), Some(_)) => return Err("deleted_at without is_deleted".to_owned()),
            _ => {}
        }
        let revision = self.maybe(REVISION)?.unwrap_or(Revision::FIRST);
        if !(Revision::FIRST..=MAX_REVISION).contains(&revision) {
            return Err(format!("{REVISION}: must be from {} to {MAX_REVISION}", Revision::FIRST));
        }
        Ok(Meta { revision, created_at: self.take("created_at")?, updated_at: self.take("updated_at")?, deleted_at })
    }

    /// Rejects every member that was not read.
    pub(super) fn finish(self) -> Result<(), String> {
        match self.0.keys().next() {
            Some(name) => Err(format!("{}: is not a member of this file", name.chars().take(100).collect::<String>())),
            None => Ok(()),
        }
    }

    pub(super) fn put(&mut self, name: &str, value: &impl Serialize) -> serde_json::Result<()> {
        self.0.insert(name.to_owned(), serde_json::to_value(value)?);
        Ok(())
    }

    pub(super) fn put_meta(&mut self, meta: &Meta, deletion: Deletion) -> serde_json::Result<()> {
        self.put(REVISION, &meta.revision)?;
        if meta.is_deleted() || deletion == Deletion::Told {
            self.put("is_deleted", &meta.is_deleted())?;
            self.put("deleted_at", &meta.deleted_at)?;
        }
        self.put("created_at", &meta.created_at)?;
        self.put("updated_at", &meta.updated_at)
    }
}

/// Why a line is refused that is longer than a row may be.
pub(super) fn too_large() -> String {
    format!("larger than {MAX_ROW} bytes")
}

/// What is wrong with the text of a line, and at which column. The parser knows of no other line than this one.
fn at_column(error: &serde_json::Error) -> String {
    let (text, column) = (error.to_string(), error.column());
    match text.strip_suffix(&format!(" at line {} column {column}", error.line())) {
        Some(reason) => format!("column {column}: {reason}"),
        None => text,
    }
}

/// How a field is read from a line and written to it: one module for each way.
pub(super) mod codec {
    use super::Line;
    use character_domain::{Document, character::DEFAULT_THEME};
    use serde::{Serialize, de::DeserializeOwned};

    macro_rules! codec {
        ($(#[doc = $doc:literal])+ $name:ident, $type:ty, |$line:ident, $field:ident| $take:expr, |$out:ident, $name_out:ident, $value:ident| $put:expr) => {
            $(#[doc = $doc])+
            pub(in crate::transfer) mod $name {
                use super::*;
                pub(in crate::transfer) fn take($line: &mut Line, $field: &str) -> Result<$type, String> {
                    $take
                }
                pub(in crate::transfer) fn put($out: &mut Line, $name_out: &str, $value: &$type) -> serde_json::Result<()> {
                    $put
                }
            }
        };
    }

    /// As its type has it.
    pub(in crate::transfer) mod value {
        use super::*;
        pub(in crate::transfer) fn take<T: DeserializeOwned>(line: &mut Line, field: &str) -> Result<T, String> {
            line.take(field)
        }
        pub(in crate::transfer) fn put(line: &mut Line, field: &str, value: &impl Serialize) -> serde_json::Result<()> {
            line.put(field, value)
        }
    }
    codec!(
        /// An object that may be left out when it is empty, and always is written.
        document, Document,
        |line, field| line.maybe(field).map(Option::unwrap_or_default),
        |line, field, value| line.put(field, value)
    );
    codec!(
        /// An object that is written only when there is something in it, since the format of old lacks it.
        sparse, Document,
        |line, field| line.maybe(field).map(Option::unwrap_or_default),
        |line, field, value| if value.0.is_empty() { Ok(()) } else { line.put(field, value) }
    );
    codec!(
        /// A theme, which may be left out.
        theme, String,
        |line, field| line.maybe(field).map(|theme| theme.unwrap_or_else(|| DEFAULT_THEME.to_owned())),
        |line, field, value| line.put(field, value)
    );
    codec!(
        /// True when it is left out.
        yes, bool,
        |line, field| line.maybe(field).map(|flag| flag.unwrap_or(true)),
        |line, field, value| line.put(field, value)
    );
    codec!(
        /// A character that the line need not name: it is then that of the journal entry, which is looked up later.
        of_entry, character_domain::CharacterId,
        |line, field| line.maybe(field).map(|id| id.unwrap_or(character_domain::CharacterId(uuid::Uuid::nil()))),
        |line, field, value| line.put(field, value)
    );
}
