//! Merge patches (RFC 7396) of rows.

use crate::fields::Fields;
use character_domain::Violations;
use character_repositories::RepositoryError;
use serde_json::{Map, Value};

/// A row as its writer would write it, and how that is read.
pub(crate) trait Writable: Sized {
    /// The fields that a client may change, as it would write them all.
    fn as_written(&self) -> Map<String, Value>;

    /// This row with those fields.
    fn rewritten(&self, fields: &mut Fields) -> Self;
}

/// Changes of a row, once it is known that they name fields that may be changed.
pub(crate) fn patch<E: Writable>(
    members: Map<String, Value>,
    read_only: &[&str],
) -> Result<impl Fn(&E) -> Result<E, RepositoryError>, Violations> {
    let mut refused = Fields::of(members.clone());
    refused.refuse(read_only, "is read-only");
    refused.refuse(&["id", "revision", "created_at", "updated_at", "deleted_at"], "is read-only");
    refused.faults.into_result()?;
    let patch = Value::Object(members);
    Ok(move |current: &E| {
        let mut merged = Value::Object(current.as_written());
        json_patch::merge(&mut merged, &patch);
        let Value::Object(members) = merged else {
            return Err(RepositoryError::Invalid(Violations::one("body", "must be an object")));
        };
        let mut fields = Fields::of(members);
        let next = current.rewritten(&mut fields);
        fields.refuse_the_rest();
        fields.faults.into_result().map_err(RepositoryError::Invalid)?;
        Ok(next)
    })
}
