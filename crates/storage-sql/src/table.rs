//! How rows of any kind are kept and read.

use crate::{
    derived::Derived,
    dialect::Dialect,
    fault::{Fault, corrupt},
    session::{Session, Statement, Work},
    value::{Column, ColumnType, FromValue, Row, Unreadable, Value},
};
use character_domain::Meta;
use character_error_reporter::redacted_text;
use character_storage_port::{
    Cursor, Deleted, Entity, MAX_PAGE_BYTES, Order, OrderBy, Page, PageBuilder, PageRequest, Query, SortKey,
    StorageError,
};
use std::collections::HashMap;
use uuid::Uuid;

mod count;
mod filter;

pub(crate) use count::Count;
pub(crate) use filter::Filter;
use filter::Parts;

/// The columns that every table has, in front of its own.
pub(crate) const COMMON: [Column; 5] = [
    Column::new("id", ColumnType::Uuid),
    Column::new("revision", ColumnType::Int),
    Column::new("created_at", ColumnType::Int),
    Column::new("updated_at", ColumnType::Int),
    Column::new("deleted_at", ColumnType::Int),
];

/// A kind of row and its table, which is named [`EntityKind::collection`](character_storage_port::EntityKind::collection).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no kind of row here: it does not implement `Table`",
    note = "implement it in crates/storage-sql/src with `table!`: step 6 of docs/adding-an-aggregate.md"
)]
pub(crate) trait Table: Entity {
    /// The columns of its own.
    const COLUMNS: &'static [Column];
    /// The columns that are computed from these, for comparisons. They are written with every row and never read.
    const DERIVED: &'static [Derived] = &[];

    /// The values of its own columns.
    fn values(&self) -> Result<Vec<Value>, Unreadable>;

    /// Reads its own columns.
    fn read(id: Uuid, meta: Meta, row: &mut Row) -> Result<Self, Unreadable>;

    /// The conditions of a query.
    fn narrow(query: &Self::Query, filter: &mut Filter) -> Result<(), Unreadable>;
}

