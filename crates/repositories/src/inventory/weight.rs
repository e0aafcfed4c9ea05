//! What a character carries.

use super::InventoryRepository;
use crate::{RequestContext, Result};
use character_domain::{CharacterId, InventoryItem, InventoryItemId, inventory::Inventory};
use character_storage_port::InventoryItemQuery;
use serde_json::Value;

/// Pounds that a point of strength can carry (SRD 5.2, "Carrying Capacity").
const POUNDS_PER_STRENGTH: f64 = 15.0;

/// What a character carries, in pounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// All of it.
    pub carried: f64,
    /// How much it can carry; `None` when the sheet names no strength.
    pub capacity: Option<f64>,
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
    pub contents: f64,
    /// How much it holds; `None` when it says nothing of a limit.
    pub capacity: Option<f64>,
}

impl InventoryRepository {
    /// What the character carries.
    ///
    /// # Errors
    /// `NotFound`, `PreconditionFailed` (of the character), `Storage`.
    #[tracing::instrument(name = "inventory.weight", level = "debug", skip_all)]
    pub async fn weight(&self, of: CharacterId, request: &RequestContext) -> Result<Load> {
        let character = self.context.get::<character_domain::Character>(of, request).await?.value;
        let query = InventoryItemQuery { character_id: Some(of), ..InventoryItemQuery::default() };
        let items: Vec<InventoryItem> = self.context.list_all(&query).await?;
        let inventory = Inventory::new(items.iter().cloned());
        let container = |item: &InventoryItem| {
            let capacity = item.capacity()?;
            Some(ContainerLoad {
                id: item.id,
                name: item.name.clone(),
                contents: inventory.contents_weight(item.id),
                capacity: capacity.is_finite().then_some(capacity),
            })
        };
        let strength = character.data.0.get("ability_scores").and_then(|scores| scores.get("strength"));
        Ok(Load {
            carried: inventory.weight(),
            capacity: strength.and_then(Value::as_f64).map(|strength| strength * POUNDS_PER_STRENGTH),
            containers: items.iter().filter_map(container).collect(),
        })
    }
}
