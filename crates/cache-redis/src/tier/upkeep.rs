//! Keeps connections to Redis open: opens them, checks those in use, and takes over a changed address.

use super::{BACKGROUND, Inner, LOCK, milliseconds};
use crate::{
    InvalidRedisOptions, RedisTierOptions,
    address::Address,
    connections::{Connection, Connections},
    failure::{Failure, is_refusal},
};
use character_credentials::{ClientPem, ClientTls};
use futures_util::future::join_all;
use redis::cmd;
use secrecy::{ExposeSecret as _, SecretString};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep, timeout};

/// How often a Redis in use is checked, so that health reports detect a failure before a caller does.
const PING: Duration = Duration::from_secs(1);

/// The first pause between two attempts to open connections, and the longest.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Why the watch over connections ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Watched {
    /// Redis is out of use.
    Down,
    /// Its address was replaced.
    Replaced,
}

/// The address, and the text and certificates that it was made of.
pub(super) struct Target {
    address: Address,
    url: Arc<SecretString>,
    pem: Option<Arc<ClientPem>>,
}

impl Target {
    pub(super) fn of(options: &RedisTierOptions) -> Result<Self, InvalidRedisOptions> {
        // Read first: what is replaced meanwhile counts as newer than the address.
        let (url, pem) = (options.url.get(), options.tls.as_ref().map(ClientTls::pem));
        Ok(Self { address: options.address()?, url, pem })
    }

    fn has_address_of(&self, options: &RedisTierOptions) -> bool {
        Arc::ptr_eq(&self.url, &options.url.get())
    }

    fn is_current(&self, options: &RedisTierOptions) -> bool {
        let pem = options.tls.as_ref().map(ClientTls::pem);
        let is_same = match (&self.pem, &pem) {
            (Some(used), Some(new)) => Arc::ptr_eq(used, new),
            (used, new) => used.is_none() && new.is_none(),
        };
        is_same && self.has_address_of(options)
    }
}

impl Inner {
    /// Opens connections, monitors them while they work, and opens new ones when they fail.
    pub(super) async fn keep_in_use(self: Arc<Self>, mut target: Target) {
        let mut backoff = BACKOFF.0;
        loop {
            match self.open(&mut target).await {
                Ok(connections) => {
                    let began = Instant::now();
                    self.health.return_to_use(Arc::new(connections));
                    while self.watch(&target).await == Watched::Replaced {
                        match self.open(&mut target).await {
                            Ok(connections) => {
                                self.health.return_to_use(Arc::new(connections));
                                tracing::info!("the shared cache tier uses its changed address");
                            }
                            Err(reason) => tracing::warn!(
                                %reason,
                                "the changed address of the shared cache tier does not work; the connections in use stay"
                            ),
                        }
                    }
                    // A Redis that fails as soon as it is used is not tried again and again.
                    if began.elapsed() > BACKOFF.1 {
                        backoff = BACKOFF.0;
                    }
                }
                Err(failure) => self.health.fail(None, &failure),
            }
            // With jitter, so that many processes do not return in one instant.
            sleep(backoff.mul_f64(0.5 + rand::random::<f64>() / 2.0)).await;
            backoff = (backoff * 2).min(BACKOFF.1);
        }
    }

    /// New connections, on one of which Redis responds as fast as callers need it.
    async fn open(&self, target: &mut Target) -> Result<Connections, Failure> {
        if !target.is_current(&self.options) {
            *target = Target::of(&self.options).map_err(|_| Failure::Known("the address cannot be used"))?;
        }
        let opening = Connections::open(&mut target.address, &self.options);
        let connections = timeout(BACKGROUND, opening).await.unwrap_or(Err(Failure::TimedOut));
        let has_tls = target.url.expose_secret().starts_with("rediss");
        let connections = connections.map_err(|failure| failure.of_connecting(has_tls))?;
        let connection = connections.shared().ok_or(Failure::Known("no connection"))?;
        timeout(self.options.operation, self.ping(connection)).await.unwrap_or(Err(Failure::TimedOut))?;
        Ok(connections)
    }

    /// Returns when Redis is out of use, or when its address was replaced.
    async fn watch(&self, target: &Target) -> Watched {
        while timeout(PING, self.health.down()).await.is_err() {
            if !target.has_address_of(&self.options) {
                return Watched::Replaced;
            }
            // Skipped when it has just gone out of use.
            let _ = self.within(|connection| self.ping(connection)).await;
            // What lies between closes connections over which nothing is sent. A late response says nothing about Redis: the
            // thread may be at work.
            if let Some(connections) = self.health.connections() {
                let pings = connections.own().map(|mut own| async move { own.works().await });
                let _ = timeout(self.options.operation, join_all(pings)).await;
            }
        }
        Watched::Down
    }

    /// Whether Redis works: it responds, and accepts a value. A replica accepts none; neither does a full server, but
    /// it can be read.
    async fn ping(&self, mut connection: Connection) -> Result<(), Failure> {
        connection.works().await?;
        let mut set = cmd("SET");
        set.arg(format!("{}ping", self.options.prefix)).arg("1").arg("PX").arg(milliseconds(LOCK));
        match set.query_async::<()>(&mut connection).await {
            Err(error) if !is_refusal(&error) => Err(error.into()),
            _ => Ok(()),
        }
    }
}
