//! Makes connections to PostgreSQL with the user, password and certificates of the moment.

use super::connect::{Link, Sessions, reach};
use character_credentials::{ClientTls, Current};
use deadpool_postgres::Connect;
use std::{
    pin::Pin,
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, Error};

/// What a URL says of the servers of one database and the way to them.
#[derive(Clone)]
pub(crate) struct Address {
    pub(crate) config: Box<Config>,
    pub(crate) tls: ClientTls,
}

impl Address {
    /// Whether both lead to the same database, with whatever user, password and certificates.
    pub(crate) fn leads_to_same_database(&self, other: &Self) -> bool {
        let (own, other) = (&self.config, &other.config);
        own.get_hosts() == other.get_hosts()
            && own.get_hostaddrs() == other.get_hostaddrs()
            && own.get_ports() == other.get_ports()
            && own.get_dbname() == other.get_dbname()
            && own.get_options() == other.get_options()
    }
}

/// Makes connections. Clones share the address, so that a replaced one reaches all of them, and which of its servers could be
/// used last.
#[derive(Clone)]
pub(crate) struct Connector {
    address: Current<Address>,
    /// In front of the options of the URL, which win, and behind them.
    options: Arc<(String, String)>,
    timeout: Duration,
    sessions: Sessions,
    /// The server that is tried first.
    first: Arc<AtomicUsize>,
}

impl Connector {
    pub(crate) fn new(address: Address, options: String, timeout: Duration, sessions: Sessions) -> Self {
        let (address, first) = (Current::new(address), Arc::default());
        Self { address, options: Arc::new((options, String::new())), timeout, sessions, first }
    }

    /// The same for the reader of the log, which must see every change at once, with further options of a session.
    pub(crate) fn for_log(&self, options: &str) -> Self {
        let options = Arc::new((self.options.0.clone(), options.to_owned()));
        let sessions = match self.sessions {
            Sessions::Pooled => Sessions::Pooled,
            Sessions::Current | Sessions::ReadOnly => Sessions::Current,
        };
        Self { options, sessions, ..self.clone() }
    }

    /// The address of the moment.
    pub(crate) fn address(&self) -> Arc<Address> {
        self.address.get()
    }

    /// Uses another address for the next connections.
    pub(crate) fn replace(&self, address: Address) {
        self.address.replace(address);
    }

    /// A connection. It moves no bytes until the link is polled. The caller limits the time.
    pub(crate) async fn connect(&self) -> Result<(Client, Link), Error> {
        let address = self.address.get();
        let mut config = address.config.clone();
        let (before, behind) = &*self.options;
        let options = format!("{before}{}{behind}", config.get_options().unwrap_or_default());
        if !options.trim().is_empty() {
            config.options(options.trim_end());
        }
        config.connect_timeout(self.timeout).tcp_user_timeout(self.timeout);
        if config.get_application_name().is_none() {
            config.application_name("character-storage");
        }
        reach(&config, &address.tls, self.sessions, &self.first).await
    }

    async fn session(&self) -> Result<(Client, JoinHandle<()>), Error> {
        let (client, link) = self.connect().await?;
        let driver = tokio::spawn(link.drive());
        if self.sessions == Sessions::ReadOnly {
            // Not among the options of the connection: a session that is read-only looks like a server that is.
            client.batch_execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY").await?;
        }
        Ok((client, driver))
    }
}

type Connecting<'a> = Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + 'a>>;

impl Connect for Connector {
    /// The settings of the pool are not used: they are those of its start.
    fn connect(&self, _: &Config) -> Connecting<'_> {
        Box::pin(self.session())
    }
}

#[cfg(test)]
mod tests;
