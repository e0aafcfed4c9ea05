//! Where the NATS server is, with which credentials, and how the stream of events is kept.

use crate::{NatsBudget, percent};
use async_nats::{Auth, ServerAddr};
use character_credentials::{ClientTls, Secret};
use secrecy::{ExposeSecret as _, SecretString};
use std::{fmt, time::Duration};

/// How long the port promises that a message id is recognised.
const SHORTEST_WINDOW: Duration = Duration::from_secs(600);

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {reason}")]
pub struct InvalidConfig {
    /// The name of the setting.
    pub setting: &'static str,
    /// What is wrong, and what would be right. It holds no secret.
    pub reason: String,
}

impl InvalidConfig {
    pub(crate) fn new(setting: &'static str, reason: impl Into<String>) -> Self {
        Self { setting, reason: reason.into() }
    }
}

/// How the client proves who it is.
#[derive(Clone, Debug, Default)]
pub enum Credentials {
    /// It does not, but for a user and password, or a token, in the URL: `nats://user:password@host`, `nats://token@host`.
    #[default]
    None,
    /// A token. A replaced one is sent when the next connection is made.
    Token(Secret),
    /// The user and password, or the token, of the first of these addresses that has them, for when they change while the process
    /// runs: the next connection uses what is there then. The addresses themselves are those of the URL.
    OfUrl(Secret),
    /// A user with a password.
    User {
        /// The name of the user.
        user: String,
        /// The password.
        password: SecretString,
    },
    /// The contents of a `.creds` file: a JWT of a user with its seed.
    File(SecretString),
}

/// The settings of a [`NatsHub`](crate::NatsHub).
#[derive(Clone)]
pub struct NatsHubConfig {
    /// One or several servers of one cluster, separated by commas: `nats://host:4222`, or `tls://host:4222` to require TLS.
    pub url: String,
    /// How the client proves who it is. Default: [`Credentials::None`].
    pub credentials: Credentials,
    /// What is trusted of a server, and the own certificate; TLS is then required, whatever the URL begins with. Default: what
    /// the system trusts and no certificate, for `tls://` and for a server that asks for TLS.
    pub tls: Option<ClientTls>,
    /// The name of the client in the lists of the server. Default: `character`.
    pub client_name: String,
    /// The stream that keeps the events. It is created when it is absent; one that exists is used with its own settings.
    /// Default: `CHARACTER_EVENTS`.
    pub stream: String,
    /// What all subjects begin with, such as `staging.`; empty, or ending with a dot. Default: empty.
    pub prefix: String,
    /// The kinds of events, the first segments of their types, that a new stream takes. Another kind is added to the stream
    /// before its first event is published or subscribed to. Default: `character` and `campaign`.
    pub kinds: Vec<String>,
    /// The subjects of a new stream, instead of those of `kinds`; none is added then. Default: none.
    pub subjects: Vec<String>,
    /// The number of servers that keep each event, 1 to 5. Default: 1.
    pub replicas: usize,
    /// How long events are kept, at least as long as `duplicate_window`. Default: 7 days.
    pub max_age: Duration,
    /// How long a message id is recognised, at least 10 minutes, which the port promises. Default: 10 minutes.
    pub duplicate_window: Duration,
    /// The maximum number of events that a new stream keeps; more are refused as `Full`. At least 1. Default: unlimited.
    pub max_messages: Option<u64>,
    /// The maximum number of bytes that a new stream keeps; more are refused as `Full`. At least 1. Default: unlimited.
    pub max_bytes: Option<u64>,
    /// The limit of one attempt to connect, at least 1 ms. Default: 5 s.
    pub connect_timeout: Duration,
    /// The maximum number of bytes of large requests and replies that are held at the same time, for all hubs that have a clone of it
    /// together. Default: a budget of its own of 32 MiB.
    pub budget: NatsBudget,
    /// How many hubs have subscribers of a name at the same time. Default: [`Subscribers::Several`].
    pub subscribers: Subscribers,
}

/// How many hubs, each in a process of its own, have subscribers of a name at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subscribers {
    /// They share the events. The order of a subject holds while one has subscribers.
    Several,
    /// One at a time, as [`HolderRecords`](character_message_hub::HolderRecords) permits. The order of a subject holds over a change
    /// of the hub, also when the one before it has not noticed the change yet.
    One,
}

