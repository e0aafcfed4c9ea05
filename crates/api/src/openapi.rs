//! `/openapi.json` and `/docs`.

use crate::{character, endpoint::Endpoint, health};
use actix_web::{
    HttpResponse,
    http::header::LOCATION,
    web::{self, ServiceConfig},
};
use std::sync::OnceLock;
use utoipa::OpenApi;
use utoipa_swagger_ui::{Config, SwaggerUi};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Character Service",
        description = "Characters of a role-playing game.\n\n\
            Every answer carries `X-Request-Id`, taken over from the request or made. Every refusal and failure is \
            `application/problem+json` (RFC 9457) with a stable `code`; those of every path are `no-such-path` (404), \
            `method-not-allowed` (405, with `Allow`), `body-timeout` (408) and `internal` (500). Unknown fields and \
            parameters are refused. Entity tags are revisions: `\"1\"` when created, one more at each change.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    paths(
        character::list, character::create, character::create_bulk, character::get, character::replace,
        character::patch, character::delete, character::restore,
        health::report, health::live, health::ready, health::metrics,
    ),
    tags(
        (name = "characters", description = "Player characters"),
        (name = "operations", description = "For those who run the service"),
    ),
)]
struct Document;

/// The description of the API, OpenAPI 3.1.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

pub(crate) fn configure(config: &mut ServiceConfig) {
    Endpoint::at("/openapi.json").get(document).register(config);
    Endpoint::at("/docs").get(docs).register(config);
    // The validator is a service elsewhere; the page is to work offline.
    config.service(SwaggerUi::new("/docs/{_:.*}").config(Config::from("/openapi.json").validator_url("none")));
}

async fn document() -> HttpResponse {
    static TEXT: OnceLock<web::Bytes> = OnceLock::new();
    let text = TEXT.get_or_init(|| serde_json::to_vec_pretty(&openapi()).unwrap_or_default().into());
    HttpResponse::Ok().content_type("application/json").body(text.clone())
}

async fn docs() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((LOCATION, "/docs/")).finish()
}
