//! Single commits. In PostgreSQL those that wait for one another become a group, which costs less than each alone; SQLite has one
//! writer, which groups by itself.

use crate::{
    commit::{Checked, CommitAll, Outcome},
    engine::Engine,
};
use character_storage_port::{COMMIT, Committed, ErrorKind, Result, StorageError};
use std::{sync::Arc, time::Duration};

#[cfg(feature = "postgres")]
mod groups;

/// The commits of a storage.
#[derive(Debug)]
pub(super) struct Commits {
    engine: Arc<Engine>,
    #[cfg(feature = "postgres")]
    groups: Arc<groups::Groups>,
}

impl Commits {
    #[cfg_attr(not(feature = "postgres"), expect(unused_variables, reason = "only PostgreSQL has a queue here"))]
    pub(super) fn over(engine: Arc<Engine>, timeout: Duration) -> Self {
        #[cfg(feature = "postgres")]
        let groups = Arc::new(groups::Groups::over(Arc::clone(&engine), timeout));
        Self {
            engine,
            #[cfg(feature = "postgres")]
            groups,
        }
    }

    pub(super) async fn commit(&self, item: Arc<Checked>) -> Result<Committed> {
        #[cfg(feature = "postgres")]
        if self.engine.needs_groups() {
            return self.groups.commit(item).await;
        }
        alone(&self.engine, item).await
    }
}

async fn alone(engine: &Engine, item: Arc<Checked>) -> Result<Committed> {
    let outcomes = engine.write(COMMIT, CommitAll::of(vec![item])).await?;
    let missing = || Err(StorageError::new(ErrorKind::Corrupt, COMMIT));
    outcomes.into_iter().next().map_or_else(missing, Outcome::into_result)
}
