//! TLS of Redis servers, Sentinels and Clusters.

use std::path::{Path, PathBuf};

use crate::{Authority, Certificate};

/// The certificate of a server, which it also shows to other servers, and the authority of all. A client without a certificate of
/// that authority is refused.
#[derive(Debug, Clone)]
pub struct RedisTls {
    authority: PathBuf,
    own: Certificate,
}

impl RedisTls {
    /// A certificate of this authority, for `127.0.0.1`.
    pub fn of(authority: &Authority) -> Self {
        let own = authority.issue("redis", &["IP:127.0.0.1"]);
        Self { authority: authority.certificate().to_owned(), own }
    }

    /// The same with clients of another authority, whose certificate is in this file.
    pub fn with_clients_of(self, authority: &Path) -> Self {
        Self { authority: authority.to_owned(), ..self }
    }

    /// The options of a server that has TLS on this port, and speaks TLS with other servers.
    pub(super) fn options(&self, port: u16) -> Vec<String> {
        let show = |path: &Path| path.display().to_string();
        let options = [
            ["--tls-port", &port.to_string()],
            ["--tls-cert-file", &show(&self.own.certificate)],
            ["--tls-key-file", &show(&self.own.key)],
            ["--tls-ca-cert-file", &show(&self.authority)],
            ["--tls-auth-clients", "yes"],
            ["--tls-replication", "yes"],
        ];
        options.concat().into_iter().map(str::to_owned).collect()
    }

    /// What `redis-cli` needs for a port with TLS.
    pub(super) fn of_a_client(&self) -> Vec<String> {
        let show = |path: &Path| path.display().to_string();
        let (certificate, key) = (show(&self.own.certificate), show(&self.own.key));
        ["--tls", "--cacert", &show(&self.authority), "--cert", &certificate, "--key", &key].map(str::to_owned).into()
    }
}
