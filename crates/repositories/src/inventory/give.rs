//! Giving items and coins to another character: one transaction over both, each of which gets a version.

use super::{InventoryRepository, belongings, live};
use crate::{
    RepositoryError, RequestContext, Result,
    act::{Attempt, Decision},
    unit_of_work::{UnitOfWork, room_for},
};
use character_domain::{
    Attunement, Character, CharacterId, InventoryItem, InventoryItemId, Refusal, Violations,
    event::{CoinsTransferred, CurrencyKind, InventoryChanged, ItemKind, ItemsTransferred, TransferDirection},
    inventory::Purse,
};
use character_storage_port::{Entity, EventData, Transaction};
use serde::{Deserialize, Serialize};

/// The names of these acts in the record of versions, on either side.
const GIVEN: &str = "inventory.given";
const RECEIVED: &str = "inventory.received";
/// The characters and their versions.
const OWN_WRITES: usize = 4;

/// The result of giving an item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Given {
    /// The item of the receiver: in no container, not equipped, not attuned.
    pub item: InventoryItem,
    /// The rest that the giver keeps, when it gave a part.
    pub remaining: Option<InventoryItem>,
}

impl InventoryRepository {
    /// Gives an item, or `quantity` pieces of it, to another character. A container goes with its contents; a part of
    /// several containers goes empty. Nothing that is given stays equipped or attuned.
    ///
    /// # Errors
    /// `NotFound` (the character or the item), `PreconditionFailed` (of the item), `Invalid` (`to` is the giver or no
    /// live character, `quantity` is below 1), `Refused` by `not-enough-items`, `too-many-rows` or a rule of the
    /// inventory, `IdempotencyMismatch`, `Contended`, `Storage`.
    #[tracing::instrument(name = "inventory.give", level = "debug", skip_all)]
    pub async fn give(
        &self,
        of: CharacterId,
        id: InventoryItemId,
        to: CharacterId,
        quantity: Option<i64>,
        request: &RequestContext,
    ) -> Result<Given> {
        self.context
            .act(GIVEN, request, move |attempt| async move {
                let (mut giver, inventory) = belongings(&attempt, of).await?;
                let item = attempt.accept(live(&inventory, id)?)?;
                let (mut receiver, mut theirs) = receiving(&attempt, of, to).await?;
                if quantity.is_some_and(|quantity| quantity < 1) {
                    return Err(RepositoryError::Invalid(Violations::one("quantity", "must be at least 1")));
                }
                if quantity.is_some_and(|quantity| quantity > item.quantity) {
                    let reason = format!("the quantity of the item is {}, fewer than requested", item.quantity);
                    return Err(Refusal::new("not-enough-items", reason).into());
                }
                let given = match quantity.filter(|quantity| *quantity < item.quantity) {
                    Some(quantity) => {
                        let part = InventoryItem {
                            id: InventoryItemId::new(),
                            root_id: Some(item.root_id.unwrap_or(item.id)),
                            quantity,
                            ..handed_over(&item, to)
                        };
                        theirs.put(part.clone())?;
                        let left = InventoryItem { quantity: item.quantity - quantity, ..item };
                        let remaining = Some(giver.changes.replace(left)?);
                        Given { item: receiver.changes.create(part)?, remaining }
                    }
                    None => {
                        let contents = inventory.contents(id);
                        room_for(OWN_WRITES + 1 + contents.len())?;
                        let moved = handed_over(&item, to);
                        let inside = contents
                            .iter()
                            .map(|inner| InventoryItem { container: inner.container, ..handed_over(inner, to) });
                        let inside: Vec<_> = inside.collect();
                        theirs.put_all(std::iter::once(moved.clone()).chain(inside.iter().cloned()))?;
                        for inner in inside {
                            receiver.changes.relate(InventoryItem::KIND.as_str(), inner.id.into(), "create");
                            giver.changes.replace(inner)?;
                        }
                        receiver.changes.relate(InventoryItem::KIND.as_str(), id.into(), "create");
                        Given { item: giver.changes.replace(moved)?, remaining: None }
                    }
                };
                let ids = vec![given.item.id];
                report(&mut giver, &mut receiver, |character_id, change, other_character_id| {
                    InventoryChanged::ItemsTransferred(ItemsTransferred {
                        character_id,
                        change,
                        other_character_id,
                        kind: ItemKind::InventoryItem,
                        ids: ids.clone(),
                    })
                });
                Ok(Decision::commit(together(giver, receiver)?.0, given))
            })
            .await
    }

