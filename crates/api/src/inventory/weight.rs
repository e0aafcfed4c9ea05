//! What a character carries.

use crate::{
    Api,
    answer::{Answer, path_id},
    context,
    responses::LookProblems,
};
use actix_web::{HttpRequest, HttpResponse, web::Data};
use character_repositories::{ContainerLoad, Load};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// What a character carries, in pounds.
#[derive(Debug, Serialize, ToSchema)]
pub struct LoadBody {
    /// All of it.
    pub carried: f64,
    /// How much it can carry: 15 times its strength; `null` when the sheet names none.
    pub capacity: Option<f64>,
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
    pub contents: f64,
    /// How much it holds; `null` when it says nothing of a limit.
    pub capacity: Option<f64>,
}

impl From<Load> for LoadBody {
    fn from(load: Load) -> Self {
        let container = |it: ContainerLoad| ContainerLoadBody {
            id: it.id.0,
            name: it.name,
            contents: it.contents,
            capacity: it.capacity,
        };
        let containers = load.containers.into_iter().map(container).collect();
        Self { carried: load.carried, capacity: load.capacity, containers }
    }
}

/// What the character carries.
#[utoipa::path(
    get, path = "/api/v2/characters/{id}/inventory/weight", tag = "inventory", operation_id = "getWeight",
    params(("id" = uuid::Uuid, Path, description = "The character")),
    responses((status = 200, body = LoadBody, description = "The load"), LookProblems),
)]
pub(crate) async fn weight(api: Data<Api>, request: HttpRequest) -> Answer {
    let load = api.repositories.inventory.weight(path_id(&request, "id")?, &context::of_read(&request)?).await?;
    Ok(HttpResponse::Ok().json(LoadBody::from(load)))
}
