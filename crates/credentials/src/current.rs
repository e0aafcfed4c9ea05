//! A value that one side replaces while others use it.

use std::{fmt, future::poll_fn, pin::pin, sync::Arc, task::Poll};
use tokio::sync::watch;

/// A value that one side replaces while others use it. Clones share the value. A reader never waits for longer than the
/// exchange of a pointer.
pub struct Current<T>(Arc<watch::Sender<Arc<T>>>);

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
        Self(Arc::new(watch::Sender::new(Arc::new(value))))
    }

    /// The value at this moment. Compare two by `Arc::ptr_eq` to learn whether it was replaced between them.
    #[must_use]
    pub fn get(&self) -> Arc<T> {
        Arc::clone(&self.0.borrow())
    }

    /// Whether the value, which [`get`](Self::get) has returned, was replaced since.
    #[must_use]
    pub fn has_replaced(&self, value: &Arc<T>) -> bool {
        !Arc::ptr_eq(value, &self.0.borrow())
    }

    /// Replaces the value for every clone. Values that were read before stay as they are.
    pub fn replace(&self, value: T) {
        self.0.send_replace(Arc::new(value));
    }

    /// The outcome of work with the value; `None`: the value was replaced first, and the work was dropped.
    pub async fn until_replaced<W>(&self, value: &Arc<T>, work: impl Future<Output = W>) -> Option<W> {
        let mut current = self.0.subscribe();
        let mut work = pin!(work);
        // The sender lives as long as `self`.
        let mut replaced = pin!(current.wait_for(|current| !Arc::ptr_eq(value, current)));
        poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
            Poll::Pending => replaced.as_mut().poll(context).map(|_| None),
        })
        .await
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
        assert!(clone.has_replaced(&before) && !clone.has_replaced(&clone.get()));
        assert_eq!(format!("{current:?}"), "Current { .. }");
    }
}
