//! Sparse answers: `fields` names the fields of a row that an answer has.

use crate::{body, texts::Texts};
use character_domain::Violations;
use serde::{
    Serialize, Serializer,
    ser::{Error, SerializeMap},
};
use serde_json::value::{RawValue, to_raw_value};
use std::collections::BTreeMap;

/// The media type of a sparse answer. It differs from that of a whole one because the fields of a whole one are always there.
pub(crate) const SPARSE_JSON: &str = "application/vnd.character-service.sparse+json";
/// The query parameter.
pub(crate) const FIELDS: &str = "fields";
/// What it is, for the OpenAPI document.
pub(crate) const FIELDS_IS: &str = "The fields of each row to return, separated by commas, such as `id,name,data.hit_points.current`. A name behind `data.` is that of a member, and members that a row does not have are left out. The response then is `application/vnd.character-service.sparse+json`; the entity tag is that of the whole response. Default: all fields.";
/// The field whose members can be named.
pub(crate) const DOCUMENT: &str = "data";
/// The longest `fields`, in characters.
pub(crate) const LONGEST: usize = 1000;

/// The members of an object that are wanted, and what of each. Without any it is wanted whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selection(BTreeMap<String, Selection>);

impl Selection {
    /// Reads names that are separated by commas. `known` are the fields of the row.
    ///
    /// # Errors
    /// Every name that the row does not have.
    pub(crate) fn parse(text: &str, known: &[&str]) -> Result<Self, Violations> {
        if text.chars().nth(LONGEST).is_some() {
            return Err(Violations::one(FIELDS, format!("must not be longer than {LONGEST} characters")));
        }
        let (mut selection, mut faults) = (Self::default(), Violations::default());
        for name in text.split(',') {
            let (field, members) = name.split_once('.').map_or((name, None), |(field, rest)| (field, Some(rest)));
            let shown: String = name.chars().take(100).collect();
            if field.is_empty() {
                faults.push(FIELDS, "must be names of fields, separated by commas");
            } else if !known.contains(&field) {
                faults.push(FIELDS, format!("{shown} is not a field here; the fields are {}", known.join(", ")));
            } else if members.is_some() && field != DOCUMENT {
                faults.push(FIELDS, format!("{shown}: only members of {DOCUMENT} can be named"));
            } else if members.is_some_and(|members| members.split('.').any(str::is_empty)) {
                faults.push(FIELDS, format!("{shown}: the name of a member must not be empty"));
            } else {
                selection.add(name.split('.'));
            }
        }
        faults.into_result().map(|()| selection)
    }

    /// Adds a path. What is wanted whole stays so.
    fn add<'a>(&mut self, mut path: impl Iterator<Item = &'a str>) {
        let Some(name) = path.next() else {
            self.0.clear();
            return;
        };
        match self.0.get_mut(name) {
            Some(known) if known.0.is_empty() => {}
            Some(known) => known.add(path),
            None => self.0.entry(name.to_owned()).or_default().add(path),
        }
    }

    /// The wanted part of a row, which is made when it is written.
    pub(crate) fn of<'a, T: Serialize>(&'a self, row: &'a T) -> Part<'a, T> {
        Part { wanted: self, row }
    }
}

/// A row, of which only what is wanted is written.
pub(crate) struct Part<'a, T> {
    wanted: &'a Selection,
    row: &'a T,
}

impl<T: Serialize> Serialize for Part<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let whole = to_raw_value(self.row).map_err(S::Error::custom)?;
        Members { wanted: self.wanted, whole: &whole }.serialize(serializer)
    }
}

/// The text of an object, of which only the wanted members are written.
struct Members<'a> {
    wanted: &'a Selection,
    whole: &'a RawValue,
}

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Texts(members) = body::parse(self.whole.get().as_bytes()).map_err(S::Error::custom)?;
        let mut part = serializer.serialize_map(None)?;
        for (name, value) in members {
            match self.wanted.0.get(&name) {
                Some(whole) if whole.0.is_empty() => part.serialize_entry(&name, value)?,
                Some(wanted) if value.get().starts_with('{') => {
                    part.serialize_entry(&name, &Members { wanted, whole: value })?;
                }
                _ => {}
            }
        }
        part.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const KNOWN: [&str; 3] = ["id", "name", "data"];

    fn part(fields: &str, row: &serde_json::Value) -> String {
        serde_json::to_string(&Selection::parse(fields, &KNOWN).unwrap().of(row)).unwrap()
    }

    #[test]
    fn the_named_fields_and_members_are_left_in_the_order_of_the_row() {
        let row = json!({ "id": 1, "name": null, "data": { "a": { "b": 2, "c": [3] }, "d,e": 4, "f": 5 } });
        for (fields, expected) in [
            ("name,id", r#"{"id":1,"name":null}"#),
            ("data.a.c", r#"{"data":{"a":{"c":[3]}}}"#),
            ("data.a,data.a.b", r#"{"data":{"a":{"b":2,"c":[3]}}}"#),
            ("data.a.b,data.a", r#"{"data":{"a":{"b":2,"c":[3]}}}"#),
            ("data.f.g,data.x", r#"{"data":{}}"#),
            ("id,id", r#"{"id":1}"#),
        ] {
            assert_eq!(part(fields, &row), expected, "{fields}");
        }
        assert_eq!(part("data.f,data,data.a.b", &row), json!({ "data": row["data"] }).to_string());
    }

    #[test]
    fn a_document_of_the_greatest_depth_and_exact_numbers_pass_unchanged() {
        let deep = format!("{{\"deep\":{}{}{}}}", "[".repeat(127), "1e+400", "]".repeat(127));
        let row: serde_json::Value = body::parse(format!("{{\"id\":1,\"data\":{deep}}}").as_bytes()).unwrap();
        assert_eq!(part("data.deep", &row), format!("{{\"data\":{deep}}}"));
    }

    #[test]
    fn every_wrong_name_is_told() {
        let faults = Selection::parse("colour,id,name.first,data.,,data..x", &KNOWN).unwrap_err();
        let reasons: Vec<_> = faults.iter().map(|fault| fault.reason.as_str()).collect();
        assert_eq!(
            reasons,
            [
                "colour is not a field here; the fields are id, name, data",
                "name.first: only members of data can be named",
                "data.: the name of a member must not be empty",
                "must be names of fields, separated by commas",
                "data..x: the name of a member must not be empty",
            ]
        );
        assert!(Selection::parse(&"id,".repeat(400), &KNOWN).is_err());
    }
}
