//! A campaign in requests and responses.

use crate::{
    NewBody, RowBody,
    fields::Fields,
    object::Object,
    query::Parameters,
    resource::{Filter, INCLUDE_DELETED, Paths, Resource, Words, paths, text, uuid},
    writable::Examples,
};
use character_domain::{Campaign, CampaignId, Violations, character::DEFAULT_THEME, now};
use character_repositories::NewCampaign;
use character_storage_port::CampaignQuery;
use serde_json::json;

const META: [&str; 4] = ["revision", "created_at", "updated_at", "deleted_at"];

/// A campaign.
pub type CampaignBody = RowBody<Campaign>;
/// A new campaign.
pub type NewCampaignBody = NewBody<Campaign>;

impl Resource for Campaign {
    type Parent = ();
    type New = NewCampaign;

    const PATHS: Paths = paths!("/api/v2/campaigns", "campaign");
    const READ_ONLY: &'static [&'static str] = &[];
    const FILTERS: &'static [Filter] = &[
        ("dm_user_id", uuid, "Only campaigns that this user leads."),
        ("theme", text, "Only rows of this theme, compared exactly."),
        INCLUDE_DELETED,
    ];

    fn examples() -> Examples {
        Examples {
            new: json!({ "name": "The Lost Heir", "dm_name": "Ada" }),
            patch: json!({ "dm_name": null, "data": { "chapter": 2 } }),
        }
    }

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
