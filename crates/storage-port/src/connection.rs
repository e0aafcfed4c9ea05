//! Why a connection could not be made, for operators.

use std::{error::Error, io};

/// The cause that an error and its sources have in common with every network client: an unknown host, a refusal, a route, a
/// certificate. The sentence holds neither addresses nor secrets. `None`: the error does not name one.
#[must_use]
pub fn connection_failure(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let mut next = Some(error);
    let mut is_tls = false;
    while let Some(error) = next {
        if let Some(reason) = error.downcast_ref::<io::Error>().and_then(of_the_system) {
            return Some(reason);
        }
        if let Some(reason) = of_the_text(&error.to_string()) {
            return Some(reason);
        }
        // Its source may know better.
        is_tls |= is_of_tls(&error.to_string());
        next = error.source();
    }
    is_tls.then_some("TLS failed: the other side does not speak it as expected")
}

fn of_the_system(error: &io::Error) -> Option<&'static str> {
    Some(match error.kind() {
        io::ErrorKind::ConnectionRefused => "the connection is refused: nothing listens at that address",
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::UnexpectedEof => {
            "the other side closed the connection"
        }
        io::ErrorKind::TimedOut => "no connection was made in time",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => "there is no route to the host",
        io::ErrorKind::NotFound => "there is no socket at that path",
        io::ErrorKind::PermissionDenied => "the system does not permit the connection",
        _ => return None,
    })
}

/// What TLS libraries say of certificates, in lower case, with what it means. The first that fits counts.
const CERTIFICATES: [(&str, &str); 9] = [
    ("unknownissuer", "TLS failed: no trusted authority has signed the certificate of the other side"),
    ("not valid for name", "TLS failed: the certificate of the other side is for another host name"),
    ("notvalidforname", "TLS failed: the certificate of the other side is for another host name"),
    ("certificate expired", "TLS failed: the certificate of the other side has expired"),
    ("certificaterequired", "TLS failed: the other side asks for a client certificate and there is none"),
    ("certificate required", "TLS failed: the other side asks for a client certificate and there is none"),
    ("unknownca", "TLS failed: the other side does not trust the authority of the client certificate"),
    ("does not support tls", "TLS failed: the other side does not offer it"),
    ("certificate", "TLS failed: the certificate is not accepted"),
];

/// The standard library has no kinds for some, TLS libraries hide theirs in texts, and some clients hide the source.
fn of_the_text(text: &str) -> Option<&'static str> {
    if text.contains("failed to lookup address") || text.contains("dns error") {
        return Some("the host name cannot be resolved (DNS)");
    }
    if text.contains("Connection refused") {
        return of_the_system(&io::ErrorKind::ConnectionRefused.into());
    }
    let lower = text.to_ascii_lowercase();
    CERTIFICATES.iter().find(|(part, _)| lower.contains(part)).map(|(_, reason)| *reason)
}

fn is_of_tls(text: &str) -> bool {
    let parts = ["received corrupt message", "received fatal alert", "TLS handshake", "tls handshake"];
    parts.iter().any(|part| text.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the client failed")]
    struct Client(#[source] io::Error);

    #[test]
    fn the_cause_is_found_behind_the_errors_of_a_client() {
        let other = |text: &'static str| io::Error::other(text);
        for (error, part) in [
            (io::Error::from(io::ErrorKind::ConnectionRefused), "refused"),
            (io::Error::from_raw_os_error(113), "no route"),
            (other("failed to lookup address information: Name or service not known"), "DNS"),
            (other("invalid peer certificate: UnknownIssuer"), "no trusted authority"),
            (other("invalid peer certificate: certificate not valid for name \"a\""), "another host name"),
            (other("invalid peer certificate: certificate expired: verification time 3"), "has expired"),
            (other("received fatal alert: CertificateRequired"), "a client certificate"),
            (other("invalid peer certificate: BadEncoding"), "not accepted"),
            (other("received corrupt message of type InvalidContentType"), "TLS"),
        ] {
            let reason = connection_failure(&Client(error)).unwrap();
            assert!(reason.contains(part), "{reason}");
        }
        assert_eq!(connection_failure(&Client(other("no more"))), None);
    }
}
