//! Metrics of states rather than of events, read when they are asked for.

use crate::reporting::Reporting;
use character_domain::{Timestamp, now};
use character_http_kit::{DependencyStatus, Health};
use character_storage_sql::{LogStatus, SqlStorage, ThinningStatus};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric},
    metrics::{
        MetricType,
        counter::ConstCounter,
        family::Family,
        gauge::{ConstGauge, Gauge},
    },
    registry::{Registry, Unit},
};
use std::{
    fmt,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// How often the log is measured.
const MEASURE_EVERY: Duration = Duration::from_secs(15);

/// The connections to a database and the log of commits in it.
#[derive(Debug)]
struct DatabaseState {
    database: SqlStorage,
    /// `None` while it is not known.
    measured: Arc<Mutex<Option<(LogStatus, ThinningStatus)>>>,
}

/// Shows the connections of `database` and its log of commits: `database_connections_max`, `database_connections_open`,
/// `database_connections_idle`, `database_operations_waiting`, `database_slow_operations_total`, `commit_log_entries`,
/// `commit_log_oldest_entry_age_seconds`, `commit_log_slowest_consumer_age_seconds`, `commit_log_parked_events` and
/// `commit_log_notify`, and of the versions in it `versions_thinned_total` and
/// `versions_thinning_last_pass_timestamp_seconds`, and the setting behind it as `versions_keep`. Needs a Tokio runtime.
pub(crate) fn show_database(database: &SqlStorage, versions_keep: Option<NonZeroU32>, registry: &mut Registry) {
    let keep = Gauge::<i64>::default();
    keep.set(versions_keep.map_or(0, |newest| newest.get().into()));
    registry.register("versions_keep", "The value of VERSIONS_KEEP; 0: every version of a character is kept", keep);
    let measured = Arc::new(Mutex::new(None));
    registry
        .register_collector(Box::new(DatabaseState { database: database.clone(), measured: Arc::clone(&measured) }));
    let (database, known) = (database.clone(), Arc::downgrade(&measured));
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(MEASURE_EVERY);
        loop {
            ticks.tick().await;
            let measured = database.log_status().await.ok().zip(database.thinning_status().await.ok());
            let Some(known) = known.upgrade() else { return };
            *known.lock().unwrap_or_else(PoisonError::into_inner) = measured;
        }
    });
}

/// The age of a time; 0 for none.
fn age(since: Option<Timestamp>) -> f64 {
    since.map_or(0.0, |since| now().duration_since(since).as_secs_f64())
}

impl Collector for DatabaseState {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let status = self.database.pool_status();
        for (name, help, value) in [
            ("database_connections_max", "Connections to the database that may be open", status.limit),
            ("database_connections_open", "Open connections to the database", status.open),
            ("database_connections_idle", "Open connections that do nothing; 0 for SQLite", status.idle),
            ("database_operations_waiting", "Operations that wait for a connection", status.waiting),
        ] {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
        }
        let help = "Database operations that took longer than DATABASE_SLOW_MS";
        let slow = ConstCounter::new(self.database.slow_operations());
        slow.encode(encoder.encode_descriptor("database_slow_operations", help, None, MetricType::Counter)?)?;
        // What is not known is not shown, rather than shown as an empty log.
        let measured = self.measured.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some((log, thinning)) = measured else { return Ok(()) };
        let help = "Versions of characters that were removed from the database beyond VERSIONS_KEEP, by all processes";
        let removed = ConstCounter::new(thinning.removed);
        removed.encode(encoder.encode_descriptor("versions_thinned", help, None, MetricType::Counter)?)?;
        let help =
            "When the versions of all characters were last thinned, in seconds since 1970; 0 before the first time";
        let (name, unit) = ("versions_thinning_last_pass_timestamp", Some(&Unit::Seconds));
        let ended = thinning.last_pass.map_or(0, |ended| ended.as_microsecond() / 1_000_000);
        ConstGauge::new(ended).encode(encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?)?;
        let notify = log.notifies.map_or(-1, i64::from);
        for (name, help, value) in [
            ("commit_log_entries", "Commits kept in the log; estimated above 10000", log.entries),
            ("commit_log_parked_events", "Events that consumers have parked", log.parked),
        ] {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
        }
        let help = "1: the database notifies of commits of other processes; 0: it does not, and is polled; -1: unknown";
        ConstGauge::new(notify).encode(encoder.encode_descriptor(
            "commit_log_notify",
            help,
            None,
            MetricType::Gauge,
        )?)?;
        let slowest = log.slowest.as_ref().map(|(_, since)| *since);
        for (name, help, since) in [
            ("commit_log_oldest_entry_age", "Age of the oldest commit kept in the log", log.oldest),
            ("commit_log_slowest_consumer_age", "Age of the oldest commit that a consumer has not read", slowest),
        ] {
            let encoder = encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Gauge)?;
            ConstGauge::new(age(since)).encode(encoder)?;
        }
        Ok(())
    }
}

/// Whether the service accepts requests.
#[derive(Debug)]
struct Readiness(Arc<Health>);

impl Collector for Readiness {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help =
            "1 while the service accepts requests; 0 while it waits for its database at its start, or shuts down";
        let ready = ConstGauge::new(i64::from(self.0.is_ready()));
        ready.encode(encoder.encode_descriptor("service_ready", help, None, MetricType::Gauge)?)
    }
}

/// Shows `service_ready`, as `/health/ready` reports it.
pub(crate) fn show_readiness(health: &Arc<Health>, registry: &mut Registry) {
    registry.register_collector(Box::new(Readiness(Arc::clone(health))));
}

/// Shows `dependency_up`, 1 for each dependency that works and 0 for one that does not, as `/health` reports it, measured
/// every 15 seconds. Needs a Tokio runtime.
pub(crate) fn show_health(health: &Arc<Health>, registry: &mut Registry) {
    let up = Family::<Dependency, Gauge>::default();
    registry.register("dependency_up", "1 while the dependency works, by the checks of /health", up.clone());
    let health = Arc::downgrade(health);
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(MEASURE_EVERY);
        loop {
            ticks.tick().await;
            let Some(health) = health.upgrade() else { return };
            for (dependency, state) in health.report().await.dependencies {
                up.get_or_create(&Dependency { dependency }).set(i64::from(state.status == DependencyStatus::Up));
            }
        }
    });
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Dependency {
    dependency: &'static str,
}

#[derive(Debug)]
struct ReportCounts(Arc<Reporting>);

/// Shows `error_reports_total`.
pub(crate) fn show_reports(reporting: &Arc<Reporting>, registry: &mut Registry) {
    registry.register_collector(Box::new(ReportCounts(Arc::clone(reporting))));
}

impl Collector for ReportCounts {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let (reported, held_back) = self.0.counts();
        let help = "Failed operations, reported one by one or counted in a summary";
        let mut counts = encoder.encode_descriptor("error_reports", help, None, MetricType::Counter)?;
        for (outcome, count) in [("reported", reported), ("held_back", held_back)] {
            ConstCounter::new(count).encode(counts.encode_family(&[("outcome", outcome)])?)?;
        }
        Ok(())
    }
}
