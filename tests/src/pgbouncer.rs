use std::fs;
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use crate::postgres::Account;
use crate::supervisor::{Supervised, private_folder};
use crate::{PostgresServer, free_port, program, wait};

const START: Duration = Duration::from_secs(30);

/// PgBouncer in transaction mode, as Debian has it, which tries a server that was not there again after a second: each transaction
/// gets another one of a few sessions of the server.
#[derive(Debug)]
pub struct PgBouncer {
    server: Supervised,
    file: PathBuf,
    port: u16,
}

/// What the file of a pooler on this port says, whose server listens at the other port.
fn configuration(port: u16, to: u16) -> String {
    format!(
        "[databases]\npostgres = host=127.0.0.1 port={to} dbname=postgres user=postgres\n\
         [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
         pool_mode = transaction\ndefault_pool_size = 5\nmax_client_conn = 200\nserver_login_retry = 1\n"
    )
}

impl PgBouncer {
    /// A pooler in front of the database `postgres` of the server.
    pub fn start(server: &PostgresServer) -> Self {
        let folder = private_folder("pgbouncer");
        let port = free_port();
        let file = folder.join("pgbouncer.ini");
        fs::write(&file, configuration(port, server.port())).expect("the private folder can be written");
        let account = Account::of_the_server(&folder);
        let program = account.run(&program::required("pgbouncer", "pgbouncer")).arguments([&file]);
        let server = Supervised::new(folder, &program);
        server.start();
        let accepts = || TcpStream::connect(("127.0.0.1", port)).ok();
        let connection = wait::until(START, || if server.has_ended() { None } else { accepts() });
        assert!(connection.is_some(), "PgBouncer does not come up on port {port}:\n{}", server.log());
        Self { server, file, port }
    }

    /// Another server from now on, as an operator does it after a failover: the file is changed, and `SIGHUP` lets the pooler
    /// read it again. Returns when it has done so.
    pub fn lead_to(&self, server: &PostgresServer) {
        let reloads = || self.log().matches("SIGHUP").count();
        let before = reloads();
        fs::write(&self.file, configuration(self.port, server.port())).expect("the file is ours");
        self.server.signal("-HUP");
        let reloaded = wait::until(START, || (reloads() > before).then_some(()));
        assert!(reloaded.is_some(), "PgBouncer does not read its file again:\n{}", self.log());
    }

    /// `postgres://postgres@127.0.0.1:<port>/postgres?pool_mode=transaction`.
    pub fn url(&self) -> String {
        format!("{}?pool_mode=transaction", self.url_without_mode())
    }

    /// The same without its `pool_mode`, as if there were no pooler.
    pub fn url_without_mode(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Everything it printed so far.
    pub fn log(&self) -> String {
        self.server.log()
    }
}
