//! The bearer tokens that open a listener.

use crate::middleware::note_principal;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use bytes::Bytes;
use futures_util::{
    Stream, StreamExt as _,
    future::{Either, select},
    stream,
};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest as _, Sha256};
use std::{error::Error, fmt, io, pin::pin, sync::Arc};
use subtle::{Choice, ConstantTimeEq};
use tokio::sync::watch;

/// How the access log names the callers, by the place of their token in the list: a token has no other name.
const PRINCIPALS: [&str; 4] = ["token 1", "token 2", "token 3", "token 4"];

/// The accepted bearer tokens. Several are allowed, so that clients can change theirs one by one.
///
/// Only digests are kept, and they are compared in constant time. Clones share them.
#[derive(Clone)]
pub struct AcceptedTokens {
    digests: Arc<watch::Sender<Digests>>,
}

type Digest32 = [u8; 32];
type Digests = Arc<[Digest32]>;

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
        Ok(Self { digests: Arc::new(watch::Sender::new(digests(tokens)?)) })
    }

    /// Accepts these tokens and no others from now on, in every clone.
    ///
    /// # Errors
    /// [`InvalidTokens`]; the tokens before stay.
    pub fn replace(&self, tokens: impl IntoIterator<Item = SecretString>) -> Result<(), InvalidTokens> {
        let digests = digests(tokens)?;
        self.digests.send_replace(digests);
        Ok(())
    }

    fn current(&self) -> Digests {
        Arc::clone(&self.digests.borrow())
    }

    /// Whether the headers carry one of them, in a single `Authorization`.
    #[must_use]
    pub fn accept(&self, headers: &HeaderMap) -> bool {
        let found = given(headers).and_then(|digest| find(&self.current(), &digest));
        if let Some(number) = found {
            note_principal(PRINCIPALS.get(number).copied().unwrap_or("token"));
        }
        found.is_some()
    }

    /// The token that the headers carry, to be followed as long as a response that was begun with it lasts.
    #[must_use]
    pub fn follow(&self, headers: &HeaderMap) -> FollowedToken {
        FollowedToken { digest: given(headers), accepted: self.digests.subscribe() }
    }

    #[cfg(test)]
    fn fits(&self, credentials: &[u8]) -> bool {
        digest_of(credentials).is_some_and(|digest| find(&self.current(), &digest).is_some())
    }
}

/// The token of one request. Only its digest is kept.
#[derive(Clone)]
pub struct FollowedToken {
    /// `None`: the request has no token.
    digest: Option<Digest32>,
    accepted: watch::Receiver<Digests>,
}

impl FollowedToken {
    /// Whether it is accepted now.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.digest.is_some_and(|digest| find(&self.accepted.borrow(), &digest).is_some())
    }

    /// Waits until it is not accepted any more.
    pub async fn revoked(&mut self) {
        let Self { digest, accepted } = self;
        let is_revoked = |digests: &Digests| digest.is_none_or(|digest| find(digests, &digest).is_none());
        if accepted.wait_for(is_revoked).await.is_err() {
            // No tokens can be replaced any more.
            std::future::pending::<()>().await;
        }
    }

    /// The parts of a response that was begun with the token. When it is not accepted any more, no further part is sent, and an
    /// error breaks the response off, so that it is not taken for a whole one.
    pub fn over<E: Into<Box<dyn Error + Send + Sync>>>(
        self,
        parts: impl Stream<Item = Result<Bytes, E>>,
    ) -> impl Stream<Item = io::Result<Bytes>> {
        let revoked = || io::Error::new(io::ErrorKind::PermissionDenied, "the token of the request was revoked");
        stream::unfold(Some((self, Box::pin(parts))), move |state| async move {
            let (mut token, mut parts) = state?;
            let part = match select(pin!(token.revoked()), parts.next()).await {
                Either::Left(_) => return Some((Err(revoked()), None)),
                Either::Right((part, _)) => part?.map_err(io::Error::other),
            };
            let more = part.is_ok().then_some((token, parts));
            Some((part, more))
        })
    }
}

impl fmt::Debug for FollowedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FollowedToken").field("accepted", &self.is_accepted()).finish_non_exhaustive()
    }
}

/// The digest of the token in the single `Authorization` of the headers.
fn given(headers: &HeaderMap) -> Option<Digest32> {
    let mut given = headers.get_all(AUTHORIZATION);
    let (Some(credentials), None) = (given.next(), given.next()) else { return None };
    digest_of(credentials.as_bytes())
}

fn digest_of(credentials: &[u8]) -> Option<Digest32> {
    const SCHEME: &[u8] = b"Bearer ";
    let (scheme, token) = credentials.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then(|| Sha256::digest(token.trim_ascii()).into())
}

/// Which of them it is, by its place in the list.
fn find(digests: &Digests, given: &Digest32) -> Option<usize> {
    // Every digest is compared, so that the time taken does not show which one matched.
    let fits: Vec<Choice> = digests.iter().map(|digest| digest.ct_eq(given)).collect();
    fits.into_iter().position(bool::from)
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
    use futures_util::FutureExt as _;

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

    #[tokio::test]
    async fn a_followed_token_is_revoked_when_it_is_replaced_and_not_when_another_one_is() {
        let accepted = tokens(&["old", "other"]).expect("usable");
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, actix_web::http::header::HeaderValue::from_static("Bearer old"));
        let mut followed = accepted.follow(&headers);
        accepted.replace(["old".into(), "new".into()]).expect("usable");
        assert!(followed.revoked().now_or_never().is_none() && followed.is_accepted());
        let waiting = tokio::spawn(async move {
            followed.revoked().await;
            followed
        });
        accepted.replace(["new".into()]).expect("usable");
        assert!(!waiting.await.expect("it ends").is_accepted());
        assert!(!accepted.follow(&HeaderMap::new()).is_accepted(), "a request without a token has none to follow");
        accepted.follow(&HeaderMap::new()).revoked().await;
    }

    #[tokio::test]
    async fn a_response_is_broken_off_when_its_token_is_revoked_and_ends_as_before_when_it_is_not() {
        let accepted = tokens(&["old", "other"]).expect("usable");
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, actix_web::http::header::HeaderValue::from_static("Bearer old"));
        let part = || Ok::<_, io::Error>(Bytes::from_static(b"part"));
        let whole = accepted.follow(&headers).over(stream::iter([part(), part()]));
        assert_eq!(whole.map(|part| part.expect("accepted").len()).collect::<Vec<_>>().await, [4, 4]);
        let endless = stream::iter([part()]).chain(stream::pending());
        let mut broken = std::pin::pin!(accepted.follow(&headers).over(endless));
        assert!(broken.next().await.is_some_and(|part| part.is_ok()));
        assert!(broken.next().now_or_never().is_none(), "it waits");
        accepted.replace(["other".into()]).expect("usable");
        let error = broken.next().await.expect("it is broken off").expect_err("it is broken off");
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert!(broken.next().await.is_none());
    }

    #[test]
    fn a_token_is_not_printed() {
        let accepted = tokens(&["secret"]).expect("usable");
        assert_eq!(format!("{accepted:?}"), "AcceptedTokens(1)");
    }
}
