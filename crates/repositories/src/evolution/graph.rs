//! The graph of a lineage: its characters and their items.

use super::{
    EvolutionRepository,
    lineage::{Lineage, Relative},
};
use crate::{RequestContext, Result};
use character_domain::{CharacterId, InventoryItem, InventoryItemId};
use character_storage_port::{Deleted, InventoryItemQuery, Limit, PageRequest, Store};
use serde::Serialize;
use std::collections::HashSet;
use uuid::Uuid;

/// The maximum number of items in one graph.
pub const MAX_GRAPH_ITEMS: usize = 2_000;

/// The characters of a lineage and their items, including deleted ones.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct VersionGraph {
    /// The characters, oldest first, each followed by its items.
    pub nodes: Vec<GraphNode>,
    /// The edges between them.
    pub edges: Vec<GraphEdge>,
    /// Whether the graph is complete. It holds at most 100 characters and 2000 items.
    pub complete: bool,
}

/// The kind of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// A character.
    Character,
    /// An item.
    InventoryItem,
}

/// A character or an item.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct GraphNode {
    /// The id of the character or item.
    pub id: Uuid,
    /// The kind: `character` or `inventory_item`.
    pub kind: NodeKind,
    /// The name.
    pub name: String,
    /// The theme: the setting that it belongs to.
    pub theme: String,
    /// The id of the character that owns it; for a character, its own id.
    pub character_id: CharacterId,
    /// Whether it is soft-deleted.
    pub deleted: bool,
}

/// The kind of an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum EdgeKind {
    /// From a character to its predecessor.
    Parent,
    /// From an item to its original.
    Root,
    /// From a character to an item that it wears or holds.
    Equipped,
    /// From a character to an item that was created for it.
    Created,
}

/// An edge between two nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct GraphEdge {
    /// `parent`: from a character to its predecessor. `root`: from an item to its original. `equipped`: from a
    /// character to an item that it wears or holds. `created`: from a character to an item that was created for it.
    pub kind: EdgeKind,
    /// The id of the node where it starts.
    pub from: Uuid,
    /// The id of the node where it ends.
    pub to: Uuid,
}

impl EvolutionRepository {
    /// The graph of this character, its predecessors and successors, and all their items.
    ///
    /// # Errors
    /// `NotFound` (the character), `Storage`.
    #[tracing::instrument(name = "evolution.graph", level = "debug", skip_all)]
    pub async fn graph(&self, of: CharacterId, _request: &RequestContext) -> Result<VersionGraph> {
        let Lineage { characters, mut complete } = Lineage::of(&self.context, of, Deleted::Exclude).await?;
        let mut graph = VersionGraph { nodes: Vec::new(), edges: Vec::new(), complete: true };
        let mut left = MAX_GRAPH_ITEMS;
        for character in &characters {
            graph.add_character(character);
            let items = self.items_of(character.id, left).await?;
            complete &= items.len() <= left;
            for item in items.iter().take(left) {
                graph.add_item(item);
            }
            left = left.saturating_sub(items.len());
        }
        let known: HashSet<Uuid> = graph.nodes.iter().map(|node| node.id).collect();
        graph.edges.retain(|edge| known.contains(&edge.to));
        Ok(VersionGraph { complete, ..graph })
    }

    /// The items of a character, including deleted ones, oldest first; when there are more than `most`, one more than
    /// that.
    async fn items_of(&self, character: CharacterId, most: usize) -> Result<Vec<Item>> {
        let query = InventoryItemQuery {
            character_id: Some(character),
            include_deleted: true,
            ..InventoryItemQuery::default()
        };
        let storage = self.context.storage();
        let limit = u32::try_from(most.saturating_add(1)).ok().and_then(Limit::new).unwrap_or(Limit::MAX);
        let (mut items, mut request) = (Vec::new(), PageRequest::first(limit));
        while items.len() <= most {
            let page = Store::<InventoryItem>::list(storage, &query, request.clone()).await?.value.complete()?;
            items.extend(page.items.into_iter().map(Item::from));
            let Some(cursor) = page.next else { break };
            request = request.after(cursor);
        }
        items.truncate(most.saturating_add(1));
        items.reverse();
        Ok(items)
    }
}

/// The fields of an item in a graph, without its documents, each of which may have a megabyte.
struct Item {
    id: InventoryItemId,
    character_id: CharacterId,
    root_id: Option<InventoryItemId>,
    name: String,
    theme: String,
    equipped: bool,
    is_deleted: bool,
}

impl From<InventoryItem> for Item {
    fn from(item: InventoryItem) -> Self {
        let InventoryItem { id, character_id, root_id, name, theme, equipped, meta, .. } = item;
        Self { id, character_id, root_id, name, theme, equipped, is_deleted: meta.is_deleted() }
    }
}

impl VersionGraph {
    fn add_character(&mut self, character: &Relative) {
        self.nodes.push(GraphNode {
            id: character.id.into(),
            kind: NodeKind::Character,
            name: character.name.clone(),
            theme: character.theme.clone(),
            character_id: character.id,
            deleted: character.is_deleted,
        });
        self.tie(EdgeKind::Parent, character.id.into(), character.parent_id.map(Into::into));
    }

    fn add_item(&mut self, item: &Item) {
        self.nodes.push(GraphNode {
            id: item.id.into(),
            kind: NodeKind::InventoryItem,
            name: item.name.clone(),
            theme: item.theme.clone(),
            character_id: item.character_id,
            deleted: item.is_deleted,
        });
        let (owner, id) = (item.character_id.into(), item.id.into());
        self.tie(EdgeKind::Created, owner, Some(id));
        self.tie(EdgeKind::Equipped, owner, Some(id).filter(|_| item.equipped && !item.is_deleted));
        self.tie(EdgeKind::Root, id, item.root_id.map(Into::into));
    }

    fn tie(&mut self, kind: EdgeKind, from: Uuid, to: Option<Uuid>) {
        self.edges.extend(to.map(|to| GraphEdge { kind, from, to }));
    }
}
