//! Use cases of campaigns: membership, events and their impacts.

mod campaigns;
mod effect;
mod event;
#[cfg(test)]
mod tests;

pub use character_domain::{NewCampaign, NewCampaignEvent};

use crate::{ListRequest, Listed, RequestContext, Result, StorageContext, act::Decision};
use character_domain::{CampaignId, Character, CharacterId, event::CampaignMembership};
use character_storage_port::{CharacterQuery, EventData, Read};

/// What can be done with the campaign of a character, and its events. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CampaignRepository {
    context: StorageContext,
}

impl CampaignRepository {
    /// Creates it over this storage.
    #[must_use]
    pub fn new(context: StorageContext) -> Self {
        Self { context }
    }

    /// One page of the characters of this campaign, newest first. An unknown campaign has none: another service may own
    /// a campaign, without a row here.
    ///
    /// # Errors
    /// `Storage`.
    #[tracing::instrument(name = "campaign.characters", level = "debug", skip_all)]
    pub async fn characters(
        &self,
        campaign: CampaignId,
        query: CharacterQuery,
        wanted: impl Into<ListRequest>,
        _request: &RequestContext,
    ) -> Result<Read<Listed<Character>>> {
        let query = CharacterQuery { campaign_id: Some(campaign), ..query };
        self.context.list(&query, wanted.into()).await
    }

    /// Makes the character a member of this campaign, and of no other. Nothing is written when it is a member already.
    ///
    /// # Errors
    /// `NotFound`, `PreconditionFailed` (of the character), `IdempotencyMismatch`, `Contended`, `Storage`.
    #[tracing::instrument(name = "campaign.join", level = "debug", skip_all)]
    pub async fn join(&self, of: CharacterId, campaign: CampaignId, request: &RequestContext) -> Result<Character> {
        self.take_part("campaign.joined", of, Some(campaign), request).await
    }

    /// Ends the membership of the character. Nothing is written when it is in no campaign.
    ///
    /// # Errors
    /// As [`join`](Self::join).
    #[tracing::instrument(name = "campaign.leave", level = "debug", skip_all)]
    pub async fn leave(&self, of: CharacterId, request: &RequestContext) -> Result<Character> {
        self.take_part("campaign.left", of, None, request).await
    }

    async fn take_part(
        &self,
        name: &'static str,
        of: CharacterId,
        campaign: Option<CampaignId>,
        request: &RequestContext,
    ) -> Result<Character> {
        self.context
            .act(name, request, move |attempt| async move {
                let character = attempt.accept(attempt.character(of).await?)?;
                if character.campaign_id == campaign {
                    return Ok(Decision::Unchanged(character));
                }
                let before = character.campaign_id;
                let mut work = attempt.work_on(character);
                work.after.campaign_id = campaign;
                let membership = |campaign_id| CampaignMembership { character_id: of, campaign_id };
                let left = before.map(membership).map(EventData::CharacterCampaignLeft);
                let joined = campaign.map(membership).map(EventData::CharacterCampaignJoined);
                for data in left.iter().chain(&joined) {
                    work.changes.event(of, data);
                }
                work.finish(|after| after)
            })
            .await
    }
}
