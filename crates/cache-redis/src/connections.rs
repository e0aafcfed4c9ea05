//! The connections that all callers share.

use crate::{
    RedisTierOptions,
    address::Address,
    failure::{CLUSTER_DOWN, Failure},
};
use character_storage_port::Homes;
use deadpool_redis::{Manager, Pool, PoolError, Runtime};
use futures_util::future::try_join_all;
use redis::{
    AsyncConnectionConfig, Cmd, ConnectionInfo, ErrorKind, FromRedisValue, Pipeline, RedisFuture, RedisResult, Value,
    aio::{ConnectionLike, MultiplexedConnection},
    cluster::ClusterClient,
    cluster_async::ClusterConnection,
    cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo, SingleNodeRoutingInfo},
};
use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// The pause between two attempts to open the connection of a runtime.
const RETRY: Duration = Duration::from_secs(1);

/// A connection that many callers share: their requests and responses are interleaved, and the response of a cancelled
/// caller is dropped when it arrives.
#[derive(Clone)]
pub(crate) enum Connection {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Server(connection) => connection.req_packed_command(command),
            Self::Cluster(connection) => connection.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        commands: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Server(connection) => connection.req_packed_commands(commands, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(commands, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Server(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}

/// A server that stores a part of the names, or all of them.
pub(crate) struct Node(Option<SingleNodeRoutingInfo>);

impl Connection {
    /// Whether the server responds, or each primary of a Cluster, and none of them reports missing nodes.
    pub(crate) async fn works(&mut self) -> Result<(), Failure> {
        let Self::Cluster(connection) = self else {
            return Ok(redis::cmd("PING").query_async(self).await?);
        };
        // They notice one after the other that a node is missing or back.
        let states = of_every_primary(connection).await?;
        let works = states.iter().all(|(_, state)| state.contains("cluster_state:ok"));
        works.then_some(()).ok_or(Failure::Known(CLUSTER_DOWN))
    }

    /// Every server that accepts writes.
    pub(crate) async fn primaries(&mut self) -> RedisResult<Vec<Node>> {
        let Self::Cluster(connection) = self else { return Ok(vec![Node(None)]) };
        let nodes = of_every_primary(connection).await?.into_iter().map(|(address, _)| {
            let (host, port) = address.rsplit_once(':').unwrap_or((&address, ""));
            let port = port.parse().map_err(|_| (ErrorKind::Client, "a node without a port"))?;
            Ok(Node(Some(SingleNodeRoutingInfo::ByAddress { host: host.to_owned(), port })))
        });
        nodes.collect()
    }

    pub(crate) async fn ask<T: FromRedisValue>(&mut self, node: &Node, command: Cmd) -> RedisResult<T> {
        match (self, &node.0) {
            (Self::Cluster(connection), Some(node)) => {
                let answer = connection.route_command(command, RoutingInfo::SingleNode(node.clone())).await?;
                Ok(T::from_redis_value(answer.extract_error()?)?)
            }
            (connection, _) => command.query_async(connection).await,
        }
    }
}

/// The addresses of the primaries, and the view that each has of the Cluster.
async fn of_every_primary(connection: &mut ClusterConnection) -> RedisResult<Vec<(String, String)>> {
    let mut info = redis::cmd("CLUSTER");
    info.arg("INFO");
    let every = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
    Ok(FromRedisValue::from_redis_value(connection.route_command(info, every).await?)?)
}

/// A connection to a Cluster that reaches all primaries. The client itself ignores those that it cannot reach.
async fn clustered(client: &ClusterClient) -> Result<Connection, Failure> {
    let mut connection = client.get_async_connection().await?;
    let states = of_every_primary(&mut connection).await?;
    let size = format!("cluster_size:{}\r", states.len());
    let is_whole = states.iter().all(|(_, state)| state.contains(&size));
    is_whole.then_some(Connection::Cluster(connection)).ok_or(Failure::Known(CLUSTER_DOWN))
}

/// Open connections. They are never repaired: after a failure all are dropped, and others are opened.
pub(crate) struct Connections {
    open: Vec<Connection>,
    next: AtomicUsize,
    /// `None` with a Cluster, whose connections would be many.
    own: Option<OwnConnections>,
}

impl Connections {
    pub(crate) async fn open(address: &mut Address, options: &RedisTierOptions) -> Result<Self, Failure> {
        let (open, own) = match address {
            Address::Server(server) => pooled(server, options).await?,
            // Who the master is can have changed since the last time.
            Address::Sentinel(client) => {
                let master = client.async_get_client().await?;
                pooled(master.get_connection_info(), options).await?
            }
            Address::Cluster(client) => {
                (try_join_all((0..options.connections.max(1)).map(|_| clustered(client))).await?, None)
            }
        };
        Ok(Self { open, next: AtomicUsize::new(0), own })
    }

    /// The connection of the caller's runtime, or one of those that all share.
    pub(crate) fn any(&self) -> Option<Connection> {
        self.own.as_ref().and_then(OwnConnections::get).or_else(|| self.shared())
    }

    /// Those of single runtimes, of which each is used by its own thread alone.
    pub(crate) fn own(&self) -> impl Iterator<Item = Connection> {
        self.own.iter().flat_map(OwnConnections::open)
    }

    /// One of those that all share.
    pub(crate) fn shared(&self) -> Option<Connection> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed).checked_rem(self.open.len())?;
        self.open.get(turn).cloned()
    }
}

/// Connections to one server. The pool bounds how long each takes to open, with TLS and authentication. They never
/// return to it: it would check each before each use, and it does not support shared connections.
async fn pooled(
    server: &ConnectionInfo,
    options: &RedisTierOptions,
) -> Result<(Vec<Connection>, Option<OwnConnections>), Failure> {
    let count = options.connections.max(1);
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(options.connect))
        .set_response_timeout(Some(options.operation.max(Duration::from_secs(1))));
    let pool = Pool::builder(Manager::new_with_config(server.clone(), config)?)
        .max_size(count)
        .runtime(Runtime::Tokio1)
        .create_timeout(Some(options.connect))
        .build()
        .map_err(|_| Failure::Known("no pool can be made for Redis"))?;
    let open = try_join_all((0..count).map(|_| single(&pool))).await?;
    Ok((open, Some(OwnConnections::of(pool))))
}

