//! How rows of any kind are kept and read.

use crate::{
    dialect::Dialect,
    fault::{Fault, corrupt},
    field::Field,
    session::{Session, Statement, Work},
    value::{Column, ColumnType, Row, Unreadable, Value},
};
use character_domain::Meta;
use character_storage_port::{Cursor, Deleted, Entity, Page, PageRequest, Start};
use std::borrow::Cow;
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
    fn narrow(query: &Self::Query, filter: &mut Filter) -> Result<(), Unreadable>;
}

/// Implements [`Table`] for a type whose fields, beside `id` and `meta`, are the columns of its own.
macro_rules! table {
    ($entity:ident: $($field:ident),+; |$query:ident, $filter:ident| $narrow:block) => {
        impl $crate::table::Table for $entity {
            const COLUMNS: &'static [$crate::value::Column] =
                &[$($crate::value::Column::of(stringify!($field), |row: &Self| &row.$field)),+];

            fn values(&self) -> Result<Vec<$crate::value::Value>, $crate::value::Unreadable> {
                Ok(vec![$($crate::field::Field::value(&self.$field)?),+])
            }

            fn read(
                id: uuid::Uuid,
                meta: character_domain::Meta,
                row: &mut $crate::value::Row,
            ) -> Result<Self, $crate::value::Unreadable> {
                Ok(Self { id: id.into(), $($field: row.field(stringify!($field))?,)+ meta })
            }

            fn narrow(
                $query: &<Self as character_storage_port::Entity>::Query,
                $filter: &mut $crate::table::Filter,
            ) -> Result<(), $crate::value::Unreadable> {
                $narrow
                Ok(())
            }
        }
    };
}
pub(crate) use table;

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
#[derive(Debug)]
pub(crate) struct Filter {
    dialect: Dialect,
    /// Whether a column is given, so that there is an index for it.
    narrowed: bool,
    conditions: Vec<Cow<'static, str>>,
    parameters: Vec<Value>,
}

/// PostgreSQL refuses a text with U+0000 even in a comparison; no row holds one.
const NEVER: &str = "1 = 0";

/// Holds for every row. The indexes over whole tables are limited to it, so that only a list which names no owner can
/// follow them: a planner that took one to find the rows of an owner would go through everybody's.
const ANY: &str = "revision > 0";

impl Filter {
    fn new(dialect: Dialect) -> Self {
        Self { dialect, narrowed: false, conditions: Vec::new(), parameters: Vec::new() }
    }

    /// The column holds what is wanted, if anything is; texts are compared exactly.
    pub(crate) fn equals<T: Field>(&mut self, column: &str, wanted: Option<&T>) -> Result<(), Unreadable> {
        self.narrowed |= wanted.is_some();
        match wanted.map(Field::value).transpose()? {
            None => {}
            Some(Value::Text(text)) if text.contains('\0') => self.conditions.push(NEVER.into()),
            Some(value) => {
                let place = self.parameter(value);
                self.conditions.push(format!("{column} = {place}").into());
            }
        }
        Ok(())
    }

    /// The column holds a JSON list with all the wanted texts in it.
    pub(crate) fn holds_all(&mut self, column: &str, wanted: &Vec<String>) -> Result<(), Unreadable> {
        if wanted.iter().any(|text| text.contains('\0')) {
            self.conditions.push(NEVER.into());
        } else if !wanted.is_empty() {
            let place = self.parameter(wanted.value()?);
            self.conditions.push(self.dialect.contains_all(column, &place).into());
        }
        Ok(())
    }

    pub(crate) fn only_if(&mut self, wanted: bool, condition: &'static str) {
        if wanted {
            self.conditions.push(condition.into());
        }
    }

    fn parameter(&mut self, value: Value) -> String {
        self.parameters.push(value);
        format!("${}", self.parameters.len())
    }

    fn page(mut self, select: &str, page: PageRequest) -> Statement {
        if !self.narrowed {
            self.conditions.push(ANY.into());
        }
        let mut skip = String::new();
        match page.start {
            Start::First => {}
            Start::Offset(rows) => skip = format!(" OFFSET {}", self.parameter(Value::Int(rows.into()))),
            Start::After(cursor) => {
                let time = self.parameter(Value::time(cursor.created_at));
                let id = self.parameter(Value::Uuid(cursor.id));
                self.conditions.push(format!("(created_at, id) < ({time}, {id})").into());
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

/// What a page is read with.
pub(crate) fn list_statement<E: Table>(
    dialect: Dialect,
    query: &E::Query,
    page: PageRequest,
) -> Result<Statement, Unreadable> {
    let mut filter = Filter::new(dialect);
    E::narrow(query, &mut filter)?;
    Ok(filter.page(&select::<E>(), page))
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
        let statement = list_statement::<E>(session.dialect(), &self.query, self.page)?;
        let mut rows = session.query(statement).await?;
        let limit = self.page.limit.get() as usize;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let items = rows.into_iter().map(|row| entity::<E>(E::LIST, row)).collect::<Result<Vec<E>, _>>()?;
        let last = items.last().filter(|_| more);
        let next = last.map(|item| Cursor { created_at: item.meta().created_at, id: item.id().into() });
        Ok(Page { items, next })
    }
}
