use super::*;
use actix_web::{App, HttpResponse, web};
use character_http_kit::ProblemTypes;
use std::sync::{Mutex, mpsc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::Notify,
    time::timeout,
};

const PATIENCE: Duration = Duration::from_secs(20);
const LIMITS: SocketLimits = SocketLimits { most: 64, patience: PATIENCE, keep_alive: PATIENCE };

/// A server with one worker and one thread for large requests.
fn serve<F, I, S, B>(application: F) -> SocketAddr
where
    F: Fn() -> I + Clone + Send + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Future: 'static,
    S::Error: Into<Error> + 'static,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    S::Service: 'static,
    <S::Service as Service<Request>>::Future: 'static,
    B: MessageBody + 'static,
{
    let listener = bind("127.0.0.1:0".parse().unwrap(), PATIENCE).unwrap();
    let address = listener.local_addr().unwrap();
    let threads = Threads { workers: 1, large: 1, may_be_long: |_, path| path == "/lists/all" };
    let (lanes, connections) =
        (Lanes::start(threads, &application).unwrap(), Arc::new(Connections::new(LIMITS, ProblemTypes::BLANK)));
    let server = start(listener, threads, lanes, Duration::ZERO, connections, None, application).unwrap();
    tokio::spawn(server);
    address
}

async fn send(address: SocketAddr, head: &str, body: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("{head} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n").as_bytes()).await.unwrap();
    stream.write_all(format!("content-length: {}\r\n\r\n", body.len()).as_bytes()).await.unwrap();
    // The answer may come, and the connection end, before all of it is sent.
    drop(stream.write_all(body).await);
    stream
}

async fn answer(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    drop(timeout(PATIENCE, stream.read_to_end(&mut text)).await.unwrap());
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn a_large_request_that_takes_its_thread_leaves_the_worker_to_others() {
    let (release, released) = mpsc::channel::<()>();
    let released = Arc::new(Mutex::new(released));
    let address = serve(move || {
        let released = Arc::clone(&released);
        let blocked = move |body: web::Bytes| {
            released.lock().unwrap().recv_timeout(PATIENCE).unwrap();
            async move { HttpResponse::Accepted().insert_header(("x-length", body.len())).body(body) }
        };
        let application = App::new().app_data(web::PayloadConfig::new(1 << 20));
        application.route("/large", web::post().to(blocked)).route("/small", web::get().to(HttpResponse::Ok))
    });
    let body = b"0123456789".repeat(10_000);
    let large = send(address, "POST /large", &body).await;
    for _ in 0..20 {
        assert!(answer(send(address, "GET /small", b"").await).await.starts_with("HTTP/1.1 200"));
    }
    release.send(()).unwrap();
    let large = answer(large).await;
    assert!(large.starts_with("HTTP/1.1 202") && large.contains("x-length: 100000"), "{large:.200}");
    assert!(large.as_bytes().ends_with(&body));
}

#[tokio::test]
async fn a_large_request_may_be_answered_before_its_body_is_read() {
    let address = serve(|| {
        let refused = |payload: web::Payload| async move {
            drop(payload);
            HttpResponse::PayloadTooLarge().body("too large")
        };
        App::new().route("/large", web::post().to(refused))
    });
    let large = answer(send(address, "POST /large", &vec![0; 5_000_000]).await).await;
    assert!(large.starts_with("HTTP/1.1 413") && large.ends_with("too large"), "{large}");
    let missing = answer(send(address, "POST /missing", &vec![0; 100_000]).await).await;
    assert!(missing.starts_with("HTTP/1.1 404"), "{missing}");
}

#[tokio::test]
async fn a_large_request_ends_with_its_client() {
    struct Dropped(Arc<Notify>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    let (begun, dropped) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (begins, drops) = (Arc::clone(&begun), Arc::clone(&dropped));
    let address = serve(move || {
        let (begins, drops) = (Arc::clone(&begins), Arc::clone(&drops));
        let endless = move |mut payload: web::Payload| {
            let (begins, dropped) = (Arc::clone(&begins), Dropped(Arc::clone(&drops)));
            async move {
                begins.notify_one();
                while let Some(Ok(_)) = futures_util::StreamExt::next(&mut payload).await {}
                drop(dropped);
                HttpResponse::Ok().finish()
            }
        };
        App::new().route("/large", web::post().to(endless))
    });
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"POST /large HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999\r\n\r\nbegin").await.unwrap();
    timeout(PATIENCE, begun.notified()).await.unwrap();
    stream.set_zero_linger().unwrap();
    drop(stream);
    timeout(PATIENCE, dropped.notified()).await.unwrap();
}

#[tokio::test]
async fn a_list_that_takes_its_thread_leaves_the_worker_to_others_and_may_be_streamed() {
    let (release, released) = mpsc::channel::<()>();
    let released = Arc::new(Mutex::new(released));
    let address = serve(move || {
        let released = Arc::clone(&released);
        let blocked = move || {
            released.lock().unwrap().recv_timeout(PATIENCE).unwrap();
            let parts = (0..50).map(|number| Ok::<_, Error>(web::Bytes::from(format!("{number},"))));
            async move { HttpResponse::Ok().streaming(futures_util::stream::iter(parts)) }
        };
        let row = format!("/lists/{}", uuid::Uuid::nil());
        App::new().route("/lists/all", web::get().to(blocked)).route(&row, web::get().to(HttpResponse::Ok))
    });
    let list = send(address, "GET /lists/all", b"").await;
    let row = format!("GET /lists/{}", uuid::Uuid::nil());
    assert!(answer(send(address, &row, b"").await).await.starts_with("HTTP/1.1 200"));
    release.send(()).unwrap();
    let list = answer(list).await;
    assert!(list.starts_with("HTTP/1.1 200"), "{list}");
    assert!((0..50).all(|number| list.contains(&format!("{number},"))), "{list}");
}

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// The head of a request that waits for `100 Continue`, for a body of the worker, of a thread for large ones, and of unknown length.
fn waiting_heads(path: &str) -> [String; 3] {
    let framings = ["content-length: 5", "content-length: 100000", "transfer-encoding: chunked"];
    framings.map(|framing| format!("POST {path} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n{framing}\r\n\r\n"))
}

async fn connected(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

/// The next bytes, as many as these.
async fn next(stream: &mut TcpStream, expected: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; expected.len()];
    timeout(PATIENCE, stream.read_exact(&mut bytes)).await.unwrap().unwrap();
    bytes
}

/// What arrives until the end of a head.
async fn answer_head(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        text.extend(next(stream, b"-").await);
    }
    String::from_utf8(text).unwrap()
}

