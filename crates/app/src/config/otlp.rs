//! The collector of OpenTelemetry, by the names that its specification gives to the variables.

use super::{
    Variable,
    groups::TELEMETRY,
    tls::{self, client_tls},
    variables::{Reader, boolean, number, url},
};
use character_otlp::{OtlpConfig, OtlpHeaders};
use opentelemetry_sdk::trace::Sampler;
use secrecy::SecretString;
use std::time::Duration;

/// The collector that receives traces and metrics.
#[derive(Clone, Debug)]
pub struct OtlpSettings {
    /// Its address, and the name of the service.
    pub client: OtlpConfig,
    /// Which traces are sent.
    pub sampler: Sampler,
    /// How often the metrics are sent.
    pub metric_interval: Duration,
}

pub(super) const OTEL_EXPORTER_OTLP_ENDPOINT: Variable = Variable::optional(
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "collector of OpenTelemetry that receives traces and metrics, such as http://127.0.0.1:4318; unset: nothing is sent",
)
.unquoted()
.off_when_empty();
pub(super) const OTEL_EXPORTER_OTLP_HEADERS: Variable = Variable::secret(
    "OTEL_EXPORTER_OTLP_HEADERS",
    "headers of requests to the collector: name=value, separated by commas, values percent-encoded",
)
.off_when_empty();
pub(super) const OTEL_EXPORTER_OTLP_PROTOCOL: Variable =
    Variable::new("OTEL_EXPORTER_OTLP_PROTOCOL", "protocol of the collector: http/protobuf", "http/protobuf");
pub(super) const OTEL_EXPORTER_OTLP_TIMEOUT: Variable =
    Variable::new("OTEL_EXPORTER_OTLP_TIMEOUT", "milliseconds for one request to the collector", "10000");
pub(super) const OTEL_SERVICE_NAME: Variable =
    Variable::optional("OTEL_SERVICE_NAME", "name of the service for the collector; unset: the name of the program");
pub(super) const OTEL_RESOURCE_ATTRIBUTES: Variable = Variable::optional(
    "OTEL_RESOURCE_ATTRIBUTES",
    "attributes of the process for the collector: name=value, separated by commas, values percent-encoded",
)
.off_when_empty();
pub(super) const OTEL_TRACES_SAMPLER: Variable = Variable::new(
    "OTEL_TRACES_SAMPLER",
    "which traces are sent: always_on, always_off, traceidratio, each also with parentbased_ before it",
    "parentbased_always_on",
);
pub(super) const OTEL_TRACES_SAMPLER_ARG: Variable =
    Variable::new("OTEL_TRACES_SAMPLER_ARG", "share of the traces that traceidratio sends, 0 to 1", "1");
pub(super) const OTEL_METRIC_EXPORT_INTERVAL: Variable =
    Variable::new("OTEL_METRIC_EXPORT_INTERVAL", "milliseconds between two transfers of the metrics", "60000");
pub(super) const OTEL_SDK_DISABLED: Variable = Variable::new(
    "OTEL_SDK_DISABLED",
    "send nothing, whatever OTEL_EXPORTER_OTLP_ENDPOINT says: true or false",
    "false",
);

/// The variables of OpenTelemetry among these names that the services do not read, in order.
pub(crate) fn unread(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let is_read =
        |name: &str| TELEMETRY.iter().any(|variable| [name, name.trim_end_matches("_FILE")].contains(&variable.name));
    let mut unread: Vec<_> = names.into_iter().filter(|name| name.starts_with("OTEL_") && !is_read(name)).collect();
    unread.sort_unstable();
    unread
}

/// `Some(None)`: nothing is sent. `None`: a value is wrong, which is recorded.
pub(super) fn otlp_settings(reader: &mut Reader<'_>, service: &'static str) -> Option<Option<OtlpSettings>> {
    let faults = reader.faults.len();
    let endpoint = reader.read(&OTEL_EXPORTER_OTLP_ENDPOINT, url(&["http", "https"]));
    let headers = reader.read(&OTEL_EXPORTER_OTLP_HEADERS, |text| {
        OtlpHeaders::new(&otlp_headers(text)?).map_err(|error| error.to_string())
    });
    let has_tls = match &endpoint {
        Some(endpoint) if endpoint.scheme() == "http" => {
            tls::Address::Without("OTEL_EXPORTER_OTLP_ENDPOINT does not start with https://")
        }
        None if !reader.is_set(&OTEL_EXPORTER_OTLP_ENDPOINT) => {
            tls::Address::Without("OTEL_EXPORTER_OTLP_ENDPOINT is not set")
        }
        _ => tls::Address::WithTls,
    };
    let tls = client_tls(reader, &tls::COLLECTOR, has_tls);
    let protocol = reader.read(&OTEL_EXPORTER_OTLP_PROTOCOL, |text| match text {
        "http/protobuf" => Ok(()),
        _ => Err("must be http/protobuf, the one protocol of this build".to_owned()),
    });
    let timeout = reader.read(&OTEL_EXPORTER_OTLP_TIMEOUT, number(1, 600_000));
    let name = reader.read(&OTEL_SERVICE_NAME, |text| Ok(text.to_owned()));
    let attributes = reader.read(&OTEL_RESOURCE_ATTRIBUTES, pairs);
    let share = reader.read(&OTEL_TRACES_SAMPLER_ARG, share);
    let sampler = reader.read(&OTEL_TRACES_SAMPLER, |text| sampler(text, share.unwrap_or(1.0)));
    let interval = reader.read(&OTEL_METRIC_EXPORT_INTERVAL, number(100, 86_400_000));
    let disabled = reader.read(&OTEL_SDK_DISABLED, boolean);
    if reader.faults.len() > faults {
        return None;
    }
    protocol?;
    let (Some(endpoint), false) = (endpoint, disabled?) else { return Some(None) };
    let client = OtlpConfig {
        headers: headers.unwrap_or_default(),
        timeout: Duration::from_millis(timeout?),
        attributes: attributes.unwrap_or_default(),
        tls,
        ..OtlpConfig::new(endpoint, name.unwrap_or_else(|| service.to_owned()))
    };
    Some(Some(OtlpSettings { client, sampler: sampler?, metric_interval: Duration::from_millis(interval?) }))
}

