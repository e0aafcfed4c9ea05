//! The graph of a lineage, as data and as a drawing.

use super::drawing;
use crate::{
    Api,
    answer::{self, Answer, path_id},
    context,
    query::Parameters,
    responses::LookProblems,
};
use actix_web::{HttpRequest, web::Data};
use character_repositories::VersionGraph;

/// Returns the graph of the lineage of a character: its predecessors, its successors, and all their items.
#[utoipa::path(
    get, path = "/api/v2/characters/{id}/version-graph", tag = "evolution", operation_id = "getVersionGraph",
    params(("id" = uuid::Uuid, Path, description = "The character")),
    responses((status = 200, body = VersionGraph, description = "The graph of the lineage"), LookProblems),
)]
pub(crate) async fn graph(api: Data<Api>, request: HttpRequest) -> Answer {
    let of = path_id(&request, "id")?;
    Parameters::of(request.query_string()).finish()?;
    let context = context::of_read(&request)?;
    let graph = api.repositories.evolution.graph(of, &context).await?;
    Ok(answer::untagged(&context.condition)?.json(graph))
}

/// Draws the graph of the lineage of a character.
#[utoipa::path(
    get, path = "/api/v2/characters/{id}/version-graph.svg", tag = "evolution", operation_id = "drawVersionGraph",
    params(("id" = uuid::Uuid, Path, description = "The character")),
    responses((status = 200, body = String, content_type = "image/svg+xml", description = "The drawing of the graph, as SVG"), LookProblems),
)]
pub(crate) async fn graph_drawing(api: Data<Api>, request: HttpRequest) -> Answer {
    let of = path_id(&request, "id")?;
    Parameters::of(request.query_string()).finish()?;
    let context = context::of_read(&request)?;
    let graph = api.repositories.evolution.graph(of, &context).await?;
    let mut response = answer::untagged(&context.condition)?;
    Ok(response.content_type("image/svg+xml; charset=utf-8").body(drawing::draw(&graph)))
}
