//! Applying an event, and undoing what it did. Both change the character, so one of two acts at once loses its race
//! and sees what the other one left.

use super::CampaignRepository;
use crate::{Backing, RepositoryError, Result, Terms, act::Act, idempotency::Repeatable, race::Race};
use character_domain::{
    CampaignEvent, CampaignEventId, Character, CharacterId, EventImpact, ImpactType, Refusal,
    campaign::{self, Effect},
};
use character_storage_port::{CHARACTER_EVENT_APPLIED, CHARACTER_EVENT_REVERTED, Deleted, EventImpactQuery};
use serde_json::json;

/// What an act on an event came to: nothing to do, or something to be done.
enum Judged {
    Already(EventImpact),
    Todo(Box<Act>, EventImpact),
}

impl CampaignRepository {
    /// Has an event take effect on the sheet; gives its impact. When it has its effect already, nothing changes and
    /// the impact that there is is given.
    ///
    /// # Errors
    /// `NotFound`, `PreconditionFailed` (of the event), `Refused` by `no-hit-points`, `no-ability-score`,
    /// `not-enough-experience` or `too-much-experience`, `IdempotencyMismatch`, `Contended`, `Storage`.
    #[tracing::instrument(name = "campaign_event.apply", level = "debug", skip_all)]
    pub async fn apply(&self, of: CharacterId, id: CampaignEventId, terms: &Terms) -> Result<EventImpact> {
        let repeatable = terms.repeatable("campaign_event.apply", &(of, id))?;
        let outcome = self.settle_event(of, id, repeatable.as_ref(), terms, Direction::Apply).await;
        self.backing.or_first_answer(outcome, repeatable.as_ref()).await
    }

    /// Undoes what an event did, on the sheet as it is today; gives its impact, which is then reverted. When it was
    /// undone already, nothing changes and that impact is given. The event may be applied anew.
    ///
    /// # Errors
    /// `NotFound`, `PreconditionFailed` (of the event), `Refused` by `not-applied` when it never had an effect or
    /// `not-reversible` when what undoes it cannot be computed, `IdempotencyMismatch`, `Contended`, `Storage`.
    #[tracing::instrument(name = "campaign_event.revert", level = "debug", skip_all)]
    pub async fn revert(&self, of: CharacterId, id: CampaignEventId, terms: &Terms) -> Result<EventImpact> {
        let repeatable = terms.repeatable("campaign_event.revert", &(of, id))?;
        let outcome = self.settle_event(of, id, repeatable.as_ref(), terms, Direction::Revert).await;
        self.backing.or_first_answer(outcome, repeatable.as_ref()).await
    }

    async fn settle_event(
        &self,
        of: CharacterId,
        id: CampaignEventId,
        repeatable: Option<&Repeatable>,
        terms: &Terms,
        direction: Direction,
    ) -> Result<EventImpact> {
        let mut race = Race::default();
        loop {
            // The character first: whoever applies or undoes an event in between changes its revision, too.
            let character = self.backing.character(of, Deleted::Exclude).await?;
            let event: CampaignEvent = self.backing.owned_row(of, id, Deleted::Exclude).await?;
            terms.condition.judge(event.meta.revision)?;
            let query = EventImpactQuery { event_id: Some(id), ..EventImpactQuery::default() };
            let impacts = self.backing.all::<EventImpact>(&query).await?;
            let judged = match direction {
                Direction::Apply => self.applied(character, event, impacts, terms).await?,
                Direction::Revert => self.reverted(character, event, impacts, terms).await?,
            };
            let (act, impact) = match judged {
                Judged::Already(impact) => return Ok(impact),
                Judged::Todo(act, impact) => (act, impact),
            };
            let (transaction, _) = act.into_transaction()?;
            if let Some(done) = self.backing.settle(transaction, repeatable, impact, &mut race).await? {
                return Ok(done);
            }
        }
    }

    async fn applied(
        &self,
        character: Character,
        event: CampaignEvent,
        impacts: Vec<EventImpact>,
        terms: &Terms,
    ) -> Result<Judged> {
        if let Some(impact) = impacts.into_iter().find(is_in_force) {
            return Ok(Judged::Already(impact));
        }
        let experience = match event.impact_type {
            ImpactType::Experience => self.backing.standing(&character).await?.into_row().experience_points,
            _ => 0,
        };
        let effect = campaign::apply(&event, &character.data, experience)?;
        let mut act = Act::on(character, "campaign_event.applied", terms.author.as_ref(), self.backing.now());
        self.backing.take_effect(&mut act, &effect).await?;
        let at = act.changes.at;
        let impact = act.changes.create(EventImpact::of(&event, &effect, at))?;
        let event = act.changes.replace(CampaignEvent { applied: true, applied_at: Some(at), ..event })?;
        tell(&mut act, CHARACTER_EVENT_APPLIED, &event, &impact);
        Ok(Judged::Todo(Box::new(act), impact))
    }

    async fn reverted(
        &self,
        character: Character,
        event: CampaignEvent,
        impacts: Vec<EventImpact>,
        terms: &Terms,
    ) -> Result<Judged> {
        let (in_force, others): (Vec<_>, Vec<_>) = impacts.into_iter().partition(is_in_force);
        let Some(impact) = in_force.into_iter().next() else {
            let undone = others.into_iter().find(|impact| impact.is_reverted);
            let never = || Refusal::new("not-applied", "the event has no effect that could be undone");
            return Ok(Judged::Already(undone.ok_or_else(never)?));
        };
        let effect = campaign::revert(&impact, &character.data)?;
        let mut act = Act::on(character, "campaign_event.reverted", terms.author.as_ref(), self.backing.now());
        self.backing.take_effect(&mut act, &effect).await.map_err(not_reversible)?;
        let at = act.changes.at;
        let impact = act.changes.replace(EventImpact { is_reverted: true, reverted_at: Some(at), ..impact })?;
        let event = act.changes.replace(CampaignEvent { applied: false, applied_at: None, ..event })?;
        tell(&mut act, CHARACTER_EVENT_REVERTED, &event, &impact);
        Ok(Judged::Todo(Box::new(act), impact))
    }
}

#[derive(Clone, Copy, Debug)]
enum Direction {
    Apply,
    Revert,
}

/// Imported events may say that they are applied although their impact was undone, so it is the impact that counts.
fn is_in_force(impact: &EventImpact) -> bool {
    impact.applied && !impact.is_reverted
}

impl Backing {
    /// Puts an effect on the sheet, and what it brings of experience on the record too.
    async fn take_effect(&self, act: &mut Act, effect: &Effect) -> Result<()> {
        act.after.data.0.extend(effect.sheet.clone());
        if effect.experience != 0 {
            let mut standing = self.standing(&act.after).await?;
            standing.add_experience(act, effect.experience)?;
            standing.store(act)?;
        }
        Ok(())
    }
}

/// What undoes an event may be what the rules forbid; then it is the undoing that is refused.
fn not_reversible(error: RepositoryError) -> RepositoryError {
    match error {
        RepositoryError::Refused(refusal) => Refusal::new("not-reversible", refusal.reason).into(),
        other => other,
    }
}

fn tell(act: &mut Act, event_type: &'static str, event: &CampaignEvent, impact: &EventImpact) {
    let of = act.after.id;
    act.changes.event(
        event_type,
        of,
        json!({
            "character_id": of,
            "event_id": event.id,
            "impact_id": impact.id,
            "impact_type": event.impact_type,
            "impact_magnitude": event.impact_magnitude,
        }),
    );
}
