//! Snapshots: a streamed response, because it may be larger than memory.

use crate::{
    ApiRequest, ApiResponse, HttpStorage, TimedOut, Transport, TransportError, TransportStack,
    storage::{corrupt, failure, not_answered},
    verdict::{Evidence, evidence_of_answer, evidence_of_error},
};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use character_domain::json;
use character_storage_port::{Result, SNAPSHOT, Snapshot, SnapshotItem, SnapshotStream, StorageError};
use character_storage_wire::{self as wire, SnapshotEnd, SnapshotLine};
use futures_util::{StreamExt, stream, stream::BoxStream};
use std::{fmt, sync::Arc};
use tokio::time::timeout;

/// The longest line of a snapshot, in bytes: no row is as large.
const MAX_LINE_BYTES: usize = 64 * 1024 * 1024;

/// The streamed body of a response. Each wait for the next piece is bounded, the whole is not.
pub type ByteStream = BoxStream<'static, Result<Bytes, TransportError>>;

/// A response whose body may be a stream.
pub enum OpenedResponse {
    /// The expected 200.
    Stream {
        /// `Content-Type`, as given.
        content_type: Option<String>,
        /// The body.
        body: ByteStream,
    },
    /// Any other response, complete.
    Whole(ApiResponse),
}

impl fmt::Debug for OpenedResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stream { content_type, .. } => f.debug_tuple("Stream").field(content_type).finish(),
            Self::Whole(response) => f.debug_tuple("Whole").field(response).finish(),
        }
    }
}

/// A transport that can also return a stream.
#[async_trait]
pub trait StreamTransport: Transport {
    /// The response, as soon as its head has arrived. Sent only once: a second response cannot continue a stream in the
    /// middle.
    ///
    /// # Errors
    /// As [`Transport::call`].
    async fn open(&self, request: ApiRequest) -> Result<OpenedResponse, TransportError>;
}

/// The circuit breaker treats the beginning of a stream like any call.
#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: StreamTransport> StreamTransport for TransportStack<T> {
    async fn open(&self, request: ApiRequest) -> Result<OpenedResponse, TransportError> {
        let operation = request.operation;
        let size = request.size;
        let permit = self.guard().admit(&request).await?;
        let answer = timeout(self.deadline(), self.transport().open(request)).await;
        let answer = answer.unwrap_or_else(|_| Err(TimedOut::Call(self.deadline()).of_attempt(operation)));
        let evidence = match &answer {
            Ok(OpenedResponse::Stream { .. }) => Evidence::Alive,
            Ok(OpenedResponse::Whole(response)) => evidence_of_answer(size, response),
            Err(error) => evidence_of_error(size, error),
        };
        self.guard().settle(permit, evidence, || match &answer {
            Ok(OpenedResponse::Stream { .. }) => None,
            Ok(OpenedResponse::Whole(response)) => Some(Arc::new(response.as_failure())),
            Err(error) => Some(Arc::new(error.clone())),
        });
        answer
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: StreamTransport + ?Sized> Snapshot for HttpStorage<T> {
    async fn snapshot(&self) -> Result<SnapshotStream> {
        match self.transport().open(ApiRequest::get(SNAPSHOT, wire::SNAPSHOT)).await.map_err(not_answered)? {
            OpenedResponse::Whole(response) => Err(failure(SNAPSHOT, &response)),
            OpenedResponse::Stream { content_type, body } => {
                if !content_type.is_some_and(|given| wire::is_media_type(&given, wire::NDJSON)) {
                    return Err(corrupt(SNAPSHOT, "the storage answered something other than application/x-ndjson"));
                }
                Ok(items(Lines { body, read: BytesMut::new(), searched: 0 }))
            }
        }
    }
}

/// The items of a snapshot up to its end, without which it is an error.
fn items(lines: Lines) -> SnapshotStream {
    Box::pin(stream::unfold((Some(lines), 0), |(lines, count)| async move {
        let mut lines = lines?;
        match item(lines.next().await, count).transpose()? {
            Ok(item) => Some((Ok(item), (Some(lines), count + 1))),
            Err(error) => Some((Err(error), (None, count))),
        }
    }))
}

/// The meaning of a line after `count` others; `None` is the end.
fn item(line: Result<Option<Bytes>>, count: u64) -> Result<Option<SnapshotItem>> {
    let Some(line) = line? else {
        let cut_off = "the answer of the storage ended before the snapshot did";
        return Err(StorageError::unavailable(SNAPSHOT).with_detail(cut_off));
    };
    let unreadable = |error| corrupt(SNAPSHOT, "the storage answered something unreadable").with_source(error);
    match json::parse(&line).map_err(unreadable)? {
        SnapshotLine::Row(row) => Ok(Some(SnapshotItem::Row(row))),
        SnapshotLine::Unreadable(row) => Ok(Some(SnapshotItem::Unreadable(row))),
        SnapshotLine::Problem(problem) => Err(problem.into_error(SNAPSHOT)),
        SnapshotLine::End(SnapshotEnd { items }) if items == count => Ok(None),
        SnapshotLine::End(_) => Err(corrupt(SNAPSHOT, "the storage answered another number of items than it sent")),
    }
}

/// A body, cut into lines.
struct Lines {
    body: ByteStream,
    read: BytesMut,
    /// Number of bytes of `read` in which there is no end of a line.
    searched: usize,
}

impl Lines {
    /// The next complete line; `None` when the body ends without one.
    async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            let rest = self.read.get(self.searched..).unwrap_or_default();
            if let Some(length) = rest.iter().position(|byte| *byte == b'\n') {
                let line = self.read.split_to(self.searched + length + 1);
                self.searched = 0;
                return Ok(Some(line.freeze()));
            }
            self.searched = self.read.len();
            if self.searched > MAX_LINE_BYTES {
                return Err(corrupt(SNAPSHOT, "the storage answered a line that is too long"));
            }
            match self.body.next().await {
                Some(piece) => self.read.extend_from_slice(&piece.map_err(not_answered)?),
                None => return Ok(None),
            }
        }
    }
}
