//! Secrets and settings that change while the services run, under load and without a refused request.

use super::{TOKEN, storage};
use crate::support::{client, metrics, sheet, try_send, until};
use character_tests::{NatsRelease, NatsServer, PostgresServer, RedisServer, Service};
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::{task::JoinSet, time::sleep};

const LIMIT: Duration = Duration::from_secs(30);
const NEXT: &str = "next-token-of-the-tests";

/// A folder of secrets as Kubernetes mounts it: a link to a folder that is replaced as a whole.
pub(super) struct Mounted {
    folder: TempDir,
    version: AtomicU64,
}

impl Mounted {
    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        let mounted = Self { folder: tempfile::tempdir().unwrap(), version: AtomicU64::new(0) };
        mounted.set(files);
        for (name, _) in files {
            symlink(format!("..data/{name}"), mounted.path(name)).unwrap();
        }
        mounted
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces all files at once.
    pub(super) fn set(&self, files: &[(&str, &str)]) {
        let version = self.version.fetch_add(1, Ordering::Relaxed);
        let folder = format!("..{version}");
        fs::create_dir(self.path(&folder)).unwrap();
        for (name, text) in files {
            fs::write(self.path(&folder).join(name), text).unwrap();
        }
        symlink(&folder, self.path("..data_tmp")).unwrap();
        fs::rename(self.path("..data_tmp"), self.path("..data")).unwrap();
        if version > 0 {
            fs::remove_dir_all(self.path(&format!("..{}", version - 1))).unwrap();
        }
    }
}

async fn await_metric(service: &Service, series: &str, value: u64) {
    let ask = || client().get(service.url("/metrics"));
    until(LIMIT, &format!("{series} is {value}"), ask, |answer| answer.metric(series) == Some(value)).await;
}

async fn applied(service: &Service, setting: &str, times: u64) {
    let line = format!("setting_changes_total{{setting=\"{setting}\",outcome=\"applied\"}}");
    await_metric(service, &line, times).await;
}

/// Clients that create characters all the time. Each answer must be a success.
struct Load {
    stop: Arc<AtomicBool>,
    served: Arc<AtomicU64>,
    clients: JoinSet<()>,
}

