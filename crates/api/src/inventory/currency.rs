//! The coins of a character.

use crate::{
    Api, Problem, ProblemBody,
    answer::{self, Answer, path_id},
    body::{self, Media},
    condition::etag,
    context::{self, ChangeHeaders},
    fields::Fields,
    responses::{ActProblems, LookProblems},
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header::ETAG,
    web::{Data, Payload},
};
use character_domain::{Character, CharacterId, Violations};
use character_repositories::{COINS, Purse, RepositoryError};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The number of coins of each kind.
#[derive(Debug, Serialize, ToSchema)]
pub struct PurseBody {
    /// Copper pieces.
    pub cp: i64,
    /// Silver pieces.
    pub sp: i64,
    /// Electrum pieces.
    pub ep: i64,
    /// Gold pieces.
    pub gp: i64,
    /// Platinum pieces.
    pub pp: i64,
}

/// The number of coins to add of each kind, negative to take away. Absent kinds stay unchanged.
#[derive(Debug, ToSchema)]
#[schema(example = json!({ "gp": -15, "sp": 4 }))]
pub struct PurseChange {
    /// Copper pieces.
    #[schema(minimum = -1_000_000_000_000_i64, maximum = 1_000_000_000_000_i64)]
    pub cp: Option<i64>,
    /// Silver pieces.
    #[schema(minimum = -1_000_000_000_000_i64, maximum = 1_000_000_000_000_i64)]
    pub sp: Option<i64>,
    /// Electrum pieces.
    #[schema(minimum = -1_000_000_000_000_i64, maximum = 1_000_000_000_000_i64)]
    pub ep: Option<i64>,
    /// Gold pieces.
    #[schema(minimum = -1_000_000_000_000_i64, maximum = 1_000_000_000_000_i64)]
    pub gp: Option<i64>,
    /// Platinum pieces.
    #[schema(minimum = -1_000_000_000_000_i64, maximum = 1_000_000_000_000_i64)]
    pub pp: Option<i64>,
}

impl From<Purse> for PurseBody {
    fn from(purse: Purse) -> Self {
        let count = |coin: &str| purse.0.get(coin).copied().unwrap_or_default();
        Self { cp: count("cp"), sp: count("sp"), ep: count("ep"), gp: count("gp"), pp: count("pp") }
    }
}

/// Returns the coins of a character. The entity tag is that of the character.
#[utoipa::path(
    get, path = "/api/v2/characters/{id}/inventory/currency", tag = "inventory", operation_id = "getCurrency",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"),
        ("If-None-Match" = Option<String>, Header, description = "Entity tags of the copies that the client has. Status 304 when one is current."),
    ),
    responses(
        (status = 200, body = PurseBody, description = "The coins of the character", headers(("ETag" = String), ("Cache-Status" = String))),
        (status = 304, description = "Not modified: the copy of the client is current"),
        (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "`unreadable-member`: the sheet does not hold numbers of coins where they belong"),
        LookProblems,
    ),
)]
pub(crate) async fn currency(api: Data<Api>, request: HttpRequest) -> Answer {
    let read = api.repositories.inventory.currency(path_id(&request, "id")?, &context::of_read(&request)?).await?;
    let coins = Purse::of(&read.value.data).map_err(RepositoryError::from)?;
    answer::of_revision(&request, read.source, read.value.meta.revision, |response| {
        Ok(response.json(PurseBody::from(coins)))
    })
}

/// Adds or takes away coins of all kinds at once. Conflicts (409): `not-enough-coins`, `too-many-coins` and
/// `unreadable-member` (the sheet does not hold whole numbers of coins).
#[utoipa::path(
    post, path = "/api/v2/characters/{id}/inventory/currency", tag = "inventory", operation_id = "changeCurrency",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"),
        ChangeHeaders,
    ),
    request_body = PurseChange,
    responses((status = 200, body = PurseBody, description = "The coins of the character after the change", headers(("ETag" = String))), ActProblems),
)]
pub(crate) async fn change_currency(api: Data<Api>, request: HttpRequest, payload: Payload) -> Answer {
    let of = path_id(&request, "id")?;
    let body = body::of_row(&api, &request, payload, Media::Json).await?;
    let context = context::of_change(&request, &body)?;
    let fields = Fields::of(body::object(&body)?);
    let change = coins(fields, None).map_err(Problem::invalid)?;
    let character = api.repositories.inventory.change_currency(of, &change, &context).await?;
    purse(&character)
}

