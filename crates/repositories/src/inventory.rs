//! Inventory. Every act is judged by the rules over all live items of the character, and changes the character's
//! revision, so that two acts at once cannot together break what each of them keeps.

mod bulk;
mod currency;
mod new;
#[cfg(test)]
mod tests;
mod weight;

pub use currency::{COINS, Purse};
pub use new::NewItem;
pub use weight::{ContainerLoad, Load};

use crate::{
    Backing, RepositoryError, Result, Terms,
    act::{Act, checked},
    idempotency::Repeatable,
    race::Race,
};
use character_domain::{
    Attunement, Character, CharacterId, InventoryItem, InventoryItemId, Refusal, inventory::Inventory,
};
use character_storage_port::{
    CHARACTER_INVENTORY_CHANGED, Deleted, EntityKind, InventoryItemQuery, Page, PageRequest, Read,
};
use serde::Serialize;
use serde_json::json;

/// What the record of versions calls the act that makes items.
const CREATED: &str = "inventory.created";

/// What can be done with the items of a character. Cheap to clone.
#[derive(Clone, Debug)]
pub struct InventoryRepository {
    backing: Backing,
}

impl InventoryRepository {
    /// Over this storage.
    #[must_use]
    pub fn new(backing: Backing) -> Self {
        Self { backing }
    }

    /// A live item of this character.
    ///
    /// # Errors
    /// `NotFound`, `Storage`.
    #[tracing::instrument(name = "inventory.get", level = "debug", skip_all)]
    pub async fn get(&self, of: CharacterId, id: InventoryItemId) -> Result<Read<InventoryItem>> {
        self.backing.look(of, id).await
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
        page: PageRequest,
    ) -> Result<Read<Page<InventoryItem>>> {
        self.backing.exists(of).await?;
        let query = InventoryItemQuery { character_id: Some(of), ..query };
        Ok(self.backing.storage.list(&query, page).await?)
    }

    /// Stores a new item.
    ///
    /// # Errors
    /// `NotFound` (the character), `Invalid`, `Refused`, `AlreadyExists`, `IdempotencyMismatch`, `Contended`, `Storage`.
    #[tracing::instrument(name = "inventory.create", level = "debug", skip_all)]
    pub async fn create(&self, of: CharacterId, new: NewItem, terms: &Terms) -> Result<InventoryItem> {
        let repeatable = terms.repeatable("inventory.create", &(of, &new))?;
        let outcome = self.create_checked(of, &new, repeatable.as_ref(), terms).await;
        self.backing.or_first_answer(outcome, repeatable.as_ref()).await
    }

    async fn create_checked(
        &self,
        of: CharacterId,
        new: &NewItem,
        repeatable: Option<&Repeatable>,
        terms: &Terms,
    ) -> Result<InventoryItem> {
        let mut race = Race::default();
        loop {
            let (character, mut inventory) = self.belongings(of).await?;
            let mut act = Act::on(character, CREATED, terms.author.as_ref(), self.backing.now());
            let item = add(&mut act, &mut inventory, new.clone())?;
            tell(&mut act, "create", std::slice::from_ref(&item));
            if let Some(done) = self.commit(act, repeatable, item, &mut race).await? {
                return Ok(done);
            }
        }
    }

    /// Gives a live item to `change` and stores what comes back, when the rules allow it. Nothing is written when
    /// nothing changes.
    ///
    /// # Errors
    /// `NotFound`, `PreconditionFailed`, `Invalid`, `Refused`, `Contended`, `Storage`, and what `change` refuses.
    #[tracing::instrument(name = "inventory.patch", level = "debug", skip_all)]
    pub async fn patch(
        &self,
        of: CharacterId,
        id: InventoryItemId,
        terms: &Terms,
        change: impl FnMut(&InventoryItem) -> Result<InventoryItem>,
    ) -> Result<InventoryItem> {
        self.change("inventory.updated", of, id, &(), terms, change).await
    }