/// The headers of the collector, by name and value.
pub(crate) fn otlp_headers(text: &str) -> Result<Vec<(String, SecretString)>, String> {
    Ok(pairs(text)?.into_iter().map(|(name, value)| (name, SecretString::from(value))).collect())
}

/// `name=value,name=value` with percent-encoded values. The reason quotes nothing, since a value may be a secret.
fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let pair = |part: &str| {
        let (name, value) = part.trim().split_once('=')?;
        let name = name.trim();
        (!name.is_empty()).then(|| (name.to_owned(), super::secrets::decoded(value.trim())))
    };
    let pairs: Option<Vec<_>> = text.split(',').filter(|part| !part.trim().is_empty()).map(pair).collect();
    pairs.ok_or_else(|| "must be name=value pairs, separated by commas".to_owned())
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "must be a number from 0 to 1".to_owned())
}

fn sampler(text: &str, share: f64) -> Result<Sampler, String> {
    let root = match text.strip_prefix("parentbased_").unwrap_or(text) {
        "always_on" => Sampler::AlwaysOn,
        "always_off" => Sampler::AlwaysOff,
        "traceidratio" => Sampler::TraceIdRatioBased(share),
        _ => {
            return Err(
                "must be always_on, always_off, traceidratio, or one of these with parentbased_ before it".to_owned()
            );
        }
    };
    Ok(if text.starts_with("parentbased_") { Sampler::ParentBased(Box::new(root)) } else { root })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    fn read(environment: &[(&'static str, &'static str)]) -> Result<Option<OtlpSettings>, Vec<String>> {
        let environment: BTreeMap<_, _> = environment.iter().copied().collect();
        let mut reader = Reader::new(&environment);
        match otlp_settings(&mut reader, "a-service") {
            Some(settings) if reader.faults.is_empty() => Ok(settings),
            _ => Err(reader.faults),
        }
    }

    #[test]
    fn variables_of_the_specification_that_have_no_effect_are_found() {
        let names = [
            "OTEL_TRACES_EXPORTER",
            "OTEL_SERVICE_NAME",
            "OTEL_EXPORTER_OTLP_HEADERS_FILE",
            "OTEL_BSP_MAX_QUEUE_SIZE",
            "PATH",
        ];
        assert_eq!(unread(names.map(str::to_owned)), ["OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_TRACES_EXPORTER"]);
    }

    #[test]
    fn nothing_is_sent_without_an_address_or_when_it_is_disabled() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
        assert!(read(&[]).unwrap().is_none());
        assert!(read(&[endpoint, ("OTEL_SDK_DISABLED", "true")]).unwrap().is_none());
        let settings = read(&[endpoint]).unwrap().unwrap();
        assert_eq!(
            (settings.client.service.as_str(), settings.metric_interval),
            ("a-service", Duration::from_secs(60))
        );
        assert_eq!(format!("{:?}", settings.sampler), "ParentBased(AlwaysOn)");
    }

    #[test]
    fn headers_are_decoded_and_hidden_and_every_mistake_is_named() {
        use secrecy::ExposeSecret;
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector:4318");
        let given = [endpoint, ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20hunter2, x=1")];
        let settings = read(&given).unwrap().unwrap();
        assert!(!format!("{settings:?}").contains("hunter2"), "{settings:?}");
        let values = settings.client.headers.values();
        let values: BTreeSet<_> = values.iter().map(ExposeSecret::expose_secret).collect();
        assert_eq!(values, BTreeSet::from(["1", "Bearer hunter2"]));
        let faults = read(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "grpc://hunter2@x"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "hunter2"),
            ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
            ("OTEL_TRACES_SAMPLER_ARG", "2"),
        ])
        .unwrap_err();
        assert!(faults.len() == 5 && !faults.concat().contains("hunter2"), "{faults:?}");
    }
}
