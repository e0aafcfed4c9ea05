//! From an error of the port to the report of a failed operation.

use crate::{config::ReportConfig, sentry::SentryLink};
use character_error_reporter::{Chain, ErrorReporter, Failure, FanOut, Log, RateLimited, Recent, Redactor, Row};
use character_error_reporter_hub::{ERROR_REPORTED, HubReporter};
use character_http_kit::middleware::current_request;
use character_message_hub::MessageHub;
use character_message_hub::{HubError, PUBLISH};
use character_storage_http::{CircuitBreakers, FailureAnswer, TransportError};
use character_storage_port::{DomainEvent, EntityKind, ErrorKind, StorageError};
use opentelemetry::trace::TraceContextExt;
use secrecy::SecretString;
use std::{error::Error, sync::Arc, time::Duration, time::Instant};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Maximum number of causes that are remembered for operators.
const REMEMBERED: usize = 50;
/// How often summaries of what was held back are looked for.
const FLUSH_EVERY: Duration = Duration::from_secs(10);

/// Reports failed operations: remembers them for operators, and reports to the log, and to Sentry when there is one, as
/// often as is useful.
#[derive(Debug)]
pub struct Reporting {
    service: &'static str,
    redactor: Redactor,
    breakers: Option<CircuitBreakers>,
    recent: Recent,
    sentry: SentryLink,
    limited: RateLimited<FanOut>,
}

impl Reporting {
    /// Reports of `service`, which knows these secrets; `breakers` are the ones in front of its storage, and `hub` receives the reports as
    /// events. Starts a task that
    /// tells summaries, until it is dropped. Needs a Tokio runtime.
    ///
    /// # Errors
    /// When an adapter cannot be made.
    pub fn start(
        service: &'static str,
        config: &ReportConfig,
        secrets: Vec<SecretString>,
        breakers: Option<CircuitBreakers>,
        hub: Option<Arc<dyn MessageHub>>,
    ) -> Result<Arc<Self>, Box<dyn Error + Send + Sync>> {
        let mut adapters: Vec<Arc<dyn ErrorReporter>> = vec![Arc::new(Log)];
        let sentry = SentryLink::of(config)?;
        adapters.extend(sentry.reporter());
        adapters.extend(hub.map(|hub| {
            let schema = character_asyncapi::data_schema(ERROR_REPORTED).map(Into::into);
            Arc::new(HubReporter::new(hub, schema)) as _
        }));
        let adapters = FanOut::new(adapters);
        let to = Self::to(adapters, service, config.per_minute, Redactor::new(secrets), breakers);
        let reporting = Arc::new(Self { sentry, ..to });
        let weak = Arc::downgrade(&reporting);
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(FLUSH_EVERY);
            loop {
                ticks.tick().await;
                let Some(reporting) = weak.upgrade() else { return };
                reporting.limited.flush();
            }
        });
        Ok(reporting)
    }

    fn to(
        adapters: FanOut,
        service: &'static str,
        per_minute: u32,
        redactor: Redactor,
        breakers: Option<CircuitBreakers>,
    ) -> Self {
        let limited = RateLimited::new(adapters, per_minute, Arc::new(Instant::now));
        let recent = Recent::new(REMEMBERED, Arc::new(jiff::Timestamp::now));
        Self { service, redactor, breakers, recent, sentry: SentryLink::default(), limited }
    }

    /// Reports to the Sentry of this DSN from now on.
    pub(crate) fn redirect(&self, dsn: &SecretString) -> Result<(), String> {
        self.sentry.redirect(dsn)
    }

    /// Passes at most this number of reports of one cause in a minute from now on.
    pub(crate) fn set_per_minute(&self, per_minute: u32) {
        self.limited.set_per_minute(per_minute);
    }

    /// Tells that `operation` failed, unless its caller was merely refused; `occurrences` times for the same cause.
    pub(crate) fn tell(&self, operation: &'static str, error: &StorageError, occurrences: u64) {
        if !is_failure(error) {
            return;
        }
        let context = Span::current().context();
        let trace = context.span().span_context().clone();
        let failure = Failure {
            row: error.entity().map(|(kind, id)| Row { kind: kind.as_str(), id }),
            outcome_unknown: !error.certainly_not_applied(),
            attempts: attempts(error),
            breaker: self.breakers.as_ref().map(|breakers| breakers.worst_state().as_str()),
            request_id: current_request().map(|request| request.id),
            trace_id: trace.is_valid().then(|| trace.trace_id().to_string()),
            occurrences,
            ..Failure::new(self.service, operation, error.kind().code(), Chain::of(error, &self.redactor))
        };
        self.recent.report(&failure);
        self.limited.report(&failure);
    }

    /// Tells that an event was parked. `error`: the last answer of the hub.
    pub(crate) fn tell_parked(&self, event: &DomainEvent, reason: &str, error: Option<&HubError>) {
        let (kind, chain) = match error {
            Some(error) => (error.kind().code(), Chain::of(error, &self.redactor)),
            None => ("not-sendable", Chain::of(&std::io::Error::other(reason.to_owned()), &self.redactor)),
        };
        let row = Row { kind: EntityKind::Character.as_str(), id: event.subject.0 };
        let failure = Failure { row: Some(row), ..Failure::new(self.service, PUBLISH, kind, chain) };
        self.recent.report(&failure);
        self.limited.report(&failure);
    }

    /// The last failures.
    pub(crate) fn recent(&self) -> &Recent {
        &self.recent
    }

    /// The numbers of failures reported one by one, and held back for a summary.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.limited.reported(), self.limited.held_back())
    }

    /// Reports what was held back, before the process ends.
    pub(crate) fn finish(&self) {
        self.limited.finish();
    }
}

