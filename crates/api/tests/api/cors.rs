//! Web pages of other origins.

use crate::client::Client;
use actix_web::{
    App,
    body::to_bytes,
    http::{Method, StatusCode, header::HeaderMap},
    test,
};
use character_api::{configure, configure_for};
use character_http_kit::{AllowedHosts, AllowedOrigins, BrowserGuard, HealthPaths, HostNames};
use serde_json::Value;
use std::collections::BTreeSet;

const PAGE: &str = "https://play.example";

struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Reply {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    fn list(&self, name: &str) -> BTreeSet<String> {
        let values = self.headers.get_all(name).flat_map(|value| value.to_str().unwrap().split(','));
        values.map(|value| value.trim().to_ascii_lowercase()).collect()
    }
}

async fn ask(origins: Option<&str>, method: Method, path: &str, headers: &[(&str, &str)]) -> Reply {
    let origins = origins.map(|text| AllowedOrigins::parse(text).unwrap());
    ask_behind(BrowserGuard { origins, ..BrowserGuard::default() }, method, path, headers).await
}

async fn ask_behind(guard: BrowserGuard, method: Method, path: &str, headers: &[(&str, &str)]) -> Reply {
    let api = Client::new().api;
    let service = test::init_service(App::new().configure(configure_for(api, guard, HealthPaths::All))).await;
    let request = test::TestRequest::default().method(method).uri(path);
    let request = headers.iter().fold(request, |request, header| request.append_header(*header));
    // The server, too, makes an answer of what comes out of the service as an error.
    let response = match test::try_call_service(&service, request.to_request()).await {
        Ok(response) => response.into_parts().1.map_into_boxed_body(),
        Err(error) => error.error_response(),
    };
    let (status, headers) = (response.status(), response.headers().clone());
    let body = to_bytes(response.into_body()).await.unwrap_or_else(|_| panic!("the body broke off"));
    Reply { status, headers, body: String::from_utf8(body.to_vec()).unwrap() }
}

fn preflight(method: &'static str) -> [(&'static str, &'static str); 2] {
    [("origin", PAGE), ("access-control-request-method", method)]
}

/// Every path of the description, with its methods.
fn described() -> Vec<(String, BTreeSet<String>)> {
    let document: Value = serde_json::to_value(character_api::openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .map(|(path, operations)| {
            let filled = path.replace("{", "").replace("}", "");
            let methods = operations.as_object().unwrap().keys().filter(|key| *key != "parameters");
            (filled, methods.cloned().collect())
        })
        .collect()
}

#[actix_web::test]
async fn a_preflight_of_every_path_names_its_methods() {
    for (path, methods) in described() {
        let reply = ask(Some(PAGE), Method::OPTIONS, &path, &preflight("POST")).await;
        assert_eq!((reply.status, reply.body.as_str()), (StatusCode::NO_CONTENT, ""), "{path}");
        assert_eq!(reply.header("access-control-allow-origin"), Some(PAGE), "{path}");
        assert!(reply.list("access-control-allow-methods").is_superset(&methods), "{path}: {methods:?}");
        assert!(reply.header("access-control-max-age").unwrap().parse::<u32>().unwrap() > 0);
        assert!(reply.list("vary").contains("origin"), "{path}");
        assert!(reply.header("x-request-id").is_some(), "{path} is accounted for");
    }
}

#[actix_web::test]
async fn a_preflight_allows_every_header_that_the_description_names() {
    let document: Value = serde_json::to_value(character_api::openapi()).unwrap();
    let mut named = BTreeSet::from(["content-type".to_owned(), "accept".to_owned(), "x-request-id".to_owned()]);
    for operation in document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values())
    {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let headers = parameters.filter(|parameter| parameter["in"] == "header");
        named.extend(headers.map(|header| header["name"].as_str().unwrap().to_ascii_lowercase()));
    }
    assert!(named.contains("if-match") && named.contains("idempotency-key"), "{named:?}");
    let reply = ask(Some(PAGE), Method::OPTIONS, "/api/v2/characters", &preflight("POST")).await;
    let allowed = reply.list("access-control-allow-headers");
    assert!(allowed.is_superset(&named), "{named:?} are not all among {allowed:?}");
}

