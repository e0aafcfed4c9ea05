use super::*;
use actix_web::{
    App, HttpRequest,
    body::to_bytes,
    http::StatusCode,
    middleware::from_fn,
    test::{TestRequest, init_service},
    web,
};
use tokio::sync::Notify;

const BUDGET: u64 = 10 * 1024 * 1024;

/// Reads the body, waits when the query demands it, and returns as many bytes as the query demands.
async fn work(request: HttpRequest, mut body: web::Payload, gate: web::Data<Notify>) -> HttpResponse {
    let mut received = 0;
    while let Some(part) = body.next().await {
        match part {
            Ok(part) => received += part.len(),
            Err(error) => return HttpResponse::BadRequest().body(error.to_string()),
        }
    }
    if request.headers().contains_key("x-wait") {
        gate.notified().await;
    }
    let length = request.query_string().parse().unwrap_or(received.min(10));
    HttpResponse::Ok().body(vec![b'x'; length])
}

fn refusal() -> HttpResponse {
    HttpResponse::ServiceUnavailable().insert_header(("retry-after", "1")).finish()
}

fn is_list(_: &Method, path: &str) -> bool {
    path == "/list"
}

const LISTS: LongAnswers = LongAnswers { of: is_list, bytes: 8 << 20 };

macro_rules! app {
    ($admission:expr, $gate:expr) => {
        init_service(
            App::new()
                .app_data(web::Data::from(std::sync::Arc::clone($gate)))
                .default_service(web::to(work))
                .wrap(from_fn(admit($admission.clone(), LISTS, refusal))),
        )
        .await
    };
}

fn upload(bytes: usize) -> TestRequest {
    TestRequest::post().insert_header((CONTENT_LENGTH, bytes)).set_payload(vec![b'x'; bytes])
}

fn used(admission: &Admission) -> u64 {
    admission.capacity() - admission.available()
}

#[actix_web::test]
async fn a_large_body_is_refused_at_once_when_it_does_not_fit_and_a_small_one_never() {
    let (admission, gate) = (Admission::new(BUDGET), std::sync::Arc::new(Notify::new()));
    let app = app!(admission, &gate);
    let waiting = actix_web::dev::Service::call(&app, upload(8 << 20).insert_header(("x-wait", "1")).to_request());
    let others = async {
        while used(&admission) < 7 << 20 {
            tokio::task::yield_now().await;
        }
        let refused = actix_web::test::call_service(&app, upload(4 << 20).to_request()).await;
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(refused.headers().contains_key("retry-after"));
        for _ in 0..100 {
            let small = actix_web::test::call_service(&app, upload(60_000).to_request()).await;
            assert_eq!(small.status(), StatusCode::OK);
        }
        gate.notify_one();
    };
    let (first, ()) = tokio::join!(waiting, others);
    assert_eq!(first.unwrap().status(), StatusCode::OK);
    assert_eq!(used(&admission), 0, "what was read is forgotten with the request");
    let fits = actix_web::test::call_service(&app, upload(4 << 20).to_request()).await;
    assert_eq!(fits.status(), StatusCode::OK);
}

#[actix_web::test]
async fn one_request_may_be_larger_than_the_whole_budget() {
    let (admission, gate) = (Admission::new(BUDGET), std::sync::Arc::new(Notify::new()));
    let app = app!(admission, &gate);
    let answer = actix_web::test::call_service(&app, upload(30 << 20).to_request()).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(used(&admission), 0);
}

#[actix_web::test]
async fn a_body_without_an_announced_length_is_counted_while_it_arrives() {
    let (admission, gate) = (Admission::new(BUDGET), std::sync::Arc::new(Notify::new()));
    let app = app!(admission, &gate);
    let _other = admission.try_reserve(8 << 20).unwrap();
    let chunked = |bytes: usize| {
        let request = TestRequest::post().insert_header((TRANSFER_ENCODING, "chunked"));
        request.set_payload(vec![b'x'; bytes]).to_request()
    };
    let large = actix_web::test::call_service(&app, chunked(4 << 20)).await;
    assert_eq!(large.status(), StatusCode::SERVICE_UNAVAILABLE, "not the 400 of a handler whose body was cut off");
    let small = actix_web::test::call_service(&app, chunked(60_000)).await;
    assert_eq!(small.status(), StatusCode::OK);
}

