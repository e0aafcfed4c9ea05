//! Compresses long answers for clients that accept it, and an answer that is given again only once.

use super::coding::Coding;
use crate::KeptBodies;
use actix_web::{
    Error,
    body::{BodySize, BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method, StatusCode,
        header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, VARY},
    },
    middleware::Next,
};
use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use sha2::{Digest, Sha256};
use std::{io, rc::Rc};

/// Answers of at most this length are not worth it, in bytes.
const SMALL: u64 = 1024;
/// An answer of more than this length is compressed beside the threads that serve requests, in bytes. 32 KiB take less than
/// a millisecond.
const LONG: u64 = 32 * 1024;
/// The header of requests on which a long answer depends.
const VARIES: &str = "accept-encoding";
/// The compressed forms of answers to reads, at most 16 MiB of them in this process. They are found by the digest of the answer:
/// an answer that a cache gives again is compressed once, and no answer is taken for another one.
///
/// Clones share what is kept.
#[derive(Clone, Debug, Default)]
pub struct CompressedAnswers(KeptBodies<(Coding, [u8; 32])>);

impl CompressedAnswers {
    /// The compressed body of an answer to a read, from what is kept, or made now.
    fn of(&self, coding: Coding, body: &[u8]) -> io::Result<Bytes> {
        let key = (coding, Sha256::digest(body).into());
        if let Some(kept) = self.0.get(&key) {
            return Ok(kept);
        }
        let compressed = Bytes::from(coding.compress(body)?);
        // A copy of the length that it has: the buffer may be several times as long.
        self.0.replace(key, Bytes::copy_from_slice(&compressed));
        Ok(compressed)
    }
}

/// A middleware that compresses answers of more than 1 KiB with zstd, brotli or gzip, whichever the client prefers. A stream, and an
/// answer that forbids to be transformed, stays unchanged. What reads are answered with is kept in `answers`.
pub fn compress(
    answers: CompressedAnswers,
) -> impl Fn(ServiceRequest, Next<BoxBody>) -> LocalBoxFuture<'static, Result<ServiceResponse, Error>> + Clone {
    // A request whose answer is not looked up copies one pointer of its thread.
    let answers = Rc::new(answers);
    move |request, next| Box::pin(compressing(Rc::clone(&answers), request, next))
}

async fn compressing(
    answers: Rc<CompressedAnswers>,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, Error> {
    let mut answer = next.call(request).await?;
    if answer.status() == StatusCode::NOT_MODIFIED {
        // It stands for an answer whose length is not known here.
        answer.headers_mut().append(VARY, HeaderValue::from_static(VARIES));
    }
    let length = match answer.response().body().size() {
        BodySize::Sized(length) if length > SMALL => length,
        _ => return Ok(answer),
    };
    if !is_compressible(answer.status(), answer.headers()) {
        return Ok(answer);
    }
    answer.headers_mut().append(VARY, HeaderValue::from_static(VARIES));
    let Some(coding) = Coding::accepted(answer.request().headers()) else { return Ok(answer) };
    let (request, response) = answer.into_parts();
    let (mut response, body) = response.into_parts();
    let body = match body.try_into_bytes() {
        Ok(body) => body,
        Err(body) => return Ok(ServiceResponse::new(request, response.set_body(body))),
    };
    // What a change is answered with is not given again.
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD) && response.status() == StatusCode::OK;
    let answers = is_read.then(|| CompressedAnswers::clone(&answers));
    let body = match compressed(answers, coding, body.clone(), length).await {
        Ok(compressed) => {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
            compressed
        }
        Err(error) => {
            let kind = error.kind();
            tracing::warn!(?kind, coding = coding.name(), "an answer cannot be compressed and is sent unchanged");
            body
        }
    };
    Ok(ServiceResponse::new(request, response.set_body(BoxBody::new(body))))
}

async fn compressed(answers: Option<CompressedAnswers>, coding: Coding, body: Bytes, length: u64) -> io::Result<Bytes> {
    let compress = move || match answers {
        Some(answers) => answers.of(coding, &body),
        None => coding.compress(&body).map(Bytes::from),
    };
    if length <= LONG {
        return compress();
    }
    tokio::task::spawn_blocking(compress).await.map_err(io::Error::other)?
}

