//! A request while it is in flight, and its answer on the way to the socket.

use super::connection::Connection;
use actix_http::{
    ConnectionType, Response,
    body::{BodySize, BoxBody, MessageBody},
    header::CONTENT_TYPE,
};
use bytes::Bytes;
use character_http_kit::EVENT_STREAM;
use std::{
    error::Error,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

/// Bytes of an answer that are copied to the buffer of the socket at a time. A large answer would otherwise be in memory
/// twice until the client has read it.
const PIECE: usize = 64 * 1024;

/// A request from its head to the last byte of its answer.
pub(super) struct InFlight(Option<Rc<Connection>>);

impl InFlight {
    pub(super) fn begin(connection: Option<&Rc<Connection>>) -> Self {
        if let Some(connection) = connection {
            connection.request_begins();
        }
        Self(connection.cloned())
    }

    /// The answer, with which the request ends.
    pub(super) fn over<B: MessageBody + 'static>(self, mut answer: Response<B>) -> Response<AnswerBody> {
        if self.0.as_ref().is_some_and(|connection| connection.is_ending()) {
            answer.head_mut().set_connection_type(ConnectionType::Close);
        }
        answer.map_body(|head, body| {
            let is_live = head.headers.get(CONTENT_TYPE).is_some_and(|given| given == EVENT_STREAM);
            let waits_for = self.0.clone().filter(|_| is_live);
            AnswerBody { body: body.boxed(), piece: Bytes::new(), waits_for, _request: self }
        })
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(connection) = &self.0 {
            connection.request_ends();
        }
    }
}

/// The body of an answer, in pieces.
pub(super) struct AnswerBody {
    body: BoxBody,
    piece: Bytes,
    /// Of an answer that lasts until the client ends it: the connection that shows whether it did. A client of another answer may
    /// close its side after the request and still read the answer.
    waits_for: Option<Rc<Connection>>,
    _request: InFlight,
}

impl MessageBody for AnswerBody {
    type Error = Box<dyn Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        if self.waits_for.as_ref().is_some_and(|connection| connection.client_has_ended()) {
            return Poll::Ready(None);
        }
        if self.piece.is_empty() {
            match Pin::new(&mut self.body).poll_next(cx) {
                Poll::Ready(Some(Ok(bytes))) => self.piece = bytes,
                other => return other,
            }
        }
        let length = self.piece.len().min(PIECE);
        Poll::Ready(Some(Ok(self.piece.split_to(length))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::body::to_bytes;

    #[actix_web::test]
    async fn a_large_answer_arrives_whole_in_pieces_of_bounded_size() {
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 5 * PIECE, 5 * PIECE + 7] {
            let text: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
            let answer = || InFlight::begin(None).over(Response::ok().set_body(text.clone())).into_body();
            assert_eq!(answer().size(), BodySize::Sized(u64::try_from(length).unwrap()));
            let mut body = answer();
            while let Some(piece) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_next(cx)).await {
                assert!((1..=PIECE).contains(&piece.unwrap().len()) || length == 0);
            }
            assert_eq!(to_bytes(answer()).await.unwrap(), text);
        }
    }
}
