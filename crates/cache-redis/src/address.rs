//! The addresses of the tier: one server, Sentinel, or Cluster.

use crate::{InvalidRedisOptions, RedisTierOptions};
use redis::{
    ClientTlsConfig, ConnectionInfo, IntoConnectionInfo, TlsCertificates, TlsMode,
    cluster::ClusterClient,
    sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType},
};
use std::time::Duration;

/// The default port of a Sentinel.
const SENTINEL_PORT: u16 = 26_379;

/// Attempts within one operation of a Cluster, and the pauses between them in milliseconds: enough to follow a slot that
/// moves, and few enough to end with the reason within the time of an operation.
const CLUSTER_RETRIES: u32 = 4;
const CLUSTER_PAUSES: (u64, u64) = (1, 10);

/// The target of connections. Nothing is connected yet.
pub(crate) enum Address {
    Server(Box<ConnectionInfo>),
    /// It remembers its connections to the Sentinels.
    Sentinel(Box<SentinelClient>),
    Cluster(Box<ClusterClient>),
}

impl Address {
    /// An error has no details, because any part of the text may be a secret.
    pub(crate) fn parse(url: &str, options: &RedisTierOptions) -> Result<Self, InvalidRedisOptions> {
        let has_tls = url.starts_with("rediss");
        let certificates = options.tls.as_ref().map(|tls| {
            let pem = tls.pem();
            let own = pem.identity.as_ref();
            let client_tls = own.map(|(certificate, key)| ClientTlsConfig {
                client_cert: certificate.clone(),
                client_key: key.clone(),
            });
            TlsCertificates { client_tls, root_cert: pem.ca.clone() }
        });
        let address = Self::of(url, options, certificates.clone().filter(|_| has_tls));
        match address {
            Some(_) if certificates.is_some() && !has_tls => Err(InvalidRedisOptions::WithoutTls),
            address => address.ok_or(InvalidRedisOptions::Url),
        }
    }

    fn of(url: &str, options: &RedisTierOptions, certificates: Option<TlsCertificates>) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let (scheme, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
        if !["redis", "rediss"].contains(&scheme) {
            return None;
        }
        match kind {
            "" => {
                let client = match certificates {
                    Some(certificates) => redis::Client::build_with_tls(url, certificates),
                    None => redis::Client::open(url),
                };
                Some(Self::Server(Box::new(client.ok()?.get_connection_info().clone())))
            }
            "sentinel" => Some(Self::Sentinel(Box::new(Parts::of(scheme, rest)?.sentinel(certificates)?))),
            "cluster" => Some(Self::Cluster(Box::new(Parts::of(scheme, rest)?.cluster(options, certificates)?))),
            _ => None,
        }
    }
}

/// `[user:password@]host[:port],host[:port][/path][?query]`.
struct Parts<'a> {
    scheme: &'a str,
    /// Including the `@` after it, if any.
    credentials: &'a str,
    hosts: Vec<&'a str>,
    path: Option<&'a str>,
    query: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(scheme: &'a str, rest: &'a str) -> Option<Self> {
        let (rest, query) = split(rest, '?');
        let (authority, path) = split(rest, '/');
        let (credentials, hosts) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
        let hosts: Vec<_> = hosts.split(',').collect();
        let are_named = hosts.iter().all(|host| !host.is_empty() && !host.starts_with(':'));
        are_named.then_some(Self { scheme, credentials, hosts, path, query })
    }

    fn sentinel(&self, certificates: Option<TlsCertificates>) -> Option<SentinelClient> {
        let (master, database) = split(self.path?, '/');
        if master.is_empty() {
            return None;
        }
        let server = format!("{}://{}host/{}", self.scheme, self.credentials, database.unwrap_or_default());
        let server = server.into_connection_info().ok()?;
        let credentials = self.sentinel_credentials()?;
        let sentinels = self.hosts.iter().map(|host| {
            let names_a_port = !host.ends_with(']') && host.contains(':');
            let port = if names_a_port { String::new() } else { format!(":{SENTINEL_PORT}") };
            format!("{}://{credentials}{host}{port}", self.scheme).into_connection_info().ok()
        });
        let sentinels: Vec<ConnectionInfo> = sentinels.collect::<Option<_>>()?;
        let first = sentinels.first()?.redis_settings().clone();
        let addresses = sentinels.iter().map(|sentinel| sentinel.addr().clone());
        let mut builder = SentinelClientBuilder::new(addresses, master, SentinelServerType::Master).ok()?;
        builder = builder.set_client_to_redis_db(server.redis_settings().db());
        if let Some(user) = server.redis_settings().username() {
            builder = builder.set_client_to_redis_username(user);
        }
        if let Some(password) = server.redis_settings().password() {
            builder = builder.set_client_to_redis_password(password);
        }
        if let Some(user) = first.username() {
            builder = builder.set_client_to_sentinel_username(user);
        }
        if let Some(password) = first.password() {
            builder = builder.set_client_to_sentinel_password(password);
        }
        if self.scheme == "rediss" {
            builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
        }
        if let Some(certificates) = certificates {
            builder = builder.set_client_to_redis_certificates(certificates.clone());
            builder = builder.set_client_to_sentinel_certificates(certificates);
        }
        builder.build().ok()
    }

    /// In the form of the URL. Sentinels without a password reject any, so the password of the servers is not sent to
    /// them.
    fn sentinel_credentials(&self) -> Option<String> {
        let (mut user, mut password) = ("", "");
        for pair in self.query.into_iter().flat_map(|query| query.split('&')) {
            match pair.split_once('=')? {
                ("sentinel_user", given) => user = given,
                ("sentinel_password", given) => password = given,
                _ => return None,
            }
        }
        Some(if password.is_empty() { String::new() } else { format!("{user}:{password}@") })
    }

    fn cluster(&self, options: &RedisTierOptions, certificates: Option<TlsCertificates>) -> Option<ClusterClient> {
        // A Cluster has one database.
        if !matches!(self.path, None | Some("" | "0")) || self.query.is_some() {
            return None;
        }
        let nodes = self
            .hosts
            .iter()
            .map(|host| format!("{}://{}{host}", self.scheme, self.credentials).into_connection_info().ok());
        let nodes: Vec<ConnectionInfo> = nodes.collect::<Option<_>>()?;
        let builder = ClusterClient::builder(nodes);
        let builder = match certificates {
            Some(certificates) => builder.certs(certificates),
            None => builder,
        };
        builder
            .connection_timeout(options.connect)
            .response_timeout(options.operation.max(Duration::from_secs(1)))
            .retries(CLUSTER_RETRIES)
            .min_retry_wait(CLUSTER_PAUSES.0)
            .max_retry_wait(CLUSTER_PAUSES.1)
            .build()
            .ok()
    }
}

