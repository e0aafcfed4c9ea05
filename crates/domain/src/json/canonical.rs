//! The one form of a JSON text.

use super::{
    scan::{RESERVED, Survey},
    token::{is_escaped_as_written, is_in_word, string_at, word_at},
};
use crate::Document;
use serde::de::Error as _;
use std::borrow::Cow;

/// What a text may hold at most.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How deep it may be nested.
    pub depth: usize,
    /// How many JSON values it may have.
    pub values: usize,
}

/// The text that `serde_json` writes for the value it parses from `text`: without spaces, members in the order of their names,
/// strings and exponents in their one form. No tree is built, which would take many times longer.
///
/// # Errors
/// The text is no JSON, or something that the [`scan`](super::scan) refuses. The scan and the parser report the reason.
pub fn canonical(text: &str, bounds: Bounds) -> serde_json::Result<Cow<'_, str>> {
    canonical_with_survey(text, bounds).map(|(text, _)| text)
}

/// The same, with what a [`survey`](super::survey) finds in it. It is borrowed when `text` was not rewritten anywhere.
pub(crate) fn canonical_with_survey(text: &str, bounds: Bounds) -> serde_json::Result<(Cow<'_, str>, Survey)> {
    let mut writer = Writer::new(text, bounds);
    writer.value(0)?;
    if writer.next().is_some() {
        return Err(invalid("something follows the value"));
    }
    if writer.is_as_it_was(0) {
        return Ok((text.into(), writer.survey));
    }
    writer.flush();
    Ok((writer.out.into(), writer.survey))
}

/// A member of an object whose text was read.
#[derive(Clone, Debug)]
pub struct Member<'a> {
    /// What its name says.
    pub name: Cow<'a, str>,
    /// The text of its value.
    pub text: &'a str,
    /// Its value, when that is an object.
    pub document: Option<Document>,
}

/// The members of the object that is `text`, in the order of the text, each read by one pass over it.
///
/// # Errors
/// The text is no JSON, no object, or something that the [`scan`](super::scan) refuses. The scan and the parser report
/// the reason.
pub fn members(text: &str, bounds: Bounds) -> serde_json::Result<Vec<Member<'_>>> {
    let inside = Bounds { depth: bounds.depth.saturating_sub(1), ..bounds };
    let mut writer = Writer::new(text, inside);
    let (mut members, mut values) = (Vec::new(), 1);
    if writer.next() != Some(b'{') || bounds.depth == 0 || bounds.values == 0 {
        return Err(invalid("it is no object, or more than the bounds allow"));
    }
    writer.at += 1;
    while writer.goes_on(b'}', members.is_empty())? {
        let name = writer.name_and_colon()?;
        let is_object = writer.next() == Some(b'{');
        // What was written and found before the value is not of it.
        let start = writer.at;
        writer.bounds.values = bounds.values.saturating_sub(values);
        writer.out.clear();
        (writer.from, writer.survey) = (start, Survey::default());
        writer.value(0)?;
        values += writer.survey.values;
        let text = text.get(start..writer.at).unwrap_or_default();
        let document = is_object.then(|| {
            let survey = writer.survey;
            Document::of_canonical(writer.written(start), survey)
        });
        members.push(Member { name, text, document: document.transpose()? });
    }
    writer.at += 1;
    if writer.next().is_some() {
        return Err(invalid("something follows the object"));
    }
    let mut names: Vec<_> = members.iter().map(|member| &member.name).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| matches!(pair, [one, other] if one == other)) {
        return Err(invalid(TWICE));
    }
    Ok(members)
}

const TWICE: &str = "a member is given twice";

fn invalid(reason: &'static str) -> serde_json::Error {
    serde_json::Error::custom(reason)
}

/// What is written is `out`, and behind it the text between `from` and `at`, which is copied when something else must follow:
/// most of a text is in its one form, and is copied in long parts.
struct Writer<'a> {
    text: &'a str,
    bounds: Bounds,
    /// Whether the text has control characters: line breaks and tabs between its parts, or some that no string may have.
    has_control: bool,
    at: usize,
    out: String,
    from: usize,
    /// Those of all objects that are not closed yet.
    members: Vec<Written<'a>>,
    /// The members of the object that is being sorted, as they were written.
    unsorted: String,
    survey: Survey,
}

/// A member that was written.
struct Written<'a> {
    name: Cow<'a, str>,
    /// Where it begins and ends in what was written.
    from: usize,
    to: usize,
}

