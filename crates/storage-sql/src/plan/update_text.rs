//! The text of an update of one row.

use crate::{
    fault::Fault,
    session::Statement,
    table::{Table, own_values},
    value::{Column, Value},
};
use character_storage_port::Expect;
use uuid::Uuid;

/// The names of the columns that differ in two states of a row, each with a comma behind it, as an expression.
fn changed_columns(columns: &[Column], states: impl Fn(usize, &'static str) -> (String, String)) -> String {
    let name_of = |(index, column): (usize, &Column)| {
        let (before, after) = states(index, column.name);
        format!("CASE WHEN {before} IS DISTINCT FROM {after} THEN '{},' ELSE '' END", column.name)
    };
    columns.iter().enumerate().map(name_of).collect::<Vec<_>>().join(" || ")
}

/// In which state an update takes a row: a restored row is deleted before, every other one is live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lifecycle {
    Live,
    Deleted,
}

/// Where an update finds the row as it was before, for its owners then and the fields that change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    assignments: Vec<(String, String)>,
    parameters: Vec<Value>,
}

impl UpdateText {
    pub(super) fn new(id: Uuid) -> Self {
        Self { assignments: Vec::new(), parameters: vec![id.into()] }
    }

    pub(super) fn set(&mut self, column: &str, value: Value) {
        self.parameters.push(value);
        self.assignments.push((column.to_owned(), format!("${}", self.parameters.len())));
    }

    pub(super) fn set_all<E: Table>(&mut self, entity: &E) -> Result<(), Fault> {
        for (column, value) in own_values(entity)? {
            self.set(column, value);
        }
        self.set("updated_at", Value::time(entity.meta().updated_at));
        Ok(())
    }

    /// Reads the owners of the row as it is, and the names of the columns that the update changes.
    pub(super) fn comparison(&self, table: &str, owners: &[&str], columns: &'static [Column]) -> Statement {
        // The id is the first parameter, and the columns of the entity follow in their order. SQLite refuses further ones that
        // the statement does not name.
        let changed = changed_columns(columns, |index, name| (name.to_owned(), format!("${}", index + 2)));
        let sql = format!("SELECT {}, {changed} FROM {table} WHERE id = $1", owners.join(", "));
        Statement::new(sql, self.parameters.iter().take(1 + columns.len()).cloned().collect())
    }

    pub(super) fn statement(
        mut self,
        table: &str,
        from: Lifecycle,
        expect: Expect,
        owners: &[&str],
        columns: &'static [Column],
        old: Old,
    ) -> Statement {
        let state = match from {
            Lifecycle::Live => "IS NULL",
            Lifecycle::Deleted => "IS NOT NULL",
        };
        let mut expected_revision = None;
        if let Expect::Revision(expected) = expect {
            self.parameters.push(Value::revision(expected));
            expected_revision = Some(self.parameters.len());
        }
        // With the old row beside it each column needs the name of its row, which SQLite does not take in RETURNING.
        let (row, owners_of, joined, same_row) = match old {
            Old::Joined => (format!("{table}."), "old.", format!(" FROM {table} AS old"), " AND old.id = $1"),
            Old::Unchanged | Old::ReadBefore => (String::new(), "", String::new(), ""),
        };
        let assignments: Vec<_> = self.assignments.iter().map(|(name, value)| format!("{name} = {value}")).collect();
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
        let revision = expected_revision.map_or_else(String::new, |place| format!(" AND {row}revision = ${place}"));
        let sql = format!(
            "UPDATE {table} SET revision = {row}revision + 1, {}{joined} \
             WHERE {row}id = $1{same_row} AND {row}deleted_at {state}{revision} \
             RETURNING {row}revision, {row}created_at, {row}updated_at, {row}deleted_at{owners}{changed}",
            assignments.join(", ")
        );
        Statement::new(sql, self.parameters)
    }
}
