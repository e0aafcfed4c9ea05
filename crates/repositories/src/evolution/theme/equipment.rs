//! The items of a character that changes its theme.

use super::{super::lineage::MAX_LINEAGE, Transition};
use crate::{Result, act::Attempt};
use character_domain::{
    Attunement, Character, CharacterId, InventoryItem, InventoryItemId, Meta, inventory::Inventory,
};
use character_storage_port::{Deleted, InventoryItemQuery};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::collections::{HashMap, HashSet};

/// Maximum number of originals that are looked up at the same time.
const LOOKED_FOR_AT_ONCE: usize = 8;

/// The items of the new character, in the order of the old ones.
pub(super) async fn adapted(
    attempt: &Attempt,
    items: &[InventoryItem],
    new: &Character,
    wanted: &HashMap<InventoryItemId, Transition>,
) -> Result<Vec<InventoryItem>> {
    let ids: HashMap<_, _> = items.iter().map(|item| (item.id, InventoryItemId::new())).collect();
    let mut copies = Vec::with_capacity(items.len());
    let mut resets = Vec::new();
    for item in items {
        let Some(id) = ids.get(&item.id).copied() else { continue };
        let wish = wanted.get(&item.id).copied().unwrap_or_default();
        let copy = InventoryItem {
            id,
            character_id: new.id,
            root_id: Some(root_of(item)),
            container: item.container.and_then(|container| ids.get(&container).copied()),
            meta: Meta::created(new.meta.created_at),
            ..item.clone()
        };
        if wish == Transition::ThemeReset {
            resets.push(copy.clone());
        }
        copies.push(match wish {
            Transition::AdaptNew => InventoryItem { theme: new.theme.clone(), ..copy },
            Transition::ThemeReset | Transition::KeepCurrent => copy,
        });
    }
    let lineage = if resets.is_empty() { HashSet::new() } else { predecessors(attempt, new).await? };
    let (theme, lineage) = (new.theme.as_str(), &lineage);
    let originals: Vec<_> = stream::iter(resets)
        .map(|copy| async move { reset(attempt, copy, theme, lineage).await })
        .buffered(LOOKED_FOR_AT_ONCE)
        .try_collect()
        .await?;
    // The copies themselves are as the old items were, which nobody judges again.
    let mut inventory = Inventory::new(copies.iter().cloned());
    inventory.put_all(originals)?;
    Ok(copies.iter().filter_map(|copy| inventory.get(copy.id).cloned()).collect())
}

fn root_of(item: &InventoryItem) -> InventoryItemId {
    item.root_id.unwrap_or(item.id)
}

/// The characters that `new` comes from.
async fn predecessors(attempt: &Attempt, new: &Character) -> Result<HashSet<CharacterId>> {
    let (mut found, mut next) = (HashSet::new(), new.parent_id);
    // An import may hold a circle of parents.
    while let Some(id) = next.filter(|id| found.len() < MAX_LINEAGE && found.insert(*id)) {
        next = attempt.row_if_any::<Character>(id, Deleted::Include).await?.and_then(|character| character.parent_id);
    }
    Ok(found)
}

/// The copy in the first state that its item had in this theme, or else in its original state, of the states in this lineage: those of
/// another owner, who has given the item or a part of it, are not shown.
async fn reset(
    attempt: &Attempt,
    copy: InventoryItem,
    theme: &str,
    lineage: &HashSet<CharacterId>,
) -> Result<InventoryItem> {
    let root = root_of(&copy);
    let first = attempt.row_if_any::<InventoryItem>(root, Deleted::Include).await?;
    let query = InventoryItemQuery { root_id: Some(root), include_deleted: true, ..InventoryItemQuery::default() };
    let mut states: Vec<InventoryItem> = attempt.all(&query).await?;
    states.extend(first);
    states.retain(|item| lineage.contains(&item.character_id));
    let earliest = states.into_iter().min_by_key(|item| (item.theme != theme, item.meta.created_at, item.id));
    let Some(InventoryItem { theme, name, item_type, data, notes, .. }) = earliest else {
        return Ok(copy);
    };
    let mut reset = InventoryItem { theme, name, item_type, data, notes, ..copy };
    if !reset.properties()?.requires_attunement {
        reset.attunement = Attunement::None;
    }
    Ok(reset)
}
