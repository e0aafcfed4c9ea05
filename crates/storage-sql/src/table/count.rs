//! Counts the rows of a list.

use super::{Filter, Table};
use crate::{
    dialect::Dialect,
    fault::Fault,
    session::{Session, Statement, Work},
    value::Unreadable,
};
use character_storage_port::Entity;

/// Counts the rows of the list of a query.
pub(crate) struct Count<E: Entity> {
    pub(crate) query: E::Query,
}

/// What the rows are counted with. It reads no text of a row, so an unreadable row counts too.
fn count_statement<E: Table>(dialect: Dialect, query: &E::Query) -> Result<Statement, Unreadable> {
    let filter = Filter::of::<E>(dialect, query)?;
    let sql = format!("SELECT COUNT(*) {}", filter.rows_of(E::KIND.collection()));
    Ok(Statement::new(sql, filter.parameters))
}

impl<E: Table> Work for Count<E> {
    type Output = u64;

    async fn run<S: Session>(&self, session: &mut S) -> Result<u64, Fault> {
        let statement = count_statement::<E>(session.dialect(), &self.query)?;
        let rows = session.query(statement).await?;
        let mut row = rows.into_iter().next().ok_or_else(|| Unreadable("the database counted nothing".into()))?;
        let count = row.read::<i64>()?;
        Ok(u64::try_from(count).map_err(|_| Unreadable("the database counted fewer than no rows".into()))?)
    }
}
