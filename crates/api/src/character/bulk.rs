//! Many characters at once.

use super::{BulkCreatedBody, BulkItemBody, BulkOutcomeBody, BulkRequest, input};
use crate::{
    Api, Problem, ProblemBody,
    body::{self, Media, Refusal},
    idempotency,
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Payload},
};
use character_domain::{Character, Violations};
use character_repositories::{NewCharacter, RepositoryError};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Most characters in one bulk.
const MOST: usize = 1000;

/// Makes up to 1000 characters: all or none (`atomic`, the default), or each for itself.
#[utoipa::path(
    post, path = "/api/v2/characters/bulk", tag = "characters", operation_id = "createCharacters",
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters. A repeat under the same key gets the first answer; another body under it 422.")),
    request_body = BulkRequest,
    responses(
        (status = 201, body = BulkCreatedBody, description = "`atomic`: all were made"),
        (status = 207, body = BulkOutcomeBody, description = "Not `atomic`: what became of each"),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "`malformed`, `malformed-idempotency-key`"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json", description = "`body-too-large`"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json", description = "`unsupported-media-type`"),
        (status = 422, body = ProblemBody, content_type = "application/problem+json", description = "`invalid`: none was made; every fault by its place, such as `characters[3].name`. `idempotency-mismatch`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`storage-unavailable`, with `Retry-After`"),
        (status = 504, body = ProblemBody, content_type = "application/problem+json", description = "`storage-timeout`"),
    ),
)]
pub(crate) async fn create_bulk(
    api: Data<Api>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let key = idempotency::key(request.headers())?;
    let limits = api.limits;
    let body = body::read(&request, payload, Media::Json, limits.bulk_body, limits.body_timeout).await?;
    let Bulk { atomic, characters } = Bulk::read(&body)?;
    let new = characters.iter().map(|text| character(text, limits.body)).collect();
    if atomic {
        let created = api.characters.create_all(new, key.as_ref()).await?;
        let items = created.into_iter().map(Into::into).collect();
        return Ok(HttpResponse::Created().json(BulkCreatedBody { items }));
    }
    let outcomes = api.characters.create_each(new, key.as_ref()).await?;
    let results = outcomes.into_iter().enumerate().map(|(index, outcome)| item(index, outcome)).collect();
    Ok(HttpResponse::MultiStatus().json(BulkOutcomeBody { results }))
}

fn item(index: usize, outcome: Result<Character, RepositoryError>) -> BulkItemBody {
    match outcome.map_err(Problem::from) {
        Ok(character) => BulkItemBody {
            index,
            status: StatusCode::CREATED.as_u16(),
            character: Some(character.into()),
            problem: None,
        },
        Err(problem) => {
            BulkItemBody { index, status: problem.status().as_u16(), character: None, problem: Some(problem.body()) }
        }
    }
}

/// The request, taken apart; each character is still the text that the client sent, so that one that cannot be read
/// is a fault of its own.
struct Bulk {
    atomic: bool,
    characters: Vec<Box<RawValue>>,
}

impl Bulk {
    fn read(body: &[u8]) -> Result<Self, Problem> {
        let mut members: BTreeMap<String, Box<RawValue>> = body::parse(body).map_err(|error| {
            if error.is_data() {
                return Problem::field("body", "must be an object");
            }
            Problem::malformed(error.to_string())
        })?;
        let mut faults = Violations::default();
        let atomic = members.remove("atomic").filter(|text| text.get() != "null");
        let atomic = atomic.map_or(Some(true), |text| body::parse(text.get().as_bytes()).ok());
        if atomic.is_none() {
            faults.push("atomic", "must be true or false");
        }
        let characters = members.remove("characters");
        let characters = match characters.map(|text| body::parse::<Vec<Box<RawValue>>>(text.get().as_bytes())) {
            None => {
                faults.push("characters", "is required");
                Vec::new()
            }
            Some(Err(_)) => {
                faults.push("characters", "must be an array");
                Vec::new()
            }
            Some(Ok(characters)) => {
                if !(1..=MOST).contains(&characters.len()) {
                    faults.push("characters", format!("must be 1 to {MOST}"));
                }
                characters
            }
        };
        for name in members.keys() {
            faults.push(name.chars().take(100).collect::<String>(), "is not a field of this request");
        }
        faults.into_result().map_err(Problem::invalid)?;
        Ok(Self { atomic: atomic.unwrap_or(true), characters })
    }
}

fn character(text: &RawValue, limit: usize) -> Result<NewCharacter, Violations> {
    if text.get().len() > limit {
        return Err(Violations::one("", format!("must not be larger than {limit} bytes")));
    }
    let members = body::character(text.get().as_bytes()).map_err(|refusal| match refusal {
        Refusal::Syntax(error) => Violations::one("", format!("must be JSON: {error}")),
        Refusal::Invalid(violations) => violations,
    })?;
    input::new(members)
}
