//! Open descriptors: as many as the system permits, and how many of them clients may have.

use character_error_reporter::redacted;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::{io, thread};

/// Maximum number of client connections unless configured, however many descriptors there are.
const MOST_CONNECTIONS: u64 = 4096;
/// Fewer client connections than this make no service.
const FEWEST_CONNECTIONS: u64 = 8;
/// Descriptors for listeners, health, an operator, Redis, files and the runtime itself.
const RESERVED: u64 = 64;
/// Descriptors of one thread that serves sockets.
const PER_PROCESSOR: u64 = 4;
/// Descriptors of one connection to a database. SQLite has three files.
const PER_DATABASE_CONNECTION: u64 = 3;

/// Raises the limit of open descriptors as far as it may be raised, and returns it; `None`: there is no limit.
fn raise_limit() -> io::Result<Option<u64>> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    }
    Ok(maximum)
}

/// Raises the limit of open descriptors and returns the maximum number of client connections: as configured, or derived
/// from the limit.
///
/// # Errors
/// When the limit leaves no room for this number of connections.
pub(crate) fn most_connections(configured: Option<u64>, database_connections: usize) -> io::Result<usize> {
    let limit = raise_limit().unwrap_or_else(|error| {
        tracing::warn!(error = %redacted(&error), "the limit of open descriptors cannot be raised");
        getrlimit(Resource::Nofile).current
    });
    let processors = thread::available_parallelism().map_or(2, usize::from) as u64;
    let reserved = RESERVED + PER_PROCESSOR * processors + PER_DATABASE_CONNECTION * database_connections as u64;
    let most = share_of_clients(limit.unwrap_or(u64::MAX), configured, reserved)?;
    usize::try_from(most).map_err(io::Error::other)
}

fn share_of_clients(limit: u64, configured: Option<u64>, reserved: u64) -> io::Result<u64> {
    let free = limit.saturating_sub(reserved);
    // The request of each client may need a connection to the Storage Service at the same time.
    let most = configured.unwrap_or_else(|| MOST_CONNECTIONS.min(free / 2));
    if most > free || most < FEWEST_CONNECTIONS {
        let wanted = most.max(FEWEST_CONNECTIONS);
        return Err(io::Error::other(format!(
            "{wanted} client connections do not fit beside the descriptors for other purposes: {free} of {limit} are \
             left; raise the limit (ulimit -n), or lower MAX_CONNECTIONS"
        )));
    }
    Ok(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_leave_descriptors_for_the_storage_the_database_and_files() {
        for limit in [256, 1024, 65_536, u64::MAX] {
            for reserved in [64, 96, 200] {
                let clients = share_of_clients(limit, None, reserved).unwrap();
                assert!((FEWEST_CONNECTIONS..=MOST_CONNECTIONS).contains(&clients), "{limit}: {clients}");
                let storage = clients;
                assert!(clients + storage + reserved <= limit, "{limit}");
            }
        }
    }

    #[test]
    fn a_number_of_connections_that_does_not_fit_is_an_error() {
        assert_eq!(share_of_clients(1024, Some(500), 88).unwrap(), 500);
        assert!(share_of_clients(1024, Some(1000), 88).unwrap_err().to_string().contains("MAX_CONNECTIONS"));
        assert!(share_of_clients(64, None, 88).is_err());
    }
}