impl fmt::Debug for NatsHubConfig {
    /// Without the user and password of the URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let public = |address: &str| match (address.split_once("://"), address.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, host))) => format!("{scheme}://***@{host}"),
            _ => address.to_owned(),
        };
        let url: Vec<_> = self.url.split(',').map(public).collect();
        f.debug_struct("NatsHubConfig")
            .field("url", &url.join(","))
            .field("credentials", &self.credentials)
            .field("stream", &self.stream)
            .field("prefix", &self.prefix)
            .field("replicas", &self.replicas)
            .finish_non_exhaustive()
    }
}

impl NatsHubConfig {
    /// The default settings with this URL.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            credentials: Credentials::None,
            tls: None,
            client_name: "character".into(),
            stream: "CHARACTER_EVENTS".into(),
            prefix: String::new(),
            kinds: vec!["character".into(), "campaign".into()],
            subjects: Vec::new(),
            replicas: 1,
            max_age: Duration::from_secs(7 * 24 * 3600),
            duplicate_window: Duration::from_secs(600),
            max_messages: None,
            max_bytes: None,
            connect_timeout: Duration::from_secs(5),
            budget: NatsBudget::default(),
            subscribers: Subscribers::Several,
        }
    }

    /// The addresses of the servers.
    pub(crate) fn servers(&self) -> Result<Vec<ServerAddr>, InvalidConfig> {
        servers_of(&self.url)
    }

    /// What the first server has in its URL that has something, percent-decoded.
    pub(crate) fn login_of_url(&self) -> Result<Option<Login>, InvalidConfig> {
        login_of(&self.servers()?)
    }

    /// Refuses addresses that cannot be used, and those whose user or password is not percent-encoded.
    ///
    /// # Errors
    /// [`InvalidConfig`] without the addresses.
    pub fn check_url(url: &SecretString) -> Result<(), InvalidConfig> {
        login_of(&servers_of(url.expose_secret())?).map(drop)
    }

    pub(crate) fn check(&self) -> Result<(), InvalidConfig> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if !(1..=64).contains(&self.stream.len()) || !self.stream.bytes().all(is_plain) {
            return Err(InvalidConfig::new("stream", "must be 1 to 64 of the characters A-Z, a-z, 0-9, - and _"));
        }
        let tokens = self.prefix.strip_suffix('.');
        let is_token = |token: &str| !token.is_empty() && token.bytes().all(is_plain);
        if !self.prefix.is_empty() && !tokens.is_some_and(|tokens| tokens.split('.').all(is_token)) {
            return Err(InvalidConfig::new(
                "prefix",
                "must be empty, or words of A-Z, a-z, 0-9, - and _ that each end with a dot",
            ));
        }
        if !self.kinds.iter().all(|kind| is_token(kind)) {
            return Err(InvalidConfig::new("kinds", "each must be of the characters A-Z, a-z, 0-9, - and _"));
        }
        if self.kinds.is_empty() && self.subjects.is_empty() {
            return Err(InvalidConfig::new("kinds", "must name a kind, or subjects must name a subject"));
        }
        if !(1..=5).contains(&self.replicas) {
            return Err(InvalidConfig::new("replicas", format!("must be from 1 to 5, not {}", self.replicas)));
        }
        if self.duplicate_window < SHORTEST_WINDOW {
            let reason = format!("must be at least 10 minutes, not {:?}", self.duplicate_window);
            return Err(InvalidConfig::new("duplicate_window", reason));
        }
        if self.duplicate_window > self.max_age {
            let reason =
                format!("is {:?}, and must not be longer than max_age, {:?}", self.duplicate_window, self.max_age);
            return Err(InvalidConfig::new("duplicate_window", reason));
        }
        // NATS takes a limit of zero for none at all.
        for (setting, limit) in [("max_messages", self.max_messages), ("max_bytes", self.max_bytes)] {
            if limit == Some(0) {
                return Err(InvalidConfig::new(setting, "must be at least 1, not 0; without it there is no limit"));
            }
        }
        if self.connect_timeout < Duration::from_millis(1) {
            let reason = format!("must be at least 1 ms, not {:?}", self.connect_timeout);
            return Err(InvalidConfig::new("connect_timeout", reason));
        }
        Ok(())
    }
}

