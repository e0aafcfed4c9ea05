//! The log of commits.

use crate::{
    LONGEST_WAIT, StorageServer,
    answer::{Answer, Refusal, ok, parameters, text},
};
use actix_web::{HttpRequest, HttpResponse, web::Data};
use character_storage_port::{ErrorKind, FOLLOW, HEAD, LogBatch, LogCursor, StorageError, Tick};
use character_storage_wire::{self as wire, FollowParameters, HeadBody};
use futures_util::future::{Either, select};
use serde::Serialize;
use std::{pin::pin, time::Duration};

/// Maximum size of the commits in one response after its first commit, in bytes. 4 MiB.
const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;

pub(crate) async fn follow(request: HttpRequest, server: Data<StorageServer>) -> Answer {
    let FollowParameters { after, limit, wait } = parameters(FollowParameters::decode(request.query_string()), FOLLOW)?;
    let mut token = server.follow(&request);
    // A client that disconnects drops this, which leaves nothing behind.
    let following = server.port.follow(&after, limit, wait.min(LONGEST_WAIT));
    let mut batch = match select(pin!(token.revoked()), following).await {
        Either::Left(_) => return Err(Refusal::unauthorized()),
        Either::Right((batch, _)) => batch?,
    };
    loop {
        match written(&batch)? {
            Written::Whole(body) => return Ok(HttpResponse::Ok().content_type(wire::JSON).body(body)),
            // Only the storage can cut a batch, because its other fields belong to all of its commits.
            Written::TooLarge { fitting } => batch = server.port.follow(&after, fitting, Duration::ZERO).await?,
        }
    }
}

pub(crate) async fn head(request: HttpRequest, server: Data<StorageServer>) -> Answer {
    parameters(wire::decode_nothing(request.query_string()), HEAD)?;
    ok(&HeadBody { cursor: server.port.head().await? }, HEAD)
}

/// The text of a batch, or the part of it that fits into a response.
#[derive(Debug)]
enum Written {
    Whole(Vec<u8>),
    TooLarge {
        /// The number of commits at its beginning that fit into a response. At least 1.
        fitting: usize,
    },
}

/// The fields of a batch besides its commits.
#[derive(Serialize)]
struct End<'b> {
    next: &'b LogCursor,
    settled: Tick,
    ceiling: Tick,
    more: bool,
}

/// Writes the commits one by one, so that a batch that is too large is not written to its end.
fn written(batch: &LogBatch) -> Answer<Written> {
    let LogBatch { commits, next, settled, ceiling, more } = batch;
    let mut body = br#"{"commits":["#.to_vec();
    for (index, commit) in commits.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        let unwritable = |error| StorageError::new(ErrorKind::Corrupt, FOLLOW).with_source(error);
        serde_json::to_writer(&mut body, commit).map_err(unwritable)?;
        if index > 0 && body.len() > MAX_BATCH_BYTES {
            return Ok(Written::TooLarge { fitting: index });
        }
    }
    body.extend_from_slice(b"],");
    let end = text(&End { next, settled: *settled, ceiling: *ceiling, more: *more }, FOLLOW)?;
    body.extend_from_slice(end.strip_prefix(b"{").unwrap_or(&end));
    Ok(Written::Whole(body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use character_domain::{CharacterId, now};
    use character_storage_port::{DomainEvent, Epoch, LoggedCommit, TransactionId};
    use serde_json::json;
    use std::sync::Arc;

    fn batch(sizes: &[usize]) -> LogBatch {
        let commit = |size: &usize| {
            let data = json!({ "text": "x".repeat(*size) });
            let event = DomainEvent::new("character.updated", CharacterId::new(), now(), data);
            let (transaction, rows, events) = (TransactionId::new(), Some(vec![]), vec![event]);
            Arc::new(LoggedCommit { tick: Tick(1), transaction, committed_at: now(), rows, events, traceparent: None })
        };
        let next = LogCursor::new(Epoch::new(), &7);
        LogBatch { commits: sizes.iter().map(commit).collect(), next, settled: Tick(2), ceiling: Tick(2), more: false }
    }

    #[test]
    fn the_text_of_a_batch_is_that_of_the_port() {
        for sizes in [&[][..], &[1], &[1, 2, 3]] {
            let batch = batch(sizes);
            let Ok(Written::Whole(body)) = written(&batch) else { panic!("{sizes:?}") };
            assert_eq!(String::from_utf8_lossy(&body), serde_json::to_string(&batch).expect("serializable"));
        }
    }

    #[test]
    fn a_batch_ends_before_it_exceeds_its_bytes_unless_its_first_commit_does() {
        const THIRD: usize = MAX_BATCH_BYTES / 3;
        for (sizes, fits) in [
            (&[THIRD, THIRD][..], None),
            (&[THIRD, THIRD, THIRD], Some(2)),
            (&[THIRD, 1, MAX_BATCH_BYTES, 1], Some(2)),
            (&[MAX_BATCH_BYTES, 1], Some(1)),
            (&[2 * MAX_BATCH_BYTES], None),
        ] {
            match (written(&batch(sizes)).expect("serializable"), fits) {
                (Written::Whole(_), None) => {}
                (Written::TooLarge { fitting }, Some(fits)) => assert_eq!(fitting, fits, "{sizes:?}"),
                (_, fits) => panic!("{sizes:?} {fits:?}"),
            }
        }
    }
}
