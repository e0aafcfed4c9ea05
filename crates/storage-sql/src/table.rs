//! How rows of any kind are kept and read.

use crate::{
    fault::{Fault, corrupt},
    session::{Session, Statement, Work},
    value::{Column, ColumnType, Row, Unreadable, Value},
};
use character_domain::Meta;
use character_storage_port::{Cursor, Deleted, Entity, Page, PageRequest, Start};
use uuid::Uuid;

/// The columns that every table has, in front of its own.
pub(crate) const COMMON: [Column; 5] = [
    Column::new("id", ColumnType::Uuid),
    Column::new("revision", ColumnType::Int),
    Column::new("created_at", ColumnType::Int),
    Column::new("updated_at", ColumnType::Int),
    Column::new("deleted_at", ColumnType::Int),
];

/// A kind of row and its table, which is named [`EntityKind::collection`](character_storage_port::EntityKind::collection).
pub(crate) trait Table: Entity {
    /// The columns of its own.
    const COLUMNS: &'static [Column];

    /// The values of its own columns.
    fn values(&self) -> Result<Vec<Value>, Unreadable>;

    /// Reads its own columns.
    fn read(id: Uuid, meta: Meta, row: &mut Row) -> Result<Self, Unreadable>;

    /// The conditions of a query.
    fn narrow(query: &Self::Query, filter: &mut Filter);
}

/// All columns, in the order in which rows are inserted and read.
pub(crate) fn columns<E: Table>() -> Vec<Column> {
    COMMON.iter().chain(E::COLUMNS).copied().collect()
}

fn select<E: Table>() -> String {
    let names = columns::<E>().iter().map(|column| column.name).collect::<Vec<_>>().join(", ");
    format!("SELECT {names} FROM {}", E::KIND.collection())
}

fn entity<E: Table>(operation: &'static str, mut row: Row) -> Result<E, Fault> {
    let id = row.read::<Uuid>()?;
    let read = row.read_meta().and_then(|meta| E::read(id, meta, &mut row));
    Ok(read.map_err(|error| corrupt(operation, error).with_entity(E::KIND, id))?)
}

/// Conditions of a list, all of which must hold.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    conditions: Vec<String>,
    parameters: Vec<Value>,
}

impl Filter {
    pub(crate) fn equals(&mut self, column: &str, value: Value) {
        if matches!(&value, Value::Text(text) if text.contains('\0')) {
            // PostgreSQL refuses such a text even in a comparison; no row holds it.
            self.holds("1 = 0");
        } else {
            let place = self.parameter(value);
            self.conditions.push(format!("{column} = {place}"));
        }
    }

    pub(crate) fn holds(&mut self, condition: &str) {
        self.conditions.push(condition.to_owned());
    }

    fn parameter(&mut self, value: Value) -> String {
        self.parameters.push(value);
        format!("${}", self.parameters.len())
    }

    fn page(mut self, select: &str, page: PageRequest) -> Statement {
        let mut skip = String::new();
        match page.start {
            Start::First => {}
            Start::Offset(rows) => skip = format!(" OFFSET {}", self.parameter(Value::Int(rows.into()))),
            Start::After(cursor) => {
                let time = self.parameter(Value::time(cursor.created_at));
                let id = self.parameter(Value::Uuid(cursor.id));
                self.conditions.push(format!("(created_at, id) < ({time}, {id})"));
            }
        }
        // One more than asked for tells whether there is a next page.
        let limit = self.parameter(Value::Int(i64::from(page.limit.get()) + 1));
        let mut sql = select.to_owned();
        if !self.conditions.is_empty() {
            sql = format!("{sql} WHERE {}", self.conditions.join(" AND "));
        }
        Statement::new(format!("{sql} ORDER BY created_at DESC, id DESC LIMIT {limit}{skip}"), self.parameters)
    }
}

/// Reads one row.
pub(crate) struct Find<E: Entity> {
    pub(crate) id: E::Id,
    pub(crate) deleted: Deleted,
}

impl<E: Table> Work for Find<E> {
    type Output = Option<E>;

    async fn run<S: Session>(&self, session: &mut S) -> Result<Option<E>, Fault> {
        let id = Value::Uuid(self.id.into());
        let rows = session.query(Statement::new(format!("{} WHERE id = $1", select::<E>()), vec![id])).await?;
        let found = rows.into_iter().next().map(|row| entity::<E>(E::FIND, row)).transpose()?;
        Ok(found.filter(|found| self.deleted == Deleted::Include || !found.meta().is_deleted()))
    }
}

/// Reads one page.
pub(crate) struct List<E: Entity> {
    pub(crate) query: E::Query,
    pub(crate) page: PageRequest,
}

impl<E: Table> Work for List<E> {
    type Output = Page<E>;

    async fn run<S: Session>(&self, session: &mut S) -> Result<Page<E>, Fault> {
        let mut filter = Filter::default();
        E::narrow(&self.query, &mut filter);
        let mut rows = session.query(filter.page(&select::<E>(), self.page)).await?;
        let limit = self.page.limit.get() as usize;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let items = rows.into_iter().map(|row| entity::<E>(E::LIST, row)).collect::<Result<Vec<E>, _>>()?;
        let last = items.last().filter(|_| more);
        let next = last.map(|item| Cursor { created_at: item.meta().created_at, id: item.id().into() });
        Ok(Page { items, next })
    }
}
