//! The weight that a character carries.

use crate::{
    Api, ProblemBody,
    answer::{self, Answer, path_id},
    context,
    responses::LookProblems,
};
use actix_web::{HttpRequest, web::Data};
use character_domain::number;
use character_repositories::{ContainerLoad, Load};
use serde::Serialize;
use serde_json::Number;
use utoipa::ToSchema;
use uuid::Uuid;

/// The weight that a character carries, in pounds. The numbers are exact.
#[derive(Debug, Serialize, ToSchema)]
pub struct LoadBody {
    /// The total weight.
    #[schema(value_type = f64)]
    pub carried: Number,
    /// The maximum weight: 15 times the strength; `null` when the sheet has no strength.
    #[schema(value_type = Option<f64>)]
    pub capacity: Option<Number>,
    /// The contents of each container.
    pub containers: Vec<ContainerLoadBody>,
}

/// The weight of the contents of a container, in pounds.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContainerLoadBody {
    /// The id of the container.
    pub id: Uuid,
    /// The name of the container.
    pub name: String,
    /// The weight of its contents.
    #[schema(value_type = f64)]
    pub contents: Number,
    /// The maximum weight of its contents; `null` for no limit.
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

/// Returns the weight that the character carries.
#[utoipa::path(
    get, path = "/api/v2/characters/{id}/inventory/weight", tag = "inventory", operation_id = "getWeight",
    params(("id" = uuid::Uuid, Path, description = "The character")),
    responses(
        (status = 200, body = LoadBody, description = "The weight that the character carries"),
        (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "`unreadable-member`, `weight-not-exact`, `container-cycle`: the weights cannot be computed"),
        LookProblems,
    ),
)]
pub(crate) async fn weight(api: Data<Api>, request: HttpRequest) -> Answer {
    let context = context::of_read(&request)?;
    let load = api.repositories.inventory.weight(path_id(&request, "id")?, &context).await?;
    Ok(answer::untagged(&context.condition)?.json(LoadBody::from(load)))
}
