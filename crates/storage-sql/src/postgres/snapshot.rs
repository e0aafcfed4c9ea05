//! A snapshot, over a connection of its own.

use super::{Connector, Postgres, fault::fault, session};
use crate::{
    fault::{Cause, EngineError, Fault},
    snapshot::{self, Abandoned, Sink},
    sql::sql,
};
use character_error_reporter::redacted;
use character_storage_port::{Applied, Result, SNAPSHOT, SnapshotStream};
use futures_util::TryStreamExt;
use std::{pin::pin, time::Duration};
use tokio_postgres::{Client, types::Type};

impl Postgres {
    /// Every row as it is now, over a connection of its own, since a backup must not take one from the requests.
    pub(crate) async fn snapshot(&self) -> Result<SnapshotStream> {
        let late = |_| Fault::Engine(Cause::Timeout, EngineError::Other("the snapshot could not be begun in time"));
        let begun = tokio::time::timeout(self.timeout, begin_snapshot(&self.connector)).await;
        let client = begun.map_err(late).flatten().map_err(|fault| fault.into_error(SNAPSHOT, Applied::No))?;
        let (sink, items) = snapshot::channel();
        let patience = self.timeout;
        tokio::spawn(async move {
            match every_row(&client, patience, &sink).await {
                Ok(()) => sink.end(Ok(())).await,
                Err(Stopped::Abandoned) => tracing::info!("the reader of the snapshot is gone"),
                Err(Stopped::Failed(fault)) => sink.end(Err(fault.into_error(SNAPSHOT, Applied::No))).await,
            }
        });
        Ok(items)
    }
}

/// A connection inside a transaction that sees one moment. It is closed when the client is dropped.
async fn begin_snapshot(connector: &Connector) -> Result<Client, Fault> {
    let (client, link) = connector.connect().await.map_err(fault)?;
    tokio::spawn(async move {
        if let Err(error) = link.unwatched().await {
            tracing::debug!(error = %redacted(&error), "the connection of a snapshot broke");
        }
    });
    client.batch_execute(sql!("begin_snapshot.postgres")).await.map_err(fault)?;
    Ok(client)
}

/// Why a snapshot ended early.
enum Stopped {
    Abandoned,
    Failed(Fault),
}

async fn every_row(client: &Client, patience: Duration, sink: &Sink) -> Result<(), Stopped> {
    let failed = |error| Stopped::Failed(fault(error));
    let late = |_| Stopped::Failed(Fault::late("the next row", patience));
    for kind in snapshot::readers() {
        let asked = client.query_typed_raw(&kind.sql, std::iter::empty::<(&str, Type)>());
        let rows = tokio::time::timeout(patience, asked).await.map_err(late)?.map_err(failed)?;
        let mut rows = pin!(rows);
        while let Some(row) = tokio::time::timeout(patience, rows.try_next()).await.map_err(late)?.map_err(failed)? {
            sink.put(kind.item(session::values(&row).collect())).await.map_err(|Abandoned| Stopped::Abandoned)?;
        }
    }
    Ok(())
}