/// Outages, broken contracts, our own credentials, and whatever leaves the fate of a write open. A caller that requests
/// what is not there, or loses a race, was answered as it should be.
fn is_failure(error: &StorageError) -> bool {
    let refused = matches!(
        error.kind(),
        ErrorKind::NotFound
            | ErrorKind::Conflict { .. }
            | ErrorKind::AlreadyExists
            | ErrorKind::TransactionReused
            | ErrorKind::Invalid(_)
    );
    !(refused && error.certainly_not_applied())
}

fn attempts(error: &StorageError) -> Option<u32> {
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(TransportError { attempts, .. }) = cause.downcast_ref() {
            return Some(*attempts);
        }
        if let Some(FailureAnswer { attempts, .. }) = cause.downcast_ref() {
            return Some(*attempts);
        }
        next = cause.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reported::Reported;
    use character_domain::{Character, Revision, Violations, json};
    use character_storage_port::{Applied, COMMIT, Commit, Deleted, EntityKind, Store, Transaction};
    use character_storage_testkit::MockStorage;
    use std::sync::Mutex;
    use uuid::Uuid;

    #[derive(Debug, Default)]
    struct Kept(Mutex<Vec<Failure>>);

    impl ErrorReporter for Kept {
        fn report(&self, failure: &Failure) {
            self.0.lock().unwrap().push(failure.clone());
        }
    }

    impl Kept {
        fn all(&self) -> Vec<Failure> {
            self.0.lock().unwrap().clone()
        }
    }

    fn reporting() -> (Arc<Reporting>, Arc<Kept>) {
        let kept = Arc::new(Kept::default());
        let redactor = Redactor::new(["open-sesame".to_owned().into()]);
        let fan_out = FanOut::new(vec![Arc::clone(&kept) as _]);
        (Arc::new(Reporting::to(fan_out, "character-service", 100, redactor, None)), kept)
    }

    /// A storage that fails with this error.
    fn failing(error: StorageError) -> MockStorage {
        let mut storage = MockStorage::new();
        let (find, commit, each) = (error.clone(), error.clone(), error);
        storage.expect_find::<Character>().returning(move |_, _| Err(find.clone()));
        storage.expect_commit().returning(move |_| Err(commit.clone()));
        storage.expect_commit_each().returning(move |all| all.iter().map(|_| Err(each.clone())).collect());
        storage
    }

    async fn told(error: StorageError) -> Vec<Failure> {
        let (reporting, kept) = reporting();
        let storage = Reported::new(failing(error), reporting);
        assert!(storage.commit(Transaction::new()).await.is_err());
        kept.all()
    }

    #[tokio::test]
    async fn a_refusal_is_no_failure() {
        for kind in [
            ErrorKind::NotFound,
            ErrorKind::Conflict { expected: Revision(1), actual: Revision(2) },
            ErrorKind::AlreadyExists,
            ErrorKind::TransactionReused,
            ErrorKind::Invalid(Violations::one("name", "is required")),
        ] {
            assert_eq!(told(StorageError::new(kind, COMMIT)).await, []);
        }
    }

    #[tokio::test]
    async fn whatever_else_fails_is_told_once_and_so_is_a_refusal_that_leaves_the_outcome_open() {
        let wait = Duration::from_secs(1);
        for kind in [
            ErrorKind::Unauthorized,
            ErrorKind::Forbidden,
            ErrorKind::RateLimited { retry_after: None },
            ErrorKind::Unavailable { retry_after: None },
            ErrorKind::CircuitOpen { retry_after: wait },
            ErrorKind::Timeout,
            ErrorKind::Corrupt,
            ErrorKind::Unsupported,
        ] {
            let (code, told) = (kind.code(), told(StorageError::new(kind, COMMIT)).await);
            assert_eq!(told.iter().map(|failure| failure.kind).collect::<Vec<_>>(), [code]);
        }
        let open = StorageError::new(ErrorKind::AlreadyExists, COMMIT).with_applied(Applied::Unknown);
        assert!(told(open).await.first().is_some_and(|failure| failure.outcome_unknown));
    }

    #[tokio::test]
    async fn a_batch_that_fails_for_one_cause_is_told_once_with_its_number() {
        let (reporting, kept) = reporting();
        let storage = Reported::new(failing(StorageError::new(ErrorKind::Timeout, COMMIT)), Arc::clone(&reporting));
        storage.commit_each((0..500).map(|_| Transaction::new()).collect()).await;
        let all = kept.all();
        assert_eq!(all.iter().map(|failure| failure.occurrences).collect::<Vec<_>>(), [500]);
        assert_eq!((reporting.recent().all().len(), reporting.counts()), (1, (500, 0)));
    }

    #[tokio::test]
    async fn it_says_how_often_it_was_tried_and_about_which_row() {
        let (reporting, kept) = reporting();
        let source = FailureAnswer { status: 503, attempts: 4 };
        let error = StorageError::unavailable("character.find");
        let error = error.with_entity(EntityKind::Character, Uuid::nil()).with_source(source);
        let storage = Reported::new(failing(error), reporting);
        assert!(Store::<Character>::find(&storage, Uuid::nil().into(), Deleted::Exclude).await.is_err());
        let all = kept.all();
        let failure = all.first().unwrap();
        assert_eq!((failure.operation, failure.attempts), ("character.find", Some(4)));
        assert_eq!(failure.row, Some(Row { kind: "character", id: Uuid::nil() }));
        assert_eq!(failure.chain.innermost(), "the storage answered 503 after 4 attempts");
    }

    #[tokio::test]
    async fn neither_a_token_nor_the_contents_of_a_character_are_told() {
        // The parser quotes what it stumbled over, and the address holds a token.
        let sheet = br#"{"is_active":"MARKER of a character"}"#;
        let parser = json::parse::<Character>(sheet).unwrap_err();
        assert!(parser.to_string().contains("MARKER"), "the parser's message is no test: {parser}");
        let (reporting, kept) = reporting();
        for source in [parser.to_string(), "http://user:open-sesame@127.0.0.1/x?token=open-sesame refused".to_owned()] {
            let error = StorageError::new(ErrorKind::Corrupt, COMMIT).with_source(std::io::Error::other(source));
            let storage = Reported::new(failing(error), Arc::clone(&reporting));
            assert!(storage.commit(Transaction::new()).await.is_err());
        }
        let all = format!("{:?} {:?}", kept.all(), reporting.recent().all());
        assert!(!all.contains("MARKER") && !all.contains("open-sesame"), "{all}");
        assert_eq!(kept.all().len(), 2);
    }
}
