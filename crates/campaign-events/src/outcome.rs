//! From the failure of a use case to the settlement of its event.

use character_domain::Violations;
use character_error_reporter::redacted;
use character_inbox::{Handled, Received};
use character_repositories::RepositoryError;

/// How often an event of an unknown campaign is delivered before it is rejected: the campaign may be created at the same time.
const UNKNOWN_ATTEMPTS: u64 = 5;

/// Why an event had no effect, or not its whole effect.
#[derive(Debug)]
pub(crate) enum Failed {
    /// It is to be delivered again.
    Later,
    /// What it is about does not exist.
    Unknown(String),
    /// It can never have its effect.
    Never(String),
}

impl Failed {
    pub(crate) fn invalid(violations: &Violations) -> Self {
        let faults: Vec<_> = violations.iter().map(|fault| format!("data.{}: {}", fault.field, fault.reason)).collect();
        Self::Never(faults.join("; "))
    }

    pub(crate) fn of(error: &RepositoryError) -> Self {
        match error {
            RepositoryError::NotFound(kind) => Self::Unknown(format!("the {kind} does not exist, or was deleted")),
            RepositoryError::Invalid(violations) => Self::invalid(violations),
            RepositoryError::Refused(refusal) => Self::Never(refusal.to_string()),
            RepositoryError::AlreadyExists { kind, .. } => {
                Self::Never(format!("a {kind} with the id that belongs to the event exists already"))
            }
            RepositoryError::IdempotencyMismatch => {
                Self::Never("an event with this source and id was handled before, with other data".to_owned())
            }
            _ => {
                tracing::warn!(error = %redacted(error), "an event of a campaign cannot be handled now");
                Self::Later
            }
        }
    }

    pub(crate) fn handled(self, received: &Received) -> Handled {
        match self {
            Self::Unknown(reason) if received.attempt >= UNKNOWN_ATTEMPTS => {
                Handled::Reject(format!("{reason}; the event was delivered {} times", received.attempt))
            }
            Self::Later | Self::Unknown(_) => Handled::RetryAfter(received.pause()),
            Self::Never(reason) => Handled::Reject(reason),
        }
    }
}
