//! The host names under which a listener answers. A page that rebinds its own name to the address of the service sends
//! that name as `Host`, so a listener that knows its names refuses it.

use actix_web::http::uri::Authority;
use std::{collections::BTreeSet, fmt, net::IpAddr, sync::Arc};

/// Names and addresses that an operator permits beside those that need no permission.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostNames(Arc<BTreeSet<Entry>>);

/// A host in lower case without a trailing dot, and the only port under which it is permitted, if that matters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    host: String,
    port: Option<u16>,
}

/// A part of a list that is no host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidHost;

impl fmt::Display for InvalidHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "each part must be a host name or an IP address, with a port if only that port is meant, such as \
             play.example, play.example:8443 or [2001:db8::1]; no URL, no pattern",
        )
    }
}

impl std::error::Error for InvalidHost {}

impl HostNames {
    /// Reads hosts separated by commas. A name in another script than Latin is written in its ASCII form, since that is
    /// what browsers send.
    ///
    /// # Errors
    /// [`InvalidHost`].
    pub fn parse(text: &str) -> Result<Self, InvalidHost> {
        let entry = |part: &str| {
            let authority: Authority = part.parse().map_err(|_| InvalidHost)?;
            let host = normal(authority.host());
            let is_name = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
            let is_usable = literal(&host).is_some() || (is_name && host.split('.').all(|label| !label.is_empty()));
            // An authority may hold a user and an unreadable port; neither is a host.
            let is_whole =
                !part.contains('@') && (authority.port_u16().is_some() || part.len() == authority.host().len());
            if !is_usable || !is_whole {
                return Err(InvalidHost);
            }
            Ok(Entry { host, port: authority.port_u16() })
        };
        Ok(Self(Arc::new(text.split(',').map(str::trim).map(entry).collect::<Result<_, _>>()?)))
    }

    /// Whether it permits nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn contain(&self, host: &str, port: Option<u16>) -> bool {
        self.0.iter().any(|entry| entry.host == host && entry.port.is_none_or(|only| port == Some(only)))
    }
}

/// The hosts under which one listener answers: `localhost`, the address at which it is bound, and those that an operator
/// permits. A listener at all addresses of the machine answers under every IP address, because only a name can be rebound.
#[derive(Clone, Debug)]
pub struct AllowedHosts {
    bound: IpAddr,
    names: HostNames,
}

impl AllowedHosts {
    /// Those of a listener that is bound to this address.
    #[must_use]
    pub fn new(bound: IpAddr, names: HostNames) -> Self {
        Self { bound: bound.to_canonical(), names }
    }

    /// Whether the listener answers under this host.
    pub(crate) fn allow(&self, authority: &Authority) -> bool {
        let host = normal(authority.host());
        let is_own = match literal(&host) {
            Some(address) => self.bound.is_unspecified() || address == self.bound,
            None => host == "localhost",
        };
        is_own || self.names.contain(&host, authority.port_u16())
    }
}

/// The host in lower case, without the dot that ends a fully qualified name.
fn normal(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// The IP address, when the host is one rather than a name; IPv6 stands in brackets.
fn literal(host: &str) -> Option<IpAddr> {
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let address = match inner {
        Some(inner) => IpAddr::V6(inner.parse().ok()?),
        None => IpAddr::V4(host.parse().ok()?),
    };
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(bound: &str, names: &str, host: &str) -> bool {
        let names = if names.is_empty() { HostNames::default() } else { HostNames::parse(names).unwrap() };
        AllowedHosts::new(bound.parse().unwrap(), names).allow(&host.parse().unwrap())
    }

    #[test]
    fn a_listener_answers_under_its_address_and_localhost_at_any_port() {
        for host in ["127.0.0.1", "127.0.0.1:8000", "127.0.0.1:1", "localhost", "LocalHost:3000", "localhost."] {
            assert!(allows("127.0.0.1", "", host), "{host}");
        }
        for host in ["[::1]", "[::1]:8000", "[0:0:0:0:0:0:0:1]"] {
            assert!(allows("::1", "", host), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8000",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "10.0.0.7",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0.0.0.0",
        ] {
            assert!(!allows("127.0.0.1", "", host), "{host}");
        }
    }

    #[test]
    fn a_listener_at_every_address_answers_under_each_address_and_no_name() {
        for bound in ["0.0.0.0", "::"] {
            for host in ["10.42.0.7:8000", "[fd00::7]:8000", "[::ffff:10.42.0.7]", "192.0.2.1", "localhost"] {
                assert!(allows(bound, "", host), "{bound} {host}");
            }
            for host in ["evil.example", "character-service:8000", "10.42.0.7.evil.example"] {
                assert!(!allows(bound, "", host), "{bound} {host}");
            }
        }
    }

    #[test]
    fn names_compare_without_case_and_final_dot_and_with_their_port_if_given() {
        let names = "Play.Example., api.example:8443,[2001:DB8::1], 192.0.2.7";
        for host in ["play.example", "PLAY.EXAMPLE.:99", "api.example:8443", "[2001:db8::1]:1", "192.0.2.7"] {
            assert!(allows("127.0.0.1", names, host), "{host}");
        }
        for host in ["api.example", "api.example:443", "x.play.example", "example", "192.0.2.8", "play.example.."] {
            assert!(!allows("127.0.0.1", names, host), "{host}");
        }
    }

    #[test]
    fn only_hosts_are_taken_as_hosts() {
        for wrong in [
            "*",
            "*.example",
            "",
            "a.example,",
            "https://a.example",
            "a.example/",
            "a b",
            "user@a.example",
            "a.example:port",
            "a.example:",
            "a.example:99999",
            "b\u{fc}cher.example",
            ".example",
            "a..example",
            "[::1",
            "[v1.x]",
        ] {
            assert_eq!(HostNames::parse(wrong), Err(InvalidHost), "{wrong}");
        }
    }
}