impl<'a> Writer<'a> {
    fn new(text: &'a str, bounds: Bounds) -> Self {
        // All of them are looked at, so that many are compared at once.
        let has_control = text.bytes().fold(false, |found, byte| found | (byte < b' '));
        let (out, members, unsorted, survey) = (String::new(), Vec::new(), String::new(), Survey::default());
        Self { text, bounds, has_control, at: 0, out, from: 0, members, unsorted, survey }
    }

    /// What was written of the value that began at `start`.
    fn written(&mut self, start: usize) -> &str {
        if self.is_as_it_was(start) {
            return self.text.get(start..self.at).unwrap_or_default();
        }
        self.flush();
        &self.out
    }

    /// Whether nothing was written in another way since `start`.
    fn is_as_it_was(&self, start: usize) -> bool {
        self.from == start && self.out.is_empty()
    }

    fn flush(&mut self) {
        if self.out.capacity() == 0 {
            self.out.reserve(self.text.len());
        }
        self.out.push_str(self.text.get(self.from..self.at).unwrap_or_default());
        self.from = self.at;
    }

    /// Writes this instead of the next `length` bytes.
    fn replace(&mut self, length: usize, with: &str) {
        self.flush();
        self.out.push_str(with);
        self.at += length;
        self.from = self.at;
    }

    /// The length of what is written.
    fn length(&self) -> usize {
        self.out.len() + (self.at - self.from)
    }

