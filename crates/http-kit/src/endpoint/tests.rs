//! Which handler receives a request.

use super::{Endpoint, Endpoints, Operations, Refusals};
use actix_web::{
    App, HttpRequest, HttpResponse,
    dev::{Payload, ServiceFactory},
    error::PayloadError,
    http::{
        Method, StatusCode,
        header::{ALLOW, TRANSFER_ENCODING},
    },
    test,
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use std::{pin::Pin, sync::LazyLock, time::Duration};
use utoipa::openapi::{HttpMethod, OpenApiBuilder, PathItem, PathsBuilder, path::Operation};

type Parts = Pin<Box<dyn Stream<Item = Result<Bytes, PayloadError>>>>;

/// Answers with the placeholders of the path that was taken.
fn telling(what: &'static str) -> impl Fn(HttpRequest) -> std::future::Ready<HttpResponse> + Clone {
    move |request| {
        let values: Vec<_> = request.match_info().iter().map(|(name, value)| format!("{name}={value}")).collect();
        std::future::ready(HttpResponse::Ok().body(format!("{what} {}", values.join(" "))))
    }
}

fn endpoints() -> Endpoints {
    let mut endpoints = Endpoints::default();
    Endpoint::at("/heroes/{id}").get(telling("one")).delete(telling("gone")).register(&mut endpoints);
    Endpoint::at("/heroes/bulk").post(telling("many")).register(&mut endpoints);
    Endpoint::at("/heroes/{hero}/deeds/{deed}").get(telling("deed")).register(&mut endpoints);
    Endpoint::at("/files/{*name}").get(telling("file")).register(&mut endpoints);
    Endpoint::at("/proxy/{*path}").get(telling("read")).others(telling("other")).register(&mut endpoints);
    endpoints
}

async fn ask(method: Method, path: &str) -> (StatusCode, String, Option<String>) {
    let service = test::init_service(App::new().default_service(endpoints())).await;
    let request = test::TestRequest::default().method(method).uri(path).to_request();
    let response = test::call_service(&service, request).await;
    let allow = response.headers().get(ALLOW).map(|value| value.to_str().unwrap().to_owned());
    let status = response.status();
    (status, String::from_utf8(test::read_body(response).await.to_vec()).unwrap(), allow)
}

async fn text(path: &str) -> String {
    ask(Method::GET, path).await.1
}

#[actix_web::test]
async fn a_path_may_take_any_method_but_those_of_the_connection() {
    assert_eq!(text("/proxy/a/b").await, "read path=a/b");
    for method in ["POST", "OPTIONS", "PROPFIND", "M-SEARCH", "get"] {
        let (status, text, _) = ask(method.parse().unwrap(), "/proxy/a").await;
        assert_eq!((status, text.as_str()), (StatusCode::OK, "other path=a"), "{method}");
    }
    for method in [Method::CONNECT, Method::TRACE] {
        let (status, _, allow) = ask(method, "/proxy/a").await;
        assert_eq!((status, allow.as_deref()), (StatusCode::METHOD_NOT_ALLOWED, Some("GET, HEAD, OPTIONS")));
    }
    assert_eq!(ask("PROPFIND".parse().unwrap(), "/files/a").await.0, StatusCode::METHOD_NOT_ALLOWED);
}

#[actix_web::test]
async fn placeholders_have_the_names_of_their_own_path() {
    assert_eq!(text("/heroes/7").await, "one id=7");
    assert_eq!(text("/heroes/7/deeds/slain%20dragon").await, "deed hero=7 deed=slain dragon");
    assert_eq!(text("/files/css/main.css").await, "file name=css/main.css");
}

#[actix_web::test]
async fn a_fixed_part_goes_before_a_placeholder_also_when_its_method_is_refused() {
    assert_eq!(ask(Method::POST, "/heroes/bulk").await.1, "many ");
    let (status, _, allow) = ask(Method::GET, "/heroes/bulk").await;
    assert_eq!((status, allow.as_deref()), (StatusCode::METHOD_NOT_ALLOWED, Some("POST")));
}

#[actix_web::test]
async fn a_method_that_is_not_named_is_told_which_are() {
    let (status, _, allow) = ask(Method::PUT, "/heroes/7").await;
    assert_eq!((status, allow.as_deref()), (StatusCode::METHOD_NOT_ALLOWED, Some("GET, HEAD, DELETE")));
    assert_eq!(ask(Method::HEAD, "/heroes/7").await.0, StatusCode::OK);
}

#[actix_web::test]
async fn an_endpoint_of_get_alone_does_not_know_head() {
    let mut endpoints = Endpoints::default();
    Endpoint::at("/heroes").get_alone(telling("all")).register(&mut endpoints);
    let service = test::init_service(App::new().default_service(endpoints)).await;
    for (method, status) in [(Method::GET, StatusCode::OK), (Method::HEAD, StatusCode::METHOD_NOT_ALLOWED)] {
        let request = test::TestRequest::default().method(method).uri("/heroes").to_request();
        assert_eq!(test::call_service(&service, request).await.status(), status);
    }
}

#[actix_web::test]
async fn a_service_may_refuse_paths_and_methods_in_its_own_way() {
    let refusals = Refusals {
        no_such_path: |request| HttpResponse::NotFound().body(format!("none {}", request.path())),
        method_not_allowed: |allow| HttpResponse::MethodNotAllowed().body(format!("only {allow}")),
    };
    let service = test::init_service(App::new().default_service(endpoints().with_refusals(refusals))).await;
    for (path, expected) in [("/nowhere", "none /nowhere"), ("/heroes/bulk", "only POST")] {
        let answer = test::call_service(&service, test::TestRequest::get().uri(path).to_request()).await;
        assert_eq!(test::read_body(answer).await, expected);
    }
}

/// The only operation of `endpoints` that takes no body.
fn bodiless() -> &'static Operations {
    static FOUND: LazyLock<Operations> = LazyLock::new(|| {
        let operation = PathItem::new(HttpMethod::Delete, Operation::default());
        let paths = PathsBuilder::new().path("/heroes/{id}", operation).build();
        Operations::without_body(&OpenApiBuilder::new().paths(paths).build())
    });
    &FOUND
}

