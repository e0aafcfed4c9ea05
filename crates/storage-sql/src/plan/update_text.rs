//! The text of an update of one row.

use crate::{
    fault::Fault,
    session::Statement,
    table::{Table, own_values},
    value::{Column, Value},
};
use character_storage_port::Expect;
use std::{
    collections::HashMap,
    sync::{LazyLock, PoisonError, RwLock},
};
use uuid::Uuid;

/// What the text of a statement depends on: the table, and for an update the state in which it takes the row, whether it expects a
/// revision, and the number of columns that it sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Shape {
    Comparison(&'static str),
    Update { table: &'static str, from: Lifecycle, old: Old, is_expected: bool, assignments: usize },
}

/// The texts, each made once: at most 9 for each kind of row and engine.
static TEXTS: LazyLock<RwLock<HashMap<Shape, &'static str>>> = LazyLock::new(RwLock::default);

fn text_of(shape: Shape, make: impl FnOnce() -> String) -> &'static str {
    if let Some(text) = TEXTS.read().unwrap_or_else(PoisonError::into_inner).get(&shape) {
        return text;
    }
    let text: &'static str = make().leak();
    TEXTS.write().unwrap_or_else(PoisonError::into_inner).entry(shape).or_insert(text)
}

/// The names of the columns that differ in two states of a row, each with a comma behind it, as an expression.
fn changed_columns(columns: &[Column], states: impl Fn(usize, &'static str) -> (String, String)) -> String {
    let name_of = |(index, column): (usize, &Column)| {
        let (before, after) = states(index, column.name);
        format!("CASE WHEN {before} IS DISTINCT FROM {after} THEN '{},' ELSE '' END", column.name)
    };
    columns.iter().enumerate().map(name_of).collect::<Vec<_>>().join(" || ")
}

/// In which state an update takes a row: a restored row is deleted before, every other one is live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Lifecycle {
    Live,
    Deleted,
}

/// Where an update finds the row as it was before, for its owners then and the fields that change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Old {
    /// It changes neither, and returns the owners of the row.
    Unchanged,
    /// It joins the row as it was.
    Joined,
    /// A statement in front of it reads the row.
    ReadBefore,
}

/// An UPDATE of one row, in the making.
pub(super) struct UpdateText {
    /// The columns that are set, each to the parameter behind that of the one before; the first parameter is the id.
    assignments: Vec<&'static str>,
    parameters: Vec<Value>,
}

impl UpdateText {
    pub(super) fn new(id: Uuid) -> Self {
        Self { assignments: Vec::new(), parameters: vec![id.into()] }
    }

    pub(super) fn set(&mut self, column: &'static str, value: Value) {
        self.parameters.push(value);
        self.assignments.push(column);
    }

    pub(super) fn set_all<E: Table>(&mut self, entity: &E) -> Result<(), Fault> {
        for (column, value) in own_values(entity)? {
            self.set(column, value);
        }
        self.set("updated_at", Value::time(entity.meta().updated_at));
        Ok(())
    }

    /// Reads the owners of the row as it is, and the names of the columns that the update changes.
    pub(super) fn comparison(&self, table: &'static str, owners: &[&str], columns: &'static [Column]) -> Statement {
        let text = || {
            // The id is the first parameter, and the columns of the entity follow in their order. SQLite refuses further ones that
            // the statement does not name.
            let changed = changed_columns(columns, |index, name| (name.to_owned(), format!("${}", index + 2)));
            format!("SELECT {}, {changed} FROM {table} WHERE id = $1", owners.join(", "))
        };
        let parameters = self.parameters.iter().take(1 + columns.len()).cloned().collect();
        Statement::new(text_of(Shape::Comparison(table), text), parameters)
    }

    pub(super) fn statement(
        mut self,
        table: &'static str,
        from: Lifecycle,
        expect: Expect,
        owners: &[&str],
        columns: &'static [Column],
        old: Old,
    ) -> Statement {
        let assignments = self.assignments.len();
        let is_expected = if let Expect::Revision(expected) = expect {
            self.parameters.push(Value::revision(expected));
            true
        } else {
            false
        };
        let shape = Shape::Update { table, from, old, is_expected, assignments };
        let text = || update(table, from, is_expected, owners, columns, old, &self.assignments);
        Statement::new(text_of(shape, text), self.parameters)
    }
}

fn update(
    table: &str,
    from: Lifecycle,
    is_expected: bool,
    owners: &[&str],
    columns: &'static [Column],
    old: Old,
    assignments: &[&str],
) -> String {
    let state = match from {
        Lifecycle::Live => "IS NULL",
        Lifecycle::Deleted => "IS NOT NULL",
    };
    // With the old row beside it each column needs the name of its row, which SQLite does not take in RETURNING.
    let (row, owners_of, joined, same_row) = match old {
        Old::Joined => (format!("{table}."), "old.", format!(" FROM {table} AS old"), " AND old.id = $1"),
        Old::Unchanged | Old::ReadBefore => (String::new(), "", String::new(), ""),
    };
    let owners = match old {
        Old::ReadBefore => String::new(),
        Old::Joined | Old::Unchanged => owners.iter().map(|owner| format!(", {owners_of}{owner}")).collect(),
    };
    let changed = match old {
        Old::ReadBefore | Old::Unchanged => String::new(),
        Old::Joined => {
            let changed = changed_columns(columns, |_, name| (format!("old.{name}"), format!("{row}{name}")));
            format!(", {changed}")
        }
    };
    let revision = if is_expected { format!(" AND {row}revision = ${}", assignments.len() + 2) } else { String::new() };
    let assignments: Vec<_> =
        assignments.iter().enumerate().map(|(index, name)| format!("{name} = ${}", index + 2)).collect();
    format!(
        "UPDATE {table} SET revision = {row}revision + 1, {}{joined} \
         WHERE {row}id = $1{same_row} AND {row}deleted_at {state}{revision} \
         RETURNING {row}revision, {row}created_at, {row}updated_at, {row}deleted_at{owners}{changed}",
        assignments.join(", ")
    )
}
