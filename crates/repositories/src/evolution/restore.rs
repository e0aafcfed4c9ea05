//! Restores the state of an earlier version.

use super::{EvolutionRepository, versions_of};
use crate::{
    RepositoryError, RequestContext, Result,
    act::Attempt,
    unit_of_work::{CharacterReport, UnitOfWork},
};
use character_domain::{
    CampaignEvent, CampaignEventId, Character, CharacterId, CharacterVersion, CharacterVersionId, EventImpact,
    EventImpactId, RelatedChange, Revision, event::EffectChanged,
};
use character_storage_port::{Deleted, Entity, EntityKind, EventData};
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
    /// The kind of row: `inventory_item`, `journal_entry`, ….
    pub kind: String,
    /// The id of the row.
    pub id: Uuid,
}

impl EvolutionRepository {
    /// Restores the state of an earlier version, as a new version. Nothing is erased. The origin of the character, and
    /// whether it is deleted, stay unchanged.
    ///
    /// Effects of campaign events are part of the sheet, so they follow it: an event that was applied since is no
    /// longer applied, and one that was reverted since is applied again. Every other row that changed since (items,
    /// journal, progress) stays unchanged, and the result lists it.
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
                let since = Since::read(&attempt, of, version.state.meta.revision).await?;
                let (parent_id, meta) = (current.parent_id, current.meta);
                let mut work = attempt.work_on(current);
                work.after = Character { id: of, parent_id, meta, ..version.state };
                work.restored_from = Some(id);
                work.report(CharacterReport::RestoredFrom(id));
                since.settle_events(&attempt, &mut work).await?;
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
    others: BTreeSet<UnrestoredRow>,
}

#[derive(Default)]
struct Toggles {
    created: bool,
    replaced: usize,
}

impl Since {
    async fn read(attempt: &Attempt, of: CharacterId, number: Revision) -> Result<Self> {
        let mut since = Self { impacts: BTreeMap::new(), others: BTreeSet::new() };
        attempt
            .each::<CharacterVersion>(&versions_of(of), |version| {
                let is_later = version.state.meta.revision > number;
                if is_later {
                    version.related.into_iter().for_each(|related| since.add(related));
                }
                is_later
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

    /// Gives each impact the state that it had at the version, because the sheet has its effect again, or no longer.
    async fn settle_events(&self, attempt: &Attempt, work: &mut UnitOfWork) -> Result<()> {
        let at = work.changes.at;
        let mut applied: BTreeMap<CampaignEventId, bool> = BTreeMap::new();
        for (id, toggles) in &self.impacts {
            let Some(impact) = found(attempt.row::<EventImpact>(*id, Deleted::Include).await)? else { continue };
            let is_in_force = impact.applied && !impact.is_reverted;
            let was_in_force = !toggles.created && (is_in_force ^ (toggles.replaced % 2 == 1));
            *applied.entry(impact.event_id).or_default() |= was_in_force;
            if is_in_force != was_in_force {
                let reverted_at = (!was_in_force).then_some(at);
                work.changes.replace(EventImpact { is_reverted: !was_in_force, reverted_at, ..impact })?;
            }
        }
        for (id, applied) in applied {
            let Some(event) = found(attempt.row::<CampaignEvent>(id, Deleted::Include).await)? else { continue };
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
        Ok(())
    }
}

fn found<E: Entity>(row: Result<E>) -> Result<Option<E>> {
    match row {
        Ok(row) => Ok(Some(row)),
        Err(RepositoryError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
