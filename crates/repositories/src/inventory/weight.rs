//! What a character carries.

use super::InventoryRepository;
use crate::{RequestContext, Result};
use character_domain::{
    CharacterId, InventoryItem, InventoryItemId,
    inventory::{Inventory, carrying_capacity},
    number::Decimal,
};
use character_storage_port::InventoryItemQuery;

/// What a character carries, in pounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// All of it.
    pub carried: Decimal,
    /// How much it can carry; `None` when the sheet names no strength.
    pub capacity: Option<Decimal>,
    /// Each container.
    pub containers: Vec<ContainerLoad>,
}

/// What lies in a container, in pounds.
#[derive(Clone, Debug, PartialEq)]
pub struct ContainerLoad {
    /// Which.
    pub id: InventoryItemId,
    /// What it is called.
    pub name: String,
    /// What lies in it.
    pub contents: Decimal,
    /// How much it holds; `None` when it says nothing of a limit.
    pub capacity: Option<Decimal>,
}

impl InventoryRepository {
    /// What the character carries.
    ///
    /// # Errors
    /// `NotFound`, `PreconditionFailed` (of the character), `Refused` by `unreadable-member`, `weight-not-exact` or
    /// `container-cycle` (see [`Loads::carried`](character_domain::inventory::Loads::carried)), `Storage`.
    #[tracing::instrument(name = "inventory.weight", level = "debug", skip_all)]
    pub async fn weight(&self, of: CharacterId, request: &RequestContext) -> Result<Load> {
        let character = self.context.get::<character_domain::Character>(of, request).await?.value;
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
