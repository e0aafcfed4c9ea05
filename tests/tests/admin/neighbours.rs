//! What browsers and neighbours can reach on each listener of both services.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use super::{TOKEN, change, storage};
use crate::support::{client, send, sheet, until};
use character_tests::{Service, ServiceBuilder, free_port};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

const ADMIN_TOKEN: &str = "a-token-for-operators";

/// Sends these bytes and returns the head of the answer, in lower case.
fn raw(address: SocketAddr, request: &str) -> String {
    let (head, _) = exchange(address, request);
    head.to_ascii_lowercase()
}

/// Sends these bytes and returns the head and the body of the answer.
fn exchange(address: SocketAddr, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    (head.to_owned(), body.to_owned())
}

fn get(address: SocketAddr, target: &str, headers: &str) -> String {
    raw(address, &format!("GET {target} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n"))
}

fn status(head: &str) -> u16 {
    head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
}

/// Both services with an admin listener each: (service, address of its admin listener).
fn both(with: impl Fn(ServiceBuilder) -> ServiceBuilder) -> [(Service, SocketAddr); 2] {
    [Service::character(), Service::storage().env("STORAGE_SERVICE_TOKEN", TOKEN)].map(|builder| {
        let admin: SocketAddr = ([127, 0, 0, 1], free_port()).into();
        (with(builder.env("ADMIN_ADDR", admin.to_string())).start(), admin)
    })
}

#[test]
fn no_listener_answers_under_a_name_that_is_not_its_own() {
    for (service, admin) in both(|builder| builder.env("ALLOWED_HOSTS", "play.example,api.example:8443")) {
        for address in [service.address(), admin] {
            for path in ["/health", "/health/live", "/metrics", "/admin/storage", "/api/v2/characters", "/openapi.json"]
            {
                for host in ["evil.example", "127.0.0.1.evil.example:80", "10.0.0.7", "api.example", "2130706433"] {
                    let head = get(address, path, &format!("Host: {host}\r\n"));
                    assert_eq!(status(&head), 421, "{path} {host}: {head}");
                    assert!(head.contains("content-type: application/problem+json"), "{head}");
                    assert!(head.contains("x-content-type-options: nosniff"), "{head}");
                }
                assert_eq!(status(&get(address, path, "")), 400, "{path}");
                assert_eq!(status(&get(address, path, "Host: 127.0.0.1\r\nHost: 127.0.0.1\r\n")), 400, "{path}");
                let absolute = format!("http://evil.example{path}");
                assert_eq!(status(&get(address, &absolute, "Host: 127.0.0.1\r\n")), 421, "{path}");
            }
            for host in ["localhost:1", "127.0.0.1", "PLAY.example.:99", "api.example:8443"] {
                assert_eq!(status(&get(address, "/health/live", &format!("Host: {host}\r\n"))), 200, "{host}");
            }
            assert_eq!(status(&raw(address, "GET /health/live HTTP/1.0\r\n\r\n")), 200, "the oldest clients");
        }
        // A rebound name orders nothing either.
        let order = "{\"state\":\"open\"}";
        let head = raw(
            admin,
            &format!(
                "POST /admin/storage/breaker HTTP/1.1\r\nHost: evil.example\r\nX-Requested-By: evil\r\n\
                 Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{order}",
                order.len()
            ),
        );
        assert_eq!(status(&head), 421, "{head}");
        assert!(!service.output().contains("an operator acted"), "{}", service.output());
    }
}

