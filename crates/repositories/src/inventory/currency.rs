//! Use cases of coins. They are on the sheet, in `currency`.

use super::InventoryRepository;
use crate::{RepositoryError, RequestContext, Result};
use character_domain::{
    Character, CharacterId,
    event::{CoinsChanged, CurrencyKind, InventoryChanged},
    inventory::Purse,
};
use character_storage_port::{EventData, Read};

impl InventoryRepository {
    /// The character whose coins they are; see [`Purse::of`].
    ///
    /// # Errors
    /// `NotFound`, `PreconditionFailed`, `Storage`.
    #[tracing::instrument(name = "inventory.currency", level = "debug", skip_all)]
    pub async fn currency(&self, of: CharacterId, request: &RequestContext) -> Result<Read<Character>> {
        self.context.get(of, request).await
    }

    /// Adds or takes away coins of all kinds at once; returns the character after the change.
    ///
    /// # Errors
    /// `NotFound`, `PreconditionFailed` (of the character), `Invalid`, `Refused` by `not-enough-coins`,
    /// `too-many-coins` or `unreadable-member`, `IdempotencyMismatch`, `Contended`, `Storage`.
    #[tracing::instrument(name = "inventory.change_currency", level = "debug", skip_all)]
    pub async fn change_currency(
        &self,
        of: CharacterId,
        change: &Purse,
        request: &RequestContext,
    ) -> Result<Character> {
        change.check().into_result().map_err(RepositoryError::Invalid)?;
        self.context
            .act("inventory.currency", request, move |attempt| async move {
                let character = attempt.accept(attempt.character(of).await?)?;
                let mut work = attempt.work_on(character);
                let data = EventData::CharacterInventoryChanged(InventoryChanged::Coins(CoinsChanged {
                    character_id: of,
                    kind: CurrencyKind::Currency,
                    change: change.clone(),
                }));
                work.changes.event(of, &data);
                change.add_to(&mut work.after.data)?;
                work.finish(|after| after)
            })
            .await
    }
}
