//! The use cases of items as plain rows, and their bulk creation.

use super::NewInventoryItemBody;
use crate::resource::{BulkCreatable, Scope, UseCases};
use character_domain::{InventoryItem, InventoryItemId, Violations};
use character_repositories::{Atomicity, BulkOutcome, ListRequest, Listed, NewItem, Result as Outcome};
use character_storage_port::{InventoryItemQuery, Read};
use utoipa::ToSchema;

/// Several new items.
#[derive(Debug, ToSchema)]
pub struct BulkItemsRequest {
    /// `true`: either all are created or none. `false`: each is created on its own.
    #[schema(default = true)]
    pub atomic: Option<bool>,
    /// The items to create, 1 to 1000. An item may be in a container that precedes it in this list.
    #[schema(min_items = 1, max_items = 1000)]
    pub items: Vec<NewInventoryItemBody>,
}

impl UseCases for InventoryItem {
    async fn list(at: Scope<'_, Self>, query: InventoryItemQuery, wanted: ListRequest) -> Outcome<Read<Listed<Self>>> {
        at.repositories.inventory.list(at.parent, query, wanted, at.context).await
    }

    async fn create(at: Scope<'_, Self>, new: NewItem) -> Outcome<Self> {
        at.repositories.inventory.create(at.parent, new, at.context).await
    }

    async fn get(at: Scope<'_, Self>, id: InventoryItemId) -> Outcome<Read<Self>> {
        at.repositories.inventory.get(at.parent, id, at.context).await
    }

    async fn patch(at: Scope<'_, Self>, id: InventoryItemId, change: impl Fn(&Self) -> Outcome<Self>) -> Outcome<Self> {
        at.repositories.inventory.patch(at.parent, id, at.context, change).await
    }

    async fn delete(at: Scope<'_, Self>, id: InventoryItemId) -> Outcome<()> {
        at.repositories.inventory.delete(at.parent, id, at.context).await
    }
}

impl BulkCreatable for InventoryItem {
    type Request = BulkItemsRequest;
    const FIELD: &'static str = "items";
    const OPERATION: &'static str = "createInventoryItems";

    async fn create_many(
        at: Scope<'_, Self>,
        new: Vec<Result<NewItem, Violations>>,
        atomicity: Atomicity,
    ) -> Outcome<BulkOutcome<Self>> {
        at.repositories.inventory.create_many(at.parent, new, atomicity, at.context).await
    }
}
