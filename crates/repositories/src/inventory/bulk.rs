//! Bulk creation of items: all or none, or each on its own. Both are one act, with one version.

use super::{CREATED, InventoryRepository, NewItem, add, belongings, report};
use crate::{
    Atomicity, BulkOutcome, RepositoryError, RequestContext, Result,
    act::Attempt,
    bulk::{Batch, ChosenIds},
};
use character_domain::{CharacterId, InventoryItem, Violations, event::ItemOperation};
use character_storage_port::Entity;

impl InventoryRepository {
    /// Stores many new items. An item may be in a container that precedes it. An `Err` among `new` is what is wrong
    /// with one that could not be read; it is refused in its place.
    ///
    /// # Errors
    /// As [`create`](Self::create); with [`Atomicity::AllOrNone`] a fault names its place: `items[3].name`.
    #[tracing::instrument(name = "inventory.create_many", level = "debug", skip_all, fields(items = new.len()))]
    pub async fn create_many(
        &self,
        of: CharacterId,
        new: Vec<Result<NewItem, Violations>>,
        atomicity: Atomicity,
        request: &RequestContext,
    ) -> Result<BulkOutcome<InventoryItem>> {
        let new = &new;
        let attempt = move |attempt: Attempt| async move {
            let (mut work, mut inventory) = belongings(&attempt, of).await?;
            let chosen = new.iter().filter_map(|new| new.as_ref().ok()?.id);
            let mut ids = ChosenIds::look_up::<InventoryItem>(&attempt, chosen).await?;
            let mut outcomes = BulkOutcome::with_capacity(new.len());
            for new in new {
                outcomes.push(match new {
                    Ok(new) => new
                        .id
                        .map_or(Ok(()), |id| ids.claim(id, InventoryItem::KIND))
                        .and_then(|()| add(&mut work, &mut inventory, new.clone())),
                    Err(violations) => Err(RepositoryError::Invalid(violations.clone())),
                });
            }
            let created: Vec<InventoryItem> = outcomes.iter().flatten().cloned().collect();
            report(&mut work, ItemOperation::Create, &created);
            let (transaction, _) = work.into_transaction()?;
            Ok(Batch { outcomes, transaction })
        };
        self.context.create_many(CREATED, request, atomicity, "items", attempt).await
    }
}
