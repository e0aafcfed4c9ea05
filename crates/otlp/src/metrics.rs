//! Metrics as messages of OTLP.

use crate::{
    OtlpClient, OtlpError,
    client::nanoseconds,
    exposition::{Family, Kind, Sample, read},
    protobuf::Message,
};
use prometheus_client::{encoding::text::encode, registry::Registry};
use std::{collections::BTreeMap, time::SystemTime};

/// `AGGREGATION_TEMPORALITY_CUMULATIVE`: numbers count from the start.
const CUMULATIVE: u64 = 2;

/// The scope of all metrics.
const SCOPE: &str = "character-platform";

/// When the numbers began, and when they were read, in nanoseconds since 1970.
#[derive(Clone, Copy)]
struct Interval {
    start: u64,
    now: u64,
}

impl OtlpClient {
    /// Sends what the registry shows now. `started` is when its counters were zero.
    ///
    /// # Errors
    /// [`OtlpError::Unreachable`], [`OtlpError::Refused`], [`OtlpError::Ended`].
    pub async fn send_metrics(&self, registry: &Registry, started: SystemTime) -> Result<(), OtlpError> {
        let mut text = String::new();
        // A string takes whatever is written; a collector that fails is left out with what follows it.
        let _ = encode(&mut text, registry);
        let interval = Interval { start: nanoseconds(started), now: nanoseconds(SystemTime::now()) };
        self.send("/v1/metrics", request(&self.resource(), &read(&text), interval)).await
    }
}

/// An `ExportMetricsServiceRequest`.
fn request(resource: &Message, families: &[Family], interval: Interval) -> Message {
    let (mut scope, mut described) = (Message::default(), Message::default());
    described.text(1, SCOPE);
    scope.message(1, &described);
    for family in families.iter().filter(|family| !family.samples.is_empty()) {
        scope.message(2, &metric(family, interval));
    }
    let mut metrics = Message::default();
    metrics.message(1, resource).message(2, &scope);
    let mut request = Message::default();
    request.message(1, &metrics);
    request
}

fn metric(family: &Family, interval: Interval) -> Message {
    let mut metric = Message::default();
    metric.text(1, &family.name).text(2, &family.help).text(3, unit(&family.unit));
    let mut data = Message::default();
    match family.kind {
        Kind::Gauge => {
            for sample in &family.samples {
                data.message(1, &number(sample, interval));
            }
            metric.message(5, &data);
        }
        Kind::Counter => {
            for sample in &family.samples {
                data.message(1, &number(sample, interval));
            }
            data.number(2, CUMULATIVE).number(3, 1);
            metric.message(7, &data);
        }
        Kind::Histogram => {
            for point in histograms(family) {
                data.message(1, &point.message(interval));
            }
            data.number(2, CUMULATIVE);
            metric.message(9, &data);
        }
    }
    metric
}

/// A unit as UCUM writes it.
fn unit(name: &str) -> &str {
    match name {
        "seconds" => "s",
        "bytes" => "By",
        other => other,
    }
}

/// A `NumberDataPoint`.
fn number(sample: &Sample, interval: Interval) -> Message {
    let mut point = Message::default();
    point.fixed64(2, interval.start).fixed64(3, interval.now).double(4, sample.value);
    for (name, value) in &sample.labels {
        point.attribute(7, name, value);
    }
    point
}

/// The lines of one histogram.
#[derive(Debug, Default, PartialEq)]
struct Histogram {
    labels: BTreeMap<String, String>,
    count: u64,
    sum: f64,
    /// The upper bound of each bucket, with the number of values up to it.
    buckets: Vec<(f64, u64)>,
}

fn histograms(family: &Family) -> Vec<Histogram> {
    let mut found: Vec<Histogram> = Vec::new();
    for sample in &family.samples {
        let mut labels = sample.labels.clone();
        let bound = labels.remove("le");
        let position = found.iter().rposition(|histogram| histogram.labels == labels).unwrap_or_else(|| {
            found.push(Histogram { labels, ..Histogram::default() });
            found.len() - 1
        });
        let Some(histogram) = found.get_mut(position) else { continue };
        match sample.name.strip_prefix(&family.name) {
            Some("_sum") => histogram.sum = sample.value,
            Some("_count") => histogram.count = sample.value as u64,
            Some("_bucket") => {
                let bound = match bound.as_deref() {
                    Some("+Inf") | None => f64::INFINITY,
                    Some(bound) => bound.parse().unwrap_or(f64::INFINITY),
                };
                histogram.buckets.push((bound, sample.value as u64));
            }
            _ => {}
        }
    }
    found
}

impl Histogram {
    /// A `HistogramDataPoint`, in which each bucket counts its own values alone.
    fn message(&self, interval: Interval) -> Message {
        let mut point = Message::default();
        point.fixed64(2, interval.start).fixed64(3, interval.now).fixed64(4, self.count).double(5, self.sum);
        let below = std::iter::once(0).chain(self.buckets.iter().map(|(_, count)| *count));
        let counts = self.buckets.iter().zip(below).map(|((_, count), below)| count.saturating_sub(below));
        point.packed64(6, counts);
        let bounds = self.buckets.iter().map(|(bound, _)| *bound).filter(|bound| bound.is_finite());
        point.packed64(7, bounds.map(f64::to_bits));
        for (name, value) in &self.labels {
            point.attribute(9, name, value);
        }
        point
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_a_histogram_become_one_point_for_each_set_of_labels() {
        let text = "# HELP a A.\n# TYPE a histogram\na_sum{x=\"1\"} 3\na_count{x=\"1\"} 2\na_bucket{le=\"1\",x=\"1\"} 1\n\
                    a_bucket{le=\"+Inf\",x=\"1\"} 2\na_sum{x=\"2\"} 0\na_count{x=\"2\"} 0\na_bucket{le=\"+Inf\",x=\"2\"} 0\n";
        let found = histograms(&read(text)[0]);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].count, found[0].sum), (2, 3.0));
        assert_eq!(found[0].buckets, [(1.0, 1), (f64::INFINITY, 2)]);
        assert_eq!(found[1].labels["x"], "2");
    }
}
