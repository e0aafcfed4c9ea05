//! Each event and its use case.

use crate::{CAMPAIGN_EVENT, CAMPAIGN_GAME_MASTER_CHANGED, CAMPAIGN_RENAMED, data::read, outcome::Failed};
use character_domain::{
    Campaign, CampaignEventId, CampaignId, CharacterId, Document, Violations,
    event::{CampaignEventReported, CampaignGameMasterChanged, CampaignRenamed},
};
use character_inbox::{EventHandler, Handled, Received, async_trait};
use character_message_hub::MAX_REASON;
use character_repositories::{
    CampaignRepository, Idempotency, IdempotencyKey, NewCampaignEvent, RepositoryError, RequestContext,
};
use character_storage_port::{CharacterQuery, Limit, PageRequest, Source};
use serde_json::json;
use std::{borrow::Cow, collections::BTreeSet, iter};

/// The author of these changes in the record of versions.
const AUTHOR: &str = "message-hub";
/// The maximum number of characters that a reason names.
const MAX_NAMED: usize = 10;

/// Handles the events of campaigns.
#[derive(Clone, Debug)]
pub struct CampaignEvents {
    campaigns: CampaignRepository,
}

type Result<T, E = Failed> = std::result::Result<T, E>;

/// The reason of a rejected event that some of the affected characters refuse. It names the first of them, as many as fit, and the number of
/// the others.
fn refusal(affected: usize, refused: &[String]) -> String {
    let begin = format!("applied to {} of {affected} characters", affected - refused.len());
    let mut room = MAX_REASON - begin.chars().count() - "; and 1000000 more".len();
    let mut named: Vec<Cow<'_, str>> = Vec::new();
    for reason in refused.iter().take(MAX_NAMED) {
        let needed = "; ".len() + reason.chars().count();
        if needed <= room {
            named.push(reason.into());
            room -= needed;
            continue;
        }
        if named.is_empty() {
            let cut: String = reason.chars().take(room - "; …".chars().count()).collect();
            named.push(format!("{cut}…").into());
        }
        break;
    }
    let more = refused.len() - named.len();
    let rest = (more > 0).then(|| format!("and {more} more").into());
    iter::once(begin.into()).chain(named).chain(rest).collect::<Vec<_>>().join("; ")
}

impl CampaignEvents {
    /// Events are applied through these use cases.
    #[must_use]
    pub fn new(campaigns: CampaignRepository) -> Self {
        Self { campaigns }
    }

    async fn effect(&self, received: &Received) -> Result<()> {
        match received.event.event_type() {
            CAMPAIGN_RENAMED => {
                let CampaignRenamed { campaign_id, name } = data(received, CampaignRenamed::check)?;
                let rename = |current: &Campaign| Campaign { name: name.clone(), ..current.clone() };
                self.patch(received, campaign_id, rename).await
            }
            CAMPAIGN_GAME_MASTER_CHANGED => {
                let CampaignGameMasterChanged { campaign_id, dm_user_id, dm_name } =
                    data(received, CampaignGameMasterChanged::check)?;
                let change = |current: &Campaign| Campaign { dm_user_id, dm_name: dm_name.clone(), ..current.clone() };
                self.patch(received, campaign_id, change).await
            }
            CAMPAIGN_EVENT => self.happened(received, &data(received, CampaignEventReported::check)?).await,
            other => {
                // The filter of the subscription lets none through, unless it is another one.
                tracing::debug!(event_type = other, "an event of another type was passed over");
                Ok(())
            }
        }
    }

    async fn patch(
        &self,
        received: &Received,
        id: CampaignId,
        change: impl Fn(&Campaign) -> Campaign + Sync,
    ) -> Result<()> {
        let request = request(received, "campaign");
        let patched = self.campaigns.patch(id, &request, |current| Ok(change(current))).await;
        patched.map(drop).map_err(|error| Failed::of(&error))
    }

    /// Stores the event for each member that it affects, and applies it. One that the rules of the game forbid for a character
    /// is applied to the others all the same.
    async fn happened(&self, received: &Received, happened: &CampaignEventReported) -> Result<()> {
        let in_play = match happened.character_ids {
            Some(_) => InPlay::OrNot,
            None => InPlay::Only,
        };
        let members = self.members(happened.campaign_id, in_play).await?;
        let affected: BTreeSet<CharacterId> = match &happened.character_ids {
            Some(ids) => ids.iter().copied().collect(),
            None => members.clone(),
        };
        let mut refused = Vec::new();
        for character in &affected {
            if !members.contains(character) {
                refused.push(format!("character {character} is not a member of the campaign"));
                continue;
            }
            match self.apply(received, happened, *character).await.map_err(|error| Failed::of(&error)) {
                Ok(()) => {}
                Err(Failed::Later) => return Err(Failed::Later),
                Err(Failed::Unknown(reason) | Failed::Never(reason)) => {
                    refused.push(format!("character {character}: {reason}"));
                }
            }
        }
        if refused.is_empty() {
            return Ok(());
        }
        Err(Failed::Never(refusal(affected.len(), &refused)))
    }

