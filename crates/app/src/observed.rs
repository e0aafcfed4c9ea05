//! Metrics of the operations that callers see, caches included.

use crate::{labels::SnakeCase, trace_parent};
use async_trait::async_trait;
use character_storage_port::{
    ADVANCE, COMMIT, CONSUMERS, Commit, Committed, ConsumerName, ConsumerState, Consumers, DISCARD, Deleted,
    DomainEvent, Entity, EntityKind, ErrorKind, EventId, FOLLOW, HEAD, HolderId, LEASE, LeaseToken, Leased, Log,
    LogBatch, LogCursor, OPERATIONS, PARK, PARKED, PROBE, Page, PageRequest, ParkedEvent, Probe, RELEASE, Read, Result,
    SNAPSHOT, Snapshot, SnapshotStream, Source, Store, Tier, Transaction, UNPARK,
};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tracing::{Instrument, Span, debug_span, field};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Operation {
    operation: SnakeCase,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Failure {
    operation: SnakeCase,
    kind: SnakeCase,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    operation: SnakeCase,
    source: &'static str,
}

/// The name of a source as the value of a label.
const fn name(source: Source) -> &'static str {
    match source {
        Source::Origin => "origin",
        Source::Cache { tier: Tier::Local, .. } => "local",
        Source::Cache { tier: Tier::Shared, .. } => "shared",
        Source::Stale { .. } => "stale",
    }
}

/// Counts, errors by kind and durations of the operations of a port.
#[derive(Clone, Debug)]
pub struct OperationMetrics {
    operations: Family<Operation, Counter>,
    errors: Family<Failure, Counter>,
    answers: Family<Answer, Counter>,
    duration: Family<Operation, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
}

impl OperationMetrics {
    /// Metrics in `registry`: `storage_operations_total`, `storage_operation_errors_total`, `storage_answers_total`,
    /// `storage_operation_duration_seconds` and `storage_operations_in_flight`.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            operations: Family::default(),
            errors: Family::default(),
            answers: Family::default(),
            // 50 µs to 26 s: from a hit in memory to a call that used up its retries.
            duration: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.00005, 2.0, 20))),
            in_flight: Gauge::default(),
        };
        metrics.begin();
        registry.register("storage_operations", "Storage operations", metrics.operations.clone());
        registry.register(
            "storage_operation_errors",
            "Storage operations that failed or were rejected",
            metrics.errors.clone(),
        );
        registry.register("storage_answers", "Responses to reads, by source", metrics.answers.clone());
        registry.register_with_unit(
            "storage_operation_duration",
            "Duration of a storage operation",
            Unit::Seconds,
            metrics.duration.clone(),
        );
        registry.register("storage_operations_in_flight", "Storage operations in flight", metrics.in_flight.clone());
        metrics
    }

    /// Creates every series with the value zero, so that a rate includes the first event.
    fn begin(&self) {
        let of_kinds = EntityKind::ALL.iter().flat_map(|kind| kind.operations());
        for operation in OPERATIONS.iter().copied().chain(["commit_each"]).chain(of_kinds).map(SnakeCase) {
            drop(self.operations.get_or_create(&Operation { operation }));
            for kind in ErrorKind::CODES.iter().copied().map(SnakeCase) {
                drop(self.errors.get_or_create(&Failure { operation, kind }));
            }
        }
        let with_source = EntityKind::ALL.iter().flat_map(|kind| [kind.find(), kind.list()]);
        for operation in with_source.map(SnakeCase) {
            for source in ["origin", "local", "shared", "stale"] {
                drop(self.answers.get_or_create(&Answer { operation, source }));
            }
        }
    }

    /// Operations in flight.
    pub(crate) fn in_flight(&self) -> i64 {
        self.in_flight.get()
    }

    /// Counts an operation as in flight until the guard is dropped, also when it is cancelled.
    fn enter(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    fn record<T>(&self, operation: &'static str, took: Duration, result: &Result<T>) {
        let operation = SnakeCase(operation);
        self.operations.get_or_create(&Operation { operation }).inc();
        self.duration.get_or_create(&Operation { operation }).observe(took.as_secs_f64());
        if let Err(error) = result {
            self.errors.get_or_create(&Failure { operation, kind: SnakeCase(error.kind().code()) }).inc();
            Span::current().record("error", error.kind().code());
        }
    }

    fn answered(&self, operation: &'static str, source: Source) {
        self.answers.get_or_create(&Answer { operation: SnakeCase(operation), source: name(source) }).inc();
    }
}

struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A port whose operations are measured and traced.
#[derive(Debug)]
pub struct Observed<S: ?Sized> {
    inner: Arc<S>,
    metrics: OperationMetrics,
}

impl<S: ?Sized> Observed<S> {
    /// Measures what is asked of `inner`.
    pub fn new(inner: Arc<S>, metrics: OperationMetrics) -> Self {
        Self { inner, metrics }
    }

