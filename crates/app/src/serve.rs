//! Running an HTTP server until the process is told to stop, in good order.

use crate::admin::{self, Operator};
use actix_web::{App, HttpServer, web::ServiceConfig};
use character_api::Health;
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::signal::unix::{SignalKind, signal};

/// How long an idle client connection is kept: above the 60 seconds of common load balancers, so that it is they who
/// close it.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Where to listen, and how to stop.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) listen: SocketAddr,
    pub(crate) shutdown: Duration,
    pub(crate) health: Arc<Health>,
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
        let server = HttpServer::new(move || App::new().configure(configure.clone()))
            .keep_alive(KEEP_ALIVE)
            .shutdown_timeout(self.shutdown.as_secs())
            .disable_signals()
            .bind(self.listen)
            .map_err(|error| not_bound("LISTEN_ADDR", self.listen, &error));
        let admin = self.admin.map(|(address, operator)| {
            admin::listen(address, operator).map_err(|error| not_bound("ADMIN_ADDR", address, &error))
        });
        // Both are reported in one run.
        let (server, admin) = match (server, admin.transpose()) {
            (Ok(server), Ok(admin)) => (server, admin),
            (Err(first), Err(second)) => return Err(io::Error::new(first.kind(), format!("{first}; {second}"))),
            (Err(error), Ok(_)) | (Ok(_), Err(error)) => return Err(error),
        };
        started(server.addrs().first().copied().unwrap_or(self.listen));
        let running = server.run();
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
