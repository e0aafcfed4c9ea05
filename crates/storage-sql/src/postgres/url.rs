//! What a `postgres://` URL says. Some of its options are read here, because the client library does not know them.

use super::{Pooling, connector::Address, tls::TlsParameters};
use crate::location::{Place, invalid};
use character_storage_port::Result;
use std::collections::BTreeMap;
use tokio_postgres::{
    Config,
    config::{ChannelBinding, TargetSessionAttrs},
};

/// The options that are read here.
const OWN: [&str; 6] = ["pool_mode", "target_session_attrs", "sslmode", "sslrootcert", "sslcert", "sslkey"];

/// See [`DatabaseLocation::parse`](crate::DatabaseLocation::parse).
pub(crate) fn parse(url: &str) -> Result<Place> {
    let (url, mut options) = split(url)?;
    let (pooling, target) = (pooling(&mut options)?, target(&mut options)?);
    let mut last = |name| options.remove(name).and_then(|mut values| values.pop());
    let tls = TlsParameters {
        mode: last("sslmode"),
        root: last("sslrootcert"),
        certificate: last("sslcert"),
        key: last("sslkey"),
    };
    // Its own texts may quote a value of the URL.
    let mut config: Config = url.parse().map_err(|_| {
        invalid("is not a PostgreSQL URL such as postgres://USER:PASSWORD@HOST:5432/DATABASE?OPTION=VALUE")
    })?;
    if config.get_channel_binding() == ChannelBinding::Require {
        return Err(invalid("channel_binding=require is not offered; sslmode=verify-full excludes others in between"));
    }
    let hosts = config.get_hosts().len().max(config.get_hostaddrs().len());
    if hosts == 0 || config.get_ports().len() > 1 && config.get_ports().len() != hosts {
        return Err(invalid("needs a host, and one port or a port for each host"));
    }
    // Several hosts are a primary and its standbys.
    let several = if hosts > 1 { TargetSessionAttrs::ReadWrite } else { TargetSessionAttrs::Any };
    config.target_session_attrs(target.unwrap_or(several));
    let (mode, tls) = tls.load().map_err(|reason| invalid(&reason))?;
    config.ssl_mode(mode);
    Ok(Place::Postgres { address: Address { config: Box::new(config), tls }, pooling })
}

/// The values of each option of ours, in their order in the URL.
type Options<'a> = BTreeMap<&'a str, Vec<String>>;

/// The URL without the options that are read here, and these.
fn split(url: &str) -> Result<(String, Options<'_>)> {
    let mut own = Options::new();
    let Some((start, options)) = url.split_once('?') else { return Ok((url.to_owned(), own)) };
    let mut others = Vec::new();
    for option in options.split('&') {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        if !OWN.contains(&name) {
            others.push(option);
            continue;
        }
        let value = decoded(value).filter(|value| !value.is_empty());
        let Some(value) = value else { return Err(invalid(&format!("{name} must have a value, percent-encoded"))) };
        own.entry(name).or_default().push(value);
    }
    let mark = if others.is_empty() { "" } else { "?" };
    Ok((format!("{start}{mark}{}", others.join("&")), own))
}

fn pooling(options: &mut Options<'_>) -> Result<Pooling> {
    match texts(options.remove("pool_mode").as_deref()).as_slice() {
        [] | ["session"] => Ok(Pooling::Session),
        ["transaction"] => Ok(Pooling::Transaction),
        _ => Err(invalid("pool_mode must be session (the default) or transaction (behind a pooler)")),
    }
}

/// The client of PostgreSQL knows fewer values than others do.
fn target(options: &mut Options<'_>) -> Result<Option<TargetSessionAttrs>> {
    match texts(options.remove("target_session_attrs").as_deref()).as_slice() {
        [] => Ok(None),
        ["any"] => Ok(Some(TargetSessionAttrs::Any)),
        ["read-write" | "primary"] => Ok(Some(TargetSessionAttrs::ReadWrite)),
        _ => Err(invalid("target_session_attrs must be any, read-write or primary: the data is also written")),
    }
}

fn texts(values: Option<&[String]>) -> Vec<&str> {
    values.unwrap_or_default().iter().map(String::as_str).collect()
}

