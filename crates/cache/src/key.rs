//! The keys of cached values.

use character_storage_port::{EntityKind, PageRequest, Scope, Start};
use serde::Serialize;
use std::{fmt, sync::Arc};
use uuid::Uuid;

/// The key of a cached value, such as `character:row:<id>`. The same text in every tier.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(Arc<str>);

impl Key {
    /// The key of one row.
    #[must_use]
    pub fn row(kind: EntityKind, id: Uuid) -> Self {
        let mut buffer = Uuid::encode_buffer();
        // Every read makes one, so this is not left to the machinery of formatting.
        Self([kind.as_str(), ":row:", id.hyphenated().encode_lower(&mut buffer)].concat().into())
    }

    /// The key of one page of a list.
    pub(crate) fn page(kind: EntityKind, query: &impl Serialize, page: &PageRequest) -> serde_json::Result<Self> {
        let start = match &page.start {
            Start::First => "first".to_owned(),
            Start::Offset(rows) => format!("offset-{rows}"),
            Start::After(cursor) => format!("after-{cursor}"),
        };
        // A filter may hold a stranger's text of any length, so the key holds its name in the version-5 sense.
        let query = Uuid::new_v5(&Uuid::NAMESPACE_OID, &serde_json::to_vec(query)?);
        Ok(Self(format!("{kind}:list:{query}:{}:{start}", page.limit.get()).into()))
    }

    /// Whether it is that of a page.
    pub(crate) fn is_page(&self) -> bool {
        self.0.split(':').nth(1) == Some("list")
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A subject of changes in the log, on which cached values depend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    /// One row.
    Row(EntityKind, Uuid),
    /// All lists of one scope.
    Lists(EntityKind, Scope),
}
