//! Use cases of the inventory. Every act is checked by the rules over all live items of the character, and changes the
//! revision of the character, so that two concurrent acts cannot break a rule together.

mod currency;
mod give;
mod operation;
#[cfg(test)]
mod tests;
mod weight;

pub use character_domain::NewItem;
pub use character_domain::inventory::{COINS, Purse};
pub use give::Given;
pub use weight::{ContainerLoad, Load};

use crate::{
    ListRequest, Listed, RepositoryError, RequestContext, Result, StorageContext,
    act::{Attempt, Decision},
    unit_of_work::{UnitOfWork, checked},
};
use character_domain::{
    Attunement, CharacterId, InventoryItem, InventoryItemId, Refusal,
    event::ItemOperation,
    inventory::{Inventory, Restored},
};
use character_storage_port::{Deleted, EntityKind, InventoryItemQuery, Read};
use operation::act;
pub(crate) use operation::{CREATED, report};
use serde::{Deserialize, Serialize};

/// A restored item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ItemRestored {
    /// The item after the restore.
    pub item: InventoryItem,
    /// The rules that took it out of its container, unequipped it, or ended its attunement. Empty for a full restore.
    pub loosened: Vec<Refusal>,
}

/// The use cases of items. Cheap to clone.
#[derive(Clone, Debug)]
pub struct InventoryRepository {
    pub(crate) context: StorageContext,
}

impl InventoryRepository {
    /// Creates it over this storage.
    #[must_use]
    pub fn new(context: StorageContext) -> Self {
        Self { context }
    }

    /// A live item of this character.
    ///
    /// # Errors
    /// `NotFound`, `PreconditionFailed`, `Storage`.
    #[tracing::instrument(name = "inventory.get", level = "debug", skip_all)]
    pub async fn get(
        &self,
        of: CharacterId,
        id: InventoryItemId,
        request: &RequestContext,
    ) -> Result<Read<InventoryItem>> {
        self.context.get_owned(of, id, request).await
    }

    /// One page of this character's items, newest first.
    ///
    /// # Errors
    /// `NotFound` (the character), `Storage`.
    #[tracing::instrument(name = "inventory.list", level = "debug", skip_all)]
    pub async fn list(
        &self,
        of: CharacterId,
        query: InventoryItemQuery,
        wanted: impl Into<ListRequest>,
        _request: &RequestContext,
    ) -> Result<Read<Listed<InventoryItem>>> {
        self.context.exists(of, Deleted::Exclude).await?;
        let query = InventoryItemQuery { character_id: Some(of), ..query };
        self.context.list(&query, wanted.into()).await
    }

    /// Stores a new item.
    ///
    /// # Errors
    /// `NotFound` (the character), `Invalid`, `Refused`, `AlreadyExists`, `IdempotencyMismatch`, `Contended`, `Storage`.
    #[tracing::instrument(name = "inventory.create", level = "debug", skip_all)]
    pub async fn create(&self, of: CharacterId, new: NewItem, request: &RequestContext) -> Result<InventoryItem> {
        let (id, new) = (new.id, &new);
        let created = self.context.act(CREATED, request, move |attempt| async move {
            let (mut work, mut inventory) = belongings(&attempt, of).await?;
            let item = add(&mut work, &mut inventory, new.clone())?;
            report(&mut work, ItemOperation::Create, std::slice::from_ref(&item));
            work.finish(|_| item)
        });
        self.context.name_deleted::<InventoryItem, _>(id, created.await).await
    }

    /// Passes a live item to `change` and stores the result, when the rules allow it. Nothing is written when nothing
    /// changes.
    ///
    /// # Errors
    /// `NotFound`, `PreconditionFailed`, `Invalid`, `Refused`, `IdempotencyMismatch`, `Contended`, `Storage`, and what `change` refuses.
    #[tracing::instrument(name = "inventory.patch", level = "debug", skip_all)]
    pub async fn patch(
        &self,
        of: CharacterId,
        id: InventoryItemId,
        request: &RequestContext,
        change: impl Fn(&InventoryItem) -> Result<InventoryItem>,
    ) -> Result<InventoryItem> {
        self.change(ItemOperation::Updated, of, id, request, change).await
    }

    /// Equips an item: the character wears or holds it, and it leaves its container.
    ///
    /// # Errors
    /// As [`patch`](Self::patch); `Refused` by `nothing-there` when its quantity is 0.
    pub async fn equip(&self, of: CharacterId, id: InventoryItemId, request: &RequestContext) -> Result<InventoryItem> {
        let worn = |item: &InventoryItem| Ok(InventoryItem { equipped: true, container: None, ..item.clone() });
        self.change(ItemOperation::Equipped, of, id, request, worn).await
    }

    /// Unequips an item.
    ///
    /// # Errors
    /// As [`patch`](Self::patch).
    pub async fn unequip(
        &self,
        of: CharacterId,
        id: InventoryItemId,
        request: &RequestContext,
    ) -> Result<InventoryItem> {
        let taken_off = |item: &InventoryItem| Ok(InventoryItem { equipped: false, ..item.clone() });
        self.change(ItemOperation::Unequipped, of, id, request, taken_off).await
    }

    /// Puts an item into a container, which unequips it; with `None`, takes it out of its container.
    ///
    /// # Errors
    /// As [`patch`](Self::patch).
    pub async fn move_to(
        &self,
        of: CharacterId,
        id: InventoryItemId,
        container: Option<InventoryItemId>,
        request: &RequestContext,
    ) -> Result<InventoryItem> {
        self.change(ItemOperation::Moved, of, id, request, |item| {
            let equipped = item.equipped && container.is_none();
            Ok(InventoryItem { container, equipped, ..item.clone() })
        })
        .await
    }