    /// Gives coins to another character; returns the giver after the change.
    ///
    /// # Errors
    /// `NotFound`, `PreconditionFailed` (of the giver), `Invalid` (`to` is the giver or no live character, a number of
    /// coins is below 0), `Refused` by `not-enough-coins`, `too-many-coins` or `unreadable-member`,
    /// `IdempotencyMismatch`, `Contended`, `Storage`.
    #[tracing::instrument(name = "inventory.give_coins", level = "debug", skip_all)]
    pub async fn give_coins(
        &self,
        of: CharacterId,
        to: CharacterId,
        coins: &Purse,
        request: &RequestContext,
    ) -> Result<Character> {
        let mut faults = coins.check();
        for (coin, _) in coins.0.iter().filter(|(_, count)| **count < 0) {
            faults.push(coin.clone(), "must be at least 0");
        }
        faults.into_result().map_err(RepositoryError::Invalid)?;
        let taken = &Purse(coins.0.iter().map(|(coin, count)| (coin.clone(), -count)).collect());
        self.context
            .act(GIVEN, request, move |attempt| async move {
                let mut giver = attempt.work_on(attempt.accept(attempt.character(of).await?)?);
                let mut receiver = attempt.work_on(receiver(&attempt, of, to).await?).with_reason(RECEIVED);
                taken.add_to(&mut giver.after.data)?;
                coins.add_to(&mut receiver.after.data).map_err(of_receiver)?;
                // A version of one side that is restored later changes nothing on the other.
                giver.changes.relate(Character::KIND.as_str(), to.into(), "replace");
                receiver.changes.relate(Character::KIND.as_str(), of.into(), "replace");
                report(&mut giver, &mut receiver, |character_id, change, other_character_id| {
                    InventoryChanged::CoinsTransferred(CoinsTransferred {
                        character_id,
                        change,
                        other_character_id,
                        kind: CurrencyKind::Currency,
                        coins: coins.clone(),
                    })
                });
                let (transaction, after) = together(giver, receiver)?;
                Ok(Decision::commit(transaction, after))
            })
            .await
    }
}

/// Names the receiver in place of what is on its sheet.
fn of_receiver(refusal: Refusal) -> Refusal {
    let reason = match refusal.rule.as_ref() {
        "too-many-coins" => "the receiver would have too many coins",
        "unreadable-member" => "data.currency of the receiver cannot be read",
        _ => "the receiver cannot take the coins",
    };
    Refusal { reason: reason.to_owned(), ..refusal }
}

/// The item of the new owner.
fn handed_over(item: &InventoryItem, to: CharacterId) -> InventoryItem {
    let attunement = if item.attunement.counts() { Attunement::None } else { item.attunement };
    InventoryItem { character_id: to, container: None, equipped: false, attunement, ..item.clone() }
}

async fn receiving(
    attempt: &Attempt,
    of: CharacterId,
    to: CharacterId,
) -> Result<(UnitOfWork, character_domain::inventory::Inventory)> {
    receiver(attempt, of, to).await?;
    let (work, inventory) = belongings(attempt, to).await?;
    Ok((work.with_reason(RECEIVED), inventory))
}

async fn receiver(attempt: &Attempt, of: CharacterId, to: CharacterId) -> Result<Character> {
    let refused = |reason: &str| RepositoryError::Invalid(Violations::one("to", reason));
    if of == to {
        return Err(refused("must be another character"));
    }
    match attempt.character(to).await {
        Err(RepositoryError::NotFound(_)) => Err(refused("must be a live character")),
        other => other,
    }
}

/// One event for each side. `data` makes it of the character of the event, the direction, and the other character.
fn report(
    giver: &mut UnitOfWork,
    receiver: &mut UnitOfWork,
    data: impl Fn(CharacterId, TransferDirection, CharacterId) -> InventoryChanged,
) {
    let (of, to) = (giver.after.id, receiver.after.id);
    let given = data(of, TransferDirection::Given, to);
    giver.changes.event(of, &EventData::CharacterInventoryChanged(given));
    let received = data(to, TransferDirection::Received, of);
    receiver.changes.event(to, &EventData::CharacterInventoryChanged(received));
}

/// Both sides as one transaction, and the giver as it will be stored.
fn together(giver: UnitOfWork, receiver: UnitOfWork) -> Result<(Transaction, Character)> {
    let (mut transaction, after) = giver.into_transaction()?;
    let (other, _) = receiver.into_transaction()?;
    transaction.writes.extend(other.writes);
    transaction.events.extend(other.events);
    Ok((transaction, after))
}
