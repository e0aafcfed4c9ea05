//! A campaign in requests and responses.

use crate::{
    RowBody,
    fields::Fields,
    object::Object,
    query::Parameters,
    resource::{Filter, INCLUDE_DELETED, Paths, Resource, Words, paths, text, uuid},
};
use character_domain::{Campaign, CampaignId, Violations, character::DEFAULT_THEME, now};
use character_repositories::NewCampaign;
use character_storage_port::CampaignQuery;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

const META: [&str; 4] = ["revision", "created_at", "updated_at", "deleted_at"];

/// A campaign.
pub type CampaignBody = RowBody<Campaign>;

/// A new campaign, or all fields of one. Unknown fields are rejected; `null` means the same as an absent field.
#[derive(Debug, ToSchema)]
#[schema(example = json!({ "name": "The Lost Heir", "dm_name": "Ada" }))]
pub struct NewCampaignBody {
    /// Default: a new UUID of version 7.
    pub id: Option<Uuid>,
    /// The name of the campaign.
    #[schema(min_length = 1, max_length = 255)]
    pub name: String,
    /// The theme: the setting that the campaign is played in.
    #[schema(default = "traditional", min_length = 1, max_length = 64)]
    pub theme: Option<String>,
    /// The user who leads it.
    pub dm_user_id: Option<Uuid>,
    /// The name of the user who leads it.
    #[schema(min_length = 1, max_length = 255)]
    pub dm_name: Option<String>,
    /// Any other data, as a JSON object.
    #[schema(value_type = Option<Object>)]
    pub data: Option<Map<String, Value>>,
}

/// Changes of a campaign (RFC 7396): absent fields stay, `null` removes a value.
#[derive(Debug, ToSchema)]
#[schema(example = json!({ "dm_name": null, "data": { "chapter": 2 } }))]
pub struct CampaignPatch {
    /// The name of the campaign; cannot be removed.
    #[schema(nullable = false)]
    pub name: Option<String>,
    /// The theme: the setting that the campaign is played in. `null` restores the default, `traditional`.
    pub theme: Option<String>,
    /// The user who leads it.
    pub dm_user_id: Option<Uuid>,
    /// The name of the user who leads it.
    pub dm_name: Option<String>,
    /// Merged into the stored object, member by member.
    #[schema(value_type = Option<Object>)]
    pub data: Option<Map<String, Value>>,
}

impl Resource for Campaign {
    type Parent = ();
    type New = NewCampaign;
    type NewBody = NewCampaignBody;
    type PatchBody = CampaignPatch;

    const PATHS: Paths = paths!("/api/v2/campaigns", "campaign");
    const READ_ONLY: &'static [&'static str] = &[];
    const FILTERS: &'static [Filter] = &[
        ("dm_user_id", uuid, "Only campaigns that this user leads."),
        ("theme", text, "Only rows of this theme, compared exactly."),
        INCLUDE_DELETED,
    ];

    fn words() -> Words {
        let list = "Lists campaigns, newest first.".to_owned();
        let words = Words::of("campaigns", "Campaign", "a", "campaign", ("listCampaigns", list));
        let note = " A character may also be in a campaign that this service does not store, because another service\n\
                    owns it.";
        Words { create: words.create + note, delete: words.delete + " Its characters stay members.", ..words }
    }

    fn query(parameters: &mut Parameters) -> CampaignQuery {
        CampaignQuery {
            dm_user_id: parameters.id("dm_user_id"),
            theme: parameters.text("theme"),
            include_deleted: parameters.flag("include_deleted"),
        }
    }

    fn read(fields: &mut Fields) -> NewCampaign {
        let name = fields.text("name");
        NewCampaign {
            id: fields.id("id"),
            name: fields.require("name", name).unwrap_or_default(),
            theme: fields.text("theme").unwrap_or_else(|| DEFAULT_THEME.to_owned()),
            dm_user_id: fields.id("dm_user_id"),
            dm_name: fields.text("dm_name"),
            data: fields.document("data").unwrap_or_default(),
        }
    }

    fn read_new(members: Object) -> Result<NewCampaign, Violations> {
        let mut fields = Fields::of(members);
        fields.refuse(&META, "is read-only");
        all_of(fields)
    }

    fn check_new(new: NewCampaign) -> Violations {
        new.into_campaign(now()).check()
    }

    fn rewritten(&self, fields: &mut Fields) -> Self {
        let NewCampaign { name, theme, dm_user_id, dm_name, data, .. } = Self::read(fields);
        Self { name, theme, dm_user_id, dm_name, data, ..self.clone() }
    }
}

/// All fields of the campaign `id`. A body that `GET` returned is accepted unchanged.
pub(super) fn whole(members: Object, id: CampaignId) -> Result<NewCampaign, Violations> {
    let mut fields = Fields::of(members);
    fields.ignore(&META);
    if fields.id::<CampaignId>("id").is_some_and(|given| given != id) {
        fields.faults.push("id", "must be that of the path");
    }
    all_of(fields)
}

fn all_of(mut fields: Fields) -> Result<NewCampaign, Violations> {
    let new = Campaign::read(&mut fields);
    fields.finish(new, Campaign::check_new)
}
