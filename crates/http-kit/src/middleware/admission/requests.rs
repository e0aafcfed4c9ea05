//! How many requests a process handles at the same time. A request beyond that is refused at once: each one more would make
//! every answer later, until none is in time for its client.

use super::may_have_large_body;
use actix_web::{
    Error, HttpMessage as _, HttpResponse,
    body::BoxBody,
    dev::{ServiceRequest, ServiceResponse},
    http::Method,
    middleware::Next,
};
use futures_util::{StreamExt as _, future::LocalBoxFuture};
use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::{error::Elapsed, timeout};

/// The maximum number of requests at the same time when none is configured.
pub const DEFAULT_REQUESTS: usize = 256;

/// How long a rejected request may take to send the rest of its small body.
const REST_OF_THE_BODY: Duration = Duration::from_secs(1);

/// The requests of one process that are being handled. Clones share it.
#[derive(Clone, Debug)]
pub struct RequestLimit {
    handled: Arc<Handled>,
    most: Gauge<i64, AtomicI64>,
    refused: Counter,
}

/// How many requests are handled, and how many of these are changes.
#[derive(Debug, Default)]
struct Handled {
    all: AtomicUsize,
    changes: AtomicUsize,
}

/// The place of a request that is handled, until it is dropped.
#[derive(Debug)]
struct Place {
    handled: Arc<Handled>,
    is_change: bool,
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.is_change {
            self.handled.changes.fetch_sub(1, Ordering::Relaxed);
        }
        self.handled.all.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Counts one more, if there are fewer than `most`.
fn take(count: &AtomicUsize, most: usize) -> bool {
    count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| (taken < most).then_some(taken + 1)).is_ok()
}

impl Default for RequestLimit {
    fn default() -> Self {
        Self::new(DEFAULT_REQUESTS)
    }
}

impl RequestLimit {
    /// At most this number of requests at the same time, of which at most three quarters, rounded up, may be changes. Changes
    /// wait for a disk or another service; when they have all places, reads that memory could answer are rejected too.
    #[must_use]
    pub fn new(most: usize) -> Self {
        let limit = Self { handled: Arc::default(), most: Gauge::default(), refused: Counter::default() };
        limit.resize(most);
        limit
    }

    /// Another maximum from now on. Requests beyond a lower one are handled to their end.
    pub fn resize(&self, most: usize) {
        self.most.set(i64::try_from(most).unwrap_or(i64::MAX));
    }

    /// Registers `http_server_requests_limit` and `http_server_requests_shed_total`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "http_server_requests_limit",
            "Maximum number of requests that are handled at the same time",
            self.most.clone(),
        );
        let help = "Requests rejected because the maximum number was being handled";
        registry.register("http_server_requests_shed", help, self.refused.clone());
    }

    fn enter(&self, method: &Method) -> Option<Place> {
        let place = self.place(!method.is_safe());
        if place.is_none() {
            self.refused.inc();
        }
        place
    }

    fn place(&self, is_change: bool) -> Option<Place> {
        let most = usize::try_from(self.most.get()).unwrap_or(usize::MAX);
        if !take(&self.handled.all, most) {
            return None;
        }
        let mut place = Place { handled: Arc::clone(&self.handled), is_change: false };
        if is_change {
            place.is_change = take(&self.handled.changes, most - most / 4);
            return place.is_change.then_some(place);
        }
        Some(place)
    }
}

/// A middleware that hands on at most the requests that `limit` has places for, and answers the others with
/// `refusal`, on a connection that stays open when their body has at most 64 KiB. A request counts until its answer begins.
/// What `counts` does not find is always handed on: probes, which must not fail under load, and requests that wait for
/// something to happen.
pub fn limit_requests(
    limit: RequestLimit,
    counts: fn(&Method, &str) -> bool,
    refusal: fn() -> HttpResponse,
) -> impl Fn(ServiceRequest, Next<BoxBody>) -> LocalBoxFuture<'static, Result<ServiceResponse, Error>> + Clone {
    move |request, next| {
        // As the endpoints read it: `/%61pi` is `/api`.
        let handled = if counts(request.method(), request.match_info().unprocessed()) {
            match limit.enter(request.method()) {
                Some(handled) => Some(handled),
                None => {
                    return Box::pin(async move {
                        let request = without_its_small_body(request).await;
                        Ok(ServiceResponse::new(request.into_parts().0, refusal()))
                    });
                }
            }
        } else {
            None
        };
        Box::pin(async move {
            let answer = next.call(request).await;
            drop(handled);
            answer
        })
    }
}

