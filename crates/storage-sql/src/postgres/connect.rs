//! Connects to the first of several servers that can be used, and ends the sessions of one that no longer takes writes.

use super::tls::{PostgresTls, PostgresTlsStream};
use character_credentials::ClientTls;
use character_error_reporter::redacted;
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use std::{
    error::Error as StdError,
    future::poll_fn,
    io,
    sync::atomic::{AtomicUsize, Ordering},
    task::Poll,
    time::Duration,
};
use tokio::time::timeout;
use tokio_postgres::{
    AsyncMessage, Client, Config, Connection, Error, Socket,
    config::{Host, LoadBalanceHosts, SslMode, TargetSessionAttrs},
};

/// How long a server may take before the next one is tried beside it. A server that is gone without a trace costs no more.
const HEAD_START: Duration = Duration::from_millis(500);

/// What a new session is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sessions {
    /// Reads and changes, or reads that must see every change at once.
    Current,
    /// Reads alone, which the server holds them to.
    ReadOnly,
    /// Transactions that a pooler distributes over sessions of its own. What it reports of a server at the start is no news of
    /// the server that a transaction gets, and each says for itself what it needs.
    Pooled,
}

/// What moves the bytes of a connection.
pub(crate) struct Link {
    connection: Connection<Socket, PostgresTlsStream>,
    /// The session ends when its server no longer takes writes.
    needs_writes: bool,
}

impl Link {
    /// The next message of the connection; `None` when it has ended, or must end because its server no longer takes writes:
    /// another one has taken its place, and what this one still answers may be old.
    pub(crate) async fn next_message(&mut self) -> Option<Result<AsyncMessage, Error>> {
        poll_fn(|context| {
            let polled = self.connection.poll_message(context);
            if self.needs_writes && takes_no_writes(&self.connection) {
                tracing::warn!("a server of PostgreSQL has become read-only; its sessions end");
                return Poll::Ready(None);
            }
            polled
        })
        .await
    }

    /// Moves the bytes until the connection ends.
    pub(super) async fn drive(mut self) {
        while let Some(message) = self.next_message().await {
            if let Err(error) = message {
                tracing::debug!(error = %redacted(&error), "a connection to PostgreSQL broke");
                return;
            }
        }
    }

    /// The connection alone, which continues when its server no longer takes writes.
    pub(super) fn unwatched(self) -> Connection<Socket, PostgresTlsStream> {
        self.connection
    }
}

/// Connects to the first server of the address that can be used. Another one is tried when a server has failed, and beside it
/// when it does not answer soon. `first` is the place of the server that is tried first: the one that could be used last. The
/// caller limits the time.
pub(super) async fn reach(
    config: &Config,
    tls: &ClientTls,
    sessions: Sessions,
    first: &AtomicUsize,
) -> Result<(Client, Link), Error> {
    let each = servers(config);
    let takes_turns = config.get_load_balance_hosts() == LoadBalanceHosts::Random;
    let wants_writes = config.get_target_session_attrs() == TargetSessionAttrs::ReadWrite;
    let needs_writes = wants_writes && sessions == Sessions::Current;
    let start = if takes_turns { first.fetch_add(1, Ordering::Relaxed) } else { first.load(Ordering::Relaxed) };
    let start = start % each.len();
    let others = (0..each.len()).map(|index| if takes_turns { (start + index) % each.len() } else { index });
    let mut waiting = std::iter::once(start).chain(others.filter(|index| *index != start)).peekable();
    let mut tries = FuturesUnordered::new();
    let mut worst: Option<Error> = None;
    let connect = |index: usize| {
        let server = &each[index];
        async move { (index, server.connect(PostgresTls(tls.clone())).await) }
    };
    loop {
        tries.extend(waiting.next().map(connect));
        let ended = if waiting.peek().is_some() {
            match timeout(HEAD_START, tries.next()).await {
                Ok(ended) => ended,
                Err(_) => continue,
            }
        } else {
            tries.next().await
        };
        match ended {
            Some((index, Ok((client, connection)))) => {
                if !takes_turns && first.swap(index, Ordering::Relaxed) != index {
                    tracing::info!(server = index + 1, of = each.len(), "another server of PostgreSQL is used");
                }
                return Ok((client, Link { connection, needs_writes }));
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

/// One configuration for each server, in the order of the address.
fn servers(config: &Config) -> Vec<Config> {
    let mut each = match config.get_hosts().len().max(config.get_hostaddrs().len()) {
        0 | 1 => vec![config.clone()],
        number => (0..number).map(|index| one_of(config, index)).collect(),
    };
    for server in each.iter_mut().filter(|server| is_socket(server)) {
        // PostgreSQL has no TLS there, and its own clients ignore the mode.
        server.ssl_mode(SslMode::Disable);
    }
    each
}

/// Whether the one server of the configuration is reached over a Unix socket.
fn is_socket(server: &Config) -> bool {
    #[cfg(unix)]
    let is_path = matches!(server.get_hosts(), [Host::Unix(_)]);
    #[cfg(not(unix))]
    let is_path = false;
    is_path && server.get_hostaddrs().is_empty()
}

/// What a server reports of itself since release 14.
fn takes_no_writes(connection: &Connection<Socket, PostgresTlsStream>) -> bool {
    ["default_transaction_read_only", "in_hot_standby"].iter().any(|name| connection.parameter(name) == Some("on"))
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
mod tests;
