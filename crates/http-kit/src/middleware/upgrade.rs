//! Requests that ask for another protocol. None is spoken here, so the header is ignored (RFC 9110, section 7.8).

use actix_web::{
    Error, HttpMessage,
    body::MessageBody,
    dev::{Payload, ServiceRequest, ServiceResponse},
    error::PayloadError,
    http::{ConnectionType, header::UPGRADE},
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use std::pin::Pin;

/// What the server takes a request for that asks for another protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Upgrade {
    /// It asks for none.
    None,
    /// Its connection is about to change: actix-http says so in the answer too.
    Announced,
    /// Everything behind its head is of the other protocol: actix-http ignores the length of the body, and sends parts of
    /// an answer as they are.
    Begun,
}

impl Upgrade {
    /// Reads what the request asks for, and ends its body where its length says.
    pub(super) fn ignore(request: &mut ServiceRequest) -> Self {
        let mut protocols = request.headers().get_all(UPGRADE);
        let is_websocket = protocols.any(|name| name.as_bytes().trim_ascii().eq_ignore_ascii_case(b"websocket"));
        if is_websocket && !request.chunked().unwrap_or_default() {
            let length = super::announced(request.headers()).unwrap_or_default();
            let body: Pin<Box<dyn Stream<Item = _>>> = Box::pin(first(request.take_payload(), length));
            request.set_payload(body.into());
            return Self::Begun;
        }
        if request.head().upgrade() { Self::Announced } else { Self::None }
    }

    /// Lets the answer say that the connection ends, because what follows on it is not read as requests.
    pub(super) fn tell<B: MessageBody>(self, answer: &mut Result<ServiceResponse<B>, Error>) {
        let Ok(response) = answer else { return };
        let head = response.response_mut().head_mut();
        if self != Self::None {
            head.set_connection_type(ConnectionType::Close);
        }
        if self == Self::Begun {
            head.no_chunking(true);
        }
    }
}

/// The first bytes of a payload, this many.
fn first(payload: Payload, length: u64) -> impl Stream<Item = Result<Bytes, PayloadError>> {
    stream::unfold((payload, length), |(mut payload, left)| async move {
        if left == 0 {
            return None;
        }
        let chunk = match payload.next().await {
            Some(Ok(mut chunk)) => {
                chunk.truncate(usize::try_from(left).unwrap_or(usize::MAX));
                chunk
            }
            Some(Err(error)) => return Some((Err(error), (payload, 0))),
            None => return Some((Err(PayloadError::Incomplete(None)), (payload, 0))),
        };
        let left = left - chunk.len() as u64;
        Some((Ok(chunk), (payload, left)))
    })
}

#[cfg(test)]
mod tests {
    use crate::{
        BodyLimits, HttpMetrics, ProblemTypes,
        body::{BodyError, read_body},
        middleware::account,
    };
    use actix_web::{App, HttpRequest, HttpResponse, HttpServer, http::StatusCode, middleware::from_fn, web};
    use futures_util::stream;
    use std::{net::SocketAddr, time::Duration};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
        time::timeout,
    };

    const LIMITS: BodyLimits = BodyLimits { bytes: 1000, timeout: Duration::from_secs(60), rate: 100 };

    async fn echo(request: HttpRequest, payload: web::Payload) -> HttpResponse {
        match read_body(request.headers(), payload, LIMITS).await {
            Ok(body) if request.path() == "/streamed" => {
                HttpResponse::Ok().streaming(stream::iter([Ok::<_, BodyError>(body)]))
            }
            Ok(body) => HttpResponse::Ok().body(body),
            Err(_) => HttpResponse::new(StatusCode::REQUEST_TIMEOUT),
        }
    }

    fn start() -> SocketAddr {
        let server = HttpServer::new(|| {
            let accounted = account(ProblemTypes::BLANK, HttpMetrics::default());
            App::new().wrap(from_fn(accounted)).default_service(web::to(echo))
        });
        let server = server.workers(1).bind(("127.0.0.1", 0)).unwrap();
        let address = server.addrs()[0];
        actix_web::rt::spawn(server.run());
        address
    }

    /// What is answered until the connection ends.
    async fn answer_to(address: SocketAddr, request: &str) -> String {
        let mut connection = TcpStream::connect(address).await.unwrap();
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let read = timeout(Duration::from_secs(20), connection.read_to_string(&mut answer)).await;
        read.unwrap_or_else(|_| panic!("the connection does not end after {answer:?}")).unwrap();
        answer
    }

    #[actix_web::test]
    async fn a_request_that_asks_for_another_protocol_is_answered_as_without() {
        let address = start();
        for protocol in ["websocket", "WebSocket ", "h2c", "TLS/1.0", "websocket, h2c"] {
            for path in ["/", "/streamed"] {
                for (framing, body) in [
                    ("content-length: 5\r\n", "hello"),
                    ("transfer-encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
                    ("content-length: 0\r\n", ""),
                    ("", ""),
                ] {
                    let request = format!(
                        "POST {path} HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: {protocol}\r\n{framing}\r\n{body}"
                    );
                    let answer = answer_to(address, &request).await;
                    let (head, rest) = answer.split_once("\r\n\r\n").unwrap();
                    let head = head.to_ascii_lowercase();
                    assert!(head.starts_with("http/1.1 200"), "{request:?}: {answer:?}");
                    assert!(head.contains("connection: close"), "{request:?}: {answer:?}");
                    let sent = if body.is_empty() { "" } else { "hello" };
                    let expected = match head.contains("transfer-encoding: chunked") {
                        true if sent.is_empty() => "0\r\n\r\n".to_owned(),
                        true => format!("5\r\n{sent}\r\n0\r\n\r\n"),
                        false => sent.to_owned(),
                    };
                    assert_eq!(rest, expected, "{request:?}");
                }
            }
        }
    }

    #[actix_web::test]
    async fn a_body_that_ends_before_its_length_is_not_taken_for_a_whole_one() {
        let mut connection = TcpStream::connect(start()).await.unwrap();
        let request =
            "POST / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\ncontent-length: 9\r\n\r\nhello";
        connection.write_all(request.as_bytes()).await.unwrap();
        connection.shutdown().await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        assert!(!answer.starts_with("HTTP/1.1 200"), "{answer:?}");
    }
}
