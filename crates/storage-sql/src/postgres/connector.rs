//! Makes connections to PostgreSQL with the user, password and certificates of the moment.

use super::tls::{PostgresTls, PostgresTlsStream};
use character_credentials::{ClientTls, Current};
use character_error_reporter::redacted;
use deadpool_postgres::Connect;
use std::{future::Future, pin::Pin, sync::Arc, time::Duration};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, Connection, Error, Socket};

/// What a URL says of a server and the way to it.
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

/// Makes connections. Clones share the address, so that a replaced one reaches all of them.
#[derive(Clone)]
pub(crate) struct Connector {
    address: Current<Address>,
    /// In front of the options of the URL, which win, and behind them.
    options: Arc<(String, String)>,
    timeout: Duration,
}

impl Connector {
    pub(crate) fn new(address: Address, options: String, timeout: Duration) -> Self {
        Self { address: Current::new(address), options: Arc::new((options, String::new())), timeout }
    }

    /// The same, with further options of a session.
    pub(crate) fn with_options(&self, options: &str) -> Self {
        let (before, behind) = &*self.options;
        Self { options: Arc::new((before.clone(), format!("{behind}{options}"))), ..self.clone() }
    }

    /// The address of the moment.
    pub(crate) fn address(&self) -> Arc<Address> {
        self.address.get()
    }

    /// Uses another address for the next connections.
    pub(crate) fn replace(&self, address: Address) {
        self.address.replace(address);
    }

    /// A connection. It moves no bytes until it is polled.
    pub(crate) async fn connect(&self) -> Result<(Client, Connection<Socket, PostgresTlsStream>), Error> {
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
        config.connect(PostgresTls(address.tls.clone())).await
    }
}

impl Connect for Connector {
    /// The settings of the pool are not used: they are those of its start.
    fn connect(
        &self,
        _: &Config,
    ) -> Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + '_>> {
        Box::pin(async move {
            let (client, connection) = self.connect().await?;
            let task = tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::info!(error = %redacted(&error), "a connection to PostgreSQL broke");
                }
            });
            Ok((client, task))
        })
    }
}
