//! Campaigns themselves.

use super::{CampaignRepository, NewCampaign};
use crate::{ListRequest, Listed, RequestContext, Result, act::Decision, unit_of_work::checked};
use character_domain::{Campaign, CampaignId};
use character_storage_port::{CampaignQuery, Deleted, Read};

/// The names of the acts on campaigns.
const CREATED: &str = "campaign.created";
const UPDATED: &str = "campaign.updated";
const DELETED: &str = "campaign.deleted";
const RESTORED: &str = "campaign.restored";

impl CampaignRepository {
    /// Stores a new campaign.
    ///
    /// # Errors
    /// `Invalid`, `AlreadyExists`, `IdempotencyMismatch`, `Storage`.
    #[tracing::instrument(name = "campaign.create", level = "debug", skip_all)]
    pub async fn create(&self, new: NewCampaign, request: &RequestContext) -> Result<Campaign> {
        let (id, new) = (new.id, &new);
        let created = self.context.act(CREATED, request, move |attempt| async move {
            let mut changes = attempt.changes();
            let campaign = changes.create(new.clone().into_campaign(changes.at))?;
            Ok(changes.finish(campaign))
        });
        self.context.name_deleted::<Campaign, _>(id, created.await).await
    }

    /// The live campaign with this id.
    ///
    /// # Errors
    /// `NotFound`, `PreconditionFailed`, `Storage`.
    #[tracing::instrument(name = "campaign.get", level = "debug", skip_all)]
    pub async fn get(&self, id: CampaignId, request: &RequestContext) -> Result<Read<Campaign>> {
        self.context.get(id, request).await
    }

    /// One page of campaigns, newest first.
    ///
    /// # Errors
    /// `Storage`.
    #[tracing::instrument(name = "campaign.list", level = "debug", skip_all)]
    pub async fn list(
        &self,
        query: &CampaignQuery,
        wanted: impl Into<ListRequest>,
        _request: &RequestContext,
    ) -> Result<Read<Listed<Campaign>>> {
        self.context.list(query, wanted.into()).await
    }

    /// Replaces all fields of the live campaign `id` by `new`. Without a condition the last writer wins.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, `PreconditionFailed`, `IdempotencyMismatch`, `Contended`, `Storage`.
    #[tracing::instrument(name = "campaign.replace", level = "debug", skip_all)]
    pub async fn replace(&self, id: CampaignId, new: NewCampaign, request: &RequestContext) -> Result<Campaign> {
        self.patch(id, request, |current| Ok(new.clone().into_campaign(current.meta.created_at))).await
    }

    /// Gives the live campaign `id` to `change` and stores the result. Nothing is written when nothing changes.
    ///
    /// # Errors
    /// `NotFound`, `PreconditionFailed`, `Invalid`, `IdempotencyMismatch`, `Contended`, `Storage`, and what `change`
    /// refuses.
    #[tracing::instrument(name = "campaign.patch", level = "debug", skip_all)]
    pub async fn patch(
        &self,
        id: CampaignId,
        request: &RequestContext,
        change: impl Fn(&Campaign) -> Result<Campaign>,
    ) -> Result<Campaign> {
        let change = &change;
        self.context
            .act(UPDATED, request, move |attempt| async move {
                let current = attempt.accept(attempt.row::<Campaign>(id, Deleted::Exclude).await?)?;
                let next = Campaign { id, meta: current.meta, ..change(&current)? };
                checked(&next)?;
                if next == current {
                    return Ok(Decision::Unchanged(current));
                }
                let mut changes = attempt.changes();
                let next = changes.replace(next)?;
                Ok(changes.finish(next))
            })
            .await
    }

    /// Soft-deletes the live campaign `id`. Its characters stay members.
    ///
    /// # Errors
    /// `NotFound` (also when it is deleted already), `PreconditionFailed`, `IdempotencyMismatch`, `Contended`, `Storage`.
    #[tracing::instrument(name = "campaign.delete", level = "debug", skip_all)]
    pub async fn delete(&self, id: CampaignId, request: &RequestContext) -> Result<()> {
        self.context
            .act(DELETED, request, move |attempt| async move {
                let current = attempt.accept(attempt.row::<Campaign>(id, Deleted::Exclude).await?)?;
                let mut changes = attempt.changes();
                changes.delete(&current);
                Ok(changes.finish(()))
            })
            .await
    }

    /// Restores the soft-deleted campaign `id`. One that is live is returned unchanged.
    ///
    /// # Errors
    /// `NotFound` (there never was one), `PreconditionFailed`, `IdempotencyMismatch`, `Contended`, `Storage`.
    #[tracing::instrument(name = "campaign.restore", level = "debug", skip_all)]
    pub async fn restore(&self, id: CampaignId, request: &RequestContext) -> Result<Campaign> {
        self.context
            .act(RESTORED, request, move |attempt| async move {
                let current = attempt.accept(attempt.row::<Campaign>(id, Deleted::Include).await?)?;
                if !current.meta.is_deleted() {
                    return Ok(Decision::Unchanged(current));
                }
                let mut changes = attempt.changes();
                let restored = changes.restore(current);
                Ok(changes.finish(restored))
            })
            .await
    }
}