    async fn observe<T>(&self, operation: &'static str, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
        self.observe_from(operation, call, |_| None).await
    }

    /// As [`observe`](Self::observe), of a read whose response has a source.
    async fn observe_read<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<Read<T>>> + Send,
    ) -> Result<Read<T>> {
        self.observe_from(operation, call, |read| Some(read.source)).await
    }

    async fn observe_from<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T>> + Send,
        source: impl Fn(&T) -> Option<Source>,
    ) -> Result<T> {
        let (started, _in_flight) = (Instant::now(), self.metrics.enter());
        let span = debug_span!("storage", operation, source = field::Empty, error = field::Empty);
        let result = call.instrument(span.clone()).await;
        span.in_scope(|| self.metrics.record(operation, started.elapsed(), &result));
        if let Some(source) = result.as_ref().ok().and_then(source) {
            span.record("source", name(source));
            self.metrics.answered(operation, source);
        }
        result
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<E: Entity, S: Store<E> + ?Sized> Store<E> for Observed<S> {
    async fn find(&self, id: E::Id, deleted: Deleted) -> Result<Read<Option<E>>> {
        self.observe_read(E::FIND, self.inner.find(id, deleted)).await
    }
    async fn list(&self, query: &E::Query, page: PageRequest) -> Result<Read<Page<E>>> {
        self.observe_read(E::LIST, self.inner.list(query, page)).await
    }
    async fn count(&self, query: &E::Query) -> Result<u64> {
        self.observe(E::COUNT, self.inner.count(query)).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Commit + ?Sized> Commit for Observed<S> {
    async fn commit(&self, mut transaction: Transaction) -> Result<Committed> {
        transaction.traceparent = transaction.traceparent.or_else(trace_parent::current);
        self.observe(COMMIT, self.inner.commit(transaction)).await
    }
    async fn commit_each(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        let (started, _in_flight) = (Instant::now(), self.metrics.enter());
        let span = debug_span!("storage", operation = "commit_each", transactions = transactions.len());
        let outcomes = self.inner.commit_each(transactions).instrument(span).await;
        for outcome in &outcomes {
            self.metrics.record("commit_each", started.elapsed(), outcome);
        }
        outcomes
    }
}

/// A follower that waits for commits is not an operation in flight.
#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Log + ?Sized> Log for Observed<S> {
    async fn follow(&self, after: &LogCursor, limit: usize, wait: Duration) -> Result<LogBatch> {
        let started = Instant::now();
        let result = self.inner.follow(after, limit, wait).await;
        self.metrics.record(FOLLOW, started.elapsed(), &result);
        result
    }
    async fn head(&self) -> Result<LogCursor> {
        self.observe(HEAD, self.inner.head()).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Consumers + ?Sized> Consumers for Observed<S> {
    async fn lease(&self, consumer: &ConsumerName, holder: HolderId, lease: Duration) -> Result<Option<Leased>> {
        self.observe(LEASE, self.inner.lease(consumer, holder, lease)).await
    }
    async fn advance(&self, token: &LeaseToken, to: &LogCursor) -> Result<()> {
        self.observe(ADVANCE, self.inner.advance(token, to)).await
    }
    async fn release(&self, token: &LeaseToken) -> Result<()> {
        self.observe(RELEASE, self.inner.release(token)).await
    }
    async fn park(&self, token: &LeaseToken, event: &DomainEvent, reason: &str) -> Result<()> {
        self.observe(PARK, self.inner.park(token, event, reason)).await
    }
    async fn parked(&self, consumer: &ConsumerName, after: Option<EventId>, limit: usize) -> Result<Vec<ParkedEvent>> {
        self.observe(PARKED, self.inner.parked(consumer, after, limit)).await
    }
    async fn unpark(&self, consumer: &ConsumerName, ids: &[EventId]) -> Result<u64> {
        self.observe(UNPARK, self.inner.unpark(consumer, ids)).await
    }
    async fn discard(&self, consumer: &ConsumerName, ids: &[EventId]) -> Result<u64> {
        self.observe(DISCARD, self.inner.discard(consumer, ids)).await
    }
    async fn consumers(&self) -> Result<Vec<ConsumerState>> {
        self.observe(CONSUMERS, self.inner.consumers()).await
    }
}

/// Measures how long a snapshot takes to begin; how long it is read depends on its reader.
#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Snapshot + ?Sized> Snapshot for Observed<S> {
    async fn snapshot(&self) -> Result<SnapshotStream> {
        self.observe(SNAPSHOT, self.inner.snapshot()).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Probe + ?Sized> Probe for Observed<S> {
    async fn probe(&self) -> Result<()> {
        self.observe(PROBE, self.inner.probe()).await
    }
}