/// The addresses of servers, separated by commas.
fn servers_of(url: &str) -> Result<Vec<ServerAddr>, InvalidConfig> {
    let addresses = url.split(',').map(str::trim).filter(|address| !address.is_empty());
    let address = |text: &str| {
        if !text.starts_with("nats://") && !text.starts_with("tls://") {
            return Err(InvalidConfig::new("url", "each address must begin with nats:// or tls://"));
        }
        // The text itself may hold a password.
        text.parse().map_err(|_| InvalidConfig::new("url", "an address must have the form nats://host:port"))
    };
    let servers: Vec<ServerAddr> = addresses.map(address).collect::<Result<_, _>>()?;
    if servers.is_empty() {
        return Err(InvalidConfig::new("url", "must name a server, such as nats://127.0.0.1:4222"));
    }
    Ok(servers)
}

/// How a URL says who the client is.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(crate) enum Login {
    User { user: String, password: String },
    Token(String),
}

impl From<Login> for Auth {
    fn from(login: Login) -> Self {
        let mut auth = Self::new();
        match login {
            Login::User { user, password } => (auth.username, auth.password) = (Some(user), Some(password)),
            Login::Token(token) => auth.token = Some(token),
        }
        auth
    }
}

fn login_of(servers: &[ServerAddr]) -> Result<Option<Login>, InvalidConfig> {
    let Some(server) = servers.iter().find(|server| server.has_user_pass()) else { return Ok(None) };
    let decoded = |text: &str| {
        percent::decode(text).ok_or_else(|| InvalidConfig::new("url", "user and password must be percent-encoded"))
    };
    let user = decoded(server.username().unwrap_or_default())?;
    Ok(Some(match server.password() {
        Some(password) => Login::User { user, password: decoded(password)? },
        None => Login::Token(user),
    }))
}

/// What such addresses say at this moment; `None`: nothing.
pub(crate) fn login_of_text(url: &str) -> Option<Login> {
    login_of(&servers_of(url).ok()?).ok()?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_servers_are_read_and_others_refused_by_name() {
        let of = |url: &str| NatsHubConfig::new(url).servers().map(|servers| servers.len());
        assert_eq!(of("nats://a:1, tls://b:2,nats://user:secret@c"), Ok(3));
        for url in ["", ",", "http://a:1", "a:4222", "nats://a:secret@b:port"] {
            let refused = of(url).unwrap_err();
            assert_eq!(refused.setting, "url", "{url}");
            assert!(!refused.to_string().contains("secret"));
        }
    }

    #[test]
    fn no_secret_is_printed() {
        let user = Credentials::User { user: "u".into(), password: "secret".to_owned().into() };
        let config = NatsHubConfig { credentials: user, ..NatsHubConfig::new("nats://u:secret@a:1,tls://b:2") };
        let text = format!("{config:?}");
        assert!(!text.contains("secret") && text.contains("nats://***@a:1,tls://b:2"), "{text}");
    }

    #[test]
    fn user_and_password_or_the_token_of_the_url_are_decoded() {
        let of = |url: &str| NatsHubConfig::new(url).login_of_url().unwrap();
        let (user, password) = ("hub".to_owned(), "a@b".to_owned());
        assert_eq!(of("nats://a:1,nats://hub:a%40b@c:2"), Some(Login::User { user, password }));
        assert_eq!(of("nats://a%40b@c:2"), Some(Login::Token("a@b".to_owned())));
        assert_eq!(of("nats://a:1"), None);
    }

    #[test]
    fn settings_that_cannot_be_used_are_refused_by_name() {
        let valid = || NatsHubConfig::new("nats://a");
        assert_eq!(valid().check(), Ok(()));
        let faults = [
            ("stream", NatsHubConfig { stream: "a.b".into(), ..valid() }),
            ("prefix", NatsHubConfig { prefix: "a".into(), ..valid() }),
            ("prefix", NatsHubConfig { prefix: "a.*.".into(), ..valid() }),
            ("kinds", NatsHubConfig { kinds: vec!["a.b".into()], ..valid() }),
            ("kinds", NatsHubConfig { kinds: vec![], ..valid() }),
            ("replicas", NatsHubConfig { replicas: 0, ..valid() }),
            ("duplicate_window", NatsHubConfig { max_age: Duration::from_secs(1), ..valid() }),
            ("duplicate_window", NatsHubConfig { duplicate_window: Duration::from_secs(599), ..valid() }),
            ("max_messages", NatsHubConfig { max_messages: Some(0), ..valid() }),
            ("max_bytes", NatsHubConfig { max_bytes: Some(0), ..valid() }),
            ("connect_timeout", NatsHubConfig { connect_timeout: Duration::ZERO, ..valid() }),
        ];
        for (setting, config) in faults {
            assert_eq!(config.check().unwrap_err().setting, setting);
        }
    }
}
