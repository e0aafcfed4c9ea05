//! The conditions of a list, and the statement that reads a page of it.

use super::Table;
use crate::{
    derived::NAME_FOLDED,
    dialect::Dialect,
    field::Field,
    session::Statement,
    value::{Unreadable, Value},
};
use character_domain::text;
use character_storage_port::{Direction, MAX_PAGE_BYTES, Order, OrderBy, PageRequest, SortKey, Start};
use std::borrow::Cow;

/// Conditions of a list, all of which must hold.
#[derive(Debug)]
pub(crate) struct Filter {
    dialect: Dialect,
    /// Whether a column is given, so that an index exists for it.
    narrowed: bool,
    conditions: Vec<Cow<'static, str>>,
    pub(super) parameters: Vec<Value>,
}

/// PostgreSQL refuses a text with U+0000 even in a comparison; no row holds one.
const NEVER: &str = "1 = 0";

/// Holds for every row. The indexes over whole tables are limited to it, so that only a list which names no owner can
/// follow them: a planner that took one to find the rows of an owner would go through everybody's.
const ANY: &str = "revision > 0";

impl Filter {
    /// What the rows of the list of a query fulfil: one condition at least.
    pub(super) fn of<E: Table>(dialect: Dialect, query: &E::Query) -> Result<Self, Unreadable> {
        let mut filter = Self { dialect, narrowed: false, conditions: Vec::new(), parameters: Vec::new() };
        E::narrow(query, &mut filter)?;
        if !filter.narrowed {
            filter.conditions.push(ANY.into());
        }
        Ok(filter)
    }

    /// The part of a statement that names the rows of this table.
    pub(super) fn rows_of(&self, table: &str) -> String {
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

    pub(super) fn page(mut self, parts: &Parts<'_>, order: Order, page: &PageRequest) -> Statement {
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
pub(super) struct Parts<'a> {
    pub(super) table: &'a str,
    pub(super) columns: &'a str,
    /// An expression for the number of bytes of the texts of a row.
    pub(super) size: &'a str,
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