    /// Attunes a magic item to its character.
    ///
    /// # Errors
    /// As [`patch`](Self::patch); `Refused` by `attunement-not-required`, `too-many-attuned`.
    pub async fn attune(
        &self,
        of: CharacterId,
        id: InventoryItemId,
        request: &RequestContext,
    ) -> Result<InventoryItem> {
        let attuned = |item: &InventoryItem| Ok(InventoryItem { attunement: Attunement::Attuned, ..item.clone() });
        self.change(ItemOperation::Attuned, of, id, request, attuned).await
    }

    /// Ends the attunement of an item.
    ///
    /// # Errors
    /// As [`patch`](Self::patch).
    pub async fn unattune(
        &self,
        of: CharacterId,
        id: InventoryItemId,
        request: &RequestContext,
    ) -> Result<InventoryItem> {
        let free = |item: &InventoryItem| Ok(InventoryItem { attunement: Attunement::None, ..item.clone() });
        self.change(ItemOperation::Unattuned, of, id, request, free).await
    }

    /// Soft-deletes a live item. Its contents move to the container that it was in, if any.
    ///
    /// # Errors
    /// `NotFound`, `PreconditionFailed`, `Refused` by `container-full` (the contents of a magical container do not fit
    /// into the outer container), `IdempotencyMismatch`, `Contended`, `Storage`.
    #[tracing::instrument(name = "inventory.delete", level = "debug", skip_all)]
    pub async fn delete(&self, of: CharacterId, id: InventoryItemId, request: &RequestContext) -> Result<()> {
        self.context
            .act(act(ItemOperation::Delete), request, move |attempt| async move {
                let (mut work, mut inventory) = belongings(&attempt, of).await?;
                let item = attempt.accept(live(&inventory, id)?)?;
                work.changes.delete(&item);
                for moved in inventory.remove(id)? {
                    work.changes.replace(moved)?;
                }
                report(&mut work, ItemOperation::Delete, &[item]);
                work.finish(drop)
            })
            .await
    }

    /// Restores a soft-deleted item: in its container, equipped and with its attunement where the rules still allow that,
    /// otherwise without. One that is live is returned unchanged.
    ///
    /// # Errors
    /// `NotFound`, `PreconditionFailed`, `Refused` (a rule that the loose item breaks too), `IdempotencyMismatch`,
    /// `Contended`, `Storage`.
    #[tracing::instrument(name = "inventory.restore", level = "debug", skip_all)]
    pub async fn restore(
        &self,
        of: CharacterId,
        id: InventoryItemId,
        request: &RequestContext,
    ) -> Result<ItemRestored> {
        self.context
            .act(act(ItemOperation::Restore), request, move |attempt| async move {
                let (mut work, mut inventory) = belongings(&attempt, of).await?;
                let item = attempt.accept(attempt.owned_row::<InventoryItem>(of, id, Deleted::Include).await?)?;
                if !item.meta.is_deleted() {
                    return Ok(Decision::Unchanged(ItemRestored { item, loosened: Vec::new() }));
                }
                let Restored { item: restored, loosened } = inventory.restore(item.clone())?;
                let item =
                    if loosened.is_empty() { work.changes.restore(item) } else { work.changes.revive(restored)? };
                report(&mut work, ItemOperation::Restore, std::slice::from_ref(&item));
                work.finish(|_| ItemRestored { item, loosened })
            })
            .await
    }

    /// One act on one live item.
    async fn change(
        &self,
        operation: ItemOperation,
        of: CharacterId,
        id: InventoryItemId,
        request: &RequestContext,
        change: impl Fn(&InventoryItem) -> Result<InventoryItem>,
    ) -> Result<InventoryItem> {
        let change = &change;
        self.context
            .act(act(operation), request, move |attempt| async move {
                let (mut work, mut inventory) = belongings(&attempt, of).await?;
                let current = attempt.accept(live(&inventory, id)?)?;
                let next = InventoryItem { id, character_id: of, meta: current.meta, ..change(&current)? };
                if next == current {
                    return Ok(Decision::Unchanged(current));
                }
                inventory.put(next.clone())?;
                let next = work.changes.replace(next)?;
                report(&mut work, operation, std::slice::from_ref(&next));
                work.finish(|_| next)
            })
            .await
    }
}

/// An act on the character and its items. The character is read before its items: a change of those in between moves
/// its revision too.
pub(crate) async fn belongings(attempt: &Attempt, of: CharacterId) -> Result<(UnitOfWork, Inventory)> {
    let character = attempt.character(of).await?;
    let query = InventoryItemQuery { character_id: Some(of), ..InventoryItemQuery::default() };
    let items = attempt.all::<InventoryItem>(&query).await?;
    Ok((attempt.work_on(character), Inventory::new(items)))
}

fn live(inventory: &Inventory, id: InventoryItemId) -> Result<InventoryItem> {
    inventory.get(id).cloned().ok_or(RepositoryError::NotFound(EntityKind::InventoryItem))
}

/// Adds a new item to the act, when the rules allow it.
pub(crate) fn add(work: &mut UnitOfWork, inventory: &mut Inventory, new: NewItem) -> Result<InventoryItem> {
    let item = new.into_item(&work.after, work.changes.at);
    checked(&item)?;
    inventory.put(item.clone())?;
    work.changes.create(item)
}