    /// Wears or holds an item, which is then in no container.
    ///
    /// # Errors
    /// As [`patch`](Self::patch); `Refused` by `nothing-there` when its quantity is 0.
    pub async fn equip(&self, of: CharacterId, id: InventoryItemId, terms: &Terms) -> Result<InventoryItem> {
        self.change("inventory.equipped", of, id, &(), terms, |item| {
            if item.quantity == 0 {
                return Err(Refusal::new("nothing-there", "there are none of it").into());
            }
            Ok(InventoryItem { equipped: true, container: None, ..item.clone() })
        })
        .await
    }

    /// Takes an item off.
    ///
    /// # Errors
    /// As [`patch`](Self::patch).
    pub async fn unequip(&self, of: CharacterId, id: InventoryItemId, terms: &Terms) -> Result<InventoryItem> {
        let taken_off = |item: &InventoryItem| Ok(InventoryItem { equipped: false, ..item.clone() });
        self.change("inventory.unequipped", of, id, &(), terms, taken_off).await
    }

    /// Puts an item into a container, taking it off first; or, with `None`, out of whatever it is in.
    ///
    /// # Errors
    /// As [`patch`](Self::patch).
    pub async fn move_to(
        &self,
        of: CharacterId,
        id: InventoryItemId,
        container: Option<InventoryItemId>,
        terms: &Terms,
    ) -> Result<InventoryItem> {
        self.change("inventory.moved", of, id, &container, terms, |item| {
            let equipped = item.equipped && container.is_none();
            Ok(InventoryItem { container, equipped, ..item.clone() })
        })
        .await
    }

    /// Ties a magic item to its character.
    ///
    /// # Errors
    /// As [`patch`](Self::patch); `Refused` by `attunement-not-required`, `too-many-attuned`.
    pub async fn attune(&self, of: CharacterId, id: InventoryItemId, terms: &Terms) -> Result<InventoryItem> {
        let attuned = |item: &InventoryItem| Ok(InventoryItem { attunement: Attunement::Attuned, ..item.clone() });
        self.change("inventory.attuned", of, id, &(), terms, attuned).await
    }

    /// Cuts that tie.
    ///
    /// # Errors
    /// As [`patch`](Self::patch).
    pub async fn unattune(&self, of: CharacterId, id: InventoryItemId, terms: &Terms) -> Result<InventoryItem> {
        let free = |item: &InventoryItem| Ok(InventoryItem { attunement: Attunement::None, ..item.clone() });
        self.change("inventory.unattuned", of, id, &(), terms, free).await
    }

    /// Soft-deletes a live item. What lies in it then lies where it lay.
    ///
    /// # Errors
    /// `NotFound`, `PreconditionFailed`, `Contended`, `Storage`.
    #[tracing::instrument(name = "inventory.delete", level = "debug", skip_all)]
    pub async fn delete(&self, of: CharacterId, id: InventoryItemId, terms: &Terms) -> Result<()> {
        let mut race = Race::default();
        loop {
            let (character, mut inventory) = self.belongings(of).await?;
            let item = inventory.get(id).cloned().ok_or(RepositoryError::NotFound(EntityKind::InventoryItem))?;
            terms.condition.judge(item.meta.revision)?;
            let mut act = Act::on(character, "inventory.deleted", terms.author.as_ref(), self.backing.now());
            act.changes.delete(&item);
            for moved in inventory.remove(id) {
                act.changes.replace(moved)?;
            }
            tell(&mut act, "delete", &[item]);
            if self.commit(act, None, (), &mut race).await?.is_some() {
                return Ok(());
            }
        }
    }

