//! What of the tokens in a configuration is weak. It starts all the same, since a network may be closed and a token short
//! for a reason; an operator should know.

use crate::config::{HubAddress, HubConfig};
use character_credentials::Secret;
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

/// The least length of a token that cannot be guessed, in bytes.
const SHORTEST: usize = 16;

/// Logs a warning when one of the tokens of this variable is short.
pub(crate) fn warn_of_short<'a>(variable: &str, tokens: impl IntoIterator<Item = &'a SecretString>) {
    if tokens.into_iter().any(is_short) {
        tracing::warn!("{variable}: a token has fewer than {SHORTEST} characters and can be guessed; use a random one");
    }
}

/// Logs a warning when the token for the address in this variable travels unencrypted to another machine.
pub(crate) fn warn_of_plain(variable: &str, url: &Url) {
    if is_plain(url) {
        tracing::warn!(
            "{variable}: the token is sent to {} without TLS; use https://, or a private network",
            url.host_str().unwrap_or_default()
        );
    }
}

/// Logs what is weak about the token for the Message Hub.
pub(crate) fn warn_of_hub(hub: Option<&HubConfig>) {
    let Some(hub) = hub else { return };
    let token = hub.token.as_ref().map(Secret::get);
    warn_of_short("MESSAGE_HUB_TOKEN", token.as_deref());
    if let HubAddress::Http(url) = &hub.address {
        warn_of_plain("MESSAGE_HUB_URL", url);
    }
}

fn is_short(token: &SecretString) -> bool {
    token.expose_secret().len() < SHORTEST
}

fn is_plain(url: &Url) -> bool {
    let is_here = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        None => false,
    };
    url.scheme() == "http" && !is_here
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_short_below_sixteen_characters() {
        assert!(is_short(&"fifteen-charact".into()) && !is_short(&"sixteen-characte".into()));
    }

    #[test]
    fn plain_is_what_leaves_the_machine_without_tls() {
        for (url, expected) in [
            ("http://storage-service:8100", true),
            ("http://10.0.0.7:8100", true),
            ("http://[fd00::7]", true),
            ("http://127.0.0.1.example", true),
            ("https://storage-service", false),
            ("http://127.0.0.1:8100", false),
            ("http://127.8.8.8", false),
            ("http://[::1]:8100", false),
            ("http://[::ffff:127.0.0.1]", false),
            ("http://localhost:8100", false),
        ] {
            assert_eq!(is_plain(&url.parse().unwrap()), expected, "{url}");
        }
    }
}
