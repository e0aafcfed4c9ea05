//! The pages for people beside the API: `/`, `/problems`, and one page for each kind of problem. A client that does not ask for
//! HTML receives JSON.

use crate::{Api, PROBLEMS, ProblemKind, answer::Answer, problem::example};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{ACCEPT, CACHE_CONTROL, VARY},
    web::Data,
};
use character_http_kit::{self as kit, Endpoint, Endpoints};
use serde_json::{Value, json};
use std::fmt::Write;

const NAME: &str = "Character Service";
const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}\
                     pre{background:#f4f4f4;padding:1rem;overflow:auto}td{padding:.2rem 1rem .2rem 0}";

/// Adds the paths of the pages.
pub(crate) fn register(endpoints: &mut Endpoints) {
    Endpoint::at("/").get(start).register(endpoints);
    Endpoint::at("/problems").get(problems).register(endpoints);
    Endpoint::at("/problems/{code}").get(problem).register(endpoints);
}

async fn start(api: Data<Api>, request: HttpRequest) -> HttpResponse {
    let version = api.health.version();
    let own = [
        ("documentation", "/docs/"),
        ("description", "/openapi.json"),
        ("problems", "/problems"),
        ("health", "/health"),
    ];
    let links = own.into_iter().chain(api.repository.as_deref().map(|address| ("repository", address)));
    respond(
        &request,
        || json!({ "name": NAME, "version": version, "links": links.clone().collect::<Value>() }),
        || {
            let mut text = format!("<h1>{NAME}</h1><p>Version {}</p><ul>", escaped(version));
            for (name, address) in links.clone() {
                // Writing to a text cannot fail.
                let _ = write!(text, "<li><a href=\"{}\">{name}</a></li>", escaped(address));
            }
            (NAME.to_owned(), text + "</ul>")
        },
    )
}

async fn problems(request: HttpRequest) -> HttpResponse {
    respond(
        &request,
        || json!({ "problems": PROBLEMS.iter().map(described).collect::<Vec<_>>() }),
        || {
            let mut text = String::from("<h1>Problems</h1><table>");
            for ProblemKind { code, status, title, .. } in PROBLEMS {
                let _ = write!(
                    text,
                    "<tr><td>{status}</td><td><a href=\"/problems/{code}\">{code}</a></td><td>{title}</td></tr>"
                );
            }
            ("Problems".to_owned(), text + "</table>")
        },
    )
}

async fn problem(request: HttpRequest) -> Answer {
    let code = request.match_info().get("code").unwrap_or_default();
    let kind = ProblemKind::of(code).ok_or_else(|| kit::Problem::no_such_path(request.path()))?;
    Ok(respond(
        &request,
        || described(kind),
        || {
            let ProblemKind { code, status, title, happened, remedy, .. } = kind;
            let (happened, remedy) = (escaped(happened), escaped(remedy));
            let example = escaped(&format!("{:#}", example(kind)));
            let text = format!(
                "<h1>{title}</h1><p>{status} <code>{code}</code></p><h2>What happened</h2><p>{happened}</p>\
             <h2>What to do</h2><p>{remedy}</p><h2>Example</h2><pre>{example}</pre><p><a href=\"/problems\">All problems</a></p>"
            );
            ((*code).to_owned(), text)
        },
    ))
}

fn described(kind: &ProblemKind) -> Value {
    let ProblemKind { code, status, title, happened, remedy, .. } = kind;
    json!({ "code": code, "status": status, "title": title, "happened": happened, "remedy": remedy, "example": example(kind) })
}

/// Responds with a page, of a title and its contents, or with JSON.
fn respond(
    request: &HttpRequest,
    data: impl FnOnce() -> Value,
    page: impl FnOnce() -> (String, String),
) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.insert_header((VARY, "accept")).insert_header((CACHE_CONTROL, "no-cache"));
    let mut accepted = request.headers().get_all(ACCEPT).filter_map(|value| value.to_str().ok());
    if !accepted.any(|value| value.contains("text/html")) {
        return response.json(data());
    }
    let (title, text) = page();
    response.content_type("text/html; charset=utf-8").body(format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style></head><body>{text}</body></html>\n"
    ))
}

/// A text as the contents of an element.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
