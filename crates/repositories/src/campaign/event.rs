//! Events and their impacts: read and created. What they do is in `effect`.

use super::{CampaignRepository, NewCampaignEvent};
use crate::{ListRequest, Listed, RepositoryError, RequestContext, Result, act::Attempt};
use character_domain::{CampaignEvent, CampaignEventId, CharacterId, EventImpact, Violations};
use character_storage_port::{CampaignEventQuery, Deleted, EventImpactQuery, Read};

impl CampaignRepository {
    /// A live event of this character.
    ///
    /// # Errors
    /// `NotFound`, `Storage`.
    #[tracing::instrument(name = "campaign_event.get", level = "debug", skip_all)]
    pub async fn get_event(
        &self,
        of: CharacterId,
        id: CampaignEventId,
        request: &RequestContext,
    ) -> Result<Read<CampaignEvent>> {
        self.context.get_owned(of, id, request).await
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
        wanted: impl Into<ListRequest>,
        _request: &RequestContext,
    ) -> Result<Read<Listed<CampaignEvent>>> {
        self.context.exists(of, Deleted::Exclude).await?;
        let query = CampaignEventQuery { character_id: Some(of), ..query };
        self.context.list(&query, wanted.into()).await
    }

    /// Stores a new event, which has no effect until it is applied.
    ///
    /// # Errors
    /// `NotFound` (the character), `Invalid` (also when the journal entry is not one of this character),
    /// `AlreadyExists`, `IdempotencyMismatch`, `Contended`, `Storage`.
    #[tracing::instrument(name = "campaign_event.create", level = "debug", skip_all)]
    pub async fn create_event(
        &self,
        of: CharacterId,
        new: NewCampaignEvent,
        request: &RequestContext,
    ) -> Result<CampaignEvent> {
        let entry = new.journal_entry_id;
        let entry_is_its_own = |attempt: Attempt| async move {
            if let Some(entry) = entry {
                attempt.entry_of(of, entry).await?;
            }
            Ok(attempt.changes())
        };
        let row = |at| new.clone().into_event(of, at);
        self.context.create_row(of, new.id, request, entry_is_its_own, row).await
    }

    /// One page of the impacts of this event, newest first: one for each time that it was applied.
    ///
    /// # Errors
    /// `NotFound`, `Invalid` (both filters at once), `Storage`.
    #[tracing::instrument(name = "event_impact.list_of_event", level = "debug", skip_all)]
    pub async fn impacts_of_event(
        &self,
        of: CharacterId,
        event: CampaignEventId,
        query: EventImpactQuery,
        wanted: impl Into<ListRequest>,
        _request: &RequestContext,
    ) -> Result<Read<Listed<EventImpact>>> {
        self.context.find_owned::<CampaignEvent>(of, event).await?;
        self.impacts(EventImpactQuery { character_id: Some(of), event_id: Some(event), ..query }, wanted.into()).await
    }

    /// One page of the impacts of all events on this character, newest first.
    ///
    /// # Errors
    /// `NotFound` (the character), `Invalid` (both filters at once), `Storage`.
    #[tracing::instrument(name = "event_impact.list", level = "debug", skip_all)]
    pub async fn impacts_on(
        &self,
        of: CharacterId,
        query: EventImpactQuery,
        wanted: impl Into<ListRequest>,
        _request: &RequestContext,
    ) -> Result<Read<Listed<EventImpact>>> {
        self.context.exists(of, Deleted::Exclude).await?;
        self.impacts(EventImpactQuery { character_id: Some(of), ..query }, wanted.into()).await
    }

    async fn impacts(&self, query: EventImpactQuery, wanted: ListRequest) -> Result<Read<Listed<EventImpact>>> {
        if query.applied_only && query.reverted_only {
            let fault = Violations::one("reverted_only", "must not be given together with applied_only");
            return Err(RepositoryError::Invalid(fault));
        }
        self.context.list(&query, wanted).await
    }
}
