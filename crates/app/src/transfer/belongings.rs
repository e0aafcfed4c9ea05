//! The rules over all items of a character, for items that come from elsewhere. They are stored as they are, since to
//! refuse one would be to lose it; what breaks a rule is reported. Rows of a backup were judged when they were made.

use super::{TransferError, references::LOOKUPS};
use character_domain::{CharacterId, InventoryItem, inventory::Inventory};
use character_storage_port::{InventoryItemQuery, Limit, PageRequest, StoragePort, Store};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::collections::BTreeSet;

/// A rule that what a character carries breaks after an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenRule {
    /// The character.
    pub character: CharacterId,
    /// The item and the rule, as a sentence.
    pub reason: String,
}

/// The rules that these characters' items break together, by character.
pub(super) async fn broken_rules(
    storage: &dyn StoragePort,
    characters: &BTreeSet<CharacterId>,
) -> Result<Vec<BrokenRule>, TransferError> {
    let broken: Vec<Vec<BrokenRule>> = stream::iter(characters)
        .map(|of| async move { carried(storage, *of).await.map(|items| broken_by(*of, items)) })
        .buffered(LOOKUPS)
        .try_collect()
        .await?;
    Ok(broken.into_iter().flatten().collect())
}

fn broken_by(character: CharacterId, items: Vec<InventoryItem>) -> Vec<BrokenRule> {
    let faults = Inventory::new(items).faults().into_iter();
    let reason = |fault: character_domain::inventory::InventoryFault| match fault.item {
        Some(item) => format!("item {item}: {}", fault.refusal),
        None => fault.refusal.to_string(),
    };
    faults.map(|fault| BrokenRule { character, reason: reason(fault) }).collect()
}

async fn carried(storage: &dyn StoragePort, of: CharacterId) -> Result<Vec<InventoryItem>, TransferError> {
    let query = InventoryItemQuery { character_id: Some(of), ..InventoryItemQuery::default() };
    let (mut items, mut request) = (Vec::new(), PageRequest::first(Limit::MAX));
    loop {
        let page = Store::<InventoryItem>::list(storage, &query, request.clone()).await;
        let page = page.and_then(|read| read.value.complete()).map_err(TransferError::Storage)?;
        items.extend(page.items);
        match page.next {
            Some(cursor) => request = request.after(cursor),
            None => return Ok(items),
        }
    }
}
