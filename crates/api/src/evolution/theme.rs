//! The change of theme of a character.

use crate::{
    Api, Problem,
    answer::{Answer, path_id},
    body::{self, Media},
    character::{self, CharacterBody},
    condition::etag,
    context::{self, ChangeHeaders},
    fields::Fields,
    inventory::InventoryItemBody,
    object::Object,
    responses::ActProblems,
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{ETAG, LOCATION},
    web::{Data, Payload},
};
use character_domain::{
    InventoryItemId, Violations,
    character::{DEFAULT_THEME, check_theme},
};
use character_repositories::{EquipmentTransition, ThemeChange, ThemeTransition, Transition};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

/// The requested change of theme.
#[derive(Debug, ToSchema)]
#[schema(example = json!({
    "new_theme": "steampunk",
    "equipment_transitions": [{ "equipment_id": "0190b2f1-7a56-7c3e-9d5b-0d6c1f0a8e11", "transition": "adapt_new" }],
}))]
pub struct ThemeTransitionRequest {
    /// The new theme, which must differ from the current one.
    #[schema(min_length = 1, max_length = 64)]
    pub new_theme: String,
    /// The id of the campaign chapter in which it happens.
    pub chapter_id: Option<Uuid>,
    /// How items change. Items that are not listed stay unchanged.
    pub equipment_transitions: Option<Vec<EquipmentTransitionBody>>,
}

/// How one item changes.
#[derive(Debug, ToSchema)]
pub struct EquipmentTransitionBody {
    /// The id of a live item of the character. Each item may be listed once.
    pub equipment_id: Uuid,
    /// `theme_reset`: the item returns to its first state in the new theme, or else to its original state, of the states that this
    /// character or a predecessor had. `adapt_new`: it is adapted to the new theme. `keep_current`: it stays unchanged.
    pub transition: Transition,
}

/// The result of a change of theme.
#[derive(Debug, Serialize, ToSchema)]
pub struct ThemeChangeBody {
    /// The new character; its `parent_id` is the old one.
    pub character: CharacterBody,
    /// Its items; the `root_id` of each is the original item.
    pub items: Vec<InventoryItemBody>,
}

impl From<ThemeChange> for ThemeChangeBody {
    fn from(change: ThemeChange) -> Self {
        Self {
            character: change.character.into(),
            items: change.items.into_iter().map(InventoryItemBody::from).collect(),
        }
    }
}

/// Continues a character in another theme, as a new character. The journal moves to it, the progress and the live items
/// are copied, the old row stays. Conflicts (409): `too-many-rows`, and the rules of the inventory that a
/// reset item would break.
#[utoipa::path(
    post, path = "/api/v2/characters/{id}/theme-transition", tag = "evolution", operation_id = "changeTheme",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"),
        ChangeHeaders,
    ),
    request_body = ThemeTransitionRequest,
    responses((status = 201, body = ThemeChangeBody, description = "The new character and its items", headers(("Location" = String), ("ETag" = String))), ActProblems),
)]
pub(crate) async fn change_theme(api: Data<Api>, request: HttpRequest, payload: Payload) -> Answer {
    let of = path_id(&request, "id")?;
    let body = body::of_row(&api, &request, payload, Media::Json).await?;
    let context = context::of_change(&request, &body)?;
    let transition = read(body::object(&body)?).map_err(Problem::invalid)?;
    let change = api.repositories.evolution.change_theme(of, &transition, &context).await?;
    let new = &change.character;
    let mut response = HttpResponse::Created();
    response.insert_header((LOCATION, format!("{}/{}", character::PATH, new.id)));
    response.insert_header((ETAG, etag(new.meta.revision)));
    Ok(response.json(ThemeChangeBody::from(change)))
}

/// A placeholder stands in for a field that cannot be read, so that all faults are reported at once.
fn read(members: Object) -> Result<ThemeTransition, Violations> {
    let mut fields = Fields::of(members);
    let new_theme = fields.text("new_theme");
    let new_theme = fields.require("new_theme", new_theme).unwrap_or_else(|| DEFAULT_THEME.to_owned());
    let chapter_id = fields.id("chapter_id");
    let mut equipment_transitions = Vec::new();
    for (index, value) in fields.values("equipment_transitions").unwrap_or_default().into_iter().enumerate() {
        match equipment(value) {
            Ok(transition) => equipment_transitions.push(transition),
            Err(faults) => fields.faults.append(faults.under(&format!("equipment_transitions[{index}]"))),
        }
    }
    fields.finish(ThemeTransition { new_theme, chapter_id, equipment_transitions }, |transition| {
        let mut faults = Violations::default();
        check_theme("new_theme", &transition.new_theme, &mut faults);
        faults
    })
}

fn equipment(value: Value) -> Result<EquipmentTransition, Violations> {
    let Value::Object(members) = value else { return Err(Violations::one("", "must be an object")) };
    let mut fields = Fields::of(members);
    let id = fields.id::<InventoryItemId>("equipment_id");
    let id = fields.require("equipment_id", id).unwrap_or(InventoryItemId(Uuid::nil()));
    let transition = fields.word("transition", "must be theme_reset, adapt_new or keep_current");
    let transition = fields.require("transition", transition).unwrap_or_default();
    fields.refuse_the_rest();
    fields.faults.into_result().map(|()| EquipmentTransition { equipment_id: id, transition })
}
