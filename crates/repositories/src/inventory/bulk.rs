//! Many new items at once: all or none, or each for itself. Both are one act, with one version.

use super::{CREATED, InventoryRepository, NewItem, add, tell};
use crate::{Backing, RepositoryError, Result, Terms, act::Act, idempotency::Repeatable, race::Race};
use character_domain::{CharacterId, InventoryItem, InventoryItemId, Refusal, Violations, inventory::Inventory};
use character_storage_port::{Deleted, EntityKind};
use std::collections::HashSet;

impl InventoryRepository {
    /// Stores new items, all or none. An item may lie in a container that comes before it. An `Err` among `new` is what
    /// is wrong with one that could not even be read, to be told with all other faults.
    ///
    /// # Errors
    /// As [`create`](Self::create); a fault names its place: `items[3].name`.
    #[tracing::instrument(name = "inventory.bulk_create", level = "debug", skip_all, fields(items = new.len()))]
    pub async fn create_all(
        &self,
        of: CharacterId,
        new: Vec<Result<NewItem, Violations>>,
        terms: &Terms,
    ) -> Result<Vec<InventoryItem>> {
        let readable: Vec<_> = new.iter().map(|new| new.as_ref().ok()).collect();
        let repeatable = terms.repeatable("inventory.bulk_create", &(of, readable))?;
        let outcome = self.all_checked(of, &new, repeatable.as_ref(), terms).await;
        self.backing.or_first_answer(outcome, repeatable.as_ref()).await
    }

    async fn all_checked(
        &self,
        of: CharacterId,
        new: &[Result<NewItem, Violations>],
        repeatable: Option<&Repeatable>,
        terms: &Terms,
    ) -> Result<Vec<InventoryItem>> {
        let mut race = Race::default();
        loop {
            let (character, mut inventory) = self.belongings(of).await?;
            let mut act = Act::on(character, CREATED, terms.author.as_ref(), self.backing.now());
            let (mut created, mut faults) = (Vec::with_capacity(new.len()), Violations::default());
            for (index, outcome) in self.each(&mut act, &mut inventory, new).await?.into_iter().enumerate() {
                match outcome {
                    Ok(item) => created.push(item),
                    Err(error) => faults.0.extend(told(error, index)?.0),
                }
            }
            faults.into_result().map_err(RepositoryError::Invalid)?;
            tell(&mut act, "create", &created);
            if let Some(done) = self.commit(act, repeatable, created, &mut race).await? {
                return Ok(done);
            }
        }
    }

    /// Stores those of the new items that can be stored; the outcomes are in the order given.
    ///
    /// # Errors
    /// `NotFound` (the character), `IdempotencyMismatch`, `Contended`; `Storage` when nothing could be tried at all.
    #[tracing::instrument(name = "inventory.bulk_create_each", level = "debug", skip_all, fields(items = new.len()))]
    pub async fn create_each(
        &self,
        of: CharacterId,
        new: Vec<Result<NewItem, Violations>>,
        terms: &Terms,
    ) -> Result<Vec<Result<InventoryItem>>> {
        let readable: Vec<_> = new.iter().map(|new| new.as_ref().ok()).collect();
        let repeatable = terms.repeatable("inventory.bulk_create_each", &(of, readable))?;
        let mut race = Race::default();
        loop {
            let (character, mut inventory) = self.belongings(of).await?;
            let mut act = Act::on(character, CREATED, terms.author.as_ref(), self.backing.now());
            let outcomes = self.each(&mut act, &mut inventory, &new).await?;
            let created: Vec<InventoryItem> = outcomes.iter().filter_map(|outcome| outcome.clone().ok()).collect();
            tell(&mut act, "create", &created);
            // What is kept for a repeat: the items that were made, in their places.
            let made: Vec<Option<InventoryItem>> = outcomes.iter().map(|outcome| outcome.clone().ok()).collect();
            if let Some(first) = self.commit(act, repeatable.as_ref(), made, &mut race).await? {
                return Ok(first
                    .into_iter()
                    .zip(outcomes)
                    .map(|(made, now)| made.map_or_else(|| refused(now), Ok))
                    .collect());
            }
        }
    }

    /// Adds each to the act, when the rules allow it beside those before it.
    async fn each(
        &self,
        act: &mut Act,
        inventory: &mut Inventory,
        new: &[Result<NewItem, Violations>],
    ) -> Result<Vec<Result<InventoryItem>>> {
        let (mut outcomes, mut seen) = (Vec::with_capacity(new.len()), HashSet::new());
        for new in new {
            let outcome = match new {
                Err(violations) => Err(RepositoryError::Invalid(violations.clone())),
                Ok(NewItem { id: Some(id), .. }) if !seen.insert(*id) || is_taken(&self.backing, *id).await? => {
                    Err(RepositoryError::AlreadyExists(EntityKind::InventoryItem))
                }
                Ok(new) => add(act, inventory, new.clone()),
            };
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }
}

async fn is_taken(backing: &Backing, id: InventoryItemId) -> Result<bool> {
    match backing.row::<InventoryItem>(id, Deleted::Include).await {
        Ok(_) => Ok(true),
        Err(RepositoryError::NotFound(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// A fault of one among many, by its place.
fn told(error: RepositoryError, index: usize) -> Result<Violations> {
    let place = format!("items[{index}]");
    match error {
        RepositoryError::Invalid(violations) => Ok(violations.under(&place)),
        RepositoryError::AlreadyExists(_) => Ok(Violations::one(format!("{place}.id"), "exists already")),
        RepositoryError::Refused(Refusal { rule, reason }) => Ok(Violations::one(place, format!("{rule}: {reason}"))),
        other => Err(other),
    }
}

/// A repeat gets the refusal of today; one that would be accepted today was refused when it was asked for first.
fn refused(now: Result<InventoryItem>) -> Result<InventoryItem> {
    now.and_then(|_| Err(RepositoryError::Invalid(Violations::one("", "was refused when it was asked for first"))))
}
