//! Every row of the file, for a snapshot.

use super::session::value;
use crate::{
    snapshot::{Abandoned, KindReader},
    value::Unreadable,
};
use rusqlite::Connection;

/// Why a snapshot ended early.
pub(super) enum Stopped {
    Abandoned,
    Failed(rusqlite::Error),
}

pub(super) fn every_row(
    connection: &Connection,
    kind: &KindReader,
    put: &dyn Fn(character_storage_port::SnapshotItem) -> Result<(), Abandoned>,
) -> Result<(), Stopped> {
    let mut statement = connection.prepare(&kind.sql).map_err(Stopped::Failed)?;
    let columns = statement.column_count();
    let mut rows = statement.query([]).map_err(Stopped::Failed)?;
    while let Some(row) = rows.next().map_err(Stopped::Failed)? {
        let read = |index| row.get_ref(index).map(value).map_err(|error| Unreadable(error.to_string()));
        put(kind.item((0..columns).map(read).collect())).map_err(|Abandoned| Stopped::Abandoned)?;
    }
    Ok(())
}
