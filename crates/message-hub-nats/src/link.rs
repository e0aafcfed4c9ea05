//! The connection to NATS: it is made in the background, made again when it is lost, and every wait for it has a bound.

use crate::{
    config::{Credentials, InvalidConfig, Login, NatsHubConfig, login_of_text},
    events::on_event,
    replies::{Arrival, Replies},
    responder::USED_UP,
};
use async_nats::{Auth, Client, ConnectOptions, HeaderMap, Message, Server, Subject};
use bytes::Bytes;
use character_error_reporter::{redacted_text, tls_of_one_side};
use character_message_hub::{Applied, ErrorKind, HubError, Result};
use secrecy::ExposeSecret as _;
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

/// How long a call waits for a connection that was lost: longer than a restart of the server takes.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a call waits when the connection has been lost for longer than that.
const SHORT_PATIENCE: Duration = Duration::from_millis(250);
/// A server that sends nothing is asked after this time, and given up after three times as long.
const PING: Duration = Duration::from_secs(5);
/// The longest pause between two attempts to connect.
const MAX_PAUSE: Duration = Duration::from_secs(1);
/// The shortest time between two reconnects that stopped acknowledgements ask for.
const FORCE_PAUSE: Duration = Duration::from_secs(5);
/// The number of commands that wait for the socket. More calls wait for a place, each within its timeout.
const COMMANDS: usize = 8_192;

/// What the library reports of a server that has sent nothing.
const TIMED_OUT: &str = "timed out";
/// What that, or no report of the first connection, may mean. A server with `handshake_first` waits for TLS before it sends anything.
const SILENT: &str = "the server has sent nothing; a firewall may be in between, or NATS has handshake_first, which must be auto or false";

/// The state of the connection.
#[derive(Clone, Debug)]
pub(crate) struct State {
    /// Whether it is there.
    pub(crate) connected: bool,
    /// Counts the connections.
    pub(crate) epoch: u64,
    /// Since when it is as `connected` says.
    pub(crate) since: Instant,
    /// The server refused the credentials at the last attempt.
    pub(crate) unauthorized: bool,
    /// The kind of the failure of the last attempt to connect.
    pub(crate) reason: Option<Arc<str>>,
}

/// Each server without its credentials, and how the last attempt to connect to it failed. Clones share it. It is no part of
/// the state, which wakes those that wait for a change.
#[derive(Clone, Debug, Default)]
struct Attempts(Arc<Mutex<Vec<Attempt>>>);

/// The absences that were logged, and when: a process may have several connections to the same servers.
static LOGGED: Mutex<Vec<(String, Instant)>> = Mutex::new(Vec::new());
/// How long another connection does not log the same again.
const LOGGED_ONCE_IN: Duration = Duration::from_secs(60);

/// Whether no connection of this process has logged the text lately. Notes that it is logged now.
fn is_new(text: &str) -> bool {
    let (mut logged, now) = (LOGGED.lock().unwrap_or_else(PoisonError::into_inner), Instant::now());
    logged.retain(|(_, at)| now < *at + LOGGED_ONCE_IN);
    let is_new = logged.iter().all(|(other, _)| other != text);
    if is_new {
        logged.push((text.to_owned(), now));
    }
    is_new
}

/// Host and port of a server, and why the last attempt failed.
type Attempt = (String, Option<String>);

impl Attempts {
    fn lock(&self) -> MutexGuard<'_, Vec<Attempt>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why there is no connection. `reason`: what is known of the last attempt at any server.
    fn absence(&self, reason: Option<&str>) -> String {
        let servers = self.lock();
        let cause = |(server, error): &Attempt| {
            error.as_deref().or(reason).map_or_else(|| server.clone(), |error| format!("{server}: {error}"))
        };
        let causes = match (&servers[..], reason) {
            ([], None) => return "there is no connection to NATS".to_owned(),
            ([], Some(reason)) => reason.to_owned(),
            (servers, _) => servers.iter().map(cause).collect::<Vec<_>>().join("; "),
        };
        let is_silent = causes.contains(TIMED_OUT) && !causes.contains(SILENT);
        let mistake = tls_of_one_side(&causes).or_else(|| is_silent.then_some(SILENT));
        let mistake = mistake.map(|mistake| format!(" ({mistake})")).unwrap_or_default();
        format!("there is no connection to NATS: {}{mistake}", redacted_text(&causes))
    }

