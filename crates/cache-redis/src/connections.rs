use crate::{InvalidRedisOptions, RedisTierOptions, failure::Failure};
use deadpool_redis::{Connection, Manager, Pool, Runtime};
use redis::{AsyncConnectionConfig, InfoDict, aio::MultiplexedConnection};
use secrecy::ExposeSecret;
use std::{
    ops::Deref,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

/// The connections that all callers share: requests and answers of many pass each other on each of them, so nobody
/// waits for one to become free, and none is asked whether it lives before it is used.
///
/// The pool makes them within bounds, and looks at each that it gets back after a failure before it gives it out again.
pub(crate) struct Connections {
    pool: Pool,
    count: usize,
    open: RwLock<Vec<Connection>>,
    next: AtomicUsize,
}

impl Connections {
    /// None is open yet.
    pub(crate) fn new(options: &RedisTierOptions) -> Result<Self, InvalidRedisOptions> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(options.connect))
            .set_response_timeout(Some(options.healing()));
        let manager = Manager::new_with_config(options.url.expose_secret(), config);
        let pool = Pool::builder(manager.map_err(|_| InvalidRedisOptions::Url)?)
            .max_size(options.connections)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(options.operation))
            .create_timeout(Some(options.connect))
            .recycle_timeout(Some(options.operation))
            .build()?;
        Ok(Self { pool, count: options.connections, open: RwLock::default(), next: AtomicUsize::new(0) })
    }

    /// One of the open connections, for one request or several.
    pub(crate) fn any(&self) -> Result<MultiplexedConnection, Failure> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let turn = self.next.fetch_add(1, Ordering::Relaxed).checked_rem(open.len());
        let connection = turn.and_then(|turn| open.get(turn)).ok_or(Failure::Pool("no connection"))?;
        Ok(connection.deref().clone())
    }

    /// Opens all of them anew and answers whose data they lead to, which is another after every restart of the
    /// server, and after it has followed another one.
    pub(crate) async fn reopen(&self) -> Result<String, Failure> {
        self.replace(Vec::new());
        let (mut open, mut identity) = (Vec::new(), None);
        for _ in 0..self.count {
            let mut connection = self.pool.get().await?;
            let found = identity_of(&mut connection).await?;
            if *identity.get_or_insert_with(|| found.clone()) != found {
                return Err(Failure::Pool("the connections lead to different servers"));
            }
            open.push(connection);
        }
        self.replace(open);
        identity.ok_or(Failure::Pool("no connection"))
    }

    /// What was open goes back into the pool.
    fn replace(&self, open: Vec<Connection>) {
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = open;
    }
}

async fn identity_of(connection: &mut MultiplexedConnection) -> Result<String, Failure> {
    let mut identity = Vec::new();
    for (section, field) in [("server", "run_id"), ("replication", "master_replid")] {
        let info: InfoDict = redis::cmd("INFO").arg(section).query_async(connection).await?;
        identity.push(info.get::<String>(field).ok_or(Failure::Pool("the server does not say who it is"))?);
    }
    Ok(identity.join(" "))
}
