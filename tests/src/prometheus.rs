//! A Prometheus of a test, with a configuration and rules of its own.

use std::fs;
use std::net::TcpStream;
use std::time::Duration;

use crate::supervisor::{Program, Supervised, private_folder};
use crate::{free_port, program, wait};

const START: Duration = Duration::from_secs(60);

/// A Prometheus that is killed when the test ends.
#[derive(Debug)]
pub struct PrometheusServer {
    server: Supervised,
    port: u16,
}

impl PrometheusServer {
    /// A server with this configuration, in which `rules.yml` names the file with these rules. Returns when it accepts
    /// connections.
    pub fn start(configuration: &str, rules: &str) -> Self {
        let (folder, port) = (private_folder("prometheus"), free_port());
        let write =
            |name: &str, text: &str| fs::write(folder.join(name), text).expect("the private folder is writable");
        write("prometheus.yml", configuration);
        write("rules.yml", rules);
        let program = Program::new(program::required("prometheus", "prometheus")).arguments([
            format!("--config.file={}", folder.join("prometheus.yml").display()),
            format!("--storage.tsdb.path={}", folder.join("data").display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
            "--log.level=warn".to_owned(),
        ]);
        let server = Supervised::new(folder, &program);
        server.start();
        let accepts = || TcpStream::connect(("127.0.0.1", port)).ok();
        let came_up = wait::until(START, || (accepts().is_some() || server.has_ended()).then_some(()));
        assert!(came_up.is_some() && accepts().is_some(), "Prometheus does not come up:\n{}", server.log());
        Self { server, port }
    }

    /// `http://127.0.0.1:<port>` followed by the path, which starts with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Everything the server printed so far.
    pub fn log(&self) -> String {
        self.server.log()
    }
}
