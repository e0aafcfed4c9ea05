use std::collections::HashSet;
use std::net::TcpListener;
use std::sync::{LazyLock, Mutex, PoisonError};

/// Below the range from which the kernel takes ports for outgoing connections (32768 on Linux): a server that was
/// killed finds its port free when it is started again.
const FIRST: u16 = 15_000;
const LAST: u16 = 32_000;

static GIVEN: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);

/// A TCP port of `127.0.0.1` on which nothing listens and which this process has not been given before.
pub fn free_port() -> u16 {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    for _ in 0..1_000 {
        let random = uuid::Uuid::new_v4().as_u128() % u128::from(LAST - FIRST);
        let port = FIRST + u16::try_from(random).expect("a remainder by a u16 fits in a u16");
        if !given.contains(&port) && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            given.insert(port);
            return port;
        }
    }
    panic!("no free port on 127.0.0.1 between {FIRST} and {LAST}");
}
