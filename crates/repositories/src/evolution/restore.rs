//! Restores the state of an earlier version.

use super::{
    EvolutionRepository,
    trace::{Trace, is_of_progress},
    versions_of,
};
use crate::{
    RequestContext, Result,
    act::Attempt,
    progress::{experience_event, of_character},
    unit_of_work::{CharacterReport, UnitOfWork},
};
use character_domain::{
    CampaignEvent, CampaignEventId, Character, CharacterId, CharacterProgress, CharacterVersion, CharacterVersionId,
    EventImpact, EventImpactId, RelatedChange, event::EffectChanged,
};
use character_storage_port::{Deleted, EntityKind, EventData};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// The name of this act in the record of versions.
pub(super) const RESTORED: &str = "character.version_restored";

/// The maximum number of rows in the list of rows that are not restored.
pub const MAX_NOT_RESTORED: usize = 1_000;

/// A character whose state is that of an earlier version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VersionRestored {
    /// The character after the restore.
    pub character: Character,
    /// The rows that changed since that version and are not restored, at most [`MAX_NOT_RESTORED`].
    pub not_restored: Vec<UnrestoredRow>,
    /// The number of all such rows.
    pub not_restored_total: usize,
}

/// A row that changed since the restored version and that stays unchanged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UnrestoredRow {
    /// The kind of row: `inventory_item`, `journal_entry`, …; `character` for the other side of a gift of coins, or
    /// the successor by a change of theme.
    pub kind: String,
    /// The id of the row.
    pub id: Uuid,
}

impl EvolutionRepository {
    /// Restores the state of an earlier version, as a new version. Nothing is erased. The origin of the character, and
    /// whether it is deleted, stay unchanged.
    ///
    /// Effects of campaign events are part of the sheet, so they follow it: an event that was applied since is no
    /// longer applied, and one that was reverted since is applied again. Experience and level are those that the character had
    /// then, whether its sheet had them or its progress. Milestones and achievements, and every other row that changed since
    /// (items, journal, the other side of a gift of coins), stay unchanged, and the result lists them.
    ///
    /// # Errors
    /// `NotFound`, `PreconditionFailed` (of the character), `IdempotencyMismatch`, `Contended`, `Storage`.
    #[tracing::instrument(name = "evolution.restore", level = "debug", skip_all)]
    pub async fn restore(
        &self,
        of: CharacterId,
        id: CharacterVersionId,
        request: &RequestContext,
    ) -> Result<VersionRestored> {
        self.context
            .act(RESTORED, request, move |attempt| async move {
                let current = attempt.accept(attempt.character(of).await?)?;
                let version: CharacterVersion = attempt.owned_row(of, id, Deleted::Exclude).await?;
                let since = Since::read(&attempt, &version).await?;
                let (parent_id, meta) = (current.parent_id, current.meta);
                let mut work = attempt.work_on(current);
                work.after = Character { id: of, parent_id, meta, ..version.state };
                work.restored_from = Some(id);
                work.report(CharacterReport::RestoredFrom(id));
                let regained = since.settle_events(&attempt, &mut work).await?;
                since.settle_progress(&attempt, &mut work, regained).await?;
                let not_restored_total = since.others.len();
                let not_restored = since.others.into_iter().take(MAX_NOT_RESTORED).collect();
                work.finish(|character| VersionRestored { character, not_restored, not_restored_total })
            })
            .await
    }
}

/// The changes after a version, without those of the character itself.
struct Since {
    /// Of each impact, whether it was created, and how often it was reverted or took effect again.
    impacts: BTreeMap<EventImpactId, Toggles>,
    is_progress_changed: bool,
    /// The standing at the version.
    trace: Trace,
    others: BTreeSet<UnrestoredRow>,
}

#[derive(Default)]
struct Toggles {
    created: bool,
    replaced: usize,
}

