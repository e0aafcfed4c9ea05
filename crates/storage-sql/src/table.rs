//! How rows of any kind are kept and read.

use crate::{
    derived::{Derived, NAME_FOLDED},
    dialect::Dialect,
    fault::{Fault, corrupt},
    field::Field,
    session::{Session, Statement, Work},
    value::{Column, ColumnType, FromValue, Row, Unreadable, Value},
};
use character_domain::{Meta, text};
use character_error_reporter::redacted_text;
use character_storage_port::{
    Cursor, Deleted, Direction, Entity, MAX_PAGE_BYTES, Order, OrderBy, Page, PageBuilder, PageRequest, Query, SortKey,
    Start,
};
use std::borrow::Cow;
use uuid::Uuid;

mod count;

pub(crate) use count::Count;

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

/// Conditions of a list, all of which must hold.
#[derive(Debug)]
pub(crate) struct Filter {
    dialect: Dialect,
    /// Whether a column is given, so that an index exists for it.
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
    /// What the rows of the list of a query fulfil: one condition at least.
    fn of<E: Table>(dialect: Dialect, query: &E::Query) -> Result<Self, Unreadable> {
        let mut filter = Self { dialect, narrowed: false, conditions: Vec::new(), parameters: Vec::new() };
        E::narrow(query, &mut filter)?;
        if !filter.narrowed {
            filter.conditions.push(ANY.into());
        }
        Ok(filter)
    }

    /// The part of a statement that names the rows of this table.
    fn rows_of(&self, table: &str) -> String {
        format!("FROM {table} WHERE {}", self.conditions.join(" AND "))
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

    /// The column holds a JSON list with all the wanted tags in it, in their normalized form.
    pub(crate) fn holds_all(&mut self, column: &str, wanted: &[String]) -> Result<(), Unreadable> {
        let wanted: Vec<String> = wanted.iter().map(|tag| text::normalized(tag)).collect();
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

    /// The column holds a text that contains what is wanted, if anything is. Both are in their folded form.
    pub(crate) fn contains(&mut self, column: &str, wanted: Option<&String>) {
        match wanted.map(|text| text::folded(text)) {
            Some(text) if text.contains('\0') => self.conditions.push(NEVER.into()),
            Some(text) if !text.is_empty() => {
                let place = self.parameter(Value::Text(text));
                self.conditions.push(self.dialect.contains(column, &place).into());
            }
            _ => {}
        }
    }

    fn parameter(&mut self, value: Value) -> String {
        self.parameters.push(value);
        format!("${}", self.parameters.len())
    }

    fn page(mut self, parts: &Parts<'_>, order: Order, page: &PageRequest) -> Statement {
        let column = sort_column(order.by);
        let (behind, direction) = match order.direction {
            Direction::Ascending => (">", "ASC"),
            Direction::Descending => ("<", "DESC"),
        };
        let mut skip = String::new();
        match &page.start {
            Start::First => {}
            Start::Offset(rows) => skip = format!(" OFFSET {}", self.parameter(Value::Int((*rows).into()))),
            Start::After(cursor) => {
                let key = self.parameter(match &cursor.key {
                    SortKey::CreatedAt(time) | SortKey::UpdatedAt(time) => Value::Int(*time),
                    SortKey::Name(name) => Value::Text(name.clone()),
                });
                let id = self.parameter(Value::Uuid(cursor.id));
                self.conditions.push(format!("({column}, id) {behind} ({key}, {id})").into());
            }
        }
        // One row more than asked for says whether there is a next page.
        let limit = self.parameter(Value::Int(i64::from(page.limit.get()) + 1));
        let order = format!("{column} {direction}, id {direction}");
        let rest = format!("{} ORDER BY {order} LIMIT {limit}{skip}", self.rows_of(parts.table));
        let sql = match self.dialect {
            Dialect::Sqlite => format!("SELECT {}, {column} {rest}", parts.columns),
            // The rows behind the page are not sent. The texts of a row are no longer than its JSON text, so no row is
            // left out that has room in the page, nor is the first one behind it.
            Dialect::Postgres => format!(
                "SELECT {columns}, place FROM (SELECT {columns}, {column} AS place, \
                 SUM({size}) OVER (ORDER BY {order} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before \
                 FROM (SELECT {columns}{extra} {rest}) AS wanted) AS page \
                 WHERE bytes_before IS NULL OR bytes_before <= {MAX_PAGE_BYTES} ORDER BY place {direction}, id {direction}",
                columns = parts.columns,
                size = parts.size,
                extra = if order_is_derived(column) { format!(", {column}") } else { String::new() },
            ),
        };
        Statement::new(sql, self.parameters)
    }
}

/// The parts of a statement that depend on the kind of row.
struct Parts<'a> {
    table: &'a str,
    columns: &'a str,
    /// An expression for the number of bytes of the texts of a row.
    size: &'a str,
}

/// The column that holds the value by which lists are ordered.
fn sort_column(by: OrderBy) -> &'static str {
    match by {
        OrderBy::CreatedAt => "created_at",
        OrderBy::UpdatedAt => "updated_at",
        OrderBy::Name => NAME_FOLDED,
    }
}

fn order_is_derived(column: &str) -> bool {
    column == NAME_FOLDED
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
        let id = Value::Uuid(self.id.into());
        let rows = session.query(Statement::new(format!("{} WHERE id = $1", select::<E>()), vec![id])).await?;
        let Some(mut row) = rows.into_iter().next() else { return Ok(None) };
        let id = row.read::<Uuid>()?;
        let found: E = entity(id, &mut row).map_err(|error| corrupt(E::FIND, error).with_entity(E::KIND, id))?;
        let found = Some(found);
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