/// The service at every address of the machine, and how to reach it.
async fn everywhere(builder: ServiceBuilder) -> (Service, SocketAddr) {
    let port = free_port();
    let service = builder.env("LISTEN_ADDR", format!("0.0.0.0:{port}")).spawn();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let live = format!("http://{address}/health/live");
    until(Duration::from_secs(30), "the start", || client().get(&live), |answer| answer.status == 200).await;
    (service, address)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_every_address_probes_work_by_address_and_contract_calls_by_name() {
    let (_service, address) = everywhere(Service::character().env("ALLOW_UNAUTHENTICATED", "true")).await;
    assert_eq!(status(&get(address, "/health/ready", "Host: 10.42.0.7:8000\r\n")), 200);
    assert_eq!(status(&get(address, "/api/v2/characters", "Host: character-service:8000\r\n")), 421);

    let by_name = format!("Host: storage-service:8100\r\nAuthorization: Bearer {TOKEN}\r\n");
    let storage = || Service::storage().env("STORAGE_SERVICE_TOKEN", TOKEN);
    let (_service, address) = everywhere(storage()).await;
    assert_eq!(status(&get(address, "/health/ready", "Host: 10.42.0.7:8100\r\n")), 200);
    assert_eq!(status(&get(address, "/storage/v1/probe", &by_name)), 204);
    assert_eq!(status(&get(address, "/storage/v1/probe", "Host: evil.example\r\n")), 401);
    for path in ["/metrics", "/health", "/openapi.json"] {
        assert_eq!(status(&get(address, path, &by_name)), 421, "{path} needs no token, so it needs a name");
    }
    let (_service, address) = everywhere(storage().env("ALLOWED_HOSTS", "storage-service")).await;
    assert_eq!(status(&get(address, "/storage/v1/probe", &by_name)), 204);
    assert_eq!(status(&get(address, "/storage/v1/probe", &by_name.replace("storage-service", "evil.example"))), 421);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_other_origins_change_nothing_on_any_listener() {
    let storage = storage();
    let admin = format!("127.0.0.1:{}", free_port());
    let service = Service::character()
        .env("STORAGE_SERVICE_URL", storage.url(""))
        .env("STORAGE_SERVICE_TOKEN", TOKEN)
        .env("CORS_ALLOWED_ORIGINS", "https://play.example")
        .env("ADMIN_ADDR", &admin)
        .start();
    let url = service.url("/api/v2/characters");
    let created = send(client().post(&url).json(&sheet("Kept"))).await;
    let one = format!("{url}/{}", created.id());
    let breaker = format!("http://{admin}/admin/storage/breaker");
    let changes = || {
        [
            client().post(&url).json(&sheet("Foreign")),
            // Without a body, as a form of any page can send it.
            client().post(format!("{one}/restore")),
            client().delete(&one),
            client().patch(&one).header("content-type", "application/merge-patch+json").body("{}"),
            change(client().post(&breaker)).json(&json!({ "state": "open" })),
            change(client().delete(format!("http://{admin}/admin/storage/cache?all=true"))),
            client().post(storage.url("/storage/v1/transactions")).bearer_auth(TOKEN).json(&json!({})),
        ]
    };
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", "http://127.0.0.1:1"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        for request in changes() {
            let answer = send(request.header(name, value)).await;
            assert_eq!((answer.status, answer.body["code"].as_str()), (403, Some("foreign-origin")), "{answer:?}");
        }
    }
    let read = send(client().get(&one).header("origin", "https://evil.example")).await;
    assert_eq!((read.status, read.body["revision"].as_u64()), (200, Some(1)), "{read:?}");
    assert_eq!(read.header("cross-origin-resource-policy"), "same-origin");
    let own = send(client().post(&url).header("origin", service.url("")).json(&sheet("Own"))).await;
    assert_eq!(own.status, 201, "{own:?}");
    let permitted = client().post(&url).header("origin", "https://play.example").header("sec-fetch-site", "cross-site");
    let permitted = send(permitted.json(&sheet("Permitted"))).await;
    assert_eq!((permitted.status, permitted.header("cross-origin-resource-policy")), (201, "cross-origin"));
    let state = send(client().get(format!("http://{admin}/admin/storage"))).await;
    assert_eq!(state.body["breakers"]["reads"]["is_forced"], false);
    let preflight = client()
        .request(reqwest::Method::OPTIONS, &breaker)
        .header("origin", "https://play.example")
        .header("access-control-request-method", "POST");
    assert_eq!(send(preflight).await.header("access-control-allow-origin"), "", "no page reaches the admin listener");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_of_every_listener_carries_the_security_headers() {
    for (service, admin) in both(|builder| builder) {
        for base in [service.url(""), format!("http://{admin}")] {
            for (method, path) in [
                ("GET", "/health"),
                ("GET", "/health/live"),
                ("GET", "/metrics"),
                ("GET", "/openapi.json"),
                ("GET", "/docs/"),
                ("GET", "/docs/swagger-ui.css"),
                ("GET", "/api/v2/characters"),
                ("GET", "/api/v2/characters?unknown=1"),
                ("GET", "/storage/v1/probe"),
                ("GET", "/nowhere"),
                ("POST", "/health"),
                ("POST", "/api/v2/characters"),
                ("POST", "/admin/storage/breaker"),
                ("HEAD", "/health"),
                ("OPTIONS", "/health"),
            ] {
                let request = client().request(method.parse().unwrap(), format!("{base}{path}"));
                let answer = send(request).await;
                for (name, value) in [
                    ("x-content-type-options", "nosniff"),
                    ("referrer-policy", "no-referrer"),
                    ("cross-origin-resource-policy", "same-origin"),
                ] {
                    assert_eq!(answer.header(name), value, "{method} {path}: {answer:?}");
                }
                let policy = answer.header("content-security-policy");
                assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_the_api_needs_nothing_that_its_policy_forbids() {
    let service = Service::character().start();
    let page = send(client().get(service.url("/docs/"))).await;
    let policy = page.header("content-security-policy");
    assert!(policy.contains("script-src 'self'") && policy.contains("connect-src 'self'"), "{policy}");
    let html = page.body.as_str().unwrap();
    let foreign = ["<style", "src=\"http", "href=\"http", "src=\"//", "href=\"//"];
    assert!(!foreign.iter().any(|foreign| html.contains(foreign)), "{html}");
    let scripts: Vec<_> = html.split("<script").skip(1).collect();
    assert!(scripts.len() >= 3, "{html}");
    for script in scripts {
        let (tag, rest) = script.split_once('>').unwrap();
        assert!(rest.split("</script>").next().unwrap().trim().is_empty(), "an inline script: {rest}");
        let source = tag.split("src=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        assert_eq!(send(client().get(service.url(&format!("/docs/{source}")))).await.status, 200, "{source}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_token_the_admin_listener_answers_nothing_else_but_probes() {
    for (service, admin) in both(|builder| builder.env("ADMIN_TOKEN", format!("old-token,{ADMIN_TOKEN}"))) {
        for path in ["/admin/storage", "/metrics", "/health"] {
            let url = format!("http://{admin}{path}");
            let refused = send(change(client().get(&url))).await;
            assert_eq!((refused.status, refused.header("www-authenticate")), (401, "Bearer"), "{refused:?}");
            for token in ["old-token", ADMIN_TOKEN] {
                assert_eq!(send(client().get(&url).bearer_auth(token)).await.status, 200, "{path}");
            }
        }
        assert_eq!(send(client().get(format!("http://{admin}/health/live"))).await.status, 200);
        let act = || client().delete(format!("http://{admin}/admin/storage/cache?all=true"));
        assert_eq!(send(change(act())).await.status, 401);
        assert_ne!(send(act().bearer_auth(ADMIN_TOKEN)).await.status, 401);
        assert!(!service.output().contains(ADMIN_TOKEN), "{}", service.output());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_token_an_act_names_its_sender() {
    for (_service, admin) in both(|builder| builder) {
        let act = || client().delete(format!("http://{admin}/admin/storage/cache?all=true"));
        let refused = send(act()).await;
        assert_eq!((refused.status, refused.body["code"].as_str()), (403, Some("requested-by-missing")), "{refused:?}");
        assert_ne!(send(change(act())).await.status, 403);
        for path in ["/admin/storage", "/metrics", "/health", "/health/ready"] {
            assert_eq!(send(client().get(format!("http://{admin}{path}"))).await.status, 200, "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_and_health_can_move_to_the_admin_listener() {
    for (service, admin) in both(|builder| builder.env("METRICS_ON", "admin")) {
        assert_eq!(send(client().get(service.url("/metrics"))).await.status, 404);
        // A liveness probe asks for it, and others read nothing of dependencies or the version from it.
        let public = send(client().get(service.url("/health"))).await;
        assert_eq!((public.status, &public.body), (200, &json!({ "status": "ok" })));
        let whole = send(client().get(format!("http://{admin}/health"))).await;
        assert!(whole.body["dependencies"].is_object(), "{whole:?}");
        for path in ["/health/live", "/health/ready"] {
            assert_eq!(send(client().get(service.url(path))).await.status, 200, "{path}");
        }
        let shown = |answer: &crate::support::Answer| answer.body.to_string().contains("http_server_requests_total");
        let metrics = format!("http://{admin}/metrics");
        until(Duration::from_secs(5), "the requests above", || client().get(&metrics), shown).await;
    }
}

#[test]
fn a_remote_admin_listener_is_refused_without_switch_or_token() {
    for builder in [Service::character, || Service::storage().env("STORAGE_SERVICE_TOKEN", TOKEN)] {
        let remote = || builder().env("ADMIN_ADDR", "0.0.0.0:0").env("ALLOW_UNAUTHENTICATED", "true");
        for (environment, named) in
            [(remote(), "ADMIN_ALLOW_REMOTE"), (remote().env("ADMIN_ALLOW_REMOTE", "true"), "ADMIN_TOKEN")]
        {
            let refused = environment.run();
            assert_eq!(refused.code, Some(2), "{refused:?}");
            assert!(refused.errors.contains(named), "{refused:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_warns_of_tokens_that_can_be_guessed_or_read_and_of_nothing_else() {
    let short = Service::storage().env("STORAGE_SERVICE_TOKEN", "short").start();
    let plain = Service::character()
        .env("STORAGE_SERVICE_URL", "http://storage.invalid:8100")
        .env("STORAGE_SERVICE_TOKEN", "short")
        .env("ADMIN_ADDR", format!("127.0.0.1:{}", free_port()))
        .env("ADMIN_TOKEN", "also-short")
        .start();
    let good = storage();
    let near =
        Service::character().env("STORAGE_SERVICE_URL", good.url("")).env("STORAGE_SERVICE_TOKEN", TOKEN).start();
    let warnings = |service: &Service| {
        let output = service.output();
        let tokens = output.lines().filter(|line| line.contains("WARN") && line.to_lowercase().contains("token"));
        tokens.map(str::to_owned).collect::<Vec<_>>()
    };
    for (service, expected) in [
        (&short, &["STORAGE_SERVICE_TOKEN: a token has fewer"][..]),
        (
            &plain,
            &[
                "ADMIN_TOKEN: a token has fewer",
                "STORAGE_SERVICE_TOKEN: a token has fewer",
                "STORAGE_SERVICE_URL: the token is sent to storage.invalid without TLS",
            ],
        ),
        (&good, &[]),
        (&near, &[]),
    ] {
        let found = warnings(service);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (line, part) in found.iter().zip(expected) {
            assert!(line.contains(part), "{found:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_without_a_token_are_counted_and_a_burst_is_one_line() {
    let storage = storage();
    for _ in 0..20 {
        assert_eq!(send(client().get(storage.url("/storage/v1/probe")).bearer_auth("guess")).await.status, 401);
    }
    let metrics = send(client().get(storage.url("/metrics"))).await.body.to_string();
    assert!(metrics.contains("http_server_unauthorized_total 20"), "{metrics}");
    assert_eq!(
        storage.output().matches("without an accepted token were rejected (401)").count(),
        1,
        "{}",
        storage.output()
    );
}

/// Requests that no listener takes: (head without its host, body).
fn refused() -> Vec<(String, &'static str)> {
    const ID: &str = "00000000-0000-7000-8000-000000000000";
    let json = "Content-Type: application/json\r\n";
    let token = format!("Authorization: Bearer {TOKEN}\r\n");
    let transactions = format!("POST /storage/v1/transactions HTTP/1.1\r\n{token}");
    let breaker = "POST /admin/storage/breaker HTTP/1.1\r\n";
    let mut requests: Vec<_> = [
        "GET /nowhere HTTP/1.1\r\n",
        "GET /storage/v1/probe HTTP/1.1\r\n",
        "GET /storage/v1/nowhere HTTP/1.1\r\n",
        "POST /health HTTP/1.1\r\n",
        "DELETE /openapi.json HTTP/1.1\r\n",
        "OPTIONS * HTTP/1.1\r\n",
        "POST /nowhere HTTP/1.1\r\nOrigin: https://evil.example\r\n",
        "GET /nowhere HTTP/1.1\r\nHost: evil.example\r\n",
        "GET /api/v2/characters?limit=0 HTTP/1.1\r\n",
        breaker,
    ]
    .map(|head| (head.to_owned(), ""))
    .into();
    for path in ["nowhere", "characters?limit=0", &format!("characters/{ID}")] {
        requests.push((format!("GET /storage/v1/{path} HTTP/1.1\r\n{token}"), ""));
    }
    requests.push((format!("POST /storage/v1/probe HTTP/1.1\r\n{token}"), ""));
    for (headers, body) in [(json, "{"), (json, "{}"), ("Content-Type: text/plain\r\n", "{}")] {
        requests.push((format!("{transactions}{headers}"), body));
        requests.push((format!("POST /api/v2/characters HTTP/1.1\r\n{headers}"), body));
        requests.push((format!("{breaker}X-Requested-By: Ann\r\n{headers}"), body));
    }
    for upload in [transactions.as_str(), "POST /api/v2/characters HTTP/1.1\r\n"] {
        requests.push((format!("{upload}{json}Content-Length: 2000000000\r\n"), ""));
    }
    requests.push((format!("GET /nowhere HTTP/1.1\r\nX-Long: {}\r\n", "x".repeat(20_000)), ""));
    requests
}

#[test]
fn no_problem_of_one_service_has_a_type_of_the_other() {
    let probes = [free_port(), free_port()].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let builders = [Service::character(), Service::storage().env("STORAGE_SERVICE_TOKEN", TOKEN)];
    let prefixes = ["/problems/", "urn:problem-type:character-storage:"];
    // Of all listeners of a service together.
    let expected = [
        BTreeSet::from([400, 403, 404, 405, 413, 415, 421, 422, 431]),
        BTreeSet::from([400, 401, 403, 404, 405, 413, 415, 421, 422, 431]),
    ];
    for (((builder, probes), prefix), expected) in builders.into_iter().zip(probes).zip(prefixes).zip(expected) {
        let admin = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let builder = builder.env("ADMIN_ADDR", admin.to_string()).env("HEALTH_ADDR", probes.to_string());
        let service = builder.start();
        let mut statuses = BTreeSet::new();
        for address in [service.address(), admin, probes] {
            for (head, body) in refused() {
                let host = if head.contains("Host:") { "" } else { "Host: localhost\r\n" };
                let length = if head.contains("Content-Length:") {
                    String::new()
                } else {
                    format!("Content-Length: {}\r\n", body.len())
                };
                let (answer, problem) =
                    exchange(address, &format!("{head}{host}{length}Connection: close\r\n\r\n{body}"));
                let about = format!("{head:.60} at {address}: {answer}\n{problem}");
                let problem: Value = serde_json::from_str(&problem).unwrap_or_else(|error| panic!("{error}: {about}"));
                let own = format!("{prefix}{}", problem["code"].as_str().unwrap_or_else(|| panic!("{about}")));
                assert!(problem["type"] == own || problem["type"] == "about:blank", "{about}");
                assert_eq!(problem["status"], status(&answer), "{about}");
                statuses.insert(status(&answer));
            }
        }
        assert_eq!(statuses, expected, "{prefix}");
    }
}
