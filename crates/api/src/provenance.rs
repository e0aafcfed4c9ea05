//! Telling a client where an answer comes from: `Cache-Status` (RFC 9211) and `Age`.

use actix_web::{
    HttpResponseBuilder,
    http::header::{AGE, CACHE_CONTROL, CACHE_STATUS, HeaderValue},
};
use character_storage_port::{Source, Tier};

/// Has every client ask again, with its entity tag when there is one.
pub(crate) fn revalidate(response: &mut HttpResponseBuilder) {
    response.insert_header((CACHE_CONTROL, HeaderValue::from_static("private, no-cache")));
}

/// Adds the headers that tell of `source`. Every client asks again.
pub(crate) fn tell(response: &mut HttpResponseBuilder, source: Source) {
    revalidate(response);
    match source {
        Source::Origin => {
            response.insert_header((CACHE_STATUS, HeaderValue::from_static("character-service; fwd=miss")));
        }
        Source::Cache { tier, age } => {
            let status = match tier {
                Tier::Local => "character-service; hit; detail=local",
                Tier::Shared => "character-service; hit; detail=shared",
            };
            response.insert_header((AGE, age.as_secs()));
            response.insert_header((CACHE_STATUS, HeaderValue::from_static(status)));
        }
        Source::Stale { tier, age, reason } => {
            let (tier, reason, age) = (tier.as_str(), reason.as_str(), age.as_secs());
            response.insert_header((AGE, age));
            // A negative lifetime says that the answer is not fresh; we know its age, not since when it is stale.
            let status = format!("character-service; hit; ttl=-{}; detail=\"stale-{reason}-{tier}\"", age.max(1));
            response.insert_header((CACHE_STATUS, status));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::HttpResponse;
    use character_storage_port::StaleReason;
    use std::time::Duration;

    #[test]
    fn each_source_has_its_own_words() {
        let age = Duration::from_millis(42_900);
        let told = |source| {
            let mut response = HttpResponse::Ok();
            tell(&mut response, source);
            let response = response.finish();
            let header = |name| response.headers().get(name).map(|v| v.to_str().unwrap().to_owned());
            (header("cache-status").unwrap(), header("age"))
        };
        assert_eq!(told(Source::Origin), ("character-service; fwd=miss".to_owned(), None));
        assert_eq!(
            told(Source::Cache { tier: Tier::Shared, age }),
            ("character-service; hit; detail=shared".to_owned(), Some("42".to_owned()))
        );
        assert_eq!(
            told(Source::Stale { tier: Tier::Local, age, reason: StaleReason::CircuitOpen }),
            ("character-service; hit; ttl=-42; detail=\"stale-circuit-open-local\"".to_owned(), Some("42".to_owned()))
        );
    }
}
