//! The files of TLS: what the listeners show, and what each client trusts and shows.

use super::{Variable, variables::Reader};
use character_credentials::{ClientTls, ClientTlsFiles, ServerTls, ServerTlsFiles, TlsError, TlsFile, Verification};
use std::path::PathBuf;

pub(super) const TLS_CERT_FILE: Variable = Variable::optional(
    "TLS_CERT_FILE",
    "file with the certificate of all listeners in PEM form, followed by those that lead to its authority; unset: HTTP without \
     TLS",
);
pub(super) const TLS_KEY_FILE: Variable =
    Variable::optional("TLS_KEY_FILE", "file with the key of TLS_CERT_FILE in PEM form, without a passphrase");
pub(super) const TLS_CLIENT_CA_FILE: Variable = Variable::optional(
    "TLS_CLIENT_CA_FILE",
    "file with the authorities of client certificates in PEM form: every client must show one, except on HEALTH_ADDR; unset: none \
     is asked for",
);
pub(super) const STORAGE_CA_FILE: Variable = Variable::optional(
    "STORAGE_CA_FILE",
    "file with the authorities that are trusted for an https:// STORAGE_SERVICE_URL, in PEM form; unset: those of the system",
);
pub(super) const STORAGE_CERT_FILE: Variable =
    Variable::optional("STORAGE_CERT_FILE", "file with the client certificate for STORAGE_SERVICE_URL; unset: none");
pub(super) const STORAGE_KEY_FILE: Variable = Variable::optional("STORAGE_KEY_FILE", "file with its key");
pub(super) const REDIS_CA_FILE: Variable = Variable::optional(
    "REDIS_CA_FILE",
    "file with the authorities that are trusted for a rediss REDIS_URL, in PEM form; unset: those of the system",
);
pub(super) const REDIS_CERT_FILE: Variable =
    Variable::optional("REDIS_CERT_FILE", "file with the client certificate for REDIS_URL; unset: none");
pub(super) const REDIS_KEY_FILE: Variable = Variable::optional("REDIS_KEY_FILE", "file with its key");
pub(super) const MESSAGE_HUB_CA_FILE: Variable = Variable::optional(
    "MESSAGE_HUB_CA_FILE",
    "file with the authorities that are trusted for an https://, tls:// or nats:// MESSAGE_HUB_URL, in PEM form; for nats:// TLS is \
     then required; unset: those of the system",
);
pub(super) const MESSAGE_HUB_CERT_FILE: Variable =
    Variable::optional("MESSAGE_HUB_CERT_FILE", "file with the client certificate for MESSAGE_HUB_URL; unset: none");
pub(super) const MESSAGE_HUB_KEY_FILE: Variable = Variable::optional("MESSAGE_HUB_KEY_FILE", "file with its key");
pub(super) const NATS_CA_FILE: Variable = Variable::optional(
    "NATS_CA_FILE",
    "file with the authorities that are trusted for NATS_URL, in PEM form; for nats:// TLS is then required; unset: those of the \
     system",
);
pub(super) const NATS_CERT_FILE: Variable =
    Variable::optional("NATS_CERT_FILE", "file with the client certificate for NATS_URL; unset: none");
pub(super) const NATS_KEY_FILE: Variable = Variable::optional("NATS_KEY_FILE", "file with its key");

pub(super) const OTEL_EXPORTER_OTLP_CERTIFICATE: Variable = Variable::optional(
    "OTEL_EXPORTER_OTLP_CERTIFICATE",
    "file with the authorities that are trusted for an https:// OTEL_EXPORTER_OTLP_ENDPOINT, in PEM form; unset: those of the system",
);
pub(super) const OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: Variable = Variable::optional(
    "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
    "file with the client certificate for OTEL_EXPORTER_OTLP_ENDPOINT; unset: none",
);
pub(super) const OTEL_EXPORTER_OTLP_CLIENT_KEY: Variable =
    Variable::optional("OTEL_EXPORTER_OTLP_CLIENT_KEY", "file with its key");

pub(super) const SERVICES_CA_FILE: Variable = Variable::optional(
    "SERVICES_CA_FILE",
    "file with the authorities that are trusted for https:// addresses of services, in PEM form; unset: those of the system",
);
pub(super) const SERVICES_CERT_FILE: Variable =
    Variable::optional("SERVICES_CERT_FILE", "file with the client certificate for services; unset: none");
pub(super) const SERVICES_KEY_FILE: Variable = Variable::optional("SERVICES_KEY_FILE", "file with its key");

/// The variables of a client: authorities, certificate and key.
pub(crate) struct ClientVariables {
    ca: Variable,
    certificate: Variable,
    key: Variable,
}

pub(crate) const STORAGE: ClientVariables =
    ClientVariables { ca: STORAGE_CA_FILE, certificate: STORAGE_CERT_FILE, key: STORAGE_KEY_FILE };
pub(crate) const REDIS: ClientVariables =
    ClientVariables { ca: REDIS_CA_FILE, certificate: REDIS_CERT_FILE, key: REDIS_KEY_FILE };