/// The coins to give and their receiver. At least one kind is required; each is 0 or more.
#[derive(Debug, ToSchema)]
#[schema(example = json!({ "to": "0190b2f1-7a56-7c3e-9d5b-0d6c1f0a8e11", "gp": 15 }))]
pub struct GiveCoinsRequest {
    /// The id of the character that receives the coins.
    pub to: uuid::Uuid,
    /// Copper pieces.
    #[schema(minimum = 0, maximum = 1_000_000_000_000_i64)]
    pub cp: Option<i64>,
    /// Silver pieces.
    #[schema(minimum = 0, maximum = 1_000_000_000_000_i64)]
    pub sp: Option<i64>,
    /// Electrum pieces.
    #[schema(minimum = 0, maximum = 1_000_000_000_000_i64)]
    pub ep: Option<i64>,
    /// Gold pieces.
    #[schema(minimum = 0, maximum = 1_000_000_000_000_i64)]
    pub gp: Option<i64>,
    /// Platinum pieces.
    #[schema(minimum = 0, maximum = 1_000_000_000_000_i64)]
    pub pp: Option<i64>,
}

/// Gives coins to another character. Both characters change in one transaction, and each gets a version. Conflict (409): `not-enough-coins`.
#[utoipa::path(
    post, path = "/api/v2/characters/{id}/inventory/currency/give", tag = "inventory", operation_id = "giveCurrency",
    params(("id" = uuid::Uuid, Path, description = "The character that gives"), ChangeHeaders),
    request_body = GiveCoinsRequest,
    responses((status = 200, body = PurseBody, description = "The coins of the giver after the change", headers(("ETag" = String))), ActProblems),
)]
pub(crate) async fn give_coins(api: Data<Api>, request: HttpRequest, payload: Payload) -> Answer {
    let of = path_id(&request, "id")?;
    let body = body::of_row(&api, &request, payload, Media::Json).await?;
    let context = context::of_change(&request, &body)?;
    let mut fields = Fields::of(body::object(&body)?);
    let to = fields.id("to");
    let to = fields.require("to", to).unwrap_or(CharacterId(uuid::Uuid::nil()));
    let coins = coins(fields, Some(0)).map_err(Problem::invalid)?;
    let giver = api.repositories.inventory.give_coins(of, to, &coins, &context).await?;
    purse(&giver)
}

/// The coins of a request, `least` of each kind, with every fault.
fn coins(mut fields: Fields, least: Option<i64>) -> Result<Purse, Violations> {
    let mut counted = BTreeMap::new();
    for &coin in COINS {
        let Some(count) = fields.number(coin) else { continue };
        if let Some(least) = least.filter(|least| count < *least) {
            fields.faults.push(coin, format!("must be at least {least}"));
        }
        counted.insert(coin.to_owned(), count);
    }
    if counted.is_empty() && !fields.faults.iter().any(|fault| COINS.contains(&&*fault.field)) {
        fields.faults.push("gp", format!("at least one of {} is required", COINS.join(", ")));
    }
    fields.finish(Purse(counted), |purse| if purse.0.is_empty() { Violations::default() } else { purse.check() })
}

/// The coins of a character after a change.
fn purse(character: &Character) -> Answer {
    let coins = Purse::of(&character.data).map_err(RepositoryError::from)?;
    let tag = etag(character.meta.revision);
    Ok(HttpResponse::Ok().insert_header((ETAG, tag)).json(PurseBody::from(coins)))
}