impl Load {
    fn on(services: &[&Service]) -> Self {
        let (stop, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mut clients = JoinSet::new();
        for service in services.iter().cycle().take(4) {
            let (url, stop, served) = (service.url("/api/v2/characters"), Arc::clone(&stop), Arc::clone(&served));
            clients.spawn(async move {
                let client = client();
                while !stop.load(Ordering::Relaxed) {
                    let answer = try_send(client.post(&url).json(&sheet("Rotated"))).await;
                    assert_eq!(answer.as_ref().map(|answer| answer.status).ok(), Some(201), "{answer:?}");
                    served.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        Self { stop, served, clients }
    }

    /// Waits until that many more requests were answered.
    async fn continues_for(&self, requests: u64) {
        let (enough, end) = (self.served.load(Ordering::Relaxed) + requests, Instant::now() + LIMIT);
        while self.served.load(Ordering::Relaxed) < enough {
            assert!(Instant::now() < end, "the load has stopped");
            sleep(Duration::from_millis(10)).await;
        }
    }

    async fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.clients.join_all().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tokens_of_storage_and_hub_are_rotated_under_load_in_three_steps_without_a_refused_request() {
    const OLD: [(&str, &str); 2] = [("storage", TOKEN), ("hub", "hub-token-of-the-tests")];
    const NEW: [(&str, &str); 2] = [("storage", NEXT), ("hub", "next-hub-token-of-the-tests")];
    let both = [0, 1].map(|index| format!("{}\n{}", OLD[index].1, NEW[index].1));
    let (accepted, sent) = (Mounted::new(&OLD), Mounted::new(&OLD));
    let storage = Service::storage().env("STORAGE_SERVICE_TOKEN_FILE", accepted.path("storage")).start();
    let hub = Service::message_hub()
        .env("MESSAGE_HUB_TOKEN_FILE", accepted.path("hub"))
        .env("HUB_SERVICES", format!("storage-service={}", storage.url("")))
        .start();
    // The relay and the inbox of one of them poll for many seconds. Without retries, so that no refused request hides behind one.
    let user = |storage_url: String| {
        Service::character()
            .env("STORAGE_SERVICE_URL", storage_url)
            .env("STORAGE_SERVICE_TOKEN_FILE", sent.path("storage"))
            .env("MESSAGE_HUB_URL", hub.url(""))
            .env("MESSAGE_HUB_TOKEN_FILE", sent.path("hub"))
            .env("STORAGE_RETRY_MAX", "0")
            .start()
    };
    let users = [user(storage.url("")), user("hub:storage".to_owned())];
    let load = Load::on(&users.each_ref());
    load.continues_for(50).await;
    accepted.set(&[("storage", &both[0]), ("hub", &both[1])]);
    applied(&storage, "STORAGE_SERVICE_TOKEN", 1).await;
    applied(&hub, "MESSAGE_HUB_TOKEN", 1).await;
    sent.set(&NEW);
    for user in &users {
        applied(user, "STORAGE_SERVICE_TOKEN", 1).await;
        applied(user, "MESSAGE_HUB_TOKEN", 1).await;
    }
    // Requests that began with the old token are answered; refused, they would be sent again and counted.
    load.continues_for(50).await;
    accepted.set(&NEW);
    applied(&storage, "STORAGE_SERVICE_TOKEN", 2).await;
    applied(&hub, "MESSAGE_HUB_TOKEN", 2).await;
    load.continues_for(50).await;
    load.end().await;
    for service in [&storage, &hub] {
        assert_eq!(
            metrics(service).await.metric("http_server_unauthorized_total"),
            Some(0_u64),
            "{}",
            service.output()
        );
    }
    for service in users.iter().chain([&storage, &hub]) {
        let output = service.output();
        let alarms = ["(401)", "unauthorized", "is not heard", "is away", "character_error_report"];
        assert!(!alarms.iter().any(|alarm| output.contains(alarm)), "{output}");
        assert!(!OLD.iter().chain(&NEW).any(|(_, token)| output.contains(token)), "{output}");
    }
    for (old, url) in [(TOKEN, storage.url("/storage/v1/characters")), (OLD[1].1, hub.url("/v1/probe"))] {
        assert_eq!(try_send(client().get(url).bearer_auth(old)).await.unwrap().status, 401, "the old token is refused");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_cannot_be_used_leaves_the_token_before_and_is_reported_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, TOKEN).unwrap();
    let service = Service::storage().env("STORAGE_SERVICE_TOKEN_FILE", &file).start();
    let works = || client().get(service.url("/storage/v1/characters")).bearer_auth(TOKEN);
    let refused = "setting_changes_total{setting=\"STORAGE_SERVICE_TOKEN\",outcome=\"refused\"}";
    for (round, contents) in (1..).zip([Some(""), Some("not\u{e9}ascii"), None]) {
        match contents {
            Some(text) => fs::write(&file, text).unwrap(),
            None => fs::remove_file(&file).unwrap(),
        }
        await_metric(&service, refused, round).await;
        await_metric(&service, "setting_refused{setting=\"STORAGE_SERVICE_TOKEN\"}", 1).await;
        assert_ne!(try_send(works()).await.unwrap().status, 401);
    }
    fs::write(&file, TOKEN).unwrap();
    await_metric(&service, "setting_refused{setting=\"STORAGE_SERVICE_TOKEN\"}", 0).await;
    let warnings = service.output().matches("a changed file cannot be used").count();
    assert_eq!(warnings, 3, "{}", service.output());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_password_of_the_database_is_used_for_new_connections() {
    let hba = tempfile::tempdir().unwrap();
    open(hba.path());
    let rules = hba.path().join("hba");
    fs::write(
        &rules,
        "local all all trust\nhost all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n",
    )
    .unwrap();
    let postgres = PostgresServer::start_with(&[&format!("hba_file={}", rules.display())]);
    postgres.query("CREATE ROLE keeper LOGIN PASSWORD 'first'");
    postgres.query("CREATE DATABASE kept OWNER keeper");
    let url = |password: &str| format!("postgres://keeper:{password}@127.0.0.1:{}/kept", postgres.port());
    let secrets = Mounted::new(&[("url", &url("first"))]);
    let service =
        Service::storage().env("STORAGE_SERVICE_TOKEN", TOKEN).env("DATABASE_URL_FILE", secrets.path("url")).start();
    // Another database is refused: half of the connections would lead to each.
    secrets.set(&[("url", &url("first").replace("/kept", "/postgres"))]);
    service.await_output("must lead to the same hosts and database");
    postgres.query("ALTER ROLE keeper PASSWORD 'second'");
    secrets.set(&[("url", &url("second"))]);
    applied(&service, "DATABASE_URL", 1).await;
    // Every connection is a new one from now on.
    postgres.query("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'keeper'");
    let healthy = until(
        LIMIT,
        "new connections use the new password",
        || client().get(service.url("/health")),
        |answer| answer.status == 200 && answer.body["status"] == "ok",
    );
    healthy.await;
    assert!(!service.output().contains("second"), "{}", service.output());
}

/// Lets servers that do not run as root read what is in the folder.
fn open(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changed_passwords_of_redis_and_nats_are_used_without_a_restart() {
    let redis = RedisServer::start();
    redis.command(&["ACL", "SETUSER", "cache", "on", ">first", "~*", "+@all"]);
    let password = |text: &str| format!("authorization {{ user: \"hub\", password: \"{text}\" }}");
    let nats = NatsServer::start_with(NatsRelease::Current, &password("first"));
    let redis_url = |password: &str| format!("redis://cache:{password}@127.0.0.1:{}/0", redis.port());
    let nats_url = |password: &str| nats.url().replace("nats://", &format!("nats://hub:{password}@"));
    let secrets = Mounted::new(&[("redis", &redis_url("first")), ("nats", &nats_url("first"))]);
    let service = Service::character()
        .env("REDIS_URL_FILE", secrets.path("redis"))
        .env("REDIS_TIMEOUT_MS", "5000")
        .env("REDIS_CONNECT_TIMEOUT_MS", "5000")
        .start();
    let hub = Service::message_hub().env("MESSAGE_HUB_TOKEN", TOKEN).env("NATS_URL_FILE", secrets.path("nats")).start();
    let ok = |service: &Service, name: &'static str| {
        let url = service.url("/health");
        until(
            LIMIT,
            "the dependency is ok",
            move || client().get(&url),
            move |answer| answer.body["dependencies"][name]["status"] == "up",
        )
    };
    ok(&service, "redis").await;
    ok(&hub, "hub").await;
    redis.command(&["ACL", "SETUSER", "cache", "resetpass", ">second"]);
    secrets.set(&[("redis", &redis_url("second")), ("nats", &nats_url("second"))]);
    service.await_output("the shared cache tier uses its changed address");
    applied(&hub, "NATS_URL", 1).await;
    redis.command(&["CLIENT", "KILL", "USER", "cache"]);
    nats.configure(&password("second"));
    nats.reload();
    ok(&service, "redis").await;
    ok(&hub, "hub").await;
    assert_eq!(metrics(&service).await.metric("cache_redis_up"), Some(1_u64));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sighup_reads_the_log_level_and_the_limits_again_and_usr1_and_usr2_do_nothing() {
    let settings = Mounted::new(&[("level", "warn"), ("bytes", "50331648"), ("requests", "256"), ("reports", "5")]);
    let service = storage()
        .env("LOG_LEVEL_FILE", settings.path("level"))
        .env("MAX_IN_FLIGHT_BYTES_FILE", settings.path("bytes"))
        .env("MAX_REQUESTS_IN_FLIGHT_FILE", settings.path("requests"))
        .env("ERROR_REPORTS_PER_MINUTE_FILE", settings.path("reports"))
        .start();
    assert!(!service.output().contains("listens on"), "the level is warn: {}", service.output());
    settings.set(&[("level", "info,access=debug"), ("bytes", "2097152"), ("requests", "7"), ("reports", "7")]);
    service.signal("-HUP");
    for setting in ["LOG_LEVEL", "MAX_IN_FLIGHT_BYTES", "MAX_REQUESTS_IN_FLIGHT", "ERROR_REPORTS_PER_MINUTE"] {
        applied(&service, setting, 1).await;
    }
    await_metric(&service, "http_server_requests_limit", 7).await;
    try_send(client().get(service.url("/health/live"))).await.unwrap();
    service.await_output("route=\"/health/live\"");
    service.signal("-USR1");
    service.await_output("SIGUSR1");
    service.signal("-USR2");
    service.await_output("the signal is ignored");
    service.signal("-HUP");
    service.await_output("no file of a setting changed");
    settings.set(&[("level", "loud"), ("bytes", "2097152"), ("requests", "7"), ("reports", "7")]);
    await_metric(&service, "setting_refused{setting=\"LOG_LEVEL\"}", 1).await;
    assert_eq!(try_send(client().get(service.url("/health/live"))).await.unwrap().status, 200);
    assert_eq!(service.terminate(), 0);
}
