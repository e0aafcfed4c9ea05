//! A value that one side replaces while others use it.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

/// A value that one side replaces while others use it. Clones share the value. A reader never waits for longer than the
/// exchange of a pointer.
pub struct Current<T>(Arc<RwLock<Arc<T>>>);

impl<T> Clone for Current<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Current<T> {
    /// Without the value, which may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Current").finish_non_exhaustive()
    }
}

impl<T> Current<T> {
    /// Begins with this value.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(value))))
    }

    /// The value at this moment. Compare two by `Arc::ptr_eq` to learn whether it was replaced between them.
    #[must_use]
    pub fn get(&self) -> Arc<T> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the value for every clone. Values that were read before stay as they are.
    pub fn replace(&self, value: T) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_value_reaches_every_clone_and_leaves_what_was_read_before() {
        let current = Current::new("old");
        let (clone, before) = (current.clone(), current.get());
        current.replace("new");
        assert_eq!((*before, *clone.get()), ("old", "new"));
        assert!(!Arc::ptr_eq(&before, &clone.get()));
        assert_eq!(format!("{current:?}"), "Current { .. }");
    }
}
