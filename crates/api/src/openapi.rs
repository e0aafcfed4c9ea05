//! `/openapi.json` and `/docs`.

mod deprecated;
mod examples;
mod headers;
mod links;
mod operations;
mod problems;
mod schemas;
mod shared;
mod sparse;
mod walk;

pub(crate) use walk::is_nullable;

use crate::{
    DEPRECATED, Problem, answer::Answer, campaign, character, evolution, inventory, journal, live, pages, progress,
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CACHE_CONTROL, ContentEncoding, LOCATION},
    web,
};
use character_error_reporter::redacted_text;
use character_http_kit::{self as kit, Endpoint, Endpoints, Operations, health};
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock, OnceLock};
use utoipa::OpenApi;
use utoipa_swagger_ui::{Config, SwaggerFile};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Character Service",
        description = "Characters of a role-playing game.\n\n\
            Every response carries `X-Request-Id`: that of the request, or a new one. Every error is \
            `application/problem+json` (RFC 9457) with a stable `code`. Every path can return `no-such-path` (404), \
            `method-not-allowed` (405, with `Allow`), `body-timeout` (408), `malformed-host` (400), \
            `misdirected-request` (421: the service does not answer under this `Host`), `foreign-origin` (403: a web page \
            of another origin tried to change something), `overloaded` (503, with `Retry-After`, for large requests and \
            responses) and `internal` (500). Unknown fields and parameters are rejected. An entity tag is the revision in \
            quotes: `\"1\"` when created, one more at each change.\n\n\
            A response to a change carries `Storage-Position`. Send it back in a later request to read data that is at \
            least as new, from any process of the service. Without it, another process may be behind by about a second. \
            Keep the highest position, unless a response has a lower one than its own request: the storage was restored \
            then, and that position is the one to keep.",
        contact(name = "The maintainers of the Character Service"),
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    paths(
        character::list, character::create, character::create_bulk, character::get, character::replace,
        character::patch, character::delete, character::restore,
        inventory::restore, inventory::equip, inventory::unequip, inventory::move_to, inventory::attune,
        inventory::unattune, inventory::weight, inventory::currency, inventory::change_currency, inventory::give,
        inventory::give_coins,
        progress::get, progress::award, progress::add_milestone, progress::add_achievement,
        campaign::replace_campaign, campaign::join, campaign::leave, campaign::characters, campaign::list_events,
        campaign::create_event, campaign::get_event, campaign::apply, campaign::revert, campaign::impacts_of_event,
        campaign::impacts,
        evolution::list_versions, evolution::compare, evolution::tree, evolution::get_version, evolution::state,
        evolution::restore_version, evolution::label, evolution::change_theme, evolution::graph,
        evolution::graph_drawing,
        live::updates,
        health::report, health::live, health::ready, health::metrics,
    ),
    tags(
        (name = "characters", description = "Player characters: create, read, change, delete and restore"),
        (name = "inventory", description = "The items and coins of a character"),
        (name = "progress", description = "The experience, level, milestones and achievements of a character"),
        (name = "campaigns", description = "Campaigns, their events, and the impacts of those events on characters"),
        (name = "journal", description = "The journal of a character: entries, experience, quests and relationships"),
        (name = "evolution", description = "The versions of a character, and its changes of theme"),
        (name = "live", description = "Changes as they happen, as server-sent events"),
        (name = "operations", description = "Health and metrics, for operators"),
    ),
)]
struct Document;

/// The operations, as the annotations of the handlers describe them.
fn annotated() -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    inventory::rows(&mut document);
    campaign::rows(&mut document);
    journal::describe(&mut document);
    document
}

/// The description of the API, OpenAPI 3.1.
#[must_use]
pub fn openapi() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
        // The annotations consist of texts and numbers, which can always be written.
        let mut document = serde_json::to_value(annotated()).unwrap_or_default();
        document["servers"] = json!([{ "url": "/", "description": "The service that serves this document" }]);
        // Access is controlled in front of the service: no operation asks for credentials.
        document["security"] = json!([]);
        schemas::complete(&mut document);
        operations::complete(&mut document);
        deprecated::mark(&mut document, DEPRECATED);
        document
    });
    &DOCUMENT
}

