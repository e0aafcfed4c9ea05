//! The change record of a version: a JSON Patch (RFC 6902) that takes no more room than a copy of the new sheet.
//!
//! A JSON Patch repeats the whole path in each of its operations, so a record of many small changes under one long name
//! can be thousands of times as long as both sheets. The record is therefore planned first, as steps that only point into
//! the sheets, and every step is counted while it is added. As soon as a record is not short any more, each object and
//! each array takes the shorter of two ways: its steps, or one `replace` of the whole value. The operations are written
//! from the finished plan. The work is in proportion to the two sheets, whatever they hold.

use crate::{Character, size};
use serde_json::{Map, Value};

/// A record of at most this length, in bytes of JSON, names each changed value on its own, even when one `replace` would
/// be shorter: a reader learns more from it.
pub(super) const SHORT: usize = 16 << 10;

/// What a version keeps of a character, as one JSON object: all fields but the revision and `updated_at`, which say
/// only that there was a change.
#[must_use]
pub fn sheet(character: &Character) -> Map<String, Value> {
    let data = ("data", Value::Object(character.data.0.clone().into_map()));
    fields(character).into_iter().chain([data]).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The fields of the [`sheet`] apart from `data`, each of which is short.
fn fields(character: &Character) -> [(&'static str, Value); 8] {
    let Character { id, parent_id, theme, name, user_id, campaign_id, data: _, is_active, meta } = character;
    [
        ("campaign_id", text(*campaign_id)),
        ("deleted_at", text(meta.deleted_at)),
        ("id", Value::String(id.to_string())),
        ("is_active", Value::Bool(*is_active)),
        ("name", Value::String(name.clone())),
        ("parent_id", text(*parent_id)),
        ("theme", Value::String(theme.clone())),
        ("user_id", Value::String(user_id.to_string())),
    ]
}

fn text(value: Option<impl ToString>) -> Value {
    value.map_or(Value::Null, |value| Value::String(value.to_string()))
}

/// The JSON Patch (RFC 6902) that makes the [`sheet`] of `before` that of `after`. Its text is at most 16 KiB long, or
/// else no longer than the new `data`; a few hundred bytes are added for the other fields that changed.
#[must_use]
pub fn changes(before: &Character, after: &Character) -> Vec<Value> {
    let fields = fields(before).into_iter().zip(fields(after)).filter(|(old, new)| old != new);
    let fields = fields.map(|(_, (name, new))| operation("replace", format!("/{name}"), Some(new)));
    let mut changes: Vec<Value> = fields.collect();
    if before.data != after.data {
        let mut plan = Plan::default();
        let data = plan.enter(None, Name::Member("data"));
        plan.compare(data, Node::Object(&before.data.0), Node::Object(&after.data.0));
        changes.extend(plan.write());
    }
    changes
}

fn operation(op: &str, path: String, value: Option<Value>) -> Value {
    let members = [("op", Some(op.into())), ("path", Some(path.into())), ("value", value)];
    members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// A value of one of the two sheets.
#[derive(Clone, Copy)]
enum Node<'a> {
    Object(&'a Map<String, Value>),
    Array(&'a [Value]),
    Leaf(&'a Value),
}

impl<'a> From<&'a Value> for Node<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Object(members) => Self::Object(members),
            Value::Array(items) => Self::Array(items),
            leaf => Self::Leaf(leaf),
        }
    }
}

impl Node<'_> {
    fn length(self) -> usize {
        let length = match self {
            Self::Object(members) => size::within(usize::MAX, members),
            Self::Array(items) => size::within(usize::MAX, items),
            Self::Leaf(leaf) => size::within(usize::MAX, leaf),
        };
        // Every JSON value has a text; a value without one would count as too long for any record.
        length.unwrap_or(usize::MAX)
    }

    fn to_value(self) -> Value {
        match self {
            Self::Object(members) => Value::Object(members.clone()),
            Self::Array(items) => Value::Array(items.to_vec()),
            Self::Leaf(leaf) => leaf.clone(),
        }
    }
}

#[derive(Clone, Copy)]
enum Name<'a> {
    Member(&'a str),
    Item(usize),
}

/// One step of the way from the root to a value. Values that have a part of their way in common share its places.
struct Place<'a> {
    parent: Option<usize>,
    name: Name<'a>,
    /// The length of the whole pointer as JSON text, without the quotes.
    pointer: usize,
}

struct Step<'a> {
    op: &'static str,
    place: usize,
    value: Option<Node<'a>>,
}

#[derive(Default)]
struct Plan<'a> {
    places: Vec<Place<'a>>,
    steps: Vec<Step<'a>>,
    /// The length of the JSON text of all steps.
    length: usize,
}

impl<'a> Plan<'a> {
    fn enter(&mut self, parent: Option<usize>, name: Name<'a>) -> usize {
        let before = parent.and_then(|parent| self.places.get(parent)).map_or(0, |parent| parent.pointer);
        let own = match name {
            // A slash in place of the two quotes; `~` and `/` become two characters each.
            Name::Member(name) => {
                let escapes = name.bytes().filter(|byte| matches!(byte, b'~' | b'/')).count();
                text_length(name).saturating_sub(1).saturating_add(escapes)
            }
            Name::Item(index) => 2 + index.checked_ilog10().unwrap_or(0) as usize,
        };
        self.places.push(Place { parent, name, pointer: before.saturating_add(own) });
        self.places.len() - 1
    }

