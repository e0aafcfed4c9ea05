//! What the transport stack costs on a healthy call, beside the same call without it, in the same run.
//!
//! `cargo bench -p character-storage-http --bench transport_stack`
#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made has failed")]
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use actix_web::{App, HttpResponse, HttpServer, web};
use async_trait::async_trait;
use bytes::Bytes;
use character_storage_http::{ApiRequest, ApiResponse, HttpStorageConfig, Transport, TransportError, TransportStack};
use std::{
    hint::black_box,
    time::{Duration, Instant},
};

/// Answers at once, so that nothing is measured but what is around it.
#[derive(Debug)]
struct Instantaneous;

#[async_trait]
impl Transport for Instantaneous {
    async fn call(&self, _: ApiRequest) -> Result<ApiResponse, TransportError> {
        let (status, body) = (200, Bytes::from_static(b"{}"));
        Ok(ApiResponse { body, ..ApiResponse::of_status(status) })
    }
}

fn request() -> ApiRequest {
    ApiRequest::get("character.find", "/answer")
}

fn main() {
    if std::env::args().any(|argument| argument == "--bench") {
        let around = TransportStack::around(Instantaneous, &config("http://127.0.0.1:1"));
        let (floor, with) = (allocations(&Instantaneous), allocations(&around));
        println!("a healthy call: {floor} allocations without the transport stack, {with} with it");
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(all());
    }
}

fn config(base: &str) -> HttpStorageConfig {
    HttpStorageConfig::new(base.parse().unwrap(), "secret".to_owned().into())
}

async fn all() {
    println!("the transport stack on a healthy call");
    let around = TransportStack::around(Instantaneous, &config("http://127.0.0.1:1"));
    let bare: &dyn Transport = &Instantaneous;
    let (floor, with) = (per_call(bare).await, per_call(&around).await);
    println!("  without  {floor:>8.0} ns");
    println!("  with     {with:>8.0} ns");
    println!("  overhead {:>8.0} ns (aim: at most 2000 ns)", with - floor);

    println!("a call over loopback");
    let body = "x".repeat(4096);
    let server = HttpServer::new(move || {
        let body = body.clone();
        let answer = move || {
            let body = body.clone();
            async move { HttpResponse::Ok().content_type("application/json").body(body) }
        };
        App::new().default_service(web::to(answer))
    });
    let server = server.workers(1).bind(("127.0.0.1", 0)).unwrap();
    let base = format!("http://{}", server.addrs()[0]);
    let running = server.disable_signals().run();
    let handle = running.handle();
    let serving = tokio::spawn(running);
    let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).no_proxy().build().unwrap();
    let config = config(&base);
    let stack = TransportStack::around(character_storage_http::ReqwestTransport::new(&config).unwrap(), &config);
    let url = format!("{base}/answer");
    let (mut bare, mut with) = (Vec::new(), Vec::new());
    for _ in 0..2_000 {
        let started = Instant::now();
        black_box(client.get(&url).bearer_auth("secret").send().await.unwrap().bytes().await.unwrap());
        bare.push(started.elapsed());
        let started = Instant::now();
        black_box(stack.call(request()).await.unwrap());
        with.push(started.elapsed());
    }
    let (bare, with) = (median(bare), median(with));
    println!("  reqwest  {bare:?}");
    println!("  stack    {with:?}");
    println!("  ratio    {:.3}", with.as_secs_f64() / bare.as_secs_f64());
    handle.stop(false).await;
    serving.await.unwrap().unwrap();
}

/// How often one call allocates, but for what it is asked.
fn allocations(transport: &dyn Transport) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let call = |request| drop(black_box(runtime.block_on(transport.call(request)).unwrap()));
    // Only the first call of an operation makes its metrics.
    call(request());
    let request = request();
    allocation_counter::measure(|| call(request)).count_total
}

/// Nanoseconds of one call: the median of many rounds.
async fn per_call(transport: &dyn Transport) -> f64 {
    const CALLS: u32 = 2_000;
    let mut rounds = Vec::new();
    for _ in 0..40 {
        let started = Instant::now();
        for _ in 0..CALLS {
            black_box(transport.call(request()).await.unwrap());
        }
        rounds.push(started.elapsed());
    }
    median(rounds).as_secs_f64() * 1e9 / f64::from(CALLS)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
