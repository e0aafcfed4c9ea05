//! What a person on call can do. Every act is a line in the log.

use super::{Operator, access};
use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Json, Query},
};
use character_http_kit::{Problem, middleware::current_request};
use character_storage_port::{EntityKind, OWNER_FIELDS, Scope};
use serde::Deserialize;
use uuid::Uuid;

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum BreakerOrder {
    /// Refuse every call.
    Open,
    /// Let every call through.
    Closed,
    /// Closed, and then as the calls go.
    Automatic,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum BreakerName {
    Reads,
    Changes,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BreakerBody {
    state: BreakerOrder,
    /// Absent: both.
    breaker: Option<BreakerName>,
}

pub(crate) async fn force_breaker(
    request: HttpRequest,
    operator: Data<Operator>,
    order: Json<BreakerBody>,
) -> Result<HttpResponse, Problem> {
    let transport = operator.transport.as_ref().ok_or_else(|| nothing_here("circuit breaker"))?;
    let [reads, changes] = transport.breakers.all();
    let chosen = match order.breaker {
        Some(BreakerName::Reads) => vec![reads],
        Some(BreakerName::Changes) => vec![changes],
        None => vec![reads, changes],
    };
    for breaker in chosen {
        let state = match order.state {
            BreakerOrder::Open => {
                breaker.force_open();
                "open"
            }
            BreakerOrder::Closed => {
                breaker.force_closed();
                "closed"
            }
            BreakerOrder::Automatic => {
                breaker.reset();
                "automatic"
            }
        };
        log(&request, &format!("the circuit breaker for {} was set to {state}", breaker.name()));
    }
    Ok(super::show(operator).await)
}

/// What of the cache: one row, the lists of one scope, or everything.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct CacheQuery {
    kind: Option<EntityKind>,
    id: Option<Uuid>,
    tag: Option<String>,
    all: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Dropped {
    Row(EntityKind, Uuid),
    Lists(Scope),
    Everything,
}

impl CacheQuery {
    fn dropped(&self) -> Result<Dropped, Problem> {
        match (self.kind, self.id, &self.tag, self.all) {
            (Some(kind), Some(id), None, false) => Ok(Dropped::Row(kind, id)),
            (None, None, Some(tag), false) => scope(tag).map(Dropped::Lists),
            (None, None, None, true) => Ok(Dropped::Everything),
            _ => Err(refused("name what to drop: kind and id, or tag, or all=true")),
        }
    }
}

fn scope(tag: &str) -> Result<Scope, Problem> {
    tag.parse().map_err(|_| {
        refused(&format!("tag must be all, or one of {} followed by a colon and a UUID", OWNER_FIELDS.join(", ")))
    })
}

pub(crate) async fn drop_from_cache(
    request: HttpRequest,
    operator: Data<Operator>,
    query: Query<CacheQuery>,
) -> Result<HttpResponse, Problem> {
    let cache = operator.cache.as_ref().ok_or_else(|| nothing_here("cache"))?;
    let what = match query.dropped()? {
        Dropped::Row(kind, id) => {
            cache.drop_key(kind, id).await;
            format!("{kind} {id}")
        }
        Dropped::Lists(scope) => {
            cache.drop_lists(scope);
            format!("the lists of {scope}")
        }
        Dropped::Everything => {
            cache.clear().await;
            "everything".to_owned()
        }
    };
    log(&request, &format!("dropped from the cache: {what}"));
    Ok(HttpResponse::NoContent().finish())
}

fn nothing_here(what: &str) -> Problem {
    let title = "This service does not have this part";
    Problem::new(StatusCode::NOT_FOUND, "no-such-part", title).with_detail(format!("this service runs without {what}"))
}

fn refused(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "malformed", "The admin request cannot be read").with_detail(detail)
}

pub(super) fn log(request: &HttpRequest, act: &str) {
    tracing::warn!(
        target: "character_admin",
        requested_by = access::requested_by(request.headers().get(access::REQUESTED_BY)),
        peer = request.peer_addr().map(tracing::field::display),
        request_id = current_request().map(|request| request.id),
        "an operator acted: {act}",
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dropped(query: &str) -> Option<Dropped> {
        Query::<CacheQuery>::from_query(query).ok()?.dropped().ok()
    }

    #[test]
    fn what_is_dropped_is_said_in_one_way_and_never_by_leaving_everything_out() {
        let id = Uuid::from_u128(1);
        assert_eq!(dropped(&format!("kind=character&id={id}")), Some(Dropped::Row(EntityKind::Character, id)));
        let lists = Some(Dropped::Lists(Scope::Owner("user_id", id)));
        assert_eq!(
            (dropped(&format!("tag=user_id:{id}")), dropped("tag=all")),
            (lists, Some(Dropped::Lists(Scope::All)))
        );
        assert_eq!(dropped("all=true"), Some(Dropped::Everything));
        for query in [
            "",
            "all=false",
            "kind=character",
            "all=true&tag=all",
            "tag=user_id:x",
            "tag=password:00000000-0000-0000-0000-000000000001",
            "kind=dragon&id=00000000-0000-0000-0000-000000000001",
            "every=true",
        ] {
            assert_eq!(dropped(query), None, "{query}");
        }
    }
}
