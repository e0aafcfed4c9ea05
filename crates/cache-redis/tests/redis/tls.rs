//! Sentinels and a Cluster where everyone speaks TLS with everyone, and servers demand a certificate of their clients.

use crate::{sentinels::master_changes, *};
use character_credentials::{ClientTls, ClientTlsFiles, Verification};
use character_tests::{Authority, RedisCluster, RedisSentinels, RedisTls};
use std::path::Path;

/// The authority of the servers, and another one.
struct Certificates {
    authority: Authority,
    other: Authority,
    _folder: tempfile::TempDir,
}

impl Certificates {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder for certificates");
        let [authority, other] = ["authority", "other"].map(|name| Authority::new(folder.path(), name));
        Self { authority, other, _folder: folder }
    }

    /// The options of a client that trusts this authority and has a certificate of the servers' one.
    fn trusting(&self, authority: &Authority, url: &str) -> RedisTierOptions {
        let own = self.authority.issue("client", &[]);
        self.with(authority.certificate(), Some((own.certificate, own.key)), url)
    }

    fn with(
        &self,
        ca: &Path,
        identity: Option<(std::path::PathBuf, std::path::PathBuf)>,
        url: &str,
    ) -> RedisTierOptions {
        let files = ClientTlsFiles { ca: Some(ca.to_owned()), identity };
        let tls = ClientTls::load(files, Verification::AuthorityAndHost).expect("the certificates are right");
        // A handshake is slow in a debug build, and a failover has many at once.
        let patient = Duration::from_secs(2);
        RedisTierOptions { tls: Some(tls), operation: patient, connect: patient, ..options(url) }
    }

    /// Neither a client that does not trust the servers nor one without a certificate gets in.
    async fn refuse_others(&self, url: &str) {
        let strangers = [self.trusting(&self.other, url), self.with(self.authority.certificate(), None, url)];
        for stranger in strangers {
            let process = Process::connect(&stranger);
            let until = Instant::now() + PATIENCE;
            while process.failure().is_none() {
                assert!(!process.is_up() && Instant::now() < until, "it got in");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            assert_eq!(process.get("row:1").await, Lookup::Down);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_of_sentinels_with_tls_ends_by_itself() {
    let certificates = Certificates::new();
    let sentinels = RedisSentinels::start_with_tls(&RedisTls::of(&certificates.authority));
    let url = sentinels.url();
    assert!(url.starts_with("rediss+sentinel://"), "{url}");
    let options = certificates.trusting(&certificates.authority, &url);
    let process = Process::start(&options).await;
    process.puts("row:1", "before").await;
    process.finds("row:1", "before").await;
    certificates.refuse_others(&url).await;
    let [first, second] = sentinels.servers();
    first.kill();
    process.is_skipped().await;
    master_changes(&sentinels, first.served_port()).await;
    process.is_used(PATIENCE).await;
    process.puts("row:1", "after").await;
    assert_eq!(second.command(&["GET", &format!("{}{{row:1}}", options.prefix)]), "after");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_with_tls_serves_every_name_and_moves_a_slot() {
    let certificates = Certificates::new();
    let cluster = RedisCluster::start_with_tls(&RedisTls::of(&certificates.authority));
    let url = cluster.url();
    assert!(url.starts_with("rediss+cluster://"), "{url}");
    let options = certificates.trusting(&certificates.authority, &url);
    let process = Process::start(&options).await;
    let names: Vec<_> = (0..60).map(|number| format!("row:{number}")).collect();
    for (number, name) in names.iter().enumerate() {
        assert!(process.put(name, text(number)).await, "{name}: {:?}", process.failure());
        assert_eq!(process.get(name).await, Lookup::Found(text(number)), "{name}: {:?}", process.failure());
    }
    for node in 0..3 {
        let keys: u64 = cluster.node(node).command(&["DBSIZE"]).parse().expect("a number");
        assert!(keys > 5, "node {node} has {keys}");
    }
    certificates.refuse_others(&url).await;
    let slot = cluster.slot(&format!("{}{{row:20}}", options.prefix));
    let to = (cluster.owner(slot) + 1) % 3;
    cluster.begin_move(slot, to);
    process.puts("row:20", "while it moves").await;
    process.finds("row:20", "while it moves").await;
    cluster.end_move(slot, to);
    process.finds("row:20", "while it moves").await;
    process.puts("row:20", "after").await;
    process.finds("row:20", "after").await;
    assert_eq!(process.count("failures"), 0, "{:?}", process.failure());
}
