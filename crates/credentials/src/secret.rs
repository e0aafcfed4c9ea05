//! A secret that changes while clients use it.

use crate::Current;
use secrecy::SecretString;
use std::{fmt, sync::Arc};

/// A token, a password, or an address that holds one. Clones share it, so that a replaced secret reaches every client for
/// its next request or connection.
#[derive(Clone)]
pub struct Secret(Current<SecretString>);

impl Secret {
    /// Begins with this text.
    #[must_use]
    pub fn new(text: SecretString) -> Self {
        Self(Current::new(text))
    }

    /// The text at this moment.
    #[must_use]
    pub fn get(&self) -> Arc<SecretString> {
        self.0.get()
    }

    /// Whether the text, which [`get`](Self::get) has returned, was replaced since.
    #[must_use]
    pub fn has_replaced(&self, text: &Arc<SecretString>) -> bool {
        self.0.has_replaced(text)
    }

    /// Replaces the text for every clone.
    pub fn replace(&self, text: SecretString) {
        self.0.replace(text);
    }

    /// The outcome of work with the text; `None`: the text was replaced first, and the work was dropped. For work that waits long, such
    /// as a poll, and would be refused when the other side accepts the text no longer.
    pub async fn until_replaced<T>(&self, text: &Arc<SecretString>, work: impl Future<Output = T>) -> Option<T> {
        self.0.until_replaced(text, work).await
    }
}

impl From<SecretString> for Secret {
    fn from(text: SecretString) -> Self {
        Self::new(text)
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text.into())
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(********)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    #[test]
    fn a_secret_is_replaced_for_every_clone_and_never_printed() {
        let secret = Secret::from("hunter2");
        let clone = secret.clone();
        secret.replace("hunter3".into());
        assert_eq!(clone.get().expose_secret(), "hunter3");
        assert!(!format!("{secret:?}").contains("hunter"));
    }

    #[tokio::test]
    async fn work_ends_when_its_secret_is_replaced_and_not_for_one_that_was_replaced_before() {
        let secret = Secret::from("old");
        let old = secret.get();
        assert_eq!(secret.until_replaced(&old, async { 1 }).await, Some(1));
        let waiting = tokio::spawn({
            let (secret, old) = (secret.clone(), Arc::clone(&old));
            async move { secret.until_replaced(&old, std::future::pending::<()>()).await }
        });
        tokio::task::yield_now().await;
        assert!(!secret.has_replaced(&old) && !waiting.is_finished());
        secret.replace("new".into());
        assert_eq!(waiting.await.unwrap(), None);
        assert!(secret.has_replaced(&old) && !secret.has_replaced(&secret.get()));
        assert_eq!(secret.until_replaced(&old, std::future::pending::<()>()).await, None);
    }
}
