//! Metrics of states rather than of events, read when they are asked for.

use crate::reporting::Reporting;
use character_domain::now;
use character_storage_sql::{Backlog, SqlStorage};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::{Registry, Unit},
};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// How often the outbox is looked at.
const MEASURE_EVERY: Duration = Duration::from_secs(15);

/// The connections to a database and the outbox in it.
#[derive(Debug)]
struct DatabaseState {
    database: SqlStorage,
    /// `None` while it is not known.
    backlog: Arc<Mutex<Option<Backlog>>>,
}

/// Shows the connections of `database` and what waits in its outbox: `database_connections_max`,
/// `database_connections_open`, `database_connections_idle`, `database_operations_waiting`, `outbox_events` and
/// `outbox_oldest_event_age_seconds`. Needs a Tokio runtime.
pub(crate) fn show_database(database: &SqlStorage, registry: &mut Registry) {
    let backlog = Arc::new(Mutex::new(None));
    registry.register_collector(Box::new(DatabaseState { database: database.clone(), backlog: Arc::clone(&backlog) }));
    let (database, known) = (database.clone(), Arc::downgrade(&backlog));
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(MEASURE_EVERY);
        loop {
            ticks.tick().await;
            let measured = database.backlog().await.ok();
            let Some(known) = known.upgrade() else { return };
            *known.lock().unwrap_or_else(PoisonError::into_inner) = measured;
        }
    });
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
        // What is not known is not shown, rather than shown as an empty outbox.
        let Some(backlog) = *self.backlog.lock().unwrap_or_else(PoisonError::into_inner) else { return Ok(()) };
        let events = ConstGauge::new(i64::try_from(backlog.events).unwrap_or(i64::MAX));
        let help = "Events that wait to be published; estimated above 10000";
        events.encode(encoder.encode_descriptor("outbox_events", help, None, MetricType::Gauge)?)?;
        let age = backlog.oldest.map_or(0.0, |oldest| now().duration_since(oldest).as_secs_f64());
        let help = "Age of the oldest event that waits; 0 when none does";
        let unit = Unit::Seconds;
        let encoder = encoder.encode_descriptor("outbox_oldest_event_age", help, Some(&unit), MetricType::Gauge)?;
        ConstGauge::new(age).encode(encoder)
    }
}

#[derive(Debug)]
struct ReportCounts(Arc<Reporting>);

/// Shows `error_reports_total`.
pub(crate) fn show_reports(reporting: &Arc<Reporting>, registry: &mut Registry) {
    registry.register_collector(Box::new(ReportCounts(Arc::clone(reporting))));
}

impl Collector for ReportCounts {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let (told, held_back) = self.0.counts();
        let help = "Failed operations, by whether each was told or left to a summary";
        let mut counts = encoder.encode_descriptor("error_reports", help, None, MetricType::Counter)?;
        for (outcome, count) in [("told", told), ("held_back", held_back)] {
            ConstCounter::new(count).encode(counts.encode_family(&[("outcome", outcome)])?)?;
        }
        Ok(())
    }
}