/// The text with its percent-encoding undone; `None`: it is not encoded rightly.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        if first != b'%' {
            bytes.push(first);
            rest = behind;
            continue;
        }
        let (digits, behind) = behind.split_at_checked(2)?;
        let digit = |digit: &u8| char::from(*digit).to_digit(16);
        let (high, low) = (digits.first().and_then(digit)?, digits.last().and_then(digit)?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
        rest = behind;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DatabaseLocation;
    use tokio_postgres::config::SslMode;

    #[test]
    fn a_value_that_is_not_encoded_rightly_is_refused() {
        assert_eq!(decoded("%2fA%20b").as_deref(), Some("/A b"));
        for wrong in ["%", "%2", "%zz", "%+f", "%-1", "%ff"] {
            assert_eq!(decoded(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_mode_of_a_pooler_is_read_and_not_passed_on() {
        let place = |url: &str| match DatabaseLocation::parse(url).map(|location| location.0) {
            Ok(Place::Postgres { address, pooling }) => {
                Some((address.config.get_application_name().map(str::to_owned), pooling))
            }
            _ => None,
        };
        assert_eq!(place("postgres://u@h/d?pool_mode=transaction"), Some((None, Pooling::Transaction)));
        assert_eq!(place("postgres://u@h/d?pool_mode=session"), Some((None, Pooling::Session)));
        let both = place("postgres://u@h/d?pool_mode=transaction&application_name=x");
        assert_eq!(both, Some((Some("x".to_owned()), Pooling::Transaction)));
    }

    #[test]
    fn of_several_hosts_one_that_takes_writes_is_wanted_unless_the_url_says_otherwise() {
        let target = |url: &str| match DatabaseLocation::parse(url).map(|location| location.0) {
            Ok(Place::Postgres { address, .. }) => Some(address.config.get_target_session_attrs()),
            _ => None,
        };
        let (any, writes) = (Some(TargetSessionAttrs::Any), Some(TargetSessionAttrs::ReadWrite));
        assert_eq!(target("postgres://u@h/d"), any);
        assert_eq!(target("postgres://u@h/d?target_session_attrs=primary"), writes);
        assert_eq!(target("postgres://u@a,b:2/d"), writes);
        assert_eq!(target("postgres://u@a:1,b:2/d?pool_mode=transaction&target_session_attrs=read-write"), writes);
        assert_eq!(target("postgres://u@a:1,b:2/d?target_session_attrs=any"), any);
        for refused in ["standby", "read-only", "prefer-standby", ""] {
            assert_eq!(target(&format!("postgres://u@a,b/d?target_session_attrs={refused}")), None, "{refused}");
        }
    }

    #[test]
    fn one_port_is_of_all_hosts_and_several_are_of_as_many() {
        let ports = |url: &str| match DatabaseLocation::parse(url).map(|location| location.0) {
            Ok(Place::Postgres { address, .. }) => Some(address.config.get_ports().to_vec()),
            _ => None,
        };
        assert_eq!(ports("postgres://u@h:1/d"), Some(vec![1]));
        assert_eq!(ports("postgres://u@a:1,b:2,c:3/d"), Some(vec![1, 2, 3]));
        assert_eq!(ports("postgres://u@a:1,b:2/d?port=3"), None);
        let three = "postgres:///d?hostaddr=127.0.0.1,127.0.0.2,127.0.0.3";
        assert_eq!(ports(three), Some(vec![]));
        assert_eq!(ports(&format!("{three}&port=1")), Some(vec![1]));
        assert_eq!(ports(&format!("{three}&port=1,2,3")), Some(vec![1, 2, 3]));
        assert_eq!(ports(&format!("{three}&port=1,2")), None);
        assert_eq!(ports("postgres:///d?port=1"), None);
    }

    #[test]
    fn the_last_of_an_option_of_tls_counts_and_a_mode_of_pooling_given_twice_is_refused() {
        let mode = |options: &str| {
            let location = DatabaseLocation::parse(&format!("postgres://u@h/d?{options}"));
            match location.map(|location| location.0) {
                Ok(Place::Postgres { address, .. }) => Some(address.config.get_ssl_mode()),
                _ => None,
            }
        };
        assert_eq!(mode("application_name=x"), Some(SslMode::Prefer));
        assert_eq!(mode("sslmode=require"), Some(SslMode::Require));
        assert_eq!(mode("sslmode=require&sslmode=disable"), Some(SslMode::Disable));
        assert_eq!(mode("sslmode=disable&sslmode=require&application_name=x"), Some(SslMode::Require));
        assert_eq!(mode("pool_mode=session&pool_mode=session"), None);
        assert_eq!(mode("target_session_attrs=any&target_session_attrs=any"), None);
    }

    #[test]
    fn a_postgres_url_that_cannot_be_used_is_refused_without_its_secrets() {
        for url in [
            "postgres://u:hunter2@h:port/d",
            "postgres://u:hunter2@h/d?hunter2=1",
            "postgres://u:hunter2@h/d?sslmode=encrypted",
            "postgres://u:hunter2@h/d?channel_binding=require",
            "postgres://u:hunter2@h/d?sslmode=verify-full&sslrootcert=/no/such/file",
            "postgres://u:hunter2@h/d?sslmode=verify-ca&sslrootcert=system",
            "postgres://u:hunter2@h/d?sslrootcert=/etc/ssl/certs/ca-certificates.crt",
            "postgres://u:hunter2@h/d?sslmode=require&sslcert=/a",
            "postgres://u:hunter2@h/d?sslmode=disable&sslcert=/a&sslkey=/b",
            "postgres://u:hunter2@h/d?sslmode=%zz",
            "postgres://u:hunter2@h/d?sslmode=",
            "postgres://u:hunter2@h/d?pool_mode",
            "postgres://u:hunter2@h/d?pool_mode=session&pool_mode=transaction",
            "postgres://u:hunter2@h/d?pool_mode=statement",
            "postgres://u:hunter2@h,i/d?target_session_attrs=hunter2",
            "postgres://u:hunter2@/d",
        ] {
            let error = DatabaseLocation::parse(url).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
        assert_eq!(
            DatabaseLocation::parse("postgres://u:p@h/d").map(|location| location.engine()).ok(),
            Some("postgres")
        );
    }
}
