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
