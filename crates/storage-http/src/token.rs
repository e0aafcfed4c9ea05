//! A token that is replaced while requests use it.

use crate::{ApiRequest, RequestKind};
use character_credentials::{Secret, SecretString};
use character_storage_wire::FollowParameters;
use std::{sync::Arc, time::Duration};

/// The token of one attempt.
///
/// When a token is rotated, the upstream accepts the one before no longer at some time. A poll that waits with it would then be
/// refused, and so is a request that was on its way. Both are sent again with the new token, and no caller sees a refusal.
#[derive(Debug)]
pub struct AttemptToken<'s> {
    secret: &'s Secret,
    text: Arc<SecretString>,
}

impl<'s> AttemptToken<'s> {
    /// The current one.
    #[must_use]
    pub fn current(secret: &'s Secret) -> Self {
        Self { secret, text: secret.get() }
    }

    /// Its text.
    #[must_use]
    pub fn text(&self) -> &SecretString {
        &self.text
    }

    /// The outcome of an attempt with it. `None`: the token was replaced meanwhile, and the attempt was refused or was a poll that
    /// waits. It had no effect; send [`second_attempt`] with the new token.
    pub async fn outcome<R, E>(
        &self,
        request: &ApiRequest,
        attempt: impl Future<Output = Result<R, E>>,
        status: impl FnOnce(&R) -> u16,
    ) -> Option<Result<R, E>> {
        let outcome = match request.kind {
            RequestKind::Follow { wait } if !wait.is_zero() => self.secret.until_replaced(&self.text, attempt).await?,
            _ => attempt.await,
        };
        let is_refused = outcome.as_ref().is_ok_and(|response| status(response) == 401);
        (!is_refused || !self.secret.has_replaced(&self.text)).then_some(outcome)
    }
}

/// The request for a second attempt. A poll does not wait this time: the time for it may be nearly over, and its caller polls again.
#[must_use]
pub fn second_attempt(request: &ApiRequest) -> ApiRequest {
    let at_once = match request.kind {
        RequestKind::Call => None,
        RequestKind::Follow { .. } => request.path.split_once('?').and_then(|(path, query)| {
            let parameters = FollowParameters { wait: Duration::ZERO, ..FollowParameters::decode(query).ok()? };
            Some(format!("{path}?{}", parameters.encode()))
        }),
    };
    match at_once {
        Some(path) => ApiRequest { path, kind: RequestKind::Follow { wait: Duration::ZERO }, ..request.clone() },
        None => request.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use character_storage_port::{Epoch, LogCursor};

    #[test]
    fn a_second_poll_asks_for_the_same_commits_and_does_not_wait() {
        let parameters =
            FollowParameters { after: LogCursor::new(Epoch::new(), &7), limit: 9, wait: Duration::from_secs(3) };
        let poll = ApiRequest {
            kind: RequestKind::Follow { wait: parameters.wait },
            ..ApiRequest::get("test", format!("/log?{}", parameters.encode()))
        };
        let second = second_attempt(&poll);
        let at_once = FollowParameters { wait: Duration::ZERO, ..parameters };
        assert_eq!(second.path, format!("/log?{}", at_once.encode()));
        assert_eq!(second.kind, RequestKind::Follow { wait: Duration::ZERO });
        let call = ApiRequest::get("test", "/log?wait_ms=7");
        assert_eq!((second_attempt(&call).path, second_attempt(&call).kind), (call.path, RequestKind::Call));
    }
}
