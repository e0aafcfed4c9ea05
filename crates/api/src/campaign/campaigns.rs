//! The use cases of campaigns, and their replacement.

use super::{CampaignBody, NewCampaignBody, row::whole};
use crate::{
    Api, Problem,
    answer::{Answer, changed, path_id},
    body::{self, Media},
    context::{self, ChangeHeaders},
    resource::{Resource, Restorable, Scope, UseCases, delete, get, patch},
    responses::ActProblems,
};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload},
};
use character_domain::{Campaign, CampaignId};
use character_http_kit::Endpoint;
use character_repositories::{ListRequest, Listed, NewCampaign, Result as Outcome};
use character_storage_port::{CampaignQuery, Read};

impl UseCases for Campaign {
    async fn list(at: Scope<'_, Self>, query: CampaignQuery, wanted: ListRequest) -> Outcome<Read<Listed<Self>>> {
        at.repositories.campaigns.list(&query, wanted, at.context).await
    }

    async fn create(at: Scope<'_, Self>, new: NewCampaign) -> Outcome<Self> {
        at.repositories.campaigns.create(new, at.context).await
    }

    async fn get(at: Scope<'_, Self>, id: CampaignId) -> Outcome<Read<Self>> {
        at.repositories.campaigns.get(id, at.context).await
    }

    async fn patch(at: Scope<'_, Self>, id: CampaignId, change: impl Fn(&Self) -> Outcome<Self>) -> Outcome<Self> {
        at.repositories.campaigns.patch(id, at.context, change).await
    }

    async fn delete(at: Scope<'_, Self>, id: CampaignId) -> Outcome<()> {
        at.repositories.campaigns.delete(id, at.context).await
    }

    fn endpoint() -> Endpoint {
        Endpoint::at(Self::PATHS.one).get(get::<Self>).put(replace_campaign).patch(patch::<Self>).delete(delete::<Self>)
    }
}

impl Restorable for Campaign {
    async fn restore(at: Scope<'_, Self>, id: CampaignId) -> Outcome<Self> {
        at.repositories.campaigns.restore(id, at.context).await
    }
}

/// Replaces all fields of a campaign. Without `If-Match` the last writer wins.
#[utoipa::path(
    put, path = "/api/v2/campaigns/{campaign}", tag = "campaigns", operation_id = "replaceCampaign",
    params(("campaign" = uuid::Uuid, Path, description = "The campaign"), ChangeHeaders),
    request_body = NewCampaignBody,
    responses((status = 200, body = CampaignBody, description = "The campaign after the change", headers(("ETag" = String))), ActProblems),
)]
pub(crate) async fn replace_campaign(api: Data<Api>, request: HttpRequest, payload: Payload) -> Answer {
    let id = path_id(&request, "campaign")?;
    let body = body::of_row(&api, &request, payload, Media::Json).await?;
    let context = context::of_change(&request, &body)?;
    let new = whole(body::object(&body)?, id).map_err(Problem::invalid)?;
    let campaign = api.repositories.campaigns.replace(id, new, &context).await?;
    Ok(changed::<_, CampaignBody>(&mut HttpResponse::Ok(), campaign))
}
