//! Reads of one kind of row, the same for every kind.

use crate::{
    StorageServer,
    answer::{Answer, ok, parameters, text},
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, IF_NONE_MATCH},
    web::{Data, Path},
};
use character_domain::Violations;
use character_http_kit::{Endpoint, Endpoints};
use character_storage_port::{Entity, EntityKind, ErrorKind, StorageError, StoragePort, Store};
use character_storage_wire as wire;
use std::sync::LazyLock;

/// The paths of each kind of row: of all rows, of one, and of their number.
static PATHS: LazyLock<Vec<(EntityKind, String, String, String)>> = LazyLock::new(|| {
    let paths = |kind| {
        let all = wire::collection(kind);
        let one = format!("{all}/{{id}}");
        (kind, all, one, wire::count(kind))
    };
    EntityKind::ALL.iter().copied().map(paths).collect()
});

/// Adds the paths of a kind of row.
pub(crate) fn register<E: Entity>(endpoints: &mut Endpoints)
where
    dyn StoragePort: Store<E>,
{
    for (_, all, one, count_of) in PATHS.iter().filter(|(kind, ..)| *kind == E::KIND) {
        Endpoint::at(all).get_alone(list::<E>).register(endpoints);
        Endpoint::at(one).get_alone(find::<E>).register(endpoints);
        Endpoint::at(count_of).get_alone(count::<E>).register(endpoints);
    }
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

async fn count<E: Entity>(request: HttpRequest, server: Data<StorageServer>) -> Answer
where
    dyn StoragePort: Store<E>,
{
    let query = parameters(wire::decode_count::<E>(request.query_string()), E::COUNT)?;
    let count = Store::<E>::count(&*server.port, &query).await?;
    ok(&wire::CountBody { count }, E::COUNT)
}

/// Whether `If-None-Match` names this tag, by the weak comparison that RFC 9110 requires for reads.
fn is_known(request: &HttpRequest, tag: &str) -> bool {
    let given = request.headers().get_all(IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
    given.flat_map(|value| value.split(',')).map(str::trim).any(|known| {
        let known = known.strip_prefix("W/").unwrap_or(known);
        known == "*" || known == tag
    })
}
