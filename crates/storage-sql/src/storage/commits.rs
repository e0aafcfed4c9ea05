//! Single commits.

use super::groups::Joint;
use crate::{
    commit::{Checked, CommitAll, CommitGroup, Outcome},
    engine::Engine,
};
use character_storage_port::{COMMIT, Committed, ErrorKind, Result, StorageError};
use std::sync::Arc;
use uuid::Uuid;

impl Joint for Arc<Checked> {
    type Output = Committed;

    fn name(&self) -> &'static str {
        COMMIT
    }

    fn is_quick(&self) -> bool {
        self.is_small()
    }

    fn suits(&self, _first: &Self) -> bool {
        true
    }

    fn touches(&self) -> impl Iterator<Item = Uuid> {
        Checked::touches(self)
    }

    async fn alone(self, engine: &Engine) -> Result<Committed> {
        let outcomes = engine.write(COMMIT, CommitAll::of(vec![self])).await?;
        let missing = || Err(StorageError::new(ErrorKind::Corrupt, COMMIT));
        outcomes.into_iter().next().map_or_else(missing, Outcome::into_result)
    }

    async fn together(items: Vec<Self>, engine: &Engine) -> Result<Vec<Option<Committed>>> {
        engine.write(COMMIT, CommitGroup::of(items)).await
    }
}
