//! The bearer tokens that open a listener.

use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};
use subtle::{Choice, ConstantTimeEq};

/// The accepted bearer tokens. Several are allowed, so that clients can change theirs one by one.
///
/// Only digests are kept, and they are compared in constant time. Clones share them.
#[derive(Clone)]
pub struct AcceptedTokens {
    digests: Arc<RwLock<Digests>>,
}

type Digests = Arc<[[u8; 32]]>;

/// Tokens that are rejected because they protect nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTokens {
    /// The list is empty.
    #[error("at least one bearer token is needed")]
    None,
    /// A token is empty, or contains characters that a header cannot carry.
    #[error("a bearer token must be made of visible ASCII characters")]
    Unusable,
}

impl AcceptedTokens {
    /// Accepts these tokens and no others.
    ///
    /// # Errors
    /// [`InvalidTokens`].
    pub fn new(tokens: impl IntoIterator<Item = SecretString>) -> Result<Self, InvalidTokens> {
        Ok(Self { digests: Arc::new(RwLock::new(digests(tokens)?)) })
    }

    /// Accepts these tokens and no others from now on, in every clone.
    ///
    /// # Errors
    /// [`InvalidTokens`]; the tokens before stay.
    pub fn replace(&self, tokens: impl IntoIterator<Item = SecretString>) -> Result<(), InvalidTokens> {
        let digests = digests(tokens)?;
        *self.digests.write().unwrap_or_else(PoisonError::into_inner) = digests;
        Ok(())
    }

    fn current(&self) -> Digests {
        Arc::clone(&self.digests.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the headers carry one of them, in a single `Authorization`.
    #[must_use]
    pub fn accept(&self, headers: &HeaderMap) -> bool {
        let mut given = headers.get_all(AUTHORIZATION);
        matches!((given.next(), given.next()), (Some(credentials), None) if self.fits(credentials.as_bytes()))
    }

    fn fits(&self, credentials: &[u8]) -> bool {
        const SCHEME: &[u8] = b"Bearer ";
        let Some((scheme, token)) = credentials.split_at_checked(SCHEME.len()) else { return false };
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return false;
        }
        let given: [u8; 32] = Sha256::digest(token.trim_ascii()).into();
        // Every digest is looked at, so that the time taken does not tell which one matched.
        let found = self.current().iter().fold(Choice::from(0), |found, digest| found | digest.ct_eq(&given));
        found.into()
    }
}

fn digests(tokens: impl IntoIterator<Item = SecretString>) -> Result<Digests, InvalidTokens> {
    let mut digests = Vec::new();
    for token in tokens {
        let token = token.expose_secret();
        if token.is_empty() || !token.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
            return Err(InvalidTokens::Unusable);
        }
        if token.trim() != token {
            return Err(InvalidTokens::Unusable);
        }
        digests.push(Sha256::digest(token.as_bytes()).into());
    }
    if digests.is_empty() { Err(InvalidTokens::None) } else { Ok(digests.into()) }
}

impl fmt::Debug for AcceptedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AcceptedTokens({})", self.current().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(tokens: &[&str]) -> Result<AcceptedTokens, InvalidTokens> {
        AcceptedTokens::new(tokens.iter().map(|token| SecretString::from(*token)))
    }

    #[test]
    fn each_of_several_tokens_is_accepted_and_nothing_else() {
        let accepted = tokens(&["old", "new"]).expect("usable");
        for good in ["Bearer old", "Bearer new", "bearer new", "Bearer  new"] {
            assert!(accepted.fits(good.as_bytes()), "{good}");
        }
        for bad in ["", "Bearer", "Bearer ", "Bearer ol", "Bearer old2", "old", "Basic old", "Bearerold", "Bearer OLD"]
        {
            assert!(!accepted.fits(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn tokens_that_protect_nothing_are_refused() {
        assert_eq!(tokens(&[]).err(), Some(InvalidTokens::None));
        for unusable in ["", " ", "line\nbreak", " padded", "\u{e9}"] {
            assert_eq!(tokens(&["good", unusable]).err(), Some(InvalidTokens::Unusable), "{unusable:?}");
        }
    }

    #[test]
    fn replaced_tokens_count_in_every_clone_and_unusable_ones_change_nothing() {
        let accepted = tokens(&["old"]).expect("usable");
        let clone = accepted.clone();
        accepted.replace(["old".into(), "new".into()]).expect("usable");
        assert!(clone.fits(b"Bearer old") && clone.fits(b"Bearer new"));
        accepted.replace(["new".into()]).expect("usable");
        assert!(!clone.fits(b"Bearer old") && clone.fits(b"Bearer new"));
        assert_eq!(accepted.replace([]), Err(InvalidTokens::None));
        assert_eq!(accepted.replace([" ".into()]), Err(InvalidTokens::Unusable));
        assert!(clone.fits(b"Bearer new"));
    }

    #[test]
    fn a_token_is_not_printed() {
        let accepted = tokens(&["secret"]).expect("usable");
        assert_eq!(format!("{accepted:?}"), "AcceptedTokens(1)");
    }
}
