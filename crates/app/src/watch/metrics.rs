//! The outcome of changed files, for metrics.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use std::time::{SystemTime, UNIX_EPOCH};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Change {
    setting: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Setting {
    setting: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Certificate {
    certificate: &'static str,
}

/// Whether a changed file was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SettingOutcome {
    Applied,
    Refused,
}

/// Counts of changed files. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct WatchMetrics {
    changes: Family<Change, Counter>,
    refused: Family<Setting, Gauge>,
    expiry: Family<Certificate, Gauge>,
}

impl WatchMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Changes of files of settings, by whether the new contents are in use";
        registry.register("setting_changes", help, self.changes.clone());
        let help = "1 while the contents of the file cannot be used and the value before stays in use";
        registry.register("setting_refused", help, self.refused.clone());
        let help = "When the certificate in use expires, in seconds since 1970";
        registry.register("tls_certificate_expiry_timestamp_seconds", help, self.expiry.clone());
    }

    /// Shows the setting from the start, so that the first change is seen as one.
    pub(super) fn show(&self, setting: &'static str) {
        for outcome in ["applied", "refused"] {
            drop(self.changes.get_or_create(&Change { setting, outcome }));
        }
        self.refused.get_or_create(&Setting { setting }).set(0);
    }

    pub(super) fn count(&self, setting: &'static str, outcome: SettingOutcome) {
        let (label, state) = match outcome {
            SettingOutcome::Applied => ("applied", 0),
            SettingOutcome::Refused => ("refused", 1),
        };
        self.changes.get_or_create(&Change { setting, outcome: label }).inc();
        self.refused.get_or_create(&Setting { setting }).set(state);
    }

    /// The contents that are in use are back in the file.
    pub(super) fn recovered(&self, setting: &'static str) {
        self.refused.get_or_create(&Setting { setting }).set(0);
    }

    pub(super) fn expires(&self, certificate: &'static str, at: SystemTime) {
        let seconds = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        self.expiry.get_or_create(&Certificate { certificate }).set(i64::try_from(seconds).unwrap_or(i64::MAX));
    }
}