    /// The next byte that is no space. Spaces are not written.
    fn next(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.at..)?;
        match rest.first() {
            Some(byte) if is_space(*byte) => {}
            first => return first.copied(),
        }
        let spaces = rest.iter().take_while(|byte| is_space(**byte)).count();
        self.replace(spaces, "");
        rest.get(spaces).copied()
    }

    /// Whether another item follows in the list that ends with `end`; writes the comma before it.
    fn goes_on(&mut self, end: u8, is_first: bool) -> serde_json::Result<bool> {
        match self.next() {
            Some(byte) if byte == end => Ok(false),
            _ if is_first => Ok(true),
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            _ => Err(invalid("a comma is missing")),
        }
    }

    fn value(&mut self, depth: usize) -> serde_json::Result<()> {
        self.survey.values += 1;
        if self.survey.values > self.bounds.values {
            return Err(invalid("it holds too many values"));
        }
        match self.next() {
            Some(b'"') => self.string(),
            Some(b'{') => self.object(depth + 1),
            Some(b'[') => self.array(depth + 1),
            Some(byte) if is_in_word(byte) => self.word(byte),
            _ => Err(invalid("a value is missing")),
        }
    }

    /// Notes that something is nested this deep. Each level takes some of the stack.
    fn descend(&mut self, depth: usize) -> serde_json::Result<()> {
        self.survey.depth = self.survey.depth.max(depth);
        if depth > self.bounds.depth { Err(invalid("it is nested too deep")) } else { Ok(()) }
    }

    /// The string at this place, with its quotes, and whether it has no escape.
    fn quoted(&self) -> serde_json::Result<(&'a str, bool)> {
        let (raw, is_plain) = string_at(self.text.as_bytes(), self.at + 1);
        if self.has_control && raw.iter().any(|byte| *byte < b' ') {
            return Err(invalid("a string has a control character"));
        }
        let quoted = self.text.get(self.at..self.at + raw.len() + 2);
        Ok((quoted.ok_or_else(|| invalid("a string is not closed"))?, is_plain))
    }

    /// Writes the string at this place.
    fn string(&mut self) -> serde_json::Result<()> {
        let (quoted, is_plain) = self.quoted()?;
        if is_plain || is_escaped_as_written(inside(quoted).as_bytes()) {
            self.at += quoted.len();
            return Ok(());
        }
        self.decoded(quoted).map(drop)
    }

    /// Writes the name at this place, and returns what it says.
    fn name(&mut self) -> serde_json::Result<Cow<'a, str>> {
        let (quoted, is_plain) = self.quoted()?;
        if is_plain {
            self.at += quoted.len();
            return Ok(inside(quoted).into());
        }
        self.decoded(quoted).map(Cow::Owned)
    }

    /// Writes what this string, the next one, says in its one form, and returns it.
    fn decoded(&mut self, quoted: &str) -> serde_json::Result<String> {
        let decoded: String = serde_json::from_str(quoted)?;
        self.survey.has_nul |= decoded.contains('\0');
        self.replace(quoted.len(), &serde_json::to_string(&decoded)?);
        Ok(decoded)
    }

    /// Writes the name at this place and the colon behind it, and returns what the name says.
    fn name_and_colon(&mut self) -> serde_json::Result<Cow<'a, str>> {
        if self.next() != Some(b'"') {
            return Err(invalid("a member has no name"));
        }
        let name = self.name()?;
        if name.starts_with(RESERVED) {
            return Err(invalid("a name is reserved"));
        }
        if self.next() != Some(b':') {
            return Err(invalid("a member has no value"));
        }
        self.at += 1;
        Ok(name)
    }

    /// A number keeps its digits, but an exponent has a small `e` and a sign.
    fn word(&mut self, first: u8) -> serde_json::Result<()> {
        let length = word_at(self.text.as_bytes(), self.at);
        let word = self.text.get(self.at..self.at + length).unwrap_or_default();
        if first.is_ascii_alphabetic() {
            self.at += length;
            return if matches!(word, "true" | "false" | "null") { Ok(()) } else { Err(invalid("it is no word")) };
        }
        if !is_number(word.as_bytes()) {
            return Err(invalid("it is no number"));
        }
        match word.split_once(['e', 'E']) {
            Some((digits, exponent)) => {
                let sign = if exponent.starts_with(['+', '-']) { "" } else { "+" };
                self.replace(length, &[digits, "e", sign, exponent].concat());
            }
            None => self.at += length,
        }
        Ok(())
    }

    fn array(&mut self, depth: usize) -> serde_json::Result<()> {
        self.descend(depth)?;
        self.at += 1;
        let mut is_first = true;
        while self.goes_on(b']', is_first)? {
            is_first = false;
            self.value(depth)?;
        }
        self.at += 1;
        Ok(())
    }

    fn object(&mut self, depth: usize) -> serde_json::Result<()> {
        self.descend(depth)?;
        self.at += 1;
        let (start, own) = (self.length(), self.members.len());
        let (mut is_first, mut is_sorted) = (true, true);
        while self.goes_on(b'}', is_first)? {
            is_first = false;
            // Spaces before a name are not written.
            self.next();
            let from = self.length();
            let name = self.name_and_colon()?;
            self.value(depth)?;
            is_sorted &= self.members.get(own..).and_then(<[_]>::last).is_none_or(|before| before.name < name);
            self.members.push(Written { name, from, to: self.length() });
        }
        if !is_sorted {
            self.flush();
            self.sort(start, own)?;
        }
        self.at += 1;
        self.members.truncate(own);
        Ok(())
    }

    /// Puts the members of the innermost object, which were written from `start`, in the order of their names.
    fn sort(&mut self, start: usize, own: usize) -> serde_json::Result<()> {
        let members = self.members.get_mut(own..).unwrap_or_default();
        members.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        if members.windows(2).any(|pair| matches!(pair, [one, other] if one.name == other.name)) {
            return Err(invalid(TWICE));
        }
        self.unsorted.clear();
        self.unsorted.push_str(self.out.get(start..).unwrap_or_default());
        self.out.truncate(start);
        for (index, member) in members.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            self.out.push_str(self.unsorted.get(member.from - start..member.to - start).unwrap_or_default());
        }
        Ok(())
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Whether this is a number of JSON.
fn is_number(word: &[u8]) -> bool {
    let without_sign = word.strip_prefix(b"-").unwrap_or(word);
    let (whole, rest) = digits(without_sign);
    let (fraction, rest) = match rest.strip_prefix(b".") {
        Some(rest) => digits(rest),
        None => (1, rest),
    };
    let (exponent, rest) = match rest {
        [b'e' | b'E', b'+' | b'-', rest @ ..] | [b'e' | b'E', rest @ ..] => digits(rest),
        rest => (1, rest),
    };
    let has_zero_before = whole > 1 && without_sign.starts_with(b"0");
    whole > 0 && fraction > 0 && exponent > 0 && rest.is_empty() && !has_zero_before
}

/// How many digits `text` begins with, and what follows them.
fn digits(text: &[u8]) -> (usize, &[u8]) {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (count, text.get(count..).unwrap_or_default())
}

/// The string without its quotes.
fn inside(quoted: &str) -> &str {
    quoted.get(1..quoted.len() - 1).unwrap_or_default()
}
