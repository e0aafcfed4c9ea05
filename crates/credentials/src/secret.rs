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

    /// Replaces the text for every clone.
    pub fn replace(&self, text: SecretString) {
        self.0.replace(text);
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
}
