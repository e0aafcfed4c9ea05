//! Campaigns: who takes part, what they do to characters, and how that is undone.

mod effect;
mod event;
mod new;
#[cfg(test)]
mod tests;

pub use new::NewCampaignEvent;

use crate::{Backing, Result, Terms, act::Act, idempotency::Repeatable, race::Race};
use character_domain::{CampaignId, Character, CharacterId};
use character_storage_port::{
    CHARACTER_CAMPAIGN_JOINED, CHARACTER_CAMPAIGN_LEFT, CharacterQuery, Deleted, Page, PageRequest, Read,
};
use serde_json::json;

/// What can be done with the campaign of a character, and its events. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CampaignRepository {
    backing: Backing,
}

impl CampaignRepository {
    /// Over this storage.
    #[must_use]
    pub fn new(backing: Backing) -> Self {
        Self { backing }
    }

    /// One page of the characters that take part in this campaign, newest first. Of a campaign that nobody knows
    /// there are none: campaigns are led elsewhere, and need no row here.
    ///
    /// # Errors
    /// `Storage`.
    #[tracing::instrument(name = "campaign.characters", level = "debug", skip_all)]
    pub async fn characters(
        &self,
        campaign: CampaignId,
        query: CharacterQuery,
        page: PageRequest,
    ) -> Result<Read<Page<Character>>> {
        let query = CharacterQuery { campaign_id: Some(campaign), ..query };
        Ok(self.backing.storage.list(&query, page).await?)
    }

    /// Has the character take part in this campaign, and in no other. Nothing is written when it does already.
    ///
    /// # Errors
    /// `NotFound`, `PreconditionFailed` (of the character), `IdempotencyMismatch`, `Contended`, `Storage`.
    #[tracing::instrument(name = "campaign.join", level = "debug", skip_all)]
    pub async fn join(&self, of: CharacterId, campaign: CampaignId, terms: &Terms) -> Result<Character> {
        self.take_part("campaign.joined", of, Some(campaign), terms).await
    }

    /// Has the character take part in no campaign. Nothing is written when it does not anyway.
    ///
    /// # Errors
    /// As [`join`](Self::join).
    #[tracing::instrument(name = "campaign.leave", level = "debug", skip_all)]
    pub async fn leave(&self, of: CharacterId, terms: &Terms) -> Result<Character> {
        self.take_part("campaign.left", of, None, terms).await
    }

    async fn take_part(
        &self,
        reason: &'static str,
        of: CharacterId,
        campaign: Option<CampaignId>,
        terms: &Terms,
    ) -> Result<Character> {
        let repeatable = terms.repeatable(reason, &(of, campaign))?;
        let outcome = self.take_part_checked(reason, of, campaign, repeatable.as_ref(), terms).await;
        self.backing.or_first_answer(outcome, repeatable.as_ref()).await
    }

    async fn take_part_checked(
        &self,
        reason: &'static str,
        of: CharacterId,
        campaign: Option<CampaignId>,
        repeatable: Option<&Repeatable>,
        terms: &Terms,
    ) -> Result<Character> {
        let mut race = Race::default();
        loop {
            let character = self.backing.character(of, Deleted::Exclude).await?;
            terms.condition.judge(character.meta.revision)?;
            if character.campaign_id == campaign {
                return Ok(character);
            }
            let before = character.campaign_id;
            let mut act = Act::on(character, reason, terms.author.as_ref(), self.backing.now());
            act.after.campaign_id = campaign;
            for (event, campaign) in [(CHARACTER_CAMPAIGN_LEFT, before), (CHARACTER_CAMPAIGN_JOINED, campaign)] {
                if let Some(campaign) = campaign {
                    act.changes.event(event, of, json!({ "character_id": of, "campaign_id": campaign }));
                }
            }
            let (transaction, after) = act.into_transaction()?;
            if let Some(done) = self.backing.settle(transaction, repeatable, after, &mut race).await? {
                return Ok(done);
            }
        }
    }
}
