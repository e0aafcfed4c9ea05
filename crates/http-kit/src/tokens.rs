//! The bearer tokens that open a listener.

use crate::middleware::note_principal;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::{fmt, sync::Arc};
use subtle::{Choice, ConstantTimeEq};

/// How the access log names the callers, by the place of their token in the list: a token has no other name.
const PRINCIPALS: [&str; 4] = ["token 1", "token 2", "token 3", "token 4"];

/// The accepted bearer tokens. Several are allowed, so that clients can change theirs one by one.
///
/// Only digests are kept, and they are compared in constant time.
#[derive(Clone)]
pub struct AcceptedTokens {
    digests: Arc<[[u8; 32]]>,
}

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
        if digests.is_empty() { Err(InvalidTokens::None) } else { Ok(Self { digests: digests.into() }) }
    }

    /// Whether the headers carry one of them, in a single `Authorization`.
    #[must_use]
    pub fn accept(&self, headers: &HeaderMap) -> bool {
        let mut given = headers.get_all(AUTHORIZATION);
        let (Some(credentials), None) = (given.next(), given.next()) else { return false };
        let found = self.find(credentials.as_bytes());
        if let Some(number) = found {
            note_principal(PRINCIPALS.get(number).copied().unwrap_or("token"));
        }
        found.is_some()
    }

    #[cfg(test)]
    fn fits(&self, credentials: &[u8]) -> bool {
        self.find(credentials).is_some()
    }

    /// Which of them it is, by its place in the list.
    fn find(&self, credentials: &[u8]) -> Option<usize> {
        const SCHEME: &[u8] = b"Bearer ";
        let (scheme, token) = credentials.split_at_checked(SCHEME.len())?;
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return None;
        }
        let given: [u8; 32] = Sha256::digest(token.trim_ascii()).into();
        // Every digest is looked at, so that the time taken does not tell which one matched.
        let fits: Vec<Choice> = self.digests.iter().map(|digest| digest.ct_eq(&given)).collect();
        fits.into_iter().position(bool::from)
    }
}

impl fmt::Debug for AcceptedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AcceptedTokens({})", self.digests.len())
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
    fn a_token_is_not_printed() {
        let accepted = tokens(&["secret"]).expect("usable");
        assert_eq!(format!("{accepted:?}"), "AcceptedTokens(1)");
    }
}
