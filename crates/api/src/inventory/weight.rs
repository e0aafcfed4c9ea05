//! What a character carries.

use crate::{
    Api, ProblemBody,
    answer::{Answer, path_id},
    context,
    responses::LookProblems,
};
use actix_web::{HttpRequest, HttpResponse, web::Data};
use character_domain::number;
use character_repositories::{ContainerLoad, Load};
use serde::Serialize;
use serde_json::Number;
use utoipa::ToSchema;
use uuid::Uuid;

/// What a character carries, in pounds. The numbers are exact.
#[derive(Debug, Serialize, ToSchema)]
pub struct LoadBody {
    /// All of it.
    #[schema(value_type = f64)]
    pub carried: Number,
    /// How much it can carry: 15 times its strength; `null` when the sheet names none.
    #[schema(value_type = Option<f64>)]
    pub capacity: Option<Number>,
    /// Each container.
    pub containers: Vec<ContainerLoadBody>,
}

/// What lies in a container, in pounds.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContainerLoadBody {
    /// Which.
    pub id: Uuid,
    /// What it is called.
    pub name: String,
    /// What lies in it.
    #[schema(value_type = f64)]
    pub contents: Number,
    /// How much it holds; `null` when it says nothing of a limit.
    #[schema(value_type = Option<f64>)]
    pub capacity: Option<Number>,
}

impl From<Load> for LoadBody {
    fn from(load: Load) -> Self {
        let container = |it: ContainerLoad| ContainerLoadBody {
            id: it.id.0,
            name: it.name,
            contents: number::json(it.contents),
            capacity: it.capacity.map(number::json),
        };
        let containers = load.containers.into_iter().map(container).collect();
        Self { carried: number::json(load.carried), capacity: load.capacity.map(number::json), containers }
    }
}

/// What the character carries.
#[utoipa::path(
    get, path = "/api/v2/characters/{id}/inventory/weight", tag = "inventory", operation_id = "getWeight",
    params(("id" = uuid::Uuid, Path, description = "The character")),
    responses(
        (status = 200, body = LoadBody, description = "The load"),
        (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "`unreadable-member`, `weight-not-exact`, `container-cycle`: the weights cannot be computed"),
        LookProblems,
    ),
)]
pub(crate) async fn weight(api: Data<Api>, request: HttpRequest) -> Answer {
    let load = api.repositories.inventory.weight(path_id(&request, "id")?, &context::of_read(&request)?).await?;
    Ok(HttpResponse::Ok().json(LoadBody::from(load)))
}
