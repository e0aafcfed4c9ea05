//! From JSON objects to what the repository takes, with every fault found.

use crate::{
    fields::Fields,
    object::Object,
    writable::{Examples, Notes, Writable, unstated},
};
use character_domain::{Character, CharacterId, UserId, Violations, character::DEFAULT_THEME};
use character_repositories::{NewCharacter, RepositoryError, StatedParent};
use serde_json::{Map, Value, json};

/// What the service sets and a client only reads.
const READ_ONLY: [&str; 4] = ["revision", "created_at", "updated_at", "deleted_at"];
/// What a client may change.
const WRITABLE: [&str; 7] = ["parent_id", "theme", "name", "user_id", "campaign_id", "data", "is_active"];
const IS_READ_ONLY: &str = "is read-only";

impl Writable for Character {
    const NOTES: Notes = &[
        ("id", "In a `PUT` it must equal the id in the path."),
        (
            "parent_id",
            "`POST` rejects every value but `null`. `PUT` keeps the stored value when this is absent, and rejects every other \
             value.",
        ),
    ];

    fn called() -> &'static str {
        "character"
    }

    fn examples() -> Examples {
        let user_id = "6f1c2f0e-58a0-4d7b-8d1e-6a3c1f7f9a10";
        Examples {
            new: json!({ "name": "Torormir", "user_id": user_id, "data": { "level": 3 } }),
            patch: json!({ "campaign_id": null, "data": { "level": 4 } }),
        }
    }

    fn unstated() -> (Map<String, Value>, Violations) {
        let (mut new, faults) = unstated(read);
        // Its name in requests.
        new.remove("parent");
        new.insert("parent_id".to_owned(), Value::Null);
        (new, faults)
    }
}

/// A character to be.
pub(crate) fn new(members: Object) -> Result<NewCharacter, Violations> {
    let mut fields = Fields::of(members);
    fields.refuse(&READ_ONLY, IS_READ_ONLY);
    writable(fields, NewCharacter::check)
}

/// All fields of the character `id`. A body that `GET` returned is accepted unchanged.
pub(crate) fn whole(members: Object, id: CharacterId) -> Result<NewCharacter, Violations> {
    let mut fields = Fields::of(members);
    fields.ignore(&READ_ONLY);
    if fields.id::<CharacterId>("id").is_some_and(|given| given != id) {
        fields.faults.push("id", "must be that of the path");
    }
    writable(fields, NewCharacter::check_fields)
}

/// Changes of a character, and what applies them to it.
pub(crate) fn patch(members: Object) -> Result<impl Fn(&Character) -> Result<Character, RepositoryError>, Violations> {
    let mut fields = Fields::of(members.clone());
    fields.refuse(&READ_ONLY, IS_READ_ONLY);
    fields.refuse(&["id"], IS_READ_ONLY);
    if !fields.faults.is_empty() || members.names().any(|name| !WRITABLE.contains(&name)) {
        let new = read(&mut fields);
        return Err(fields.faults_of_change(&members, &new.check_fields()));
    }
    let patch = members.into_value();
    Ok(move |current: &Character| {
        let mut merged = as_written(current);
        json_patch::merge(&mut merged, &patch);
        let Value::Object(members) = merged else {
            return Err(RepositoryError::Invalid(Violations::one("body", "must be an object")));
        };
        let new = writable(Fields::of(members), NewCharacter::check_fields).map_err(RepositoryError::Invalid)?;
        Ok(Character {
            parent_id: match new.parent {
                StatedParent::Stated(parent_id) => parent_id,
                StatedParent::Unstated => None,
            },
            theme: new.theme,
            name: new.name,
            user_id: new.user_id,
            campaign_id: new.campaign_id,
            data: new.data,
            is_active: new.is_active,
            ..*current
        })
    })
}

fn as_written(character: &Character) -> Value {
    json!({
        "parent_id": character.parent_id,
        "theme": character.theme,
        "name": character.name,
        "user_id": character.user_id,
        "campaign_id": character.campaign_id,
        "data": character.data,
        "is_active": character.is_active,
    })
}

/// The fields that a client may send, and nothing else. `check` reads also those that stand in for others, so that all faults are
/// reported at once.
fn writable(mut fields: Fields, check: impl FnOnce(&NewCharacter) -> Violations) -> Result<NewCharacter, Violations> {
    let new = read(&mut fields);
    fields.refuse_the_rest();
    let mut faults = fields.faults;
    faults.append(check(&new));
    faults.into_result().map(|()| new)
}

/// The fields that a client may send, with a stand-in for each that cannot be read.
fn read(fields: &mut Fields) -> NewCharacter {
    let (name, user_id) = (fields.text("name"), fields.id("user_id"));
    NewCharacter {
        name: fields.require("name", name).unwrap_or_else(|| "unnamed".to_owned()),
        user_id: fields.require("user_id", user_id).unwrap_or(UserId(uuid::Uuid::nil())),
        id: fields.id("id"),
        parent: if fields.has("parent_id") {
            StatedParent::Stated(fields.id("parent_id"))
        } else {
            StatedParent::Unstated
        },
        theme: fields.text("theme").unwrap_or_else(|| DEFAULT_THEME.to_owned()),
        campaign_id: fields.id("campaign_id"),
        data: fields.document("data").unwrap_or_default(),
        is_active: fields.flag("is_active").unwrap_or(true),
    }
}
