//! The sockets that a service listens at. They are bound once: while a server hands over to the next one, connections
//! wait in the backlog of the socket and none is refused.

use crate::{
    admin,
    config::{AdminConfig, SocketConfig},
    http, probes,
};
use std::{
    io,
    net::{SocketAddr, TcpListener},
};

/// The sockets of a service.
#[derive(Debug)]
pub(crate) struct Listeners {
    /// `LISTEN_ADDR`.
    pub(crate) main: TcpListener,
    /// `ADMIN_ADDR`, when the admin listener is on.
    pub(crate) admin: Option<TcpListener>,
    /// `HEALTH_ADDR`, when there is one.
    pub(crate) probes: Option<TcpListener>,
}

impl Listeners {
    /// Binds them. Needs a Tokio runtime.
    ///
    /// # Errors
    /// When one of the addresses cannot be bound: the reason of each that cannot.
    pub(crate) fn bind(main: SocketAddr, sockets: &SocketConfig, admin: Option<&AdminConfig>) -> io::Result<Self> {
        let bind = |variable, address, patience| {
            http::bind(address, patience).map_err(|error| not_bound(variable, address, &error))
        };
        let main = bind("LISTEN_ADDR", main, sockets.client_timeout);
        let admin = admin.map(|admin| bind("ADMIN_ADDR", admin.listen, admin::LIMITS.patience)).transpose();
        let probes = sockets.health.map(|address| bind("HEALTH_ADDR", address, probes::LIMITS.patience)).transpose();
        match (main, admin, probes) {
            (Ok(main), Ok(admin), Ok(probes)) => Ok(Self { main, admin, probes }),
            (main, admin, probes) => {
                let errors: Vec<_> = [main.err(), admin.err(), probes.err()].into_iter().flatten().collect();
                let kind = errors.first().map_or(io::ErrorKind::Other, io::Error::kind);
                let reasons: Vec<_> = errors.iter().map(io::Error::to_string).collect();
                Err(io::Error::new(kind, reasons.join("; ")))
            }
        }
    }

    /// The same sockets for another server. They stay open until both are dropped.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        let again = |listener: &Option<TcpListener>| listener.as_ref().map(TcpListener::try_clone).transpose();
        Ok(Self { main: self.main.try_clone()?, admin: again(&self.admin)?, probes: again(&self.probes)? })
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
