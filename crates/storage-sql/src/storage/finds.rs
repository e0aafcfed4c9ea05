//! Single rows by id.

use super::groups::Joint;
use crate::{
    engine::Engine,
    table::{FindRows, Table},
    value::Row,
};
use character_storage_port::Result;
use uuid::Uuid;

/// A row that is looked for.
#[derive(Clone, Copy)]
pub(super) struct Sought {
    operation: &'static str,
    /// What is read of a kind of row.
    rows: fn(Vec<Uuid>) -> FindRows,
    id: Uuid,
}

impl Sought {
    pub(super) fn of<E: Table>(id: E::Id) -> Self {
        Self { operation: E::FIND, rows: FindRows::of::<E>, id: id.into() }
    }
}

impl Joint for Sought {
    type Output = Option<Row>;

    fn name(&self) -> &'static str {
        self.operation
    }

    fn is_quick(&self) -> bool {
        true
    }

    fn suits(&self, first: &Self) -> bool {
        self.operation == first.operation
    }

    fn touches(&self) -> impl Iterator<Item = Uuid> {
        std::iter::empty()
    }

    async fn alone(self, engine: &Engine) -> Result<Option<Row>> {
        let rows = engine.read(self.operation, (self.rows)(vec![self.id])).await?;
        Ok(rows.into_iter().next().flatten().flatten())
    }

    async fn together(items: Vec<Self>, engine: &Engine) -> Result<Vec<Option<Option<Row>>>> {
        let Some(first) = items.first() else { return Ok(Vec::new()) };
        engine.read(first.operation, (first.rows)(items.iter().map(|item| item.id).collect())).await
    }
}
