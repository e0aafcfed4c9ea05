//! Problem documents for what does not reach the service. What actix-http answers by itself, to requests that it cannot read and
//! heads that do not arrive, is recognised on its way to the socket, because actix-http has no hook for it.

use character_http_kit::ProblemTypes;
use serde_json::json;
use std::str;
use uuid::Uuid;

/// The longest answer that actix-http makes by itself, in bytes.
const LONGEST: usize = 512;
const END_OF_HEAD: &str = "\r\n\r\n";
/// The clients of the services know this code, and take the service for unavailable.
const TLS_REQUIRED: &str = "tls-required";

/// An answer in place of one without a body, on its way to the socket.
#[derive(Debug)]
pub(super) struct EarlyRefusal {
    /// The id of the request, in the answer and in the log.
    pub(super) request_id: Uuid,
    bytes: Vec<u8>,
    written: usize,
}

impl EarlyRefusal {
    /// The answer in place of these bytes, when they are all of one that actix-http has made by itself: without a body, and of a
    /// status with which no handler answers so.
    pub(super) fn in_place_of(bytes: &[u8], types: ProblemTypes) -> Option<Self> {
        let head = bytes.strip_prefix(b"HTTP/1.1 ")?;
        let (code, title, detail) = match head.get(..3)? {
            b"400" => (
                "malformed-request",
                "The request is not HTTP",
                "send a request line and headers of HTTP/1.1, with one Host, of at most 16384 bytes",
            ),
            b"408" => ("head-timeout", "The request head did not arrive in time", "send the whole head at once"),
            b"431" => (
                "head-too-large",
                "The request head is too large",
                "at most 16384 bytes in at most 96 headers are accepted",
            ),
            // Every other answer comes here, and is read no further.
            _ => return None,
        };
        if bytes.len() >= LONGEST {
            return None;
        }
        let lines = str::from_utf8(head).ok()?.strip_suffix(END_OF_HEAD)?;
        let mut lines = lines.split("\r\n");
        let (status, headers): (&str, Vec<&str>) = (lines.next()?, lines.collect());
        let is = |line: &str, name: &str| line.split(':').next().is_some_and(|it| it.eq_ignore_ascii_case(name));
        let is_bare = !headers.iter().any(|line| is(line, "content-type") || line.is_empty());
        let is_empty = headers.iter().any(|line| line.eq_ignore_ascii_case("content-length: 0"));
        if !is_bare || !is_empty {
            return None;
        }
        let headers: Vec<&str> = headers.into_iter().filter(|line| !is(line, "content-length")).collect();
        let number = status.get(..3)?.parse::<u16>().ok()?;
        Some(Self::of((status, number), &headers, (code, title, detail), types))
    }

    /// The answer to a request without TLS at a port with TLS.
    pub(super) fn without_tls(types: ProblemTypes) -> Self {
        let problem = (
            TLS_REQUIRED,
            "The port speaks TLS, and the request came without it",
            "the address needs https:// in the place of http://",
        );
        Self::of(("400 Bad Request", 400), &["connection: close"], problem, types)
    }

    fn of(
        (status, number): (&str, u16),
        headers: &[&str],
        (code, title, detail): (&str, &str, &str),
        types: ProblemTypes,
    ) -> Self {
        let request_id = Uuid::now_v7();
        let body = json!({
            "type": types.uri(code), "title": title, "status": number, "code": code, "detail": detail,
            "request_id": request_id,
        })
        .to_string();
        let mut answer = format!("HTTP/1.1 {status}\r\n");
        for line in headers {
            answer.push_str(line);
            answer.push_str("\r\n");
        }
        answer.push_str(&format!(
            "content-length: {}\r\ncontent-type: application/problem+json\r\nx-content-type-options: nosniff\r\n\
             x-request-id: {request_id}{END_OF_HEAD}{body}",
            body.len()
        ));
        Self { request_id, bytes: answer.into_bytes(), written: 0 }
    }

    /// What is not written yet.
    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.written..).unwrap_or_default()
    }

    /// This number of bytes of the rest was written.
    pub(super) fn advance(&mut self, bytes: usize) {
        self.written += bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    const TYPES: ProblemTypes = ProblemTypes::below("/problems/");

    #[test]
    fn an_answer_without_a_body_becomes_a_problem_and_keeps_its_other_headers() {
        for (status, code) in [
            ("400 Bad Request", "malformed-request"),
            ("408 Request Timeout", "head-timeout"),
            ("431 Request Header Fields Too Large", "head-too-large"),
        ] {
            let bare = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\ndate: now\r\n\r\n");
            let refusal = EarlyRefusal::in_place_of(bare.as_bytes(), TYPES).unwrap();
            let text = str::from_utf8(refusal.rest()).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\nconnection: close\r\ndate: now\r\n")), "{head}");
            assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{head}");
            let problem: Value = serde_json::from_str(body).unwrap();
            assert_eq!(
                (&problem["code"], &problem["status"]),
                (&json!(code), &json!(status[..3].parse::<u16>().unwrap()))
            );
            assert_eq!(problem["type"], format!("/problems/{code}"));
            assert_eq!(problem["request_id"], refusal.request_id.to_string());
        }
    }

    #[test]
    fn every_other_answer_stays() {
        for other in [
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\ncontent-type: text/plain\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n",
            "HTTP/1.1 4",
            "",
            "{\"code\":\"400\"}",
        ] {
            assert!(EarlyRefusal::in_place_of(other.as_bytes(), TYPES).is_none(), "{other}");
        }
        let long = format!("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nx: {}\r\n\r\n", "y".repeat(LONGEST));
        assert!(EarlyRefusal::in_place_of(long.as_bytes(), TYPES).is_none());
    }
}