/// Implements [`Table`] for a type whose fields, beside `id` and `meta`, are the columns of its own. Columns that are
/// derived from these may follow.
macro_rules! table {
    ($entity:ident: $($field:ident),+; $(derived $derived:expr;)? |$query:ident, $filter:ident| $narrow:block) => {
        impl $crate::table::Table for $entity {
            const COLUMNS: &'static [$crate::value::Column] =
                &[$($crate::value::Column::of(stringify!($field), |row: &Self| &row.$field)),+];
            $(const DERIVED: &'static [$crate::derived::Derived] = $derived;)?

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

/// The columns that rows are read from, in this order.
fn columns<E: Table>() -> impl Iterator<Item = &'static Column> {
    COMMON.iter().chain(E::COLUMNS)
}

/// All columns, in the order in which rows are inserted.
pub(crate) fn written_columns<E: Table>() -> Vec<Column> {
    columns::<E>()
        .copied()
        .chain(E::DERIVED.iter().map(|derived| Column::new(derived.name, ColumnType::Text)))
        .collect()
}

/// The values of the columns of its own, and of those that are derived from them, by name.
pub(crate) fn own_values<E: Table>(entity: &E) -> Result<Vec<(&'static str, Value)>, Unreadable> {
    let mut values: Vec<_> = E::COLUMNS.iter().map(|column| column.name).zip(entity.values()?).collect();
    let derived: Vec<_> = E::DERIVED.iter().map(|derived| (derived.name, derived.of(&values))).collect();
    values.extend(derived);
    Ok(values)
}

pub(crate) fn column_names<E: Table>() -> String {
    columns::<E>().map(|column| column.name).collect::<Vec<_>>().join(", ")
}

fn select<E: Table>() -> String {
    format!("SELECT {} FROM {}", column_names::<E>(), E::KIND.collection())
}

fn entity<E: Table>(id: Uuid, row: &mut Row) -> Result<E, Unreadable> {
    let meta = row.read_meta()?;
    E::read(id, meta, row)
}

/// The number of bytes of the texts of a row, as an expression. PostgreSQL knows the length of a text without reading it.
fn size<E: Table>() -> String {
    let texts = columns::<E>().filter(|column| column.holds == ColumnType::Text);
    let sizes: Vec<String> = texts.map(|column| format!("COALESCE(octet_length({}), 0)", column.name)).collect();
    if sizes.is_empty() { "0".to_owned() } else { sizes.join(" + ") }
}

/// What a page is read with.
pub(crate) fn list_statement<E: Table>(
    dialect: Dialect,
    query: &E::Query,
    page: &PageRequest,
) -> Result<Statement, Unreadable> {
    let parts = Parts { table: E::KIND.collection(), columns: &column_names::<E>(), size: &size::<E>() };
    Ok(Filter::of::<E>(dialect, query)?.page(&parts, query.order(), page))
}

/// Reads one row.
pub(crate) struct Find<E: Entity> {
    pub(crate) id: E::Id,
    pub(crate) deleted: Deleted,
}

impl<E: Table> Work for Find<E> {
    type Output = Option<E>;

    async fn run<S: Session>(&self, session: &mut S) -> Result<Option<E>, Fault> {
        let id = self.id.into();
        let rows = FindRows::of::<E>(vec![id]).run(session).await?;
        Ok(found(id, rows.into_iter().next().flatten().flatten(), self.deleted)?)
    }
}

/// The entity in a row that was looked for.
pub(crate) fn found<E: Table>(id: Uuid, row: Option<Row>, deleted: Deleted) -> Result<Option<E>, StorageError> {
    let Some(mut row) = row else { return Ok(None) };
    let found: E = entity(id, &mut row).map_err(|error| corrupt(E::FIND, error).with_entity(E::KIND, id))?;
    Ok(Some(found).filter(|found| deleted == Deleted::Include || !found.meta().is_deleted()))
}

/// Reads rows of one kind by their ids, without the id. Several are for PostgreSQL.
pub(crate) struct FindRows {
    select: String,
    ids: Vec<Uuid>,
}

impl FindRows {
    pub(crate) fn of<E: Table>(ids: Vec<Uuid>) -> Self {
        Self { select: select::<E>(), ids }
    }
}

impl Work for FindRows {
    /// For each id the row, if there is one. `None`: it is to be looked for alone, because that of another cannot be read.
    type Output = Vec<Option<Option<Row>>>;

    async fn run<S: Session>(&self, session: &mut S) -> Result<Self::Output, Fault> {
        let (condition, wanted) = match self.ids.as_slice() {
            [id] => ("id = $1", Value::Uuid(*id)),
            ids => ("id = ANY($1)", session.dialect().ids(ids)),
        };
        let rows = session.query(Statement::new(format!("{} WHERE {condition}", self.select), vec![wanted])).await;
        let rows = match rows {
            Err(fault) if self.ids.len() > 1 && fault.may_be_of_one_item() => {
                return Ok(self.ids.iter().map(|_| None).collect());
            }
            rows => rows?,
        };
        let mut found = HashMap::with_capacity(rows.len());
        for mut row in rows {
            found.insert(row.read::<Uuid>()?, row);
        }
        // Several callers may look for one row.
        let mut left = HashMap::with_capacity(self.ids.len());
        self.ids.iter().for_each(|id| *left.entry(id).or_insert(0_usize) += 1);
        let mut take = |id| {
            let others = left.get_mut(id).map_or(0, |left| {
                *left -= 1;
                *left
            });
            if others == 0 { found.remove(id) } else { found.get(id).cloned() }
        };
        Ok(self.ids.iter().map(|id| Some(take(id))).collect())
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
        let statement = list_statement::<E>(session.dialect(), &self.query, &self.page)?;
        let order = self.query.order();
        let mut page = PageBuilder::new(&self.query, self.page.limit);
        for mut row in session.query_bounded(statement, MAX_PAGE_BYTES).await? {
            let bytes = row.text_bytes();
            let key = sort_key(order, row.pop()?)?;
            let id = row.read::<Uuid>()?;
            let fits = match entity::<E>(id, &mut row) {
                Ok(entity) => page.push(entity),
                Err(Unreadable(problem)) => {
                    tracing::warn!(kind = %E::KIND, %id, problem = redacted_text(&problem), "a stored row cannot be read");
                    page.push_unreadable(Cursor { key, id, direction: order.direction }, bytes, problem)
                }
            };
            if !fits {
                break;
            }
        }
        Ok(page.finish())
    }
}

fn sort_key(order: Order, value: Value) -> Result<SortKey, Unreadable> {
    Ok(match order.by {
        OrderBy::CreatedAt => SortKey::CreatedAt(i64::from_value(value)?),
        OrderBy::UpdatedAt => SortKey::UpdatedAt(i64::from_value(value)?),
        OrderBy::Name => SortKey::Name(String::from_value(value)?),
    })
}