/// The text before the first `separator`, and the text after it, if any.
fn split(text: &str, separator: char) -> (&str, Option<&str>) {
    text.split_once(separator).map_or((text, None), |(before, behind)| (before, Some(behind)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::InvalidRedisOptions;

    #[test]
    fn addresses_of_every_kind_are_told_apart() {
        for (url, kind) in [
            ("redis://host", "server"),
            ("rediss://user:secret@host:6380/3", "server"),
            ("redis+sentinel://host/main", "sentinel"),
            ("redis+sentinel://user:secret@a:1,b,[::1]:3,[::1]/main/2?sentinel_password=other", "sentinel"),
            ("rediss+sentinel://:secret@a,b/main?sentinel_user=u&sentinel_password=p", "sentinel"),
            ("redis+cluster://a:1,b:2,[::1]:3", "cluster"),
            ("rediss+cluster://user:sec%40ret@a/", "cluster"),
        ] {
            let found = match Address::parse(url, &RedisTierOptions::new(url.into())) {
                Ok(Address::Server(_)) => "server",
                Ok(Address::Sentinel(_)) => "sentinel",
                Ok(Address::Cluster(_)) => "cluster",
                Err(_) => "none",
            };
            assert_eq!(found, kind, "{url}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_being_repeated() {
        for url in [
            "",
            "hunter2",
            "http://user:hunter2@host",
            "redis://user:hunter2@host/database",
            "redis+tcp://user:hunter2@host",
            "redis+unix:///hunter2",
            "redis+sentinel://user:hunter2@host",
            "redis+sentinel://user:hunter2@host/",
            "redis+sentinel://user:hunter2@host,/main",
            "redis+sentinel://user:hunter2@host/main/database",
            "redis+sentinel://user:hunter2@host:port/main",
            "redis+sentinel://host/main?password=hunter2",
            "redis+cluster://user:hunter2@",
            "redis+cluster://user:hunter2@host/1",
            "redis+cluster://user:hunter2@host,:1",
            "redis+cluster://user:hunter2@host?x=y",
        ] {
            let error = RedisTierOptions::new(url.into()).check().expect_err(url);
            assert!(matches!(error, InvalidRedisOptions::Url));
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
        let prefix = RedisTierOptions { prefix: "a{b".into(), ..RedisTierOptions::new("redis://host".into()) };
        assert!(matches!(prefix.check(), Err(InvalidRedisOptions::Prefix)));
        let right = RedisTierOptions::new("redis://host".into());
        for (name, options) in [
            ("operation", RedisTierOptions { operation: Duration::ZERO, ..right.clone() }),
            ("connect", RedisTierOptions { connect: Duration::ZERO, ..right.clone() }),
            ("connections", RedisTierOptions { connections: 0, ..right.clone() }),
            ("keep", RedisTierOptions { keep: Duration::from_micros(999), ..right.clone() }),
            ("largest", RedisTierOptions { largest: 0, ..right }),
        ] {
            let error = options.check().expect_err(name);
            assert!(matches!(error, InvalidRedisOptions::Zero { setting } if setting == name), "{error}");
        }
    }
}