#[actix_web::test]
async fn a_body_in_chunks_is_none_when_it_ends_empty_and_refused_when_it_does_not_within_its_time() {
    tokio::time::pause();
    let refuse = |_: &HttpRequest| HttpResponse::UnprocessableEntity().finish();
    let endpoints = endpoints().refusing_bodies_of(bodiless, Duration::from_secs(10), refuse);
    let service = test::init_service(App::new().default_service(endpoints)).await;
    let (full, broken) = (Ok(Bytes::from_static(b"{}")), Err(PayloadError::Incomplete(None)));
    let parts: [(Parts, StatusCode); 4] = [
        (Box::pin(stream::empty()), StatusCode::OK),
        (Box::pin(stream::iter([full]).chain(stream::pending())), StatusCode::UNPROCESSABLE_ENTITY),
        (Box::pin(stream::iter([broken])), StatusCode::UNPROCESSABLE_ENTITY),
        (Box::pin(stream::pending()), StatusCode::UNPROCESSABLE_ENTITY),
    ];
    for (number, (parts, expected)) in parts.into_iter().enumerate() {
        let request = test::TestRequest::delete().uri("/heroes/7").insert_header((TRANSFER_ENCODING, "chunked"));
        let mut request = request.to_request();
        *request.payload() = Payload::from(parts);
        let answer = test::call_service(&service, request).await;
        assert_eq!(answer.status(), expected, "body {number}");
    }
}

#[actix_web::test]
async fn what_is_almost_a_path_is_none() {
    for path in ["/", "/heroes", "/heroes/", "/heroes/7/", "/heroes//deeds/1", "/Heroes/7", "/files/", "//heroes/7"] {
        assert_eq!(ask(Method::GET, path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
}

#[actix_web::test]
async fn two_endpoints_for_one_path_cannot_be_served() {
    let mut endpoints = endpoints();
    Endpoint::at("/heroes/{other}").get(telling("other")).register(&mut endpoints);
    assert!(endpoints.new_service(()).await.is_err());
}
