//! The weight that a character carries.

use super::InventoryRepository;
use crate::{RequestContext, Result};
use character_domain::{
    CharacterId, InventoryItem, InventoryItemId,
    inventory::{Inventory, carrying_capacity},
    number::Decimal,
};
use character_storage_port::{Deleted, InventoryItemQuery};

/// The weight that a character carries, in pounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// The total weight.
    pub carried: Decimal,
    /// The maximum weight; `None` when the sheet has no strength.
    pub capacity: Option<Decimal>,
    /// The contents of each container.
    pub containers: Vec<ContainerLoad>,
}

/// The weight of the contents of a container, in pounds.
#[derive(Clone, Debug, PartialEq)]
pub struct ContainerLoad {
    /// The id of the container.
    pub id: InventoryItemId,
    /// The name or title.
    pub name: String,
    /// The weight of its contents.
    pub contents: Decimal,
    /// The maximum weight of its contents; `None` for no limit.
    pub capacity: Option<Decimal>,
}

impl InventoryRepository {
    /// Computes the weight that the character carries.
    ///
    /// # Errors
    /// `NotFound`, `Refused` by `unreadable-member`, `weight-not-exact` or
    /// `container-cycle` (see [`Loads::carried`](character_domain::inventory::Loads::carried)), `Storage`.
    #[tracing::instrument(name = "inventory.weight", level = "debug", skip_all)]
    pub async fn weight(&self, of: CharacterId, _request: &RequestContext) -> Result<Load> {
        let character = self.context.character(of, Deleted::Exclude).await?;
        let query = InventoryItemQuery { character_id: Some(of), ..InventoryItemQuery::default() };
        let items: Vec<InventoryItem> = self.context.list_all(&query).await?;
        let loads = Inventory::new(items.iter().cloned()).loads();
        let mut containers = Vec::new();
        for item in &items {
            let Some(capacity) = item.properties()?.capacity else { continue };
            let contents = loads.contents(item.id)?;
            containers.push(ContainerLoad {
                id: item.id,
                name: item.name.clone(),
                contents,
                capacity: capacity.pounds(),
            });
        }
        Ok(Load { carried: loads.carried()?, capacity: carrying_capacity(&character.data)?, containers })
    }
}
