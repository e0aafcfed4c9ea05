//! Taking the members of a JSON object one by one, and noting everything that is wrong with them.

use crate::object::{Member, Object};
use character_domain::{Document, InvalidTimestamp, Timestamp, Violations, number};
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

/// The members of an object that are not read yet, and the faults found so far. `null` means the same as an absent
/// field.
#[derive(Debug)]
pub(crate) struct Fields {
    members: Object,
    pub(crate) faults: Violations,
}

impl Fields {
    pub(crate) fn of(members: impl Into<Object>) -> Self {
        Self { members: members.into(), faults: Violations::default() }
    }

    fn take<T>(&mut self, name: &str, wanted: &str, read: impl FnOnce(Value) -> Option<T>) -> Option<T> {
        self.take_member(name, wanted, |member| read(member.into_value()))
    }

    fn take_member<T>(&mut self, name: &str, wanted: &str, read: impl FnOnce(Member) -> Option<T>) -> Option<T> {
        let member = self.members.remove(name).filter(|member| !member.is_null())?;
        let read = read(member);
        if read.is_none() {
            self.faults.push(name, wanted);
        }
        read
    }

    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        self.take(name, "must be a string", |value| match value {
            Value::String(text) => Some(text),
            _ => None,
        })
    }

    pub(crate) fn id<T: From<Uuid>>(&mut self, name: &str) -> Option<T> {
        self.take(name, "must be a UUID", |value| value.as_str().and_then(uuid)).map(T::from)
    }

    pub(crate) fn flag(&mut self, name: &str) -> Option<bool> {
        self.take(name, "must be true or false", |value| value.as_bool())
    }

    /// A whole number of 64 bits, also one that is written `2.0` or `2e0`.
    pub(crate) fn number(&mut self, name: &str) -> Option<i64> {
        self.take(name, "must be a whole number of at most 64 bits", |value| number::whole(&value))
    }

    /// A time in RFC 3339, cut to the microsecond.
    pub(crate) fn time(&mut self, name: &str) -> Option<Timestamp> {
        let value = self.members.remove(name).filter(|member| !member.is_null())?.into_value();
        let time = value.as_str().ok_or(InvalidTimestamp::Syntax).and_then(str::parse);
        time.map_err(|error| self.faults.push(name, error.to_string())).ok()
    }

    /// One of a few words, such as `active`.
    pub(crate) fn word<T: DeserializeOwned>(&mut self, name: &str, wanted: &str) -> Option<T> {
        self.take(name, wanted, |value| serde_json::from_value(value).ok())
    }

    pub(crate) fn values(&mut self, name: &str) -> Option<Vec<Value>> {
        self.take(name, "must be an array", |value| match value {
            Value::Array(values) => Some(values),
            _ => None,
        })
    }

    pub(crate) fn texts(&mut self, name: &str) -> Option<Vec<String>> {
        self.take(name, "must be an array of strings", |value| serde_json::from_value(value).ok())
    }

    /// A document, kept as its text.
    pub(crate) fn document(&mut self, name: &str) -> Option<Document> {
        self.take_member(name, "must be an object", Member::into_document)
    }

    /// Whether a member was not read.
    pub(crate) fn has_rest(&self) -> bool {
        !self.members.is_empty()
    }

    /// Every fault of the members that were `given` to change a row: those found so far, of members that were not read, and those of the
    /// rules that these break. What is absent stays as it is, and is not at fault.
    pub(crate) fn faults_of_change(mut self, given: &Object, broken: &Violations) -> Violations {
        self.refuse_the_rest();
        self.also(broken);
        let is_given = |field: &str| given.has(field.split(['.', '[']).next().unwrap_or(field));
        self.faults.into_iter().filter(|fault| fault.field.is_empty() || is_given(&fault.field)).collect()
    }

    /// Adds the faults of fields that have none yet. What could not be read was replaced by a placeholder, whose faults say
    /// nothing of the request.
    fn also(&mut self, more: &Violations) {
        for violation in more.iter() {
            if !self.faults.iter().any(|fault| fault.field == violation.field) {
                self.faults.push(violation.field.clone(), violation.reason.clone());
            }
        }
    }

    /// Notes a fault when none of the others has named the field: it was not there at all.
    pub(crate) fn require<T>(&mut self, name: &str, value: Option<T>) -> Option<T> {
        if value.is_none() && !self.faults.iter().any(|fault| fault.field == name) {
            self.faults.push(name, "is required");
        }
        value
    }

    /// Whether the object has this member, `null` included.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.members.has(name)
    }

    /// Leaves these out of account.
    pub(crate) fn ignore(&mut self, names: &[&str]) {
        for name in names {
            self.members.remove(name);
        }
    }

    /// Notes a fault for each of these that is there.
    pub(crate) fn refuse(&mut self, names: &[&str], reason: &str) {
        for name in names {
            if self.members.remove(name).is_some() {
                self.faults.push(*name, reason);
            }
        }
    }

    /// What was read when nothing is at fault. Otherwise every fault, with those of the rules that `check` finds: the
    /// repository is not asked then.
    pub(crate) fn finish<T>(mut self, read: T, check: impl FnOnce(T) -> Violations) -> Result<T, Violations> {
        self.refuse_the_rest();
        if self.faults.is_empty() {
            return Ok(read);
        }
        self.also(&check(read));
        Err(self.faults)
    }

    /// Adds a fault for each member that was not read.
    pub(crate) fn refuse_the_rest(&mut self) {
        for name in std::mem::take(&mut self.members).into_names() {
            self.faults.push(name.chars().take(100).collect::<String>(), "is not a field of this request");
        }
    }
}

/// A UUID in its one canonical form, in either case. `Uuid::parse_str` takes three more.
pub(crate) fn uuid(text: &str) -> Option<Uuid> {
    (text.len() == uuid::fmt::Hyphenated::LENGTH).then(|| Uuid::parse_str(text).ok()).flatten()
}
