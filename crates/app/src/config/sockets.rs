//! The limits of client connections.

use super::{
    Variable,
    variables::{Reader, number, socket},
};
use std::{net::SocketAddr, time::Duration};

/// The limits of client connections, in number and in time.
#[derive(Clone, Debug)]
pub struct SocketConfig {
    /// Maximum number of client connections; `None`: derived from the limit of open descriptors.
    pub max_connections: Option<u64>,
    /// Maximum time that a client may keep the service waiting.
    pub client_timeout: Duration,
    /// The slowest accepted upload, in bytes per second.
    pub upload_rate: u32,
    /// How long an idle connection is kept open.
    pub keep_alive: Duration,
    /// How long the service still accepts requests after SIGTERM, while it is not ready.
    pub drain: Duration,
    /// The additional address of the liveness and readiness probes; `None`: none.
    pub health: Option<SocketAddr>,
}

pub(crate) const MAX_CONNECTIONS: Variable = Variable::optional(
    "MAX_CONNECTIONS",
    "maximum number of client connections; unset: derived from the limit of open descriptors, at most 4096",
);
pub(crate) const CLIENT_TIMEOUT_SECS: Variable = Variable::new(
    "CLIENT_TIMEOUT_SECS",
    "seconds that a client may take to send a request head, to begin the body, or to read 64 KiB of a response",
    "10",
);
pub(crate) const UPLOAD_BYTES_PER_SEC: Variable = Variable::new(
    "UPLOAD_BYTES_PER_SEC",
    "slowest accepted average upload of a request body after CLIENT_TIMEOUT_SECS, in bytes per second",
    "65536",
);
pub(crate) const KEEP_ALIVE_SECS: Variable = Variable::new(
    "KEEP_ALIVE_SECS",
    "seconds that an idle client connection is kept open; choose more than the idle timeout of a load balancer in front",
    "75",
);
pub(crate) const DRAIN_SECS: Variable = Variable::new(
    "DRAIN_SECS",
    "seconds that the service still accepts requests after SIGTERM, while it is not ready, so that load balancers turn to others; shorter when no connection is left",
    "5",
);
pub(crate) const HEALTH_ADDR: Variable = Variable::optional(
    "HEALTH_ADDR",
    "address and port where a separate thread serves /health/live and /health/ready; unset: on the main port only",
)
.off_when_empty();

pub(crate) fn socket_config(reader: &mut Reader<'_>, listen: Option<SocketAddr>) -> Option<SocketConfig> {
    let max_connections = reader.read(&MAX_CONNECTIONS, number(8, 1_000_000));
    let client_timeout = reader.read(&CLIENT_TIMEOUT_SECS, number(1, 3600));
    let upload_rate = reader.read(&UPLOAD_BYTES_PER_SEC, number(1, 1 << 30));
    let keep_alive = reader.read(&KEEP_ALIVE_SECS, number(1, 86_400));
    let drain = reader.read(&DRAIN_SECS, number(0, 3600));
    let health = reader.read(&HEALTH_ADDR, socket);
    if let Some(address) = health.filter(|address| listen == Some(*address) && address.port() != 0) {
        reader.faults.push(format!("HEALTH_ADDR=\"{address}\": is LISTEN_ADDR already; choose another port"));
    }
    Some(SocketConfig {
        max_connections,
        client_timeout: Duration::from_secs(client_timeout?),
        upload_rate: u32::try_from(upload_rate?).ok()?,
        keep_alive: Duration::from_secs(keep_alive?),
        drain: Duration::from_secs(drain?),
        health,
    })
}
