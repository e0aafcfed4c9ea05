//! Connects to the first of several servers that can be used, and ends the sessions of one that no longer takes writes.

use character_error_reporter::redacted;
use deadpool_postgres::Connect;
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use std::{
    error::Error as StdError,
    fmt,
    future::poll_fn,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};
use tokio::{task::JoinHandle, time::timeout};
use tokio_postgres::{
    AsyncMessage, Client, Config, Connection, Error, NoTls, Socket,
    config::{Host, LoadBalanceHosts, TargetSessionAttrs},
    tls::NoTlsStream,
};

/// How long a server may take before the next one is tried beside it. A server that is gone without a trace costs no more.
const HEAD_START: Duration = Duration::from_millis(500);

/// What moves the bytes of a connection.
pub(crate) type Link = Connection<Socket, NoTlsStream>;

/// What a new session is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sessions {
    /// Reads and changes, or reads that must see every change at once.
    Current,
    /// Reads alone, which the server holds them to.
    ReadOnly,
}

/// The servers of one database, of which one takes writes. Clones share what they know of them.
#[derive(Clone)]
pub(crate) struct Servers(Arc<Known>);

struct Known {
    /// One configuration for each server, in the order of the address.
    each: Vec<Config>,
    sessions: Sessions,
    /// A session ends when its server no longer takes writes.
    needs_writes: bool,
    takes_turns: bool,
    /// The server that is tried first.
    first: AtomicUsize,
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Servers").field("number", &self.0.each.len()).field("sessions", &self.0.sessions).finish()
    }
}

impl Servers {
    pub(crate) fn new(config: &Config, sessions: Sessions) -> Self {
        let number = config.get_hosts().len().max(config.get_hostaddrs().len());
        let each = match number {
            0 | 1 => vec![config.clone()],
            _ => (0..number).map(|index| one_of(config, index)).collect(),
        };
        let wants_writes = config.get_target_session_attrs() == TargetSessionAttrs::ReadWrite;
        Self(Arc::new(Known {
            each,
            sessions,
            needs_writes: wants_writes && sessions == Sessions::Current,
            takes_turns: config.get_load_balance_hosts() == LoadBalanceHosts::Random,
            first: AtomicUsize::new(0),
        }))
    }

    /// Connects to the first server that can be used. Another one is tried when a server has failed, and beside it when it
    /// does not answer soon. The server that could be used last is tried first. The caller limits the time.
    pub(crate) async fn reach(&self) -> Result<(Client, Link), Error> {
        let Known { each, first, takes_turns, .. } = &*self.0;
        let start = if *takes_turns { first.fetch_add(1, Ordering::Relaxed) } else { first.load(Ordering::Relaxed) };
        let start = start % each.len();
        let others = (0..each.len()).map(|index| if *takes_turns { (start + index) % each.len() } else { index });
        let mut waiting = std::iter::once(start).chain(others.filter(|index| *index != start)).peekable();
        let mut tries = FuturesUnordered::new();
        let mut worst: Option<Error> = None;
        loop {
            tries.extend(waiting.next().map(|index| async move { (index, each[index].connect(NoTls).await) }));
            let ended = if waiting.peek().is_some() {
                match timeout(HEAD_START, tries.next()).await {
                    Ok(ended) => ended,
                    Err(_) => continue,
                }
            } else {
                tries.next().await
            };
            match ended {
                Some((index, Ok(connected))) => {
                    if !takes_turns && first.swap(index, Ordering::Relaxed) != index {
                        tracing::info!(server = index + 1, of = each.len(), "another server of PostgreSQL is used");
                    }
                    return Ok(connected);
                }
                Some((index, Err(error))) => {
                    tracing::debug!(server = index + 1, error = %redacted(&error), "this server of PostgreSQL cannot be used");
                    if worst.as_ref().is_none_or(|worst| says(&error) > says(worst)) {
                        worst = Some(error);
                    }
                }
                None => {
                    if let Some(error) = worst {
                        return Err(error);
                    }
                }
            }
        }
    }

    /// The next message of a connection; `None` when it has ended, or must end because its server no longer takes writes:
    /// another one has taken its place, and what this one still answers may be old.
    pub(crate) async fn next_message(&self, link: &mut Link) -> Option<Result<AsyncMessage, Error>> {
        poll_fn(|context| {
            let polled = link.poll_message(context);
            if self.0.needs_writes && takes_no_writes(link) {
                tracing::warn!("a server of PostgreSQL has become read-only; its sessions end");
                return Poll::Ready(None);
            }
            polled
        })
        .await
    }

