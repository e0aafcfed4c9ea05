//! What the port must know of a kind of row.

use crate::{Change, Write};
use character_domain::{Meta, Violations};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    fmt::{self, Debug, Display},
    hash::Hash,
    str::FromStr,
};
use uuid::Uuid;

/// The kinds of row. "Adding an aggregate" in `docs/` lists the places that follow this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EntityKind {
    /// [`Character`](character_domain::Character).
    Character,
}

impl EntityKind {
    /// The name of one: `character`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Character => "character",
        }
    }

    /// The name of many, as in paths and tables: `characters`.
    #[must_use]
    pub fn collection(self) -> &'static str {
        match self {
            Self::Character => "characters",
        }
    }
}

impl Display for EntityKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A kind of row that the port stores: plain data with an id and a [`Meta`] block.
pub trait Entity: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Its identifier.
    type Id: Copy
        + Debug
        + Display
        + FromStr
        + Eq
        + Ord
        + Hash
        + From<Uuid>
        + Into<Uuid>
        + Serialize
        + DeserializeOwned
        + Send
        + Sync
        + 'static;
    /// How lists of it are filtered.
    type Query: Query<Self>;
    /// Which kind it is.
    const KIND: EntityKind;
    /// The operation name of a find, for errors, metrics and spans.
    const FIND: &'static str;
    /// The operation name of a list.
    const LIST: &'static str;

    /// Its identity.
    fn id(&self) -> Self::Id;
    /// Its revision and times.
    fn meta(&self) -> &Meta;
    /// Its revision and times, to be set by a storage.
    fn meta_mut(&mut self) -> &mut Meta;
    /// Every rule it breaks by itself; a storage refuses it as `Invalid` unless there is none.
    fn check(&self) -> Violations;
    /// The lists it appears in.
    fn scopes(&self) -> Vec<Scope>;
    /// A change of this kind of row, as a write.
    fn write(change: Change<Self>) -> Write;
}

/// A filter over one kind of row.
///
/// `matches` is the definition; a storage answers the same from its indexes.
pub trait Query<E>: Clone + Debug + Default + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Whether the row belongs in the list, soft-deletion included.
    fn matches(&self, entity: &E) -> bool;
    /// The narrowest [`Scope`] that holds every row of the list.
    fn scope(&self) -> Scope;
}

/// A set of rows that lists are drawn from, such as all rows of one user. A cache forgets the lists of a
/// scope when a row in it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Every row of the kind.
    All,
    /// The rows that belong to one owner, named by the field that says so: `("user_id", …)`.
    Owner(&'static str, Uuid),
}

impl Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Owner(field, id) => write!(f, "{field}:{id}"),
        }
    }
}
