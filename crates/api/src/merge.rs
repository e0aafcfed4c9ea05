//! Merge patches (RFC 7396) of rows.

use crate::{fields::Fields, object::Object, resource::Resource};
use character_domain::Violations;
use character_repositories::RepositoryError;
use character_storage_port::{ErrorKind, StorageError};
use serde_json::Value;

/// Changes of a row, once it is known that they name fields that may be changed.
pub(crate) fn patch<R: Resource>(members: Object) -> Result<impl Fn(&R) -> Result<R, RepositoryError>, Violations> {
    let mut fields = Fields::of(members.clone());
    fields.refuse(R::READ_ONLY, "is read-only");
    fields.refuse(&["id", "revision", "created_at", "updated_at", "deleted_at"], "is read-only");
    let is_refused = !fields.faults.is_empty();
    // A null of an unknown member would vanish in the merge.
    let new = R::read(&mut fields);
    if is_refused || fields.has_rest() {
        return Err(fields.faults_of_change(&members, &R::check_new(new)));
    }
    let patch = members.into_value();
    Ok(move |current: &R| {
        let mut merged = as_written(current)?;
        json_patch::merge(&mut merged, &patch);
        let Value::Object(members) = merged else {
            return Err(RepositoryError::Invalid(Violations::one("body", "must be an object")));
        };
        let mut fields = Fields::of(members);
        let next = current.rewritten(&mut fields);
        fields.finish(next, |next| next.check()).map_err(RepositoryError::Invalid)
    })
}

/// The fields of a row that a client may change, as it would write them all.
fn as_written<R: Resource>(row: &R) -> Result<Value, RepositoryError> {
    let mut written = serde_json::to_value(row).map_err(|error| {
        let error = StorageError::new(ErrorKind::Corrupt, R::FIND).with_source(error);
        RepositoryError::Storage(error.with_detail("the row cannot be written as JSON"))
    })?;
    if let Value::Object(members) = &mut written {
        for name in ["id", "meta"].iter().chain(R::READ_ONLY) {
            members.remove(*name);
        }
    }
    Ok(written)
}
