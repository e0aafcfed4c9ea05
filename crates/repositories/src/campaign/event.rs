//! Events and their impacts: looked at, and made. What they do is in `effect`.

use super::{CampaignRepository, NewCampaignEvent};
use crate::{RepositoryError, Result, Terms, act::checked};
use character_domain::{CampaignEvent, CampaignEventId, CharacterId, EventImpact, Violations};
use character_storage_port::{CampaignEventQuery, Deleted, EntityKind, EventImpactQuery, Page, PageRequest, Read};

const CREATE: &str = "campaign_event.create";

impl CampaignRepository {
    /// A live event of this character.
    ///
    /// # Errors
    /// `NotFound`, `Storage`.
    #[tracing::instrument(name = "campaign_event.get", level = "debug", skip_all)]
    pub async fn get_event(&self, of: CharacterId, id: CampaignEventId) -> Result<Read<CampaignEvent>> {
        self.backing.look(of, id).await
    }

    /// One page of this character's events, newest first.
    ///
    /// # Errors
    /// `NotFound` (the character), `Storage`.
    #[tracing::instrument(name = "campaign_event.list", level = "debug", skip_all)]
    pub async fn list_events(
        &self,
        of: CharacterId,
        query: CampaignEventQuery,
        page: PageRequest,
    ) -> Result<Read<Page<CampaignEvent>>> {
        self.backing.exists(of).await?;
        let query = CampaignEventQuery { character_id: Some(of), ..query };
        Ok(self.backing.storage.list(&query, page).await?)
    }

    /// Stores a new event, which has no effect until it is applied.
    ///
    /// # Errors
    /// `NotFound` (the character), `Invalid` (also when the journal entry is not one of this character),
    /// `AlreadyExists`, `IdempotencyMismatch`, `Contended`, `Storage`.
    #[tracing::instrument(name = "campaign_event.create", level = "debug", skip_all)]
    pub async fn create_event(&self, of: CharacterId, new: NewCampaignEvent, terms: &Terms) -> Result<CampaignEvent> {
        let event = new.clone().into_event(of, self.backing.now());
        let outcome = match self.may_be(of, &event).await {
            Ok(()) => self.backing.create_rows(CREATE, of, vec![event], &new, terms).await,
            Err(refusal) => {
                let repeatable = terms.repeatable(CREATE, &(of, &new))?;
                self.backing.or_first_answer(Err(refusal), repeatable.as_ref()).await
            }
        };
        outcome?.pop().ok_or(RepositoryError::NotFound(EntityKind::CampaignEvent))
    }

    async fn may_be(&self, of: CharacterId, event: &CampaignEvent) -> Result<()> {
        checked(event)?;
        if let Some(entry) = event.journal_entry_id {
            self.backing.character(of, Deleted::Exclude).await?;
            self.backing.entry_of(of, entry).await?;
        }
        Ok(())
    }

    /// One page of what this event did, newest first: one impact for each time that it was applied.
    ///
    /// # Errors
    /// `NotFound`, `Invalid` (both filters at once), `Storage`.
    #[tracing::instrument(name = "event_impact.list_of_event", level = "debug", skip_all)]
    pub async fn impacts_of_event(
        &self,
        of: CharacterId,
        event: CampaignEventId,
        query: EventImpactQuery,
        page: PageRequest,
    ) -> Result<Read<Page<EventImpact>>> {
        self.backing.look::<CampaignEvent>(of, event).await?;
        self.impacts(EventImpactQuery { character_id: Some(of), event_id: Some(event), ..query }, page).await
    }

    /// One page of what all events did to this character, newest first.
    ///
    /// # Errors
    /// `NotFound` (the character), `Invalid` (both filters at once), `Storage`.
    #[tracing::instrument(name = "event_impact.list", level = "debug", skip_all)]
    pub async fn impacts_on(
        &self,
        of: CharacterId,
        query: EventImpactQuery,
        page: PageRequest,
    ) -> Result<Read<Page<EventImpact>>> {
        self.backing.exists(of).await?;
        self.impacts(EventImpactQuery { character_id: Some(of), ..query }, page).await
    }

    async fn impacts(&self, query: EventImpactQuery, page: PageRequest) -> Result<Read<Page<EventImpact>>> {
        if query.applied_only && query.reverted_only {
            let fault = Violations::one("reverted_only", "must not be given together with applied_only");
            return Err(RepositoryError::Invalid(fault));
        }
        Ok(self.backing.storage.list(&query, page).await?)
    }
}