fn is_compressible(status: StatusCode, headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default();
    let media_type = text(CONTENT_TYPE).split(';').next().unwrap_or_default();
    let is_text = media_type.starts_with("text/")
        || media_type.ends_with("json")
        || media_type.ends_with("+xml")
        || ["application/javascript", "application/openmetrics-text"].contains(&media_type);
    is_text
        && status != StatusCode::PARTIAL_CONTENT
        && !headers.contains_key(CONTENT_ENCODING)
        && !text(CACHE_CONTROL).contains("no-transform")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Endpoint, Endpoints};
    use actix_service::apply;
    use actix_web::{App, HttpResponse, http::header::ACCEPT_ENCODING, middleware::from_fn, test};
    use futures_util::stream;
    use std::{convert::Infallible, io::Read};

    fn text(bytes: usize) -> String {
        "{\"name\":\"Torormir\"},".chars().cycle().take(bytes).collect()
    }

    async fn long() -> HttpResponse {
        HttpResponse::Ok().content_type("application/json").insert_header(("vary", "origin")).body(text(200_000))
    }

    async fn short() -> HttpResponse {
        HttpResponse::Ok().content_type("application/json").body(text(1024))
    }

    async fn picture() -> HttpResponse {
        HttpResponse::Ok().content_type("image/png").body(text(5000))
    }

    async fn fixed() -> HttpResponse {
        HttpResponse::Ok().content_type("text/plain").insert_header(("cache-control", "no-transform")).body(text(5000))
    }

    async fn parts() -> HttpResponse {
        let parts = (0..10).map(|_| Ok::<_, Infallible>(Bytes::from(text(1000))));
        HttpResponse::Ok().content_type("text/event-stream").streaming(stream::iter(parts))
    }

    async fn unchanged() -> HttpResponse {
        HttpResponse::NotModified().finish()
    }

    /// The coding, `Vary` and the body.
    async fn get(path: &str, accepted: &str) -> (Option<String>, Vec<String>, Bytes) {
        let mut endpoints = Endpoints::default();
        Endpoint::at("/long").get(long).register(&mut endpoints);
        Endpoint::at("/short").get(short).register(&mut endpoints);
        Endpoint::at("/picture").get(picture).register(&mut endpoints);
        Endpoint::at("/fixed").get(fixed).register(&mut endpoints);
        Endpoint::at("/unchanged").get(unchanged).register(&mut endpoints);
        Endpoint::at("/parts").get(parts).register(&mut endpoints);
        let compressing = from_fn(compress(CompressedAnswers::default()));
        let service = test::init_service(App::new().default_service(apply(compressing, endpoints))).await;
        let request = test::TestRequest::get().uri(path).insert_header((ACCEPT_ENCODING, accepted)).to_request();
        let answer = test::call_service(&service, request).await;
        let texts = |name| {
            let values = answer.headers().get_all(name);
            values.map(|value: &HeaderValue| value.to_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        (texts(CONTENT_ENCODING).pop(), texts(VARY), test::read_body(answer).await)
    }

    #[actix_web::test]
    async fn a_long_answer_is_compressed_as_the_client_prefers() {
        for (accepted, coding) in [
            ("gzip", Some("gzip")),
            ("gzip, deflate, br", Some("br")),
            ("gzip, deflate, br, zstd", Some("zstd")),
            ("zstd;q=0.5, br;q=0.7", Some("br")),
            ("*", Some("br")),
            ("", None),
            ("zstd;q=0", None),
            ("identity", None),
        ] {
            let (found, vary, body) = get("/long", accepted).await;
            assert_eq!(found.as_deref(), coding, "{accepted}");
            assert_eq!(vary, ["origin", "accept-encoding"], "{accepted}");
            let mut read = Vec::new();
            match coding {
                Some("zstd") => read = zstd::stream::decode_all(&*body).unwrap(),
                Some("br") => drop(brotli::Decompressor::new(&*body, 4096).read_to_end(&mut read).unwrap()),
                Some(_) => drop(flate2::read::GzDecoder::new(&*body).read_to_end(&mut read).unwrap()),
                None => read = body.to_vec(),
            }
            assert_eq!(read, text(200_000).as_bytes());
            assert_eq!(body.len() < 20_000, coding.is_some());
        }
    }

    /// What is kept after requests of this method to an answer of this status, the same one twice.
    async fn kept(method: Method, status: StatusCode, bytes: usize) -> u64 {
        let answers = CompressedAnswers::default();
        let answer =
            move || async move { HttpResponse::build(status).content_type("application/json").body(text(bytes)) };
        let mut endpoints = Endpoints::default();
        Endpoint::at("/answer").get(answer).post(answer).register(&mut endpoints);
        let compressing = from_fn(compress(answers.clone()));
        let service = test::init_service(App::new().default_service(apply(compressing, endpoints))).await;
        let mut bodies = Vec::new();
        for _ in 0..2 {
            let request = test::TestRequest::default().method(method.clone()).uri("/answer");
            let request = request.insert_header((ACCEPT_ENCODING, "br")).to_request();
            bodies.push(test::read_body(test::call_service(&service, request).await).await);
        }
        assert_eq!(bodies[0], bodies[1]);
        answers.0.size().0
    }

    #[actix_web::test]
    async fn an_answer_to_a_read_is_compressed_once_and_others_are_not_kept() {
        for bytes in [5_000, 200_000] {
            assert_eq!(kept(Method::GET, StatusCode::OK, bytes).await, 1);
        }
        assert_eq!(kept(Method::GET, StatusCode::NOT_FOUND, 5_000).await, 0);
        assert_eq!(kept(Method::POST, StatusCode::OK, 5_000).await, 0);
    }

    #[actix_web::test]
    async fn what_is_kept_is_that_of_the_coding_and_of_the_answer() {
        let answers = CompressedAnswers::default();
        let (one, other) = (text(5_000), text(5_001));
        let of = |coding: Coding, text: &str| answers.of(coding, text.as_bytes()).unwrap();
        let [zstd, brotli, gzip] = [Coding::Zstd, Coding::Brotli, Coding::Gzip].map(|coding| of(coding, &one));
        assert!(zstd != brotli && brotli != gzip && gzip != zstd && brotli != of(Coding::Brotli, &other));
        assert_eq!(answers.0.size().0, 4);
        for (coding, kept) in [(Coding::Zstd, zstd), (Coding::Brotli, brotli), (Coding::Gzip, gzip)] {
            let again = of(coding, &one);
            assert_eq!(again, kept);
            assert_eq!(again.as_ptr(), of(coding, &one).as_ptr(), "it is the kept one of {coding:?}");
        }
    }

    #[actix_web::test]
    async fn what_is_kept_is_bounded_and_no_single_answer_fills_it() {
        // Nothing repeats in it, so it stays as long as it is.
        let noise =
            |bytes: u64| (0..bytes / 32).flat_map(|number| Sha256::digest(number.to_le_bytes())).collect::<Vec<_>>();
        let answers = CompressedAnswers(KeptBodies::within(20_000));
        for number in 0..20_u8 {
            answers.of(Coding::Gzip, &[&[number][..], &noise(3_200)].concat()).unwrap();
            let _ = answers.0.size();
        }
        assert!((3_000..=20_000).contains(&answers.0.size().1), "{answers:?}");
        let answers = CompressedAnswers::default();
        assert!(answers.of(Coding::Gzip, &noise(1_100_000)).unwrap().len() > 1024 * 1024);
        assert_eq!(answers.0.size().0, 0);
    }

    #[actix_web::test]
    async fn what_is_short_or_no_text_or_a_stream_or_fixed_stays_unchanged() {
        for path in ["/short", "/picture", "/fixed", "/parts"] {
            let (coding, vary, body) = get(path, "gzip, br, zstd").await;
            assert_eq!((coding, vary), (None, Vec::new()), "{path}");
            assert!(body.starts_with(b"{\"name\""), "{path}");
        }
    }

    #[actix_web::test]
    async fn a_304_varies_as_the_answer_that_it_stands_for() {
        let (coding, vary, body) = get("/unchanged", "zstd").await;
        assert_eq!((coding, vary, body.len()), (None, vec!["accept-encoding".to_owned()], 0));
    }
}