    async fn apply(
        &self,
        received: &Received,
        happened: &CampaignEventReported,
        of: CharacterId,
    ) -> Result<(), RepositoryError> {
        let id = CampaignEventId(received.identity.transaction_id(&format!("event/{of}")).0);
        let new = NewCampaignEvent {
            id: Some(id),
            journal_entry_id: None,
            event_type: happened.event_type.clone(),
            event_data: happened.event_data.clone(),
            impact_type: happened.impact_type,
            impact_magnitude: happened.impact_magnitude,
            timestamp: happened.timestamp,
            data: source(received, happened.campaign_id),
        };
        self.campaigns.create_event(of, new, &request(received, &format!("create/{of}"))).await?;
        self.campaigns.apply(of, id, &request(received, &format!("apply/{of}"))).await?;
        Ok(())
    }

    async fn members(&self, campaign: CampaignId, in_play: InPlay) -> Result<BTreeSet<CharacterId>> {
        let (mut members, mut page) = (BTreeSet::new(), PageRequest::first(Limit::MAX));
        let later = |error: RepositoryError| Failed::of(&error);
        let query = CharacterQuery { active_only: in_play == InPlay::Only, ..CharacterQuery::default() };
        loop {
            let plain = RequestContext::default();
            let read = self.campaigns.characters(campaign, query.clone(), page.clone(), &plain).await;
            let read = read.map_err(later)?;
            if let Source::Stale { .. } = read.source {
                return Err(Failed::Later);
            }
            let found = read.value.complete().map_err(|error| later(error.into()))?;
            members.extend(found.items.iter().map(|character| character.id));
            match found.next {
                Some(cursor) => page = page.after(cursor),
                None => return Ok(members),
            }
        }
    }
}

/// Which members: those with `is_active`, or all.
#[derive(Clone, Copy, PartialEq, Eq)]
enum InPlay {
    Only,
    OrNot,
}

/// The data of an event, unless they break a rule that needs no row of the storage.
fn data<T: serde::de::DeserializeOwned>(received: &Received, check: impl Fn(&T) -> Violations) -> Result<T> {
    let data = read(&received.event).map_err(Failed::Never)?;
    let violations = check(&data);
    if violations.is_empty() { Ok(data) } else { Err(Failed::invalid(&violations)) }
}

/// A request that repeats with its event. `part` tells the acts of one event apart.
fn request(received: &Received, part: &str) -> RequestContext {
    let data = received.event.json().map(ToString::to_string).unwrap_or_default();
    let (scope, key) = (received.identity.scope(part), IdempotencyKey(received.identity.key()));
    let idempotency = Idempotency::new(&scope, &key, data.as_bytes());
    RequestContext { author: Some(AUTHOR.to_owned()), ..RequestContext::from(idempotency) }
}

/// Where a stored event came from.
fn source(received: &Received, campaign: CampaignId) -> Document {
    let (source, id) = (received.event.source(), received.event.id());
    let origin = json!({ "campaign_id": campaign, "source": source, "event_id": id });
    origin.as_object().cloned().map(Document::from).unwrap_or_default()
}

#[async_trait]
impl EventHandler for CampaignEvents {
    async fn handle(&self, received: &Received) -> Handled {
        match self.effect(received).await {
            Ok(()) => Handled::Done,
            Err(failed) => failed.handled(received),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_names_as_many_characters_as_it_has_room_for_and_counts_the_others() {
        for (count, length) in [(1, 40), (10, 40), (11, 40), (300, 90), (300, 96), (300, 97), (2, 2_000), (150, 95)] {
            let refused: Vec<_> = (0..count).map(|number| format!("{number:-<length$}")).collect();
            let reason = refusal(count + 5, &refused);
            assert!(reason.chars().count() <= MAX_REASON, "{count} of {length}: {}", reason.chars().count());
            let begin = |one: &String| one.chars().take(900).collect::<String>();
            let named = refused.iter().filter(|one| reason.contains(&format!("; {}", begin(one)))).count();
            assert!(named > 0, "{reason}");
            let rest = reason.rsplit_once("; and ").and_then(|(_, rest)| rest.strip_suffix(" more")?.parse().ok());
            assert_eq!(named + rest.unwrap_or(0), count, "{reason}");
            assert!(reason.starts_with(&format!("applied to 5 of {} characters; ", count + 5)), "{reason}");
        }
    }
}