    async fn drive(self, mut link: Link) {
        while let Some(message) = self.next_message(&mut link).await {
            if let Err(error) = message {
                tracing::debug!(error = %redacted(&error), "a connection to PostgreSQL broke");
                return;
            }
        }
    }

    async fn session(&self) -> Result<(Client, JoinHandle<()>), Error> {
        let (client, link) = self.reach().await?;
        let driver = tokio::spawn(self.clone().drive(link));
        if self.0.sessions == Sessions::ReadOnly {
            // Not among the options of the connection: a session that is read-only looks like a server that is.
            client.batch_execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY").await?;
        }
        Ok((client, driver))
    }
}

type Connecting<'a> = Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + 'a>>;

impl Connect for Servers {
    fn connect(&self, _: &Config) -> Connecting<'_> {
        Box::pin(self.session())
    }
}

/// What a server reports of itself since release 14.
fn takes_no_writes(link: &Link) -> bool {
    ["default_transaction_read_only", "in_hot_standby"].iter().any(|name| link.parameter(name) == Some("on"))
}

/// Whether a server was left out because it takes no writes.
pub(super) fn is_read_only(error: &Error) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    source.is_some_and(|source| {
        source.kind() == io::ErrorKind::PermissionDenied && source.to_string().contains("does not allow writes")
    })
}

/// How much an error says about the cause, of several: that a standby is one says little, and a server that answers with an
/// error says more than one that does not answer.
fn says(error: &Error) -> u8 {
    match error.code() {
        Some(_) => 2,
        None if is_read_only(error) => 0,
        None => 1,
    }
}

/// The same for one of the servers alone.
fn one_of(config: &Config, index: usize) -> Config {
    type Set = fn(&mut Config, &str);
    let mut one = Config::new();
    match config.get_hosts().get(index) {
        Some(Host::Tcp(name)) => {
            one.host(name);
        }
        #[cfg(unix)]
        Some(Host::Unix(path)) => {
            one.host_path(path);
        }
        None => {}
    }
    if let Some(address) = config.get_hostaddrs().get(index) {
        one.hostaddr(*address);
    }
    let ports = config.get_ports();
    if let Some(port) = ports.get(index).or_else(|| ports.first()) {
        one.port(*port);
    }
    let texts: [(Option<&str>, Set); 4] = [
        (config.get_user(), |one, user| {
            one.user(user);
        }),
        (config.get_dbname(), |one, name| {
            one.dbname(name);
        }),
        (config.get_options(), |one, options| {
            one.options(options);
        }),
        (config.get_application_name(), |one, name| {
            one.application_name(name);
        }),
    ];
    for (text, set) in texts {
        if let Some(text) = text {
            set(&mut one, text);
        }
    }
    if let Some(password) = config.get_password() {
        one.password(password);
    }
    if let Some(limit) = config.get_connect_timeout() {
        one.connect_timeout(*limit);
    }
    if let Some(limit) = config.get_tcp_user_timeout() {
        one.tcp_user_timeout(*limit);
    }
    if let Some(interval) = config.get_keepalives_interval() {
        one.keepalives_interval(interval);
    }
    if let Some(retries) = config.get_keepalives_retries() {
        one.keepalives_retries(retries);
    }
    one.keepalives(config.get_keepalives())
        .keepalives_idle(config.get_keepalives_idle())
        .ssl_mode(config.get_ssl_mode())
        .ssl_negotiation(config.get_ssl_negotiation())
        .channel_binding(config.get_channel_binding())
        .target_session_attrs(config.get_target_session_attrs());
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_has_its_own_address_and_everything_else_of_all() {
        let all: Config = "postgres://u:p@one:1,two/d?options=-c%20a%3Db&target_session_attrs=read-write\
                           &application_name=x&connect_timeout=3&keepalives_idle=7&keepalives_retries=2"
            .parse()
            .unwrap();
        for (index, (host, port)) in [("one", 1), ("two", 5432)].into_iter().enumerate() {
            let expected = format!(
                "postgres://u:p@{host}:{port}/d?options=-c%20a%3Db&target_session_attrs=read-write&application_name=x\
                 &connect_timeout=3&keepalives_idle=7&keepalives_retries=2"
            );
            assert_eq!(one_of(&all, index), expected.parse().unwrap(), "{host}");
        }
    }
}
