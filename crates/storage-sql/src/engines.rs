//! The storages over which the tests of this crate run what both engines must do.

use crate::{SqlOptions, SqlStorage};

/// A new storage of each engine that this build has.
pub(crate) async fn engines() -> (Vec<SqlStorage>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut engines = vec![SqlStorage::sqlite(folder.path().join("db")).await.unwrap()];
    if cfg!(feature = "postgres") {
        let url = character_tests::PostgresServer::shared().fresh_schema_url();
        engines.push(SqlStorage::connect(&url, SqlOptions::default()).await.unwrap());
    }
    (engines, folder)
}
