//! Reads of one kind of row, the same for every kind.

use crate::{
    StorageServer, allow,
    answer::{Answer, ok, parameters, text},
    resource,
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, IF_NONE_MATCH},
    web::{self, Data, Path, ServiceConfig},
};
use character_domain::Violations;
use character_storage_port::{Entity, ErrorKind, StorageError, StoragePort, Store};
use character_storage_wire as wire;

/// The paths of a kind of row.
pub(crate) fn collection<E: Entity>(config: &mut ServiceConfig)
where
    dyn StoragePort: Store<E>,
{
    let all = wire::collection(E::KIND);
    let one = format!("{all}/{{id}}");
    config
        .service(allow("GET", resource(&all).route(web::get().to(list::<E>))))
        .service(allow("GET", resource(&one).route(web::get().to(find::<E>))));
}

async fn find<E: Entity>(request: HttpRequest, server: Data<StorageServer>, id: Path<String>) -> Answer
where
    dyn StoragePort: Store<E>,
{
    let invalid = |violations| StorageError::invalid(violations, E::FIND);
    let id: E::Id = id.parse().map_err(|_| invalid(Violations::one("id", "must be a UUID")))?;
    let deleted = wire::decode_deleted(request.query_string()).map_err(invalid)?;
    let found: Option<E> = server.port.find(id, deleted).await?.value;
    let entity = found.ok_or_else(|| StorageError::new(ErrorKind::NotFound, E::FIND).with_entity(E::KIND, id))?;
    let tag = wire::entity_tag(entity.meta().revision);
    if is_known(&request, &tag) {
        return Ok(HttpResponse::NotModified().insert_header((header::ETAG, tag)).finish());
    }
    let body = text(&entity, E::FIND)?;
    Ok(HttpResponse::Ok().insert_header((header::ETAG, tag)).content_type(wire::JSON).body(body))
}

async fn list<E: Entity>(request: HttpRequest, server: Data<StorageServer>) -> Answer
where
    dyn StoragePort: Store<E>,
{
    let (query, page) = parameters(wire::decode_list::<E>(request.query_string()), E::LIST)?;
    let read = Store::<E>::list(&*server.port, &query, page).await?;
    ok(&wire::ListBody::from(read.value), E::LIST)
}

/// Whether `If-None-Match` names this tag, by the weak comparison that RFC 9110 requires for reads.
fn is_known(request: &HttpRequest, tag: &str) -> bool {
    let given = request.headers().get_all(IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
    given.flat_map(|value| value.split(',')).map(str::trim).any(|known| {
        let known = known.strip_prefix("W/").unwrap_or(known);
        known == "*" || known == tag
    })
}