impl Since {
    async fn read(attempt: &Attempt, to: &CharacterVersion) -> Result<Self> {
        let (of, number) = (to.state.id, to.state.meta.revision);
        let mut since = Self {
            impacts: BTreeMap::new(),
            is_progress_changed: false,
            trace: Trace::to(to.id),
            others: BTreeSet::new(),
        };
        attempt
            .each::<CharacterVersion>(&versions_of(of), |version| {
                let needs_older = since.trace.take(&version);
                if version.state.meta.revision > number {
                    since.is_progress_changed |= version.related.iter().any(is_of_progress);
                    version.related.into_iter().for_each(|related| since.add(related));
                    return true;
                }
                // Without a change of the progress since, it is still as it was then.
                since.is_progress_changed && needs_older
            })
            .await?;
        Ok(since)
    }

    fn add(&mut self, RelatedChange { kind, id, change }: RelatedChange) {
        if kind == EntityKind::EventImpact.as_str() {
            let toggles = self.impacts.entry(EventImpactId(id)).or_default();
            toggles.created |= change == "create";
            toggles.replaced += usize::from(change == "replace");
        } else if kind != EntityKind::CampaignEvent.as_str() {
            self.others.insert(UnrestoredRow { kind, id });
        }
    }

    /// Gives each impact the state that it had at the version, because the sheet has its effect again, or no longer. Returns the
    /// experience that the effects bring, or take when it is below 0.
    async fn settle_events(&self, attempt: &Attempt, work: &mut UnitOfWork) -> Result<i64> {
        let at = work.changes.at;
        let mut experience = 0_i64;
        let mut applied: BTreeMap<CampaignEventId, bool> = BTreeMap::new();
        for (id, toggles) in &self.impacts {
            let Some(impact) = attempt.row_if_any::<EventImpact>(*id, Deleted::Include).await? else { continue };
            let is_in_force = impact.applied && !impact.is_reverted;
            let was_in_force = !toggles.created && (is_in_force ^ (toggles.replaced % 2 == 1));
            *applied.entry(impact.event_id).or_default() |= was_in_force;
            if is_in_force != was_in_force {
                let gained = impact.experience();
                experience = experience.saturating_add(if was_in_force { gained } else { gained.saturating_neg() });
                let reverted_at = (!was_in_force).then_some(at);
                work.changes.replace(EventImpact { is_reverted: !was_in_force, reverted_at, ..impact })?;
            }
        }
        for (id, applied) in applied {
            let Some(event) = attempt.row_if_any::<CampaignEvent>(id, Deleted::Include).await? else { continue };
            if event.applied != applied {
                let (of, impact_type) = (event.character_id, event.impact_type);
                work.changes.replace(CampaignEvent { applied, applied_at: applied.then_some(at), ..event })?;
                let data = if applied { EventData::CharacterEventApplied } else { EventData::CharacterEventReverted };
                let effect = EffectChanged {
                    character_id: of,
                    event_id: id,
                    impact_type,
                    impact_id: None,
                    impact_magnitude: None,
                    restored: true,
                };
                work.changes.event(of, &data(effect));
            }
        }
        Ok(experience)
    }

    /// Sets the experience and the level of the progress to what they were at the version. Where that is not known, the effects of
    /// the events alone are undone.
    async fn settle_progress(&self, attempt: &Attempt, work: &mut UnitOfWork, regained: i64) -> Result<()> {
        if !self.is_progress_changed {
            return Ok(());
        }
        let rows = attempt.all::<CharacterProgress>(&of_character(work.after.id)).await?;
        let Some(today) = rows.into_iter().next() else { return Ok(()) };
        let at = work.changes.at;
        let then = match self.trace.standing() {
            Some(standing) => today.clone().restored(standing, at),
            None => today.clone().regaining(regained, at),
        };
        if then != today {
            let (points, gained) = (then.experience_points, then.experience_points - today.experience_points);
            work.changes.event(work.after.id, &experience_event(work.after.id, gained, points, then.current_level));
            work.changes.replace(then)?;
        }
        Ok(())
    }
}