    /// Forgets a place that no step needs. The places inside of it were entered later, so they are behind it.
    fn leave(&mut self, place: usize) {
        if self.steps.last().is_none_or(|step| step.place < place) {
            self.places.truncate(place);
        }
    }

    /// The length of a step whose new value has this length.
    fn length_of(&self, op: &str, place: usize, value: Option<usize>) -> usize {
        let pointer = self.places.get(place).map_or(0, |place| place.pointer);
        let members = [op.len(), pointer, value.map_or(0, |value| value.saturating_add(r#","value":"#.len()))];
        members.into_iter().fold(r#"{"op":"","path":""},"#.len(), usize::saturating_add)
    }

    fn push(&mut self, op: &'static str, place: usize, value: Option<(Node<'a>, usize)>) {
        self.length = self.length.saturating_add(self.length_of(op, place, value.map(|(_, length)| length)));
        self.steps.push(Step { op, place, value: value.map(|(node, _)| node) });
    }

    /// Adds the steps from `before` to `after`, and returns the length of the JSON text of `after`.
    fn compare(&mut self, place: usize, before: Node<'a>, after: Node<'a>) -> usize {
        let (steps, length) = (self.steps.len(), self.length);
        let size = match (before, after) {
            (Node::Object(before), Node::Object(after)) => self.compare_members(place, before, after),
            (Node::Array(before), Node::Array(after)) => self.compare_items(place, before, after),
            (before, after) => {
                let size = after.length();
                // Equal to the letter: 1 and 1.0 are one number to a calculator, and two to a reader of the texts.
                if !matches!((before, after), (Node::Leaf(before), Node::Leaf(after)) if before == after) {
                    self.push("replace", place, Some((after, size)));
                }
                return size;
            }
        };
        let whole = self.length_of("replace", place, Some(size));
        if self.length > SHORT && self.length - length > whole {
            self.steps.truncate(steps);
            self.places.truncate(place + 1);
            self.length = length;
            self.push("replace", place, Some((after, size)));
        }
        size
    }

    fn compare_members(
        &mut self,
        outer: usize,
        before: &'a Map<String, Value>,
        after: &'a Map<String, Value>,
    ) -> usize {
        // The braces, and a colon and a comma for each member but the last, which has no comma.
        let mut size = (1 + 2 * after.len()).max(2);
        for (name, old) in before {
            let place = self.enter(Some(outer), Name::Member(name));
            match after.get(name) {
                None => self.push("remove", place, None),
                Some(new) => size += text_length(name) + self.compare(place, old.into(), new.into()),
            }
            self.leave(place);
        }
        for (name, new) in after.iter().filter(|(name, _)| !before.contains_key(*name)) {
            let place = self.enter(Some(outer), Name::Member(name));
            size += text_length(name) + self.add(place, new.into());
        }
        size
    }

    fn compare_items(&mut self, outer: usize, before: &'a [Value], after: &'a [Value]) -> usize {
        let mut size = (1 + after.len()).max(2);
        for (index, (old, new)) in before.iter().zip(after).enumerate() {
            let place = self.enter(Some(outer), Name::Item(index));
            size += self.compare(place, old.into(), new.into());
            self.leave(place);
        }
        // The last one first, so that none moves before it is removed.
        for index in (after.len()..before.len()).rev() {
            let place = self.enter(Some(outer), Name::Item(index));
            self.push("remove", place, None);
        }
        for (index, new) in after.iter().enumerate().skip(before.len()) {
            let place = self.enter(Some(outer), Name::Item(index));
            size += self.add(place, new.into());
        }
        size
    }

    fn add(&mut self, place: usize, new: Node<'a>) -> usize {
        let size = new.length();
        self.push("add", place, Some((new, size)));
        size
    }

    fn write(&self) -> impl Iterator<Item = Value> {
        self.steps.iter().map(|step| operation(step.op, self.pointer(step.place), step.value.map(Node::to_value)))
    }

    /// The JSON Pointer (RFC 6901) of a place.
    fn pointer(&self, place: usize) -> String {
        let parent = |place: &&Place<'a>| place.parent.and_then(|parent| self.places.get(parent));
        let way: Vec<&Place<'a>> = std::iter::successors(self.places.get(place), parent).collect();
        let mut pointer = String::new();
        for place in way.into_iter().rev() {
            pointer.push('/');
            match place.name {
                Name::Member(name) => pointer.push_str(&name.replace('~', "~0").replace('/', "~1")),
                Name::Item(index) => pointer.push_str(&index.to_string()),
            }
        }
        pointer
    }
}

/// The length of a text as JSON, with its quotes.
fn text_length(text: &str) -> usize {
    size::within(usize::MAX, text).unwrap_or(usize::MAX)
}
