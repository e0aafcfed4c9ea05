//! Starts a Redis and a PostgreSQL server, prints their ports and holds them until it is killed: the test of the
//! fixtures kills it and looks for what is left.

use std::io::{Write as _, stdout};

use character_tests::{PostgresServer, RedisServer};

fn main() -> std::io::Result<()> {
    let (redis, postgres) = (RedisServer::start(), PostgresServer::start());
    writeln!(stdout(), "{} {}", redis.port(), postgres.port())?;
    loop {
        std::thread::park();
    }
}
