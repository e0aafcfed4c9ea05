//! The weight of a cached value: about the bytes of memory that it uses, and never less than half of them.
//!
//! A [`Document`](character_domain::Document) is one text in memory, as it is in JSON. A list of JSON values is a tree,
//! in which each value takes far more memory than its text. The JSON serializer shows the difference: it writes the
//! text of a document at once, and each separator of a tree on its own.

use crate::cacheable::Cacheable;
use bytes::Bytes;
use std::io::{self, Write};

/// The size of the entry itself, its key and its slot in the map, in bytes.
const ENTRY: usize = 512;
/// The size of the fields of a row in addition to their text, in bytes.
const ROW: usize = 150;
/// The size of an element of a list in addition to its text, in bytes.
const ELEMENT: usize = 48;
/// The size of an object in a tree in addition to its members, in bytes.
const OBJECT: usize = 600;
/// Longer parts are texts of users. Shorter ones are names of fields, ids and times, which take half as much in memory.
const SHORT: usize = 64;

/// The weight of a value, in bytes.
pub(crate) fn weigh<V: Cacheable>(value: &V) -> u32 {
    counted(value, io::sink()).map_or(u32::MAX, |counting| counting.weight())
}

/// The JSON of a value, if it has one, and its weight in bytes.
pub(crate) fn written<V: Cacheable>(value: &V) -> (Option<Bytes>, u32) {
    let counted = counted(value, Vec::new());
    let weight = counted.as_ref().map_or(u32::MAX, Counting::weight);
    (counted.map(|counting| counting.to.into()), weight)
}

fn counted<V: Cacheable, W: Write>(value: &V, to: W) -> Option<Counting<W>> {
    let mut counting = Counting { to, row_depth: V::ROW_DEPTH, depth: 0, tree: None, bytes: ENTRY };
    serde_json::to_writer(&mut counting, value).ok().map(|()| counting)
}

struct Counting<W> {
    to: W,
    row_depth: usize,
    depth: usize,
    /// The depth of the list of a row that is being written.
    tree: Option<usize>,
    bytes: usize,
}

impl<W> Counting<W> {
    fn weight(&self) -> u32 {
        // A value that cannot be counted is not worth keeping.
        u32::try_from(self.bytes).unwrap_or(u32::MAX)
    }
}

impl<W: Write> Write for Counting<W> {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        self.write_all(part)?;
        Ok(part.len())
    }

    fn write_all(&mut self, part: &[u8]) -> io::Result<()> {
        match part {
            b"{" | b"[" => {
                if part == b"[" && self.tree.is_none() && self.depth >= self.row_depth {
                    self.tree = Some(self.depth);
                }
                self.bytes += match self.tree {
                    Some(_) if part == b"{" => OBJECT,
                    Some(_) => ELEMENT,
                    None if part == b"{" && self.depth + 1 == self.row_depth => ROW,
                    None if part == b"[" => ELEMENT,
                    // In a document that is too deep to be written at once, and is one text all the same.
                    None => part.len(),
                };
                self.depth += 1;
            }
            b"}" | b"]" => {
                self.depth = self.depth.saturating_sub(1);
                self.tree = self.tree.filter(|depth| *depth != self.depth);
            }
            b"," | b":" if self.tree.is_some() => self.bytes += ELEMENT,
            _ if self.tree.is_some() || part.len() > SHORT => self.bytes += part.len(),
            _ => self.bytes += part.len() / 2,
        }
        self.to.write_all(part)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use character_domain::{Character, CharacterProgress};
    use character_storage_port::Page;
    use character_storage_testkit::sample;
    use serde_json::{Value, json};
    use std::sync::Arc;

    fn read<V: Cacheable>(json: &[u8]) -> V {
        character_domain::json::parse(json).unwrap()
    }

    /// What a key and its place in the map take: measured with an allocator that counts, in a process that did nothing
    /// else, since the map frees what it no longer needs on any thread.
    const PLACE: u64 = 440;

    /// Reads `number` values of this JSON, and returns the bytes that they hold in a cache and the bytes that they count.
    fn kept<V: Cacheable>(json: &[u8], number: u64) -> (u64, u64) {
        let mut values = Vec::with_capacity(usize::try_from(number).unwrap());
        let held = allocation_counter::measure(|| {
            for _ in 0..number {
                values.push(Arc::new(read::<V>(json)));
            }
        });
        let counted = values.iter().map(|value| u64::from(weigh(value.as_ref()))).sum();
        (u64::try_from(held.bytes_current).unwrap() + number * PLACE, counted)
    }

    #[test]
    fn a_value_weighs_what_it_holds_within_a_factor_of_two() {
        let character = |data: Value| {
            let data = serde_json::from_value(data).unwrap();
            serde_json::to_vec(&Some(Character { data, ..sample::character() })).unwrap()
        };
        let nested = (0..120).fold(json!(1), |inner, _| json!({ "a": inner }));
        let small = character(json!({}));
        let page = |row: &[u8], rows: usize| {
            let items: Vec<Value> = vec![serde_json::from_slice(row).unwrap(); rows];
            serde_json::to_vec(&json!({ "items": items, "next": null })).unwrap()
        };
        type Row = Option<Character>;
        let cases: Vec<(&str, (u64, u64))> = vec![
            ("small", kept::<Row>(&small, 2_000)),
            ("sheet", kept::<Row>(&character(json!({ "notes": "x".repeat(4_000) })), 500)),
            ("large", kept::<Row>(&character(json!({ "a": vec![0; 400_000] })), 5)),
            ("many members", kept::<Row>(&character(many_members(50_000)), 5)),
            ("deep", kept::<Row>(&character(json!({ "a": nested })), 200)),
            ("list of numbers", kept::<Option<CharacterProgress>>(&progress(json!(vec![0; 100_000])), 5)),
            ("list of objects", kept::<Option<CharacterProgress>>(&progress(json!(vec![json!({"":0}); 50_000])), 5)),
            (
                "list of titles",
                kept::<Option<CharacterProgress>>(
                    &progress(json!(vec![json!({"title": "First blood", "at": "yesterday"}); 5_000])),
                    5,
                ),
            ),
            ("page", kept::<Page<Character>>(&page(&small, 100), 50)),
            ("page of one", kept::<Page<Character>>(&page(&small, 1), 1_000)),
            ("empty page", kept::<Page<Character>>(b"{\"items\":[],\"next\":null}", 2_000)),
        ];
        for (name, (held, counted)) in cases {
            assert!(held <= 2 * counted && counted <= 2 * held, "{name}: holds {held} bytes, counts {counted}");
        }
    }

    fn progress(milestones: Value) -> Vec<u8> {
        let row = CharacterProgress::new(sample::character().id, 0, 1, character_domain::now());
        let mut row = serde_json::to_value(row).unwrap();
        row["milestones"] = milestones;
        serde_json::to_vec(&row).unwrap()
    }

    fn many_members(number: usize) -> Value {
        (0..number).map(|name| (format!("{name:x}"), json!(0))).collect::<serde_json::Map<_, _>>().into()
    }
}
