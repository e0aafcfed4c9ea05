//! The handlers of plain rows.

use super::{BulkCreatable, Parent, Resource, Restorable, Scope, UseCases};
use crate::{
    Api, Problem, RowBody,
    answer::{self, Answer, changed, created, path_id},
    body::{self, Media},
    bulk::{self, Bulk, BulkCreated, BulkOutcome},
    context, merge,
    query::Parameters,
    sparse::Selection,
};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload},
};
use character_repositories::{Atomicity, ListRequest, RequestContext};

/// Responds with a page of rows.
pub(crate) async fn list<R: UseCases>(api: Data<Api>, request: HttpRequest) -> Answer {
    let parent = R::Parent::of(&request)?;
    let Wanted { query, list, fields } = wanted::<R>(&request)?;
    let context = context::of_read(&request)?;
    let read = R::list(scope(&api, parent, &context), query, list).await?;
    answer::part_of_page::<_, RowBody<R>>(&request, read, fields.as_ref())
}

/// Creates a row from the body.
pub(crate) async fn create<R: UseCases>(api: Data<Api>, request: HttpRequest, payload: Payload) -> Answer {
    let parent = R::Parent::of(&request)?;
    let body = body::of_row(&api, &request, payload, Media::Json).await?;
    let context = context::of_creation(&request, &body)?;
    let new = R::read_new(body::object(&body)?).map_err(Problem::invalid)?;
    Ok(created::<_, RowBody<R>>(request.path(), R::create(scope(&api, parent, &context), new).await?))
}

/// Responds with one row.
pub(crate) async fn get<R: UseCases>(api: Data<Api>, request: HttpRequest) -> Answer {
    let (parent, id) = place::<R>(&request)?;
    let mut parameters = Parameters::of(request.query_string());
    let fields = parameters.fields(R::SELECTABLE);
    parameters.finish()?;
    let context = context::of_read(&request)?;
    let read = R::get(scope(&api, parent, &context), id).await?;
    answer::part_of_one::<_, RowBody<R>>(&request, read, fields.as_ref())
}

/// Merges the body into a row.
pub(crate) async fn patch<R: UseCases>(api: Data<Api>, request: HttpRequest, payload: Payload) -> Answer {
    let (parent, id) = place::<R>(&request)?;
    let body = body::of_row(&api, &request, payload, Media::MergePatch).await?;
    let context = context::of_change(&request, &body)?;
    let change = merge::patch::<R>(body::object(&body)?).map_err(Problem::invalid)?;
    let row = R::patch(scope(&api, parent, &context), id, change).await?;
    Ok(changed::<_, RowBody<R>>(&mut HttpResponse::Ok(), row))
}

/// Soft-deletes a row.
pub(crate) async fn delete<R: UseCases>(api: Data<Api>, request: HttpRequest) -> Answer {
    let (parent, id) = place::<R>(&request)?;
    let context = context::of_change(&request, &[])?;
    R::delete(scope(&api, parent, &context), id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Restores a row.
pub(crate) async fn restore<R: Restorable>(api: Data<Api>, request: HttpRequest) -> Answer {
    let (parent, id) = place::<R>(&request)?;
    let context = context::of_change(&request, &[])?;
    let row = R::restore(scope(&api, parent, &context), id).await?;
    Ok(changed::<_, RowBody<R>>(&mut HttpResponse::Ok(), row))
}

/// Creates the rows of the body.
pub(crate) async fn create_bulk<R: BulkCreatable>(api: Data<Api>, request: HttpRequest, payload: Payload) -> Answer {
    let parent = R::Parent::of(&request)?;
    let limits = api.limits;
    let body = body::read(&request, payload, Media::Json, limits.bulk_body, &limits).await?;
    let context = context::of_creation(&request, &body)?;
    let bulk = Bulk::read(&body, R::FIELD)?;
    let atomicity = bulk.atomicity;
    let new = bulk.rows(limits.body, R::read_new)?;
    let outcome = R::create_many(scope(&api, parent, &context), new, atomicity).await?;
    Ok(match atomicity {
        Atomicity::AllOrNone => {
            HttpResponse::Created().json(BulkCreated::<RowBody<R>> { items: bulk::created(outcome)? })
        }
        Atomicity::EachOnItsOwn => HttpResponse::MultiStatus().json(BulkOutcome::<RowBody<R>>::of(outcome)),
    })
}

/// What the query string of a list asks for.
pub(crate) struct Wanted<R: Resource> {
    /// The filters and the order.
    pub(crate) query: R::Query,
    /// The page, and whether the rows are counted.
    pub(crate) list: ListRequest,
    /// The fields of each row; `None` for all.
    pub(crate) fields: Option<Selection>,
}

/// The query string of a list.
pub(crate) fn wanted<R: Resource>(request: &HttpRequest) -> Result<Wanted<R>, Problem> {
    let mut parameters = Parameters::of(request.query_string());
    let query = R::query(&mut parameters);
    let list = parameters.page_of::<R>(&query);
    let fields = parameters.fields(R::SELECTABLE);
    parameters.finish()?;
    Ok(Wanted { query, list, fields })
}

fn place<R: Resource>(request: &HttpRequest) -> Result<(R::Parent, R::Id), Problem> {
    Ok((R::Parent::of(request)?, path_id(request, R::PATHS.row)?))
}

fn scope<'a, R: Resource>(api: &'a Api, parent: R::Parent, context: &'a RequestContext) -> Scope<'a, R> {
    Scope { repositories: &api.repositories, parent, context }
}