static REFUSING: LazyLock<(Operations, Operations)> = LazyLock::new(|| {
    let document = annotated();
    (Operations::without_parameters(&document), Operations::without_body(&document))
});

/// Its operations without query parameters.
pub(crate) fn parameterless() -> &'static Operations {
    &REFUSING.0
}

/// Its operations that change something and take no body.
pub(crate) fn bodiless() -> &'static Operations {
    &REFUSING.1
}

pub(crate) fn register(endpoints: &mut Endpoints) {
    Endpoint::at("/openapi.json").get(document).register(endpoints);
    Endpoint::at("/docs/guides/{guide}").get(guide).register(endpoints);
    register_page(endpoints, "Character Service API", include_str!("openapi/start.html"));
}

/// Adds the page `/docs` with this title, which shows the OpenAPI document at `/openapi.json` of the same listener. It works
/// offline.
pub fn register_docs_page(endpoints: &mut Endpoints, title: &'static str) {
    register_page(endpoints, title, "");
}

fn register_page(endpoints: &mut Endpoints, title: &'static str, start: &'static str) {
    Endpoint::at("/docs").get(docs).register(endpoints);
    let page = move |request: HttpRequest| async move { page(&request, title, start) };
    Endpoint::at("/docs/").get(page).register(endpoints);
    Endpoint::at("/docs/{*file}").get(file).register(endpoints);
}

async fn document() -> HttpResponse {
    static TEXT: OnceLock<web::Bytes> = OnceLock::new();
    let text = TEXT.get_or_init(|| serde_json::to_vec_pretty(openapi()).unwrap_or_default().into());
    HttpResponse::Ok().content_type("application/json").body(text.clone())
}

async fn docs() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((LOCATION, "/docs/")).finish()
}

/// The page, whose examples name the address that the client used.
fn page(request: &HttpRequest, title: &str, start: &str) -> HttpResponse {
    let address = request.connection_info();
    let base = pages::escaped(&format!("{}://{}", address.scheme(), address.host()));
    let start = start.replace("{base}", &base);
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((CACHE_CONTROL, "no-cache"))
        .body(include_str!("openapi/page.html").replace("{title}", title).replace("{start}", &start))
}

/// The guides that the page links to.
const GUIDES: [(&str, &str); 3] = [
    ("api.md", include_str!("../../../docs/api.md")),
    ("data-model.md", include_str!("../../../docs/data-model.md")),
    ("events.md", include_str!("../../../docs/events.md")),
];

async fn guide(request: HttpRequest) -> Answer {
    let name = request.match_info().get("guide").unwrap_or_default();
    let (_, text) = GUIDES
        .into_iter()
        .find(|(known, _)| *known == name)
        .ok_or_else(|| kit::Problem::no_such_path(request.path()))?;
    // Browsers show plain text, and offer Markdown for download.
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(text))
}

async fn file(request: HttpRequest) -> Answer {
    static CONFIG: LazyLock<Arc<Config<'static>>> =
        // The validator is a service elsewhere; the page is to work offline.
        LazyLock::new(|| Arc::new(Config::from("/openapi.json").validator_url("none")));
    let name = request.match_info().get("file").unwrap_or_default();
    if name == "page.css" {
        return Ok(HttpResponse::Ok().content_type("text/css; charset=utf-8").body(include_str!("openapi/page.css")));
    }
    let file = utoipa_swagger_ui::serve(name, Arc::clone(&CONFIG)).map_err(|error| {
        tracing::error!(error = %redacted_text(&error.to_string()), "cannot read a file of the API documentation page");
        Problem::internal()
    })?;
    let SwaggerFile { bytes, content_type, gzpipped, .. } =
        file.ok_or_else(|| kit::Problem::no_such_path(request.path()))?;
    let mut response = HttpResponse::Ok();
    if gzpipped {
        response.insert_header(ContentEncoding::Gzip);
    }
    Ok(response.content_type(content_type).body(bytes.into_owned()))
}