    /// Replaces what is known of the servers. Logs it when an attempt has failed for another reason than the one before it.
    fn replace(&self, servers: Vec<Attempt>) {
        let mut known = self.lock();
        let has_changed = *known != servers && servers.iter().any(|(_, error)| error.is_some());
        *known = servers;
        drop(known);
        if has_changed {
            let error = self.absence(None);
            if is_new(&error) {
                tracing::warn!(error, "NATS cannot be reached; it is tried again");
            }
        }
    }
}

/// The connection.
pub(crate) struct Link {
    pub(crate) client: Client,
    pub(crate) replies: Arc<Replies>,
    state: watch::Receiver<State>,
    attempts: Attempts,
    forced: Mutex<Option<Instant>>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("state", &*self.state.borrow()).finish_non_exhaustive()
    }
}

/// What a call may be told about the reply it waited for.
#[derive(Debug)]
pub(crate) enum Sent {
    /// The reply.
    Reply(Message),
    /// No process listens to the subject.
    NoResponder,
    /// The connection was lost after the call was sent.
    Lost,
    /// No reply within the limit.
    Late,
}

fn options(config: &NatsHubConfig) -> Result<ConnectOptions, InvalidConfig> {
    let options = match &config.credentials {
        // The library asks for them whenever it makes a connection.
        Credentials::Token(token) => {
            let token = token.clone();
            ConnectOptions::with_auth_callback(move |_| {
                let mut auth = Auth::new();
                auth.token = Some(token.get().expose_secret().to_owned());
                std::future::ready(Ok(auth))
            })
        }
        Credentials::OfUrl(url) => {
            let url = url.clone();
            ConnectOptions::with_auth_callback(move |_| {
                let login = login_of_text(url.get().expose_secret());
                std::future::ready(Ok(login.map_or_else(Auth::new, Auth::from)))
            })
        }
        Credentials::None | Credentials::User { .. } | Credentials::File(_) => ConnectOptions::new(),
    };
    let options = options
        .name(&config.client_name)
        .retry_on_initial_connect()
        .connection_timeout(config.connect_timeout)
        .ping_interval(PING)
        .client_capacity(COMMANDS)
        .reconnect_delay_callback(pause);
    let options = match &config.tls {
        Some(tls) => options.require_tls(true).tls_client_config(tls.config()),
        None => options,
    };
    Ok(match &config.credentials {
        // The library leaves what the URL holds unused.
        Credentials::None => match config.login_of_url()? {
            Some(Login::User { user, password }) => options.user_and_password(user, password),
            Some(Login::Token(token)) => options.token(token),
            None => options,
        },
        Credentials::Token(_) | Credentials::OfUrl(_) => options,
        Credentials::User { user, password } => {
            options.user_and_password(user.clone(), password.expose_secret().to_owned())
        }
        Credentials::File(contents) => options
            .credentials(contents.expose_secret())
            .map_err(|_| InvalidConfig::new("credentials", "must be the contents of a .creds file of NATS"))?,
    })
}

/// The pause before an attempt to connect.
fn pause(attempts: usize) -> Duration {
    let doubled = u32::try_from(attempts.saturating_sub(1)).unwrap_or(u32::MAX).min(10);
    if attempts <= 1 { Duration::ZERO } else { MAX_PAUSE.min(Duration::from_millis(10 << doubled)) }
}

