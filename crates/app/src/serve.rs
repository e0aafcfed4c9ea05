//! Running an HTTP server until the process is told to stop, in good order.

use crate::{
    admin::{self, Operator},
    config::SocketConfig,
    descriptors,
    http::{self, Connections, SocketLimits},
};
use actix_web::{App, web::ServiceConfig};
use character_api::Health;
use character_storage_sql::SqlStorage;
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::signal::unix::{SignalKind, signal};

/// Connections of clients to the main address, as many as the descriptors of the process allow.
///
/// # Errors
/// When they allow too few.
pub(crate) fn connections(sockets: &SocketConfig, database: Option<&SqlStorage>) -> io::Result<Arc<Connections>> {
    let database_connections = database.map_or(0, |database| database.pool_status().limit);
    Ok(Arc::new(Connections::new(SocketLimits {
        most: descriptors::most_connections(sockets.max_connections, database_connections)?,
        patience: sockets.client_timeout,
        keep_alive: sockets.keep_alive,
    })))
}

/// Where to listen, and how to stop.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) listen: SocketAddr,
    pub(crate) shutdown: Duration,
    pub(crate) health: Arc<Health>,
    pub(crate) connections: Arc<Connections>,
    /// The listener for a person on call, and what it shows.
    pub(crate) admin: Option<(SocketAddr, Arc<Operator>)>,
}

impl Server {
    /// Serves until SIGTERM or SIGINT: then no new connections, and requests under way may finish. `started` is told
    /// the address, which is another than asked for when the port was 0.
    pub(crate) async fn run(
        self,
        configure: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
        started: impl FnOnce(SocketAddr),
    ) -> io::Result<()> {
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let listener = http::bind(self.listen).map_err(|error| not_bound("LISTEN_ADDR", self.listen, &error));
        let admin = self.admin.map(|(address, operator)| {
            admin::listen(address, operator).map_err(|error| not_bound("ADMIN_ADDR", address, &error))
        });
        // Both are reported in one run.
        let (listener, admin) = match (listener, admin.transpose()) {
            (Ok(listener), Ok(admin)) => (listener, admin),
            (Err(first), Err(second)) => return Err(io::Error::new(first.kind(), format!("{first}; {second}"))),
            (Err(error), Ok(_)) | (Ok(_), Err(error)) => return Err(error),
        };
        started(listener.local_addr()?);
        let workers = http::workers(self.connections.limits.most);
        let application = move || App::new().configure(configure.clone());
        let running = http::start(listener, workers, self.shutdown, self.connections, application)?;
        let handle = running.handle();
        let (admin, admin_address) = admin.unzip();
        let admin_handle = admin.as_ref().map(actix_web::dev::Server::handle);
        if let Some(address) = admin_address {
            tracing::info!("the state of the storage is shown at http://{address}/admin/storage");
        }
        let health = self.health;
        tokio::spawn(async move {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            tracing::info!(signal = name, "stopping; requests under way may finish");
            health.stop();
            handle.stop(true).await;
            // Last, so that the end can be watched.
            if let Some(admin) = admin_handle {
                admin.stop(true).await;
            }
        });
        let admin = async {
            match admin {
                Some(server) => server.await,
                None => Ok(()),
            }
        };
        tokio::try_join!(running, admin)?;
        tracing::info!("stopped");
        Ok(())
    }
}

/// Why an address cannot be listened at, with the address.
fn not_bound(variable: &str, address: SocketAddr, error: &io::Error) -> io::Error {
    let hint = match error.kind() {
        io::ErrorKind::AddrInUse => "; another process listens there",
        io::ErrorKind::AddrNotAvailable => "; this machine does not have the address",
        _ => "",
    };
    io::Error::new(error.kind(), format!("{variable} {address}: {error}{hint}"))
}