#[actix_web::test]
async fn a_long_answer_uses_the_budget_until_it_is_sent_or_its_connection_ends() {
    let (admission, gate) = (Admission::new(BUDGET), std::sync::Arc::new(Notify::new()));
    let app = app!(admission, &gate);
    let ask = |path: String| TestRequest::get().uri(&path).to_request();
    let unread = actix_web::test::call_service(&app, ask(format!("/x?{}", 8 << 20))).await;
    assert_eq!((unread.status(), used(&admission)), (StatusCode::OK, 8 << 20));
    let refused = actix_web::test::call_service(&app, ask(format!("/x?{}", 4 << 20))).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    let small = actix_web::test::call_service(&app, ask("/x?200000".to_owned())).await;
    assert_eq!(small.status(), StatusCode::OK);
    let bytes = unread.into_body().try_into_bytes().unwrap();
    assert_eq!(used(&admission), 8 << 20, "also when the bytes are handed on");
    drop(bytes);
    let sent = actix_web::test::call_service(&app, ask(format!("/x?{}", 4 << 20))).await;
    assert_eq!(to_bytes(sent.into_body()).await.unwrap().len(), 4 << 20);
    assert_eq!(used(&admission), 0);
}

#[actix_web::test]
async fn a_few_lists_wait_for_their_turn_and_one_more_is_refused_at_once() {
    let (admission, gate) = (Admission::new(BUDGET), std::sync::Arc::new(Notify::new()));
    let app = app!(admission, &gate);
    let list = |wait: bool| {
        let request = TestRequest::get().uri("/list?100");
        if wait { request.insert_header(("x-wait", "1")) } else { request }.to_request()
    };
    let mut first = Box::pin(actix_web::dev::Service::call(&app, list(true)));
    assert!(futures_util::poll!(&mut first).is_pending());
    let mut waiting: Vec<_> = (0..16).map(|_| Box::pin(actix_web::dev::Service::call(&app, list(false)))).collect();
    for list in &mut waiting {
        assert!(futures_util::poll!(list).is_pending());
    }
    let refused = actix_web::test::call_service(&app, list(false)).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    // One that leaves makes room in the queue.
    drop(waiting.pop());
    let mut next = Box::pin(actix_web::dev::Service::call(&app, list(false)));
    assert!(futures_util::poll!(&mut next).is_pending());
    gate.notify_one();
    assert_eq!(first.await.unwrap().status(), StatusCode::OK);
    for list in waiting {
        assert_eq!(list.await.unwrap().status(), StatusCode::OK);
    }
    assert_eq!(next.await.unwrap().status(), StatusCode::OK);
}

#[actix_web::test]
async fn a_list_waits_for_its_turn_and_holds_no_more_than_its_answer() {
    let (admission, gate) = (Admission::new(BUDGET), std::sync::Arc::new(Notify::new()));
    let app = app!(admission, &gate);
    let list = |length: usize| TestRequest::get().uri(&format!("/list?{length}"));
    let first = actix_web::dev::Service::call(&app, list(1 << 20).insert_header(("x-wait", "1")).to_request());
    let second = async {
        while used(&admission) == 0 {
            tokio::task::yield_now().await;
        }
        let second = actix_web::dev::Service::call(&app, list(100).to_request());
        gate.notify_one();
        second.await
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!((first.as_ref().unwrap().status(), second.unwrap().status()), (StatusCode::OK, StatusCode::OK));
    assert_eq!(used(&admission), 1 << 20, "of the first answer, which nobody has read");
    drop(first);
    assert_eq!(used(&admission), 0);
}

#[actix_web::test]
async fn a_list_that_waits_too_long_is_refused() {
    let (admission, gate) = (Admission::new(BUDGET), std::sync::Arc::new(Notify::new()));
    let app = app!(admission, &gate);
    let _other = admission.try_reserve(8 << 20).unwrap();
    tokio::time::pause();
    let refused = actix_web::test::call_service(&app, TestRequest::get().uri("/list").to_request()).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
}