impl Link {
    /// Begins to connect.
    pub(crate) async fn connect(config: &NatsHubConfig) -> Result<Self, InvalidConfig> {
        // The client panics without a provider of cryptography; one that the process has chosen itself stays.
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let first = State { connected: false, epoch: 0, since: Instant::now(), unauthorized: false, reason: None };
        let (sender, state) = watch::channel(first);
        let attempts = Attempts::default();
        let of_attempts = attempts.clone();
        let replies: Arc<OnceLock<Arc<Replies>>> = Arc::default();
        let inbox = Arc::clone(&replies);
        let options = options(config)?.event_callback(move |event| {
            on_event(&event, &sender, inbox.get());
            std::future::ready(())
        });
        // It is called before each attempt, and is the only place where the library shows why the one before failed.
        let options = options.reconnect_to_server_callback(move |servers, _| {
            let failed =
                |server: &Server| (format!("{}:{}", server.addr.host(), server.addr.port()), server.last_error.clone());
            of_attempts.replace(servers.iter().map(failed).collect());
            // The library chooses the server.
            std::future::ready(None)
        });
        let refused = |error: &dyn fmt::Display| InvalidConfig::new("url", error.to_string());
        let client = options.connect(config.servers()?).await.map_err(|error| refused(&error))?;
        let made = Arc::new(Replies::new(&client, &config.budget).await.map_err(|error| refused(&error))?);
        let replies = Arc::clone(replies.get_or_init(|| made));
        Ok(Self { client, replies, state, attempts, forced: Mutex::new(None) })
    }