pub(crate) const MESSAGE_HUB: ClientVariables =
    ClientVariables { ca: MESSAGE_HUB_CA_FILE, certificate: MESSAGE_HUB_CERT_FILE, key: MESSAGE_HUB_KEY_FILE };
pub(crate) const SERVICES: ClientVariables =
    ClientVariables { ca: SERVICES_CA_FILE, certificate: SERVICES_CERT_FILE, key: SERVICES_KEY_FILE };
pub(crate) const NATS: ClientVariables =
    ClientVariables { ca: NATS_CA_FILE, certificate: NATS_CERT_FILE, key: NATS_KEY_FILE };

pub(crate) const COLLECTOR: ClientVariables = ClientVariables {
    ca: OTEL_EXPORTER_OTLP_CERTIFICATE,
    certificate: OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE,
    key: OTEL_EXPORTER_OTLP_CLIENT_KEY,
};

/// Whether the address of a client has TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Address {
    WithTls,
    /// It has none; or what is missing for it.
    Without(&'static str),
}

/// `None`: the listeners have no TLS, or a value is wrong, which is recorded.
pub(super) fn server_tls(reader: &mut Reader<'_>) -> Option<ServerTls> {
    let certificate = file(reader, &TLS_CERT_FILE);
    let key = file(reader, &TLS_KEY_FILE);
    let client_ca = file(reader, &TLS_CLIENT_CA_FILE);
    together(reader, &TLS_CERT_FILE, &TLS_KEY_FILE);
    if reader.is_set(&TLS_CLIENT_CA_FILE) && !reader.is_set(&TLS_CERT_FILE) {
        reader.faults.push("TLS_CERT_FILE: must be set together with TLS_CLIENT_CA_FILE".to_owned());
    }
    let files = ServerTlsFiles { certificate: certificate?, key: key?, client_ca };
    ServerTls::load(files).map_err(|error| reader.faults.push(described(&error, OF_LISTENERS))).ok()
}

/// `None`: no file is named, or a value is wrong, which is recorded.
pub(super) fn client_tls(reader: &mut Reader<'_>, variables: &ClientVariables, address: Address) -> Option<ClientTls> {
    let ca = file(reader, &variables.ca);
    let certificate = file(reader, &variables.certificate);
    let key = file(reader, &variables.key);
    let all = [&variables.ca, &variables.certificate, &variables.key];
    let set = all.map(|variable| reader.is_set(variable));
    together(reader, &variables.certificate, &variables.key);
    let first = all.into_iter().zip(set).find(|(_, is_set)| *is_set).map(|(variable, _)| variable.name);
    let first = first?;
    if let Address::Without(reason) = address {
        reader.faults.push(format!("{first}: has no effect, because {reason}"));
        return None;
    }
    // What is set and was not read is reported already.
    if set != [ca.is_some(), certificate.is_some(), key.is_some()] {
        return None;
    }
    let files = ClientTlsFiles { ca, identity: certificate.zip(key) };
    let loaded = ClientTls::load(files, Verification::AuthorityAndHost);
    loaded.map_err(|error| reader.faults.push(described(&error, variables.names()))).ok()
}

fn file(reader: &mut Reader<'_>, variable: &Variable) -> Option<PathBuf> {
    reader.read(variable, |text| Ok(PathBuf::from(text)))
}

fn together(reader: &mut Reader<'_>, one: &Variable, other: &Variable) {
    let (set, missing) = match (reader.is_set(one), reader.is_set(other)) {
        (true, false) => (one, other),
        (false, true) => (other, one),
        _ => return,
    };
    reader.faults.push(format!("{}: must be set together with {}", missing.name, set.name));
}

/// The error with the variable of its file, of those for authorities, certificate and key.
fn described(error: &TlsError, variables: [&str; 3]) -> String {
    match error {
        TlsError::File { file, path, reason } => format!("{}={path:?}: {reason}", variable_of(*file, variables)),
        other => format!("{}: {other}", variables[0]),
    }
}

/// The same for a file that has changed, without its path: the log leaves out what is quoted.
pub(crate) fn reason_of(error: &TlsError, variables: [&str; 3]) -> String {
    match error {
        TlsError::File { file, reason, .. } => format!("{}: {reason}", variable_of(*file, variables)),
        other => format!("{}: {other}", variables[0]),
    }
}

fn variable_of(file: TlsFile, [ca, certificate, key]: [&str; 3]) -> &str {
    match file {
        TlsFile::Ca => ca,
        TlsFile::Certificate => certificate,
        TlsFile::Key => key,
    }
}

/// The variables of the listeners: authorities, certificate and key.
pub(crate) const OF_LISTENERS: [&str; 3] = [TLS_CLIENT_CA_FILE.name, TLS_CERT_FILE.name, TLS_KEY_FILE.name];

impl ClientVariables {
    /// The names of the variables: authorities, certificate and key.
    pub(crate) const fn names(&self) -> [&'static str; 3] {
        [self.ca.name, self.certificate.name, self.key.name]
    }
}
