//! Records milestones and achievements.

use super::ProgressRepository;
use crate::{RepositoryError, RequestContext, Result};
use character_domain::{
    CharacterId, Document, Refusal, Revision, Timestamp, Violations,
    event::{AttainmentKind, AttainmentRecorded, ProgressUpdated},
    now,
    progress::Attainment,
};
use character_storage_port::EventData;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// A new milestone or achievement.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NewAttainment {
    /// The name or title.
    pub title: String,
    /// The description.
    pub description: String,
    /// The type in free text, such as `story`, `quest` or `exploration`.
    pub kind: String,
    /// When it happened; `None`: now.
    pub achieved_at: Option<Timestamp>,
    /// Any other data, as a JSON object.
    pub data: Document,
}

impl NewAttainment {
    /// Type `story`, with default values.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            description: String::new(),
            kind: "story".to_owned(),
            achieved_at: None,
            data: Document::default(),
        }
    }

    /// Every rule that it breaks on its own.
    #[must_use]
    pub fn check(&self) -> Violations {
        self.attainment(now()).check()
    }

    fn attainment(&self, at: Timestamp) -> Attainment {
        Attainment {
            id: Uuid::now_v7(),
            title: self.title.clone(),
            description: self.description.clone(),
            kind: self.kind.clone(),
            achieved_at: self.achieved_at.unwrap_or(at),
            data: self.data.clone(),
        }
    }
}

/// A milestone or an achievement that was recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attained {
    /// As the progress keeps it: `id`, `title`, `description`, `type`, `achieved_at`, `data`.
    pub entry: Value,
    /// The revision of the character after the change.
    pub revision: Revision,
}

fn act(kind: AttainmentKind) -> &'static str {
    match kind {
        AttainmentKind::Milestone => "progress.milestone_reached",
        AttainmentKind::Achievement => "progress.achievement_won",
    }
}

impl ProgressRepository {
    /// Records a milestone.
    ///
    /// # Errors
    /// `NotFound`, `PreconditionFailed` (of the character), `Invalid`, `IdempotencyMismatch`, `Contended`, `Storage`.
    #[tracing::instrument(name = "progress.add_milestone", level = "debug", skip_all)]
    pub async fn add_milestone(
        &self,
        of: CharacterId,
        new: &NewAttainment,
        request: &RequestContext,
    ) -> Result<Attained> {
        self.attain(AttainmentKind::Milestone, of, new, request).await
    }

    /// Records an achievement.
    ///
    /// # Errors
    /// As [`add_milestone`](Self::add_milestone); `Refused` by `achievement-exists` when the character already has an
    /// achievement with this title.
    #[tracing::instrument(name = "progress.add_achievement", level = "debug", skip_all)]
    pub async fn add_achievement(
        &self,
        of: CharacterId,
        new: &NewAttainment,
        request: &RequestContext,
    ) -> Result<Attained> {
        self.attain(AttainmentKind::Achievement, of, new, request).await
    }

    async fn attain(
        &self,
        kind: AttainmentKind,
        of: CharacterId,
        new: &NewAttainment,
        request: &RequestContext,
    ) -> Result<Attained> {
        new.check().into_result().map_err(RepositoryError::Invalid)?;
        self.context
            .act(act(kind), request, move |attempt| async move {
                let character = attempt.accept(attempt.character(of).await?)?;
                let mut standing = attempt.standing(&character).await?;
                if kind == AttainmentKind::Achievement && standing.row.has_achievement(&new.title) {
                    let reason = "the character already has an achievement with this title";
                    return Err(Refusal::new("achievement-exists", reason).into());
                }
                let mut work = attempt.work_on(character);
                let attainment = new.attainment(work.changes.at);
                let data = EventData::CharacterProgressUpdated(ProgressUpdated::Attainment(AttainmentRecorded {
                    character_id: of,
                    kind,
                    id: attainment.id,
                    title: attainment.title.clone(),
                }));
                work.changes.event(of, &data);
                let entry = attainment.into_entry();
                match kind {
                    AttainmentKind::Milestone => standing.row.milestones.push(entry.clone()),
                    AttainmentKind::Achievement => standing.row.achievements.push(entry.clone()),
                }
                standing.store(&mut work)?;
                work.finish(|after| Attained { entry, revision: after.meta.revision })
            })
            .await
    }
}
