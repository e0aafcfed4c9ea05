//! Removes events that are older than they are kept.

use crate::{
    state::{State, lock},
    store::{signed, unsigned},
};
use rusqlite::{Connection, params};
use std::sync::atomic::Ordering;

/// The maximum number of events that one transaction removes, so that publishers do not wait long.
const AT_ONCE: usize = 2_000;

/// Removes the oldest events that were published before `cutoff` (Unix time in milliseconds). Returns whether more may be left.
pub(crate) fn expire(connection: &mut Connection, state: &State, cutoff: i64) -> rusqlite::Result<bool> {
    let transaction = connection.transaction()?;
    let mut expired = Vec::new();
    {
        let mut oldest = transaction.prepare_cached(include_str!("sql/list_oldest_events.sql"))?;
        let mut rows = oldest.query([AT_ONCE as i64])?;
        while let Some(row) = rows.next()? {
            let (sequence, published_at, bytes) = (unsigned(row.get(0)?), row.get::<_, i64>(1)?, unsigned(row.get(2)?));
            // Sequences grow with time. A clock that was set back only keeps events for longer.
            if published_at >= cutoff {
                break;
            }
            expired.push((sequence, bytes));
        }
    }
    let Some((last, _)) = expired.last().copied() else { return Ok(false) };
    let mut unsettled = 0;
    for subscribed in state.all() {
        let mut statement = transaction.prepare_cached(include_str!("sql/expire_pending.sql"))?;
        unsettled += statement.execute(params![subscribed.id, signed(last)])? as u64;
    }
    transaction.prepare_cached(include_str!("sql/expire_events.sql"))?.execute([signed(last)])?;
    transaction.commit()?;
    let bytes = expired.iter().map(|(_, bytes)| bytes).sum();
    state.events.fetch_sub(expired.len() as u64, Ordering::Relaxed);
    state.bytes.fetch_sub(bytes, Ordering::Relaxed);
    lock(&state.cache).forget_through(last);
    if unsettled > 0 {
        state.expired_unsettled.fetch_add(unsettled, Ordering::Relaxed);
        tracing::warn!(events = unsettled, "events expired before their subscriptions settled them");
    }
    Ok(expired.len() == AT_ONCE)
}