async fn single(pool: &Pool) -> Result<Connection, PoolError> {
    Ok(Connection::Server(deadpool_redis::Connection::take(pool.get().await?)))
}

async fn working(pool: &Pool) -> Result<Connection, Failure> {
    let mut connection = single(pool).await?;
    connection.works().await?;
    Ok(connection)
}

/// A connection for each runtime of one thread that has asked.
struct OwnConnections {
    pool: Pool,
    homes: Homes<Arc<Own>>,
}

/// The connection of one runtime.
#[derive(Default)]
struct Own {
    connection: OnceLock<Connection>,
    /// When it was last tried to open it.
    tried: Mutex<Option<Instant>>,
}

impl Own {
    fn is_due(&self) -> bool {
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = tried.is_none_or(|last| last.elapsed() >= RETRY);
        if is_due {
            *tried = Some(Instant::now());
        }
        is_due
    }
}

impl OwnConnections {
    fn of(pool: Pool) -> Self {
        Self { pool, homes: Homes::new() }
    }

    /// That of the caller's runtime. `None` until it is open: a call has it opened, at most one in a second.
    fn get(&self) -> Option<Connection> {
        let own = self.homes.own(Arc::default)?;
        if let Some(connection) = own.connection.get() {
            return Some(connection.clone());
        }
        if own.is_due() {
            let (pool, own) = (self.pool.clone(), Arc::clone(own));
            tokio::spawn(async move {
                match working(&pool).await {
                    // Another attempt may have been faster.
                    Ok(connection) => drop(own.connection.set(connection)),
                    Err(reason) => tracing::debug!(%reason, "a thread has no connection of its own to Redis"),
                }
            });
        }
        None
    }

    /// Those that are open.
    fn open(&self) -> impl Iterator<Item = Connection> {
        self.homes.iter().filter_map(|own| own.connection.get().cloned())
    }
}
