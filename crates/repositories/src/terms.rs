//! The terms under which an act is done.

use crate::{Condition, IdempotencyKey, RepositoryError, Result, idempotency::Repeatable};
use character_domain::Violations;
use serde::Serialize;

/// What a caller says of an act beside what it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Which revisions of the row it may change.
    pub condition: Condition,
    /// Under this key a repeat of the same request gets the first answer and changes nothing.
    pub key: Option<IdempotencyKey>,
    /// Who does it, for the record of versions.
    pub author: Option<String>,
}

impl From<Condition> for Terms {
    fn from(condition: Condition) -> Self {
        Self { condition, ..Self::default() }
    }
}

impl From<IdempotencyKey> for Terms {
    fn from(key: IdempotencyKey) -> Self {
        Self { key: Some(key), ..Self::default() }
    }
}

impl Terms {
    /// What makes the act repeatable, when it has a key. `request` is all that the caller asked for.
    pub(crate) fn repeatable(&self, act: &str, request: &impl Serialize) -> Result<Option<Repeatable>> {
        let unwritable = |error: serde_json::Error| RepositoryError::Invalid(Violations::one("", error.to_string()));
        self.key.as_ref().map(|key| Repeatable::new(act, key, request)).transpose().map_err(unwritable)
    }
}
