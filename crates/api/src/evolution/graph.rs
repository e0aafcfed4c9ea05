//! The graph of a lineage, in numbers and drawn.

use super::drawing;
use crate::{
    Api,
    answer::{Answer, path_id},
    context,
    query::Parameters,
    responses::LookProblems,
};
use actix_web::{HttpRequest, HttpResponse, http::header::CACHE_CONTROL, web::Data};
use character_repositories::{EdgeKind, GraphEdge, GraphNode, NodeKind, VersionGraph};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// The characters that grew out of each other and their items, deleted ones too.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionGraphBody {
    /// The characters, oldest first, each followed by its items.
    pub nodes: Vec<GraphNodeBody>,
    /// What ties them.
    pub edges: Vec<GraphEdgeBody>,
    /// Whether that is all. A graph of more than 100 characters or 2000 items is cut.
    pub complete: bool,
}

/// A character or an item.
#[derive(Debug, Serialize, ToSchema)]
pub struct GraphNodeBody {
    /// Its id.
    pub id: Uuid,
    /// `character` or `inventory_item`.
    #[schema(value_type = String)]
    pub kind: NodeKind,
    /// What it is called.
    pub name: String,
    /// The setting it belongs to.
    pub theme: String,
    /// Whose it is; a character is its own.
    pub character_id: Uuid,
    /// Whether it is soft-deleted.
    pub deleted: bool,
}

/// A tie between two nodes.
#[derive(Debug, Serialize, ToSchema)]
pub struct GraphEdgeBody {
    /// `parent`: from a character to the one it grew out of. `root`: from an item to the one it was at first.
    /// `equipped`: from a character to an item that it wears or holds. `created`: from a character to an item that came
    /// to be with it.
    #[schema(value_type = String)]
    pub kind: EdgeKind,
    /// The id of the one node.
    pub from: Uuid,
    /// The id of the other.
    pub to: Uuid,
}

impl From<VersionGraph> for VersionGraphBody {
    fn from(graph: VersionGraph) -> Self {
        let node = |it: GraphNode| GraphNodeBody {
            id: it.id,
            kind: it.kind,
            name: it.name,
            theme: it.theme,
            character_id: it.character_id.0,
            deleted: it.deleted,
        };
        let edge = |GraphEdge { kind, from, to }: GraphEdge| GraphEdgeBody { kind, from, to };
        Self {
            nodes: graph.nodes.into_iter().map(node).collect(),
            edges: graph.edges.into_iter().map(edge).collect(),
            complete: graph.complete,
        }
    }
}

/// How a character, those that it grew out of and into, and all their items hang together.
#[utoipa::path(
    get, path = "/api/v2/characters/{id}/version-graph", tag = "evolution", operation_id = "getVersionGraph",
    params(("id" = uuid::Uuid, Path, description = "The character")),
    responses((status = 200, body = VersionGraphBody, description = "The graph"), LookProblems),
)]
pub(crate) async fn graph(api: Data<Api>, request: HttpRequest) -> Answer {
    let of = path_id(&request, "id")?;
    Parameters::of(request.query_string()).finish()?;
    let graph = api.repositories.evolution.graph(of, &context::of_read(&request)?).await?;
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, "private, no-cache"));
    Ok(response.json(VersionGraphBody::from(graph)))
}

/// The same, drawn.
#[utoipa::path(
    get, path = "/api/v2/characters/{id}/version-graph.svg", tag = "evolution", operation_id = "drawVersionGraph",
    params(("id" = uuid::Uuid, Path, description = "The character")),
    responses((status = 200, body = String, content_type = "image/svg+xml", description = "The drawing"), LookProblems),
)]
pub(crate) async fn graph_drawing(api: Data<Api>, request: HttpRequest) -> Answer {
    let of = path_id(&request, "id")?;
    Parameters::of(request.query_string()).finish()?;
    let graph = api.repositories.evolution.graph(of, &context::of_read(&request)?).await?;
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, "private, no-cache"));
    Ok(response.content_type("image/svg+xml; charset=utf-8").body(drawing::draw(&graph)))
}