    /// Brings a soft-deleted item back to where it was. One that is live is answered as it is.
    ///
    /// # Errors
    /// `NotFound`, `PreconditionFailed`, `Refused` (its container is gone or full, its attunement would be one too
    /// many), `Contended`, `Storage`.
    #[tracing::instrument(name = "inventory.restore", level = "debug", skip_all)]
    pub async fn restore(&self, of: CharacterId, id: InventoryItemId, terms: &Terms) -> Result<InventoryItem> {
        let mut race = Race::default();
        loop {
            let (character, mut inventory) = self.belongings(of).await?;
            let item: InventoryItem = self.backing.owned_row(of, id, Deleted::Include).await?;
            terms.condition.judge(item.meta.revision)?;
            if !item.meta.is_deleted() {
                return Ok(item);
            }
            let mut act = Act::on(character, "inventory.restored", terms.author.as_ref(), self.backing.now());
            let restored = act.changes.restore(item);
            inventory.put(restored.clone())?;
            tell(&mut act, "restore", std::slice::from_ref(&restored));
            if let Some(done) = self.commit(act, None, restored, &mut race).await? {
                return Ok(done);
            }
        }
    }

    /// One act on one live item.
    async fn change(
        &self,
        reason: &'static str,
        of: CharacterId,
        id: InventoryItemId,
        request: &impl Serialize,
        terms: &Terms,
        change: impl FnMut(&InventoryItem) -> Result<InventoryItem>,
    ) -> Result<InventoryItem> {
        let repeatable = terms.repeatable(reason, &(of, id, request))?;
        let outcome = self.change_checked(reason, of, id, repeatable.as_ref(), terms, change).await;
        self.backing.or_first_answer(outcome, repeatable.as_ref()).await
    }

    async fn change_checked(
        &self,
        reason: &'static str,
        of: CharacterId,
        id: InventoryItemId,
        repeatable: Option<&Repeatable>,
        terms: &Terms,
        mut change: impl FnMut(&InventoryItem) -> Result<InventoryItem>,
    ) -> Result<InventoryItem> {
        let mut race = Race::default();
        loop {
            let (character, mut inventory) = self.belongings(of).await?;
            let current = inventory.get(id).cloned().ok_or(RepositoryError::NotFound(EntityKind::InventoryItem))?;
            terms.condition.judge(current.meta.revision)?;
            let next = InventoryItem { id, character_id: of, meta: current.meta, ..change(&current)? };
            if next == current {
                return Ok(current);
            }
            inventory.put(next.clone())?;
            let mut act = Act::on(character, reason, terms.author.as_ref(), self.backing.now());
            let next = act.changes.replace(next)?;
            tell(&mut act, reason, std::slice::from_ref(&next));
            if let Some(done) = self.commit(act, repeatable, next, &mut race).await? {
                return Ok(done);
            }
        }
    }

    async fn commit<T: Serialize + serde::de::DeserializeOwned>(
        &self,
        act: Act,
        repeatable: Option<&Repeatable>,
        answer: T,
        race: &mut Race,
    ) -> Result<Option<T>> {
        let (transaction, _) = act.into_transaction()?;
        self.backing.settle(transaction, repeatable, answer, race).await
    }

    /// The character, read before its items: whoever changes those in between changes its revision, too.
    async fn belongings(&self, of: CharacterId) -> Result<(Character, Inventory)> {
        let character = self.backing.character(of, Deleted::Exclude).await?;
        let query = InventoryItemQuery { character_id: Some(of), ..InventoryItemQuery::default() };
        Ok((character, Inventory::new(self.backing.all::<InventoryItem>(&query).await?)))
    }
}

/// One event for all items of the act.
fn tell(act: &mut Act, change: &str, items: &[InventoryItem]) {
    let ids: Vec<_> = items.iter().map(|item| item.id).collect();
    let of = act.after.id;
    let change = change.strip_prefix("inventory.").unwrap_or(change);
    act.changes.event(
        CHARACTER_INVENTORY_CHANGED,
        of,
        json!({ "character_id": of, "kind": EntityKind::InventoryItem.as_str(), "ids": ids, "change": change }),
    );
}

/// Adds a new item to the act, when the rules allow it.
fn add(act: &mut Act, inventory: &mut Inventory, new: NewItem) -> Result<InventoryItem> {
    let item = new.into_item(&act.after, act.changes.at);
    checked(&item)?;
    inventory.put(item.clone())?;
    act.changes.create(item)
}