    /// Follows the state.
    pub(crate) fn state(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// Waits for the connection, at most until `deadline`.
    ///
    /// # Errors
    /// `Unauthorized`, `Unavailable`; certainly not applied.
    pub(crate) async fn ready(&self, operation: &'static str, deadline: Instant) -> Result<()> {
        let mut state = self.state.clone();
        let since = state.borrow().since;
        let limit = deadline.min((since + PATIENCE).max(Instant::now() + SHORT_PATIENCE));
        let decided = state.wait_for(|state| state.connected || state.unauthorized);
        let error = match timeout_at(limit, decided).await {
            Ok(Ok(state)) if state.connected => return Ok(()),
            // The other state that is waited for.
            Ok(Ok(_)) => HubError::new(ErrorKind::Unauthorized, operation).with_detail("NATS refuses the credentials"),
            // The client drops events when many come at once; its own state is right all the same.
            Ok(Err(_)) | Err(_) if self.client.connection_state() == async_nats::connection::State::Connected => {
                return Ok(());
            }
            Ok(Err(_)) | Err(_) => self.unavailable(operation),
        };
        Err(error.with_applied(Applied::No))
    }

    fn unavailable(&self, operation: &'static str) -> HubError {
        let state = self.state.borrow();
        let first = (state.epoch == 0).then_some(SILENT);
        let detail = self.attempts.absence(state.reason.as_deref().or(first));
        HubError::new(ErrorKind::Unavailable { retry_after: None }, operation).with_detail(detail)
    }

    /// The maximum size of headers and payload together, in bytes.
    pub(crate) fn max_payload(&self) -> usize {
        self.client.max_payload()
    }

    /// Sends a message and waits for its reply until `deadline`.
    ///
    /// # Errors
    /// `Timeout`: it was not sent. `Forbidden`. Both are certainly not applied. `Corrupt`: the reply cannot be read, and `Unavailable`
    /// with a pause: there is no room for it; whether the request was applied is unknown.
    pub(crate) async fn call(
        &self,
        operation: &'static str,
        subject: Subject,
        headers: Option<HeaderMap>,
        payload: Bytes,
        deadline: Instant,
    ) -> Result<Sent> {
        let mut awaited = self.replies.expect(&subject);
        let address = awaited.address.clone();
        let send = async {
            match headers {
                Some(headers) => self.client.publish_with_reply_and_headers(subject, address, headers, payload).await,
                None => self.client.publish_with_reply(subject, address, payload).await,
            }
        };
        match timeout_at(deadline, send).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                return Err(HubError::new(ErrorKind::Unavailable { retry_after: None }, operation)
                    .with_source(error)
                    .with_applied(Applied::No));
            }
            Err(_) => return Err(HubError::new(ErrorKind::Timeout, operation).with_applied(Applied::No)),
        }
        Ok(match timeout_at(deadline, awaited.arrival()).await {
            Ok(Arrival::Message(message)) if message.status == Some(async_nats::StatusCode::NO_RESPONDERS) => {
                Sent::NoResponder
            }
            Ok(Arrival::Message(message)) => Sent::Reply(message),
            Ok(Arrival::Lost) => Sent::Lost,
            Ok(Arrival::NoRoom) => {
                let most = self.replies.capacity();
                let detail =
                    format!("the large replies that this process holds have no room left in their {most} bytes");
                let kind = ErrorKind::Unavailable { retry_after: Some(USED_UP) };
                return Err(HubError::new(kind, operation).with_detail(detail));
            }
            Ok(Arrival::OutOfOrder) => {
                let detail = "the messages of a reply do not follow one another, or are too large together";
                let error = HubError::new(ErrorKind::Corrupt, operation).with_detail(detail);
                return Err(error.with_applied(Applied::Unknown));
            }
            Ok(Arrival::Forbidden) => {
                let detail = "NATS does not permit to publish to the subject";
                return Err(HubError::new(ErrorKind::Forbidden, operation).with_detail(detail));
            }
            Err(_) => Sent::Late,
        })
    }

    /// Waits until the server has taken every command of before.
    ///
    /// # Errors
    /// As [`call`](Self::call); also `Unavailable` and `Timeout` when there is no answer.
    pub(crate) async fn round_trip(&self, operation: &'static str, deadline: Instant) -> Result<()> {
        // No client listens there: the server itself answers.
        let nowhere = self.client.new_inbox().into();
        match self.call(operation, nowhere, None, Bytes::new(), deadline).await? {
            Sent::Reply(_) | Sent::NoResponder => Ok(()),
            Sent::Lost => Err(HubError::new(ErrorKind::Unavailable { retry_after: None }, operation)),
            Sent::Late => Err(HubError::new(ErrorKind::Timeout, operation)),
        }
    }

    /// Reconnects when no reply at all has come since `since`: the server, or the way to it, hangs.
    pub(crate) fn suspect(&self, since: Instant) {
        if self.replies.last() >= since || !self.state.borrow().connected {
            return;
        }
        let now = Instant::now();
        {
            let mut forced = self.forced.lock().unwrap_or_else(PoisonError::into_inner);
            if forced.is_some_and(|at| now < at + FORCE_PAUSE) {
                return;
            }
            *forced = Some(now);
        }
        tracing::warn!("NATS acknowledges nothing: reconnecting");
        let client = self.client.clone();
        // Without a place among the commands in time, the next call that ends late asks again. The caller does not wait for it.
        tokio::spawn(async move { timeout_at(now + FORCE_PAUSE, client.force_reconnect()).await });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_one_connection_has_logged_another_one_does_not_log_within_a_minute() {
        assert!(is_new("refused by one") && !is_new("refused by one") && is_new("refused by another"));
        tokio::time::advance(LOGGED_ONCE_IN).await;
        assert!(is_new("refused by one") && !is_new("refused by one"));
    }

    #[test]
    fn pauses_between_attempts_grow_to_their_bound() {
        let pauses: Vec<_> = [0, 1, 2, 3, 8, 1_000_000].map(pause).into();
        assert_eq!(pauses[..2], [Duration::ZERO; 2]);
        assert!(pauses.is_sorted());
        assert_eq!(pauses[5], MAX_PAUSE);
    }
}