/// A server that refuses `/refused` as soon as it is released, and answers `/read` with the length of the body.
fn refusing_or_reading(released: &Arc<Notify>) -> SocketAddr {
    let released = Arc::clone(released);
    serve(move || {
        let released = Arc::clone(&released);
        let refused = move |payload: web::Payload| {
            let released = Arc::clone(&released);
            async move {
                released.notified().await;
                drop(payload);
                HttpResponse::Unauthorized().body("refused")
            }
        };
        let read = |body: web::Bytes| async move { HttpResponse::Ok().body(format!("{:06}", body.len())) };
        let application = App::new().app_data(web::PayloadConfig::new(1 << 20));
        application.route("/refused", web::post().to(refused)).route("/read", web::post().to(read))
    })
}

#[tokio::test]
async fn a_client_that_waits_to_send_a_body_gets_a_refusal_in_place_of_100_continue() {
    let released = Arc::new(Notify::new());
    let address = refusing_or_reading(&released);
    for path in ["/missing", "/refused"] {
        for head in waiting_heads(path) {
            let mut stream = connected(address, head.as_bytes()).await;
            released.notify_one();
            let answer = answer_head(&mut stream).await;
            let status = if path == "/missing" { "HTTP/1.1 404" } else { "HTTP/1.1 401" };
            assert!(answer.starts_with(status), "{head}: {answer}");
            assert!(answer.contains("connection: close\r\n"), "the rest may be a body or a request: {head}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_client_that_waits_to_send_a_body_gets_100_continue_when_the_body_is_read() {
    let address = refusing_or_reading(&Arc::default());
    let chunks = format!("186a0\r\n{}\r\n0\r\n\r\n", "x".repeat(100_000));
    let bodies = [("x".repeat(5), "000005"), ("x".repeat(100_000), "100000"), (chunks, "100000")];
    for (head, (body, length)) in waiting_heads("/read").into_iter().zip(bodies) {
        // The first one waits behind the answer to another request.
        let mut stream = connected(address, format!("GET /missing HTTP/1.1\r\nhost: x\r\n\r\n{head}").as_bytes()).await;
        let other = answer_head(&mut stream).await;
        assert!(other.starts_with("HTTP/1.1 404") && other.contains("content-length: 0\r\n"), "{other}");
        for _ in 0..2 {
            assert_eq!(next(&mut stream, CONTINUE).await, CONTINUE, "{head}");
            stream.write_all(body.as_bytes()).await.unwrap();
            let answer = answer_head(&mut stream).await;
            assert!(answer.starts_with("HTTP/1.1 200") && !answer.contains("connection: close"), "{head}: {answer}");
            assert_eq!(next(&mut stream, length.as_bytes()).await, length.as_bytes(), "{head}");
            stream.write_all(head.as_bytes()).await.unwrap();
        }
    }
}
