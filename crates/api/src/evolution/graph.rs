//! The graph of a lineage, as data and as a drawing.

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

/// The characters of a lineage and their items, including deleted ones.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionGraphBody {
    /// The characters, oldest first, each followed by its items.
    pub nodes: Vec<GraphNodeBody>,
    /// The edges between them.
    pub edges: Vec<GraphEdgeBody>,
    /// Whether the graph is complete. It holds at most 100 characters and 2000 items.
    pub complete: bool,
}

/// A character or an item.
#[derive(Debug, Serialize, ToSchema)]
pub struct GraphNodeBody {
    /// The id of the character or item.
    pub id: Uuid,
    /// The kind: `character` or `inventory_item`.
    pub kind: NodeKind,
    /// The name.
    pub name: String,
    /// The theme: the setting that it belongs to.
    pub theme: String,
    /// The id of the character that owns it; for a character, its own id.
    pub character_id: Uuid,
    /// Whether it is soft-deleted.
    pub deleted: bool,
}

/// An edge between two nodes.
#[derive(Debug, Serialize, ToSchema)]
pub struct GraphEdgeBody {
    /// `parent`: from a character to its predecessor. `root`: from an item to its original. `equipped`: from a
    /// character to an item that it wears or holds. `created`: from a character to an item that was created for it.
    pub kind: EdgeKind,
    /// The id of the node where it starts.
    pub from: Uuid,
    /// The id of the node where it ends.
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

/// Returns the graph of the lineage of a character: its predecessors, its successors, and all their items.
#[utoipa::path(
    get, path = "/api/v2/characters/{id}/version-graph", tag = "evolution", operation_id = "getVersionGraph",
    params(("id" = uuid::Uuid, Path, description = "The character")),
    responses((status = 200, body = VersionGraphBody, description = "The graph of the lineage"), LookProblems),
)]
pub(crate) async fn graph(api: Data<Api>, request: HttpRequest) -> Answer {
    let of = path_id(&request, "id")?;
    Parameters::of(request.query_string()).finish()?;
    let graph = api.repositories.evolution.graph(of, &context::of_read(&request)?).await?;
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, "private, no-cache"));
    Ok(response.json(VersionGraphBody::from(graph)))
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
    let graph = api.repositories.evolution.graph(of, &context::of_read(&request)?).await?;
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, "private, no-cache"));
    Ok(response.content_type("image/svg+xml; charset=utf-8").body(drawing::draw(&graph)))
}
