//! The snapshot: every row as of one moment, one line each.

use crate::{
    StorageServer,
    answer::{Answer, problem_of},
};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Bytes, Data},
};
use character_storage_port::{ErrorKind, Result, SNAPSHOT, SnapshotStream, StorageError};
use character_storage_wire::{NDJSON, SnapshotEnd, SnapshotLine};
use futures_util::{StreamExt, stream};
use std::convert::Infallible;

pub(crate) async fn snapshot(request: HttpRequest, server: Data<StorageServer>) -> Answer {
    let items = server.port.snapshot().await?;
    Ok(HttpResponse::Ok().content_type(NDJSON).streaming(server.follow(&request).over(lines(items))))
}

/// The lines of a snapshot. The last line shows that it is complete.
fn lines(items: SnapshotStream) -> impl stream::Stream<Item = std::result::Result<Bytes, Infallible>> {
    stream::unfold((Some(items), 0), |(items, count)| async move {
        let mut items = items?;
        let (line, more) = match items.next().await.map(|item| item.and_then(|item| line(&item.into()))) {
            Some(Ok(line)) => (line, Some(items)),
            Some(Err(error)) => (last(&SnapshotLine::Problem(problem_of(&error))), None),
            None => (last(&SnapshotLine::End(SnapshotEnd { items: count })), None),
        };
        Some((Ok(line), (more, count + 1)))
    })
}

fn line(line: &SnapshotLine) -> Result<Bytes> {
    let unwritable = |error| StorageError::new(ErrorKind::Corrupt, SNAPSHOT).with_source(error);
    let mut text = serde_json::to_vec(line).map_err(unwritable)?;
    text.push(b'\n');
    Ok(text.into())
}

/// A line of plain data. If it were missing, the client would treat the snapshot as incomplete.
fn last(end: &SnapshotLine) -> Bytes {
    line(end).unwrap_or_default()
}
