//! Applies and reverts an event. Both change the character, so of two concurrent acts one fails with a conflict and
//! reads the result of the other.

use super::CampaignRepository;
use crate::{
    RepositoryError, RequestContext, Result,
    act::{Attempt, Decision},
    unit_of_work::UnitOfWork,
};
use character_domain::{
    CampaignEvent, CampaignEventId, Character, CharacterId, EventImpact, ImpactType, Refusal,
    campaign::{self, Effect},
    event::EffectChanged,
};
use character_storage_port::{Deleted, EventData, EventImpactQuery};

impl CampaignRepository {
    /// Applies an event to the sheet, and returns its impact. When it is applied already, nothing changes and its
    /// current impact is returned.
    ///
    /// # Errors
    /// `NotFound`, `PreconditionFailed` (of the event), `Refused` by `no-hit-points`, `no-ability-score`,
    /// `not-enough-experience`, `too-much-experience` or `unreadable-member`, `IdempotencyMismatch`, `Contended`, `Storage`.
    #[tracing::instrument(name = "campaign_event.apply", level = "debug", skip_all)]
    pub async fn apply(&self, of: CharacterId, id: CampaignEventId, request: &RequestContext) -> Result<EventImpact> {
        self.context
            .act("campaign_event.applied", request, move |attempt| async move {
                let Judged { character, event, in_force, .. } = Judged::read(&attempt, of, id).await?;
                if let Some(impact) = in_force {
                    return Ok(Decision::Unchanged(impact));
                }
                let experience = match event.impact_type {
                    ImpactType::Experience => attempt.standing(&character).await?.into_row().experience_points,
                    _ => 0,
                };
                let effect = campaign::apply(&event, &character.data, experience)?;
                let mut work = attempt.work_on(character);
                take_effect(&attempt, &mut work, &effect).await?;
                let at = work.changes.at;
                let impact = work.changes.create(EventImpact::of(&event, &effect, at))?;
                let event = work.changes.replace(CampaignEvent { applied: true, applied_at: Some(at), ..event })?;
                report(&mut work, EventData::CharacterEventApplied, &event, &impact);
                work.finish(|_| impact)
            })
            .await
    }

    /// Reverts an event on the current sheet, and returns its impact. When it was reverted already, nothing changes and
    /// that impact is returned. The event can be applied again.
    ///
    /// # Errors
    /// `NotFound`, `PreconditionFailed` (of the event), `Refused` by `not-applied` when it never had an effect or
    /// `not-reversible` when what undoes it cannot be computed, `IdempotencyMismatch`, `Contended`, `Storage`.
    #[tracing::instrument(name = "campaign_event.revert", level = "debug", skip_all)]
    pub async fn revert(&self, of: CharacterId, id: CampaignEventId, request: &RequestContext) -> Result<EventImpact> {
        self.context
            .act("campaign_event.reverted", request, move |attempt| async move {
                let Judged { character, event, in_force, reverted } = Judged::read(&attempt, of, id).await?;
                let Some(impact) = in_force else {
                    let never =
                        || Refusal::new("not-applied", "the event is not applied, so there is nothing to revert");
                    return Ok(Decision::Unchanged(reverted.ok_or_else(never)?));
                };
                let effect = campaign::revert(&impact, &character.data)?;
                let mut work = attempt.work_on(character);
                take_effect(&attempt, &mut work, &effect).await.map_err(not_reversible)?;
                let at = work.changes.at;
                let impact =
                    work.changes.replace(EventImpact { is_reverted: true, reverted_at: Some(at), ..impact })?;
                let event = work.changes.replace(CampaignEvent { applied: false, applied_at: None, ..event })?;
                report(&mut work, EventData::CharacterEventReverted, &event, &impact);
                work.finish(|_| impact)
            })
            .await
    }
}

/// The rows that an act on an event depends on.
struct Judged {
    character: Character,
    event: CampaignEvent,
    /// The impact that the event has now.
    in_force: Option<EventImpact>,
    /// The latest reverted impact.
    reverted: Option<EventImpact>,
}

impl Judged {
    /// The character is read first: a writer that applies or undoes an event in between changes its revision, too.
    async fn read(attempt: &Attempt, of: CharacterId, id: CampaignEventId) -> Result<Self> {
        let character = attempt.character(of).await?;
        let event = attempt.accept(attempt.owned_row::<CampaignEvent>(of, id, Deleted::Exclude).await?)?;
        let query = EventImpactQuery { event_id: Some(id), ..EventImpactQuery::default() };
        let impacts = attempt.all::<EventImpact>(&query).await?;
        // Imported events may say that they are applied although their impact was undone, so the impact counts.
        let (in_force, others): (Vec<_>, Vec<_>) =
            impacts.into_iter().partition(|impact| impact.applied && !impact.is_reverted);
        let reverted = others.into_iter().find(|impact| impact.is_reverted);
        Ok(Self { character, event, in_force: in_force.into_iter().next(), reverted })
    }
}

/// Puts an effect on the sheet, and what it brings of experience on the record too.
async fn take_effect(attempt: &Attempt, work: &mut UnitOfWork, effect: &Effect) -> Result<()> {
    effect.write_on(&mut work.after.data);
    if effect.experience != 0 {
        let mut standing = attempt.standing(&work.after).await?;
        standing.add_experience(work, effect.experience)?;
        standing.store(work)?;
    }
    Ok(())
}

/// What undoes an event may be what the rules forbid; then it is the undoing that is refused.
fn not_reversible(error: RepositoryError) -> RepositoryError {
    match error {
        RepositoryError::Refused(refusal) => Refusal::new("not-reversible", refusal.reason).into(),
        other => other,
    }
}

fn report(work: &mut UnitOfWork, data: fn(EffectChanged) -> EventData, event: &CampaignEvent, impact: &EventImpact) {
    let effect = EffectChanged {
        character_id: work.after.id,
        event_id: event.id,
        impact_type: event.impact_type,
        impact_id: Some(impact.id),
        impact_magnitude: Some(event.impact_magnitude),
        restored: false,
    };
    work.changes.event(work.after.id, &data(effect));
}
