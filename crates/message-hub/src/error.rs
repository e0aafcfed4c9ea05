//! One error for every operation of the port: what kind, and whether the operation may have had its effect.

use std::{borrow::Cow, error::Error as StdError, fmt, sync::Arc, time::Duration};

/// The result of an operation of the port.
pub type Result<T, E = HubError> = std::result::Result<T, E>;

/// What went wrong, as far as a caller can act on it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The hub cannot be reached or cannot answer now.
    Unavailable {
        /// How long the hub asked to wait.
        retry_after: Option<Duration>,
    },
    /// No answer in time. The detail names the limit and its length.
    Timeout,
    /// No instance of the service is there. The request was not delivered.
    NoResponder,
    /// The hub keeps as many events as it may; it takes new ones when old ones have expired or were removed.
    Full,
    /// The message is larger than the hub takes. Nothing was sent.
    TooLarge {
        /// The maximum size, in bytes.
        limit: u64,
        /// The size of the message, in bytes.
        size: u64,
    },
    /// The credentials were missing, not accepted, or revoked.
    Unauthorized,
    /// The credentials do not permit this.
    Forbidden,
    /// The hub refuses the message itself; repeating it unchanged cannot succeed.
    Invalid,
    /// The hub answered something that breaks its contract.
    Corrupt,
    /// Another subscriber has the delivery now: it was settled too late.
    DeliveryLost,
    /// The subscription was removed while its subscriber waited. Subscribing again begins a new one.
    NotFound,
}

impl ErrorKind {
    /// Every code, for tables and bounded labels.
    pub const CODES: &'static [&'static str] = &[
        "unavailable",
        "timeout",
        "no-responder",
        "full",
        "too-large",
        "unauthorized",
        "forbidden",
        "invalid",
        "corrupt",
        "delivery-lost",
        "not-found",
    ];

    /// A stable name for logs, metrics and the wire.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unavailable { .. } => "unavailable",
            Self::Timeout => "timeout",
            Self::NoResponder => "no-responder",
            Self::Full => "full",
            Self::TooLarge { .. } => "too-large",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::Invalid => "invalid",
            Self::Corrupt => "corrupt",
            Self::DeliveryLost => "delivery-lost",
            Self::NotFound => "not-found",
        }
    }

    fn default_applied(&self) -> Applied {
        match self {
            Self::Unavailable { .. } | Self::Timeout | Self::Corrupt => Applied::Unknown,
            _ => Applied::No,
        }
    }
}

/// Whether a failed operation may have had its effect all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It certainly had none: nothing was kept, and no service received the request.
    No,
    /// It may have had its effect.
    Unknown,
}

/// A failed operation of the hub.
///
/// `Display` gives one line without the source; walk [`StdError::source`] for the chain.
#[derive(Clone, Debug)]
pub struct HubError {
    kind: ErrorKind,
    operation: &'static str,
    applied: Applied,
    detail: Option<Cow<'static, str>>,
    limit: Option<(&'static str, Duration)>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl HubError {
    /// An error of `kind` in `operation`. `Unavailable`, `Timeout` and `Corrupt` leave the effect unknown; all others had
    /// certainly none.
    #[must_use]
    pub fn new(kind: ErrorKind, operation: &'static str) -> Self {
        Self { applied: kind.default_applied(), kind, operation, detail: None, limit: None, source: None }
    }

    /// Sets whether the operation may have had its effect.
    #[must_use]
    pub fn with_applied(mut self, applied: Applied) -> Self {
        self.applied = applied;
        self
    }

    /// Adds a sentence for a person. It must not hold secrets or contents.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Names the limit of time that was over, such as `the timeout of the call`, in the detail of a [`Timeout`](ErrorKind::Timeout).
    /// Does nothing when an inner limit is named already, and to errors of other kinds.
    #[must_use]
    pub fn within(mut self, limit: &'static str, length: Duration) -> Self {
        if self.kind == ErrorKind::Timeout && self.limit.is_none() {
            let over = format!("no answer within {length:?}, {limit}");
            self.detail = Some(match self.detail.take() {
                Some(detail) => format!("{detail}: {over}").into(),
                None => over.into(),
            });
            self.limit = Some((limit, length));
        }
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// What kind of failure this is.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// The operation that failed: [`PUBLISH`](crate::PUBLISH), [`REQUEST`](crate::REQUEST), ….
    #[must_use]
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// A sentence for a person, when there is more to say than the kind does.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// The limit of time that was over, and its length, when this process has named it by [`within`](Self::within).
    #[must_use]
    pub fn limit(&self) -> Option<(&'static str, Duration)> {
        self.limit
    }

    /// Whether the operation **certainly** had no effect.
    #[must_use]
    pub fn certainly_not_applied(&self) -> bool {
        self.applied == Applied::No
    }

    /// Whether the message itself is refused, so that repeating it unchanged cannot succeed: `TooLarge` and `Invalid`.
    /// Everything else is a state of the hub or of the way to it, and passes.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        matches!(self.kind, ErrorKind::TooLarge { .. } | ErrorKind::Invalid)
    }

    /// How long the hub asked to wait before the next attempt.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self.kind {
            ErrorKind::Unavailable { retry_after } => retry_after,
            _ => None,
        }
    }
}

impl fmt::Display for HubError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed: {}", self.operation, self.kind.code())?;
        if let ErrorKind::TooLarge { limit, size } = self.kind {
            write!(f, ": {size} bytes, at most {limit} are taken")?;
        }
        if let Some(detail) = &self.detail {
            write!(f, ": {detail}")?;
        }
        Ok(())
    }
}

impl StdError for HubError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_names_its_innermost_limit_and_other_errors_name_none() {
        let second = Duration::from_secs(1);
        let late = HubError::new(ErrorKind::Timeout, "hub.publish");
        let named =
            late.clone().within("the limit of one attempt", second).within("the timeout of the call", second * 5);
        assert_eq!(named.limit(), Some(("the limit of one attempt", second)));
        assert_eq!(named.to_string(), "hub.publish failed: timeout: no answer within 1s, the limit of one attempt");
        let explained = late.with_detail("JetStream is silent").within("the timeout of the call", second);
        assert_eq!(explained.detail(), Some("JetStream is silent: no answer within 1s, the timeout of the call"));
        let full = HubError::new(ErrorKind::Full, "hub.publish").within("the timeout of the call", second);
        assert_eq!((full.limit(), full.detail()), (None, None));
    }
}