/// Reads a small body to its end and drops it. An answer to a request whose body was not read ends the connection, so that in
/// an overload the clients would connect again and again, which costs the process more than the refusals.
async fn without_its_small_body(mut request: ServiceRequest) -> ServiceRequest {
    if !may_have_large_body(request.headers()) {
        let mut body = request.take_payload();
        // A body that is late or broken ends the connection.
        let read = async { while body.next().await.is_some_and(|part| part.is_ok()) {} };
        let _: Result<(), Elapsed> = timeout(REST_OF_THE_BODY, read).await;
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::{App, http::StatusCode, middleware::from_fn, test, web};
    use futures_util::future::join_all;
    use tokio::sync::Semaphore;

    fn counts(_: &Method, path: &str) -> bool {
        path != "/probe"
    }

    fn refusal() -> HttpResponse {
        HttpResponse::ServiceUnavailable().insert_header(("retry-after", "1")).finish()
    }

    #[actix_web::test]
    async fn changes_leave_a_quarter_of_the_places_to_reads() {
        let limit = RequestLimit::new(8);
        let changes: Vec<_> = (0..6).map(|_| limit.enter(&Method::POST).unwrap()).collect();
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            assert!(limit.enter(&method).is_none(), "{method}");
        }
        let reads = [Method::GET, Method::HEAD].map(|method| limit.enter(&method).unwrap());
        assert!(limit.enter(&Method::GET).is_none());
        drop((changes, reads));
        let reads: Vec<_> = (0..8).map(|_| limit.enter(&Method::GET).unwrap()).collect();
        assert!(limit.enter(&Method::POST).is_none(), "reads may have all places");
        drop(reads);
        assert!(RequestLimit::new(1).enter(&Method::POST).is_some(), "the only place serves both");
    }

    #[actix_web::test]
    async fn another_limit_counts_for_the_requests_from_then_on() {
        let limit = RequestLimit::new(4);
        let mut handled: Vec<_> = (0..4).map(|_| limit.enter(&Method::GET).unwrap()).collect();
        limit.resize(2);
        while handled.len() > 1 {
            assert!(limit.enter(&Method::GET).is_none(), "{} are handled", handled.len());
            handled.pop();
        }
        handled.push(limit.enter(&Method::GET).unwrap());
        limit.resize(3);
        handled.push(limit.enter(&Method::POST).unwrap());
        assert!(limit.enter(&Method::GET).is_none());
        drop(handled);
        let Handled { all, changes } = &*limit.handled;
        assert_eq!((all.load(Ordering::Relaxed), changes.load(Ordering::Relaxed)), (0, 0));
    }

    #[actix_web::test]
    async fn beyond_the_limit_a_request_is_refused_at_once_and_a_probe_is_not() {
        const MOST: usize = 3;
        let (limit, gate) = (RequestLimit::new(MOST), Arc::new(Semaphore::new(0)));
        let waits = Arc::clone(&gate);
        let handler = move || {
            let gate = Arc::clone(&waits);
            async move {
                if let Ok(permit) = gate.acquire().await {
                    permit.forget();
                }
                HttpResponse::Ok().finish()
            }
        };
        let app = App::new().wrap(from_fn(limit_requests(limit.clone(), counts, refusal)));
        let app = app.route("/work", web::get().to(handler)).route("/probe", web::get().to(HttpResponse::Ok));
        let app = test::init_service(app).await;
        let ask = |path: &str| test::call_service(&app, test::TestRequest::get().uri(path).to_request());
        for round in 1..=2 {
            let mut handled: Vec<_> = (0..MOST).map(|_| Box::pin(ask("/work"))).collect();
            for request in &mut handled {
                assert!(futures_util::poll!(request).is_pending(), "round {round}");
            }
            for path in ["/work", "/w%6frk"].repeat(5) {
                let refused = ask(path).await;
                assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
                assert_eq!(refused.headers().get("retry-after").map(|value| value.as_bytes()), Some(&b"1"[..]));
            }
            assert_eq!(ask("/probe").await.status(), StatusCode::OK);
            // One client leaves, and its place is free.
            drop(handled.pop());
            handled.push(Box::pin(ask("/work")));
            assert!(futures_util::poll!(handled.last_mut().unwrap()).is_pending());
            gate.add_permits(MOST);
            assert!(join_all(handled).await.iter().all(|answer| answer.status() == StatusCode::OK));
        }
        assert_eq!(limit.refused.get(), 20);
    }
}