#[actix_web::test]
async fn an_answer_of_every_kind_can_be_read_by_an_allowed_page() {
    let unknown = format!("/api/v2/characters/{}", uuid::Uuid::new_v4());
    for (method, path, status) in [
        (Method::GET, "/api/v2/characters", 200),
        (Method::GET, unknown.as_str(), 404),
        (Method::GET, "/nowhere", 404),
        (Method::PUT, "/api/v2/characters", 405),
        (Method::POST, "/api/v2/characters", 400),
        (Method::GET, "/api/v2/characters?unknown=1", 400),
        (Method::GET, "/metrics", 200),
    ] {
        let reply = ask(Some(PAGE), method, path, &[("origin", PAGE)]).await;
        let (is_refusal, expected) = (reply.status.is_client_error(), status >= 400);
        assert_eq!(is_refusal, expected, "{path}: {}", reply.status);
        assert_eq!(reply.header("access-control-allow-origin"), Some(PAGE), "{path}");
        let exposed = reply.list("access-control-expose-headers");
        for header in ["etag", "location", "link", "retry-after", "cache-status"] {
            assert!(exposed.contains(header), "{path}: {header}");
        }
        assert!(reply.list("vary").contains("origin") && reply.header("access-control-allow-credentials").is_none());
    }
    assert!(ask(Some(PAGE), Method::GET, "/metrics", &[]).await.list("vary").contains("accept"));
}

#[actix_web::test]
async fn a_page_of_another_origin_is_told_nothing() {
    for origin in
        ["https://evil.example", "null", "https://play.example.evil", "http://play.example", "https://PLAY.example"]
    {
        let reply = ask(Some(PAGE), Method::GET, "/api/v2/characters", &[("origin", origin)]).await;
        assert_eq!((reply.status, reply.header("access-control-allow-origin")), (StatusCode::OK, None), "{origin}");
        assert!(reply.list("vary").contains("origin"), "{origin}");
        let asked = [("origin", origin), ("access-control-request-method", "POST")];
        let reply = ask(Some(PAGE), Method::OPTIONS, "/api/v2/characters", &asked).await;
        assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED, "{origin}");
        assert_eq!(reply.header("access-control-allow-methods"), None, "{origin}");
    }
    let twice = [("origin", PAGE), ("origin", "https://evil.example")];
    let reply = ask(Some(PAGE), Method::GET, "/api/v2/characters", &twice).await;
    assert_eq!(reply.header("access-control-allow-origin"), None);
}

#[actix_web::test]
async fn each_of_several_origins_is_answered_by_its_own_name() {
    let origins = "https://a.example, http://127.0.0.1:3000";
    for origin in ["https://a.example", "http://127.0.0.1:3000"] {
        let reply = ask(Some(origins), Method::GET, "/api/v2/characters", &[("origin", origin)]).await;
        assert_eq!(reply.header("access-control-allow-origin"), Some(origin));
    }
}

#[actix_web::test]
async fn without_allowed_origins_nothing_changes() {
    let reply = ask(None, Method::OPTIONS, "/api/v2/characters", &preflight("POST")).await;
    assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED);
    let reply = ask(None, Method::GET, "/api/v2/characters", &[("origin", PAGE)]).await;
    assert!(reply.headers.iter().all(|(name, _)| !name.as_str().starts_with("access-control")));
    assert_eq!(reply.header("vary"), None);
    let service = test::init_service(App::new().configure(configure(Client::new().api))).await;
    let plain = test::TestRequest::default().method(Method::OPTIONS).uri("/api/v2/characters").to_request();
    let response = test::call_service(&service, plain).await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert!(response.headers().contains_key("allow"));
}

#[actix_web::test]
async fn a_plain_options_is_refused_as_ever_when_cors_is_on() {
    let reply = ask(Some(PAGE), Method::OPTIONS, "/api/v2/characters", &[("origin", PAGE)]).await;
    assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(reply.header("access-control-allow-origin"), Some(PAGE));
    let reply = ask(Some(PAGE), Method::OPTIONS, "/nowhere", &preflight("POST")).await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
}

#[actix_web::test]
async fn every_operation_refuses_foreign_hosts_and_every_change_foreign_pages() {
    let hosts = Some(AllowedHosts::new("127.0.0.1".parse().unwrap(), HostNames::default()));
    let guard = BrowserGuard { hosts, ..BrowserGuard::default() };
    let (evil, own) = (("host", "evil.example"), ("host", "127.0.0.1"));
    let mut changes = 0;
    for (path, methods) in described() {
        for name in methods {
            let method = Method::from_bytes(name.to_uppercase().as_bytes()).unwrap();
            let rebound = ask_behind(guard.clone(), method.clone(), &path, &[evil]).await;
            assert_eq!(rebound.status, StatusCode::MISDIRECTED_REQUEST, "{name} {path}");
            let problem: Value = serde_json::from_str(&rebound.body).unwrap();
            assert_eq!(problem["request_id"].as_str(), rebound.header("x-request-id"), "{name} {path}");
            if method == Method::GET {
                continue;
            }
            changes += 1;
            for foreign in [("origin", PAGE), ("sec-fetch-site", "cross-site")] {
                let reply = ask_behind(guard.clone(), method.clone(), &path, &[own, foreign]).await;
                assert_eq!(reply.status, StatusCode::FORBIDDEN, "{name} {path} {foreign:?}");
                assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{name} {path}");
            }
        }
    }
    assert!(changes > 40, "{changes}");
}
