//! Errors of libraries that come about when one side of a connection uses TLS and the other does not.

const NEEDS_TLS: &str = "a port with TLS answers so; the address probably needs https://";
const NEEDS_NO_TLS: &str =
    "a port without TLS answers so; the address probably needs http://, or another scheme without TLS";
const NEEDS_INFO_FIRST: &str =
    "a NATS server with handshake_first answers so; it must be auto or false there, because this client waits for INFO";

/// What a library reports, and what it then means. No library has a kind for either.
const REPORTS: [(&str, &str); 4] = [
    ("invalid HTTP version parsed", NEEDS_TLS),
    ("InvalidContentType", NEEDS_NO_TLS),
    ("tls handshake eof", NEEDS_NO_TLS),
    ("expected INFO, got nothing", NEEDS_INFO_FIRST),
];

/// The probable mistake in an address, where a text of an error shows that one side has TLS and the other does not. `None`: the
/// text shows nothing of the kind, or names the mistake already.
#[must_use]
pub fn tls_of_one_side(text: &str) -> Option<&'static str> {
    let (_, meaning) = REPORTS.iter().find(|(report, _)| text.contains(report))?;
    (!text.contains(meaning)).then_some(*meaning)
}
