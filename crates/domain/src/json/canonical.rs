//! The one form of a JSON text.

use super::{
    MAX_MESSAGE_DEPTH,
    scan::{RESERVED, Survey},
    token::{is_escaped_as_written, is_in_word, string_at, word_at},
};
use serde::de::Error as _;
use std::borrow::Cow;

/// The text that `serde_json` writes for the value it parses from `text`, which has passed the [`scan`](super::scan): without
/// spaces, members in the order of their names, strings and exponents in their one form. No tree is built, which would take
/// many times longer.
///
/// # Errors
/// That of the parser for a string that is no Unicode text, such as half of a surrogate pair. The syntax is not checked
/// otherwise: what is written of a text that is no JSON has no meaning.
pub fn canonical(text: &str) -> serde_json::Result<Cow<'_, str>> {
    canonical_with_survey(text).map(|(text, _)| text)
}

/// The same, with what a [`survey`](super::survey) finds in it. It is borrowed when `text` was not rewritten anywhere.
pub(crate) fn canonical_with_survey(text: &str) -> serde_json::Result<(Cow<'_, str>, Survey)> {
    let (out, members, unsorted, survey) = (String::new(), Vec::new(), String::new(), Survey::default());
    let mut writer = Writer { text, at: 0, out, from: 0, members, unsorted, survey };
    writer.value(0)?;
    if writer.from == 0 && writer.at == text.len() {
        return Ok((text.into(), writer.survey));
    }
    writer.flush();
    Ok((writer.out.into(), writer.survey))
}

/// What is written is `out`, and behind it the text between `from` and `at`, which is copied when something else must follow:
/// most of a text is in its one form, and is copied in long parts.
struct Writer<'a> {
    text: &'a str,
    at: usize,
    out: String,
    from: usize,
    /// Those of all objects that are not closed yet.
    members: Vec<Member<'a>>,
    /// The members of the object that is being sorted, as they were written.
    unsorted: String,
    survey: Survey,
}

/// A member that was written.
struct Member<'a> {
    name: Cow<'a, str>,
    /// Where it begins and ends in what was written.
    from: usize,
    to: usize,
}

impl<'a> Writer<'a> {
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
            Some(byte) if byte.is_ascii_whitespace() => {}
            first => return first.copied(),
        }
        let spaces = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.replace(spaces, "");
        rest.get(spaces).copied()
    }

    fn value(&mut self, depth: usize) -> serde_json::Result<()> {
        // Each level takes some of the stack.
        if depth > MAX_MESSAGE_DEPTH {
            return Err(serde_json::Error::custom("nested too deep"));
        }
        self.survey.values += 1;
        match self.next() {
            Some(b'"') => self.string(),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(byte) if is_in_word(byte) => {
                self.word(byte);
                Ok(())
            }
            _ => Err(serde_json::Error::custom("a value is missing")),
        }
    }

    /// The string at this place, with its quotes, and whether it has no escape.
    fn quoted(&self) -> serde_json::Result<(&'a str, bool)> {
        let (raw, is_plain) = string_at(self.text.as_bytes(), self.at + 1);
        let quoted = self.text.get(self.at..self.at + raw.len() + 2);
        Ok((quoted.ok_or_else(|| serde_json::Error::custom("a string is not closed"))?, is_plain))
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

    /// A number keeps its digits, but an exponent has a small `e` and a sign.
    fn word(&mut self, first: u8) {
        let length = word_at(self.text.as_bytes(), self.at);
        let word = self.text.get(self.at..self.at + length).unwrap_or_default();
        let is_number = first == b'-' || first.is_ascii_digit();
        match word.split_once(['e', 'E']).filter(|_| is_number) {
            Some((digits, exponent)) => {
                let sign = if exponent.starts_with(['+', '-']) { "" } else { "+" };
                self.replace(length, &[digits, "e", sign, exponent].concat());
            }
            None => self.at += length,
        }
    }

    fn array(&mut self, depth: usize) -> serde_json::Result<()> {
        self.survey.depth = self.survey.depth.max(depth + 1);
        self.at += 1;
        loop {
            match self.next() {
                Some(b']') => break,
                Some(b',') => self.at += 1,
                _ => self.value(depth + 1)?,
            }
        }
        self.at += 1;
        Ok(())
    }

    fn object(&mut self, depth: usize) -> serde_json::Result<()> {
        self.survey.depth = self.survey.depth.max(depth + 1);
        self.at += 1;
        let (start, own) = (self.length(), self.members.len());
        let mut is_sorted = true;
        loop {
            match self.next() {
                Some(b'}') => break,
                Some(b',') => self.at += 1,
                Some(b'"') => {
                    let from = self.length();
                    let name = self.name()?;
                    self.survey.has_reserved |= name.starts_with(RESERVED);
                    if self.next() != Some(b':') {
                        return Err(serde_json::Error::custom("a member has no value"));
                    }
                    self.at += 1;
                    self.value(depth + 1)?;
                    is_sorted &= self.members.get(own..).and_then(<[_]>::last).is_none_or(|before| before.name < name);
                    self.members.push(Member { name, from, to: self.length() });
                }
                _ => return Err(serde_json::Error::custom("a member has no name")),
            }
        }
        if !is_sorted {
            self.flush();
            self.sort(start, own);
        }
        self.at += 1;
        self.members.truncate(own);
        Ok(())
    }

    /// Puts the members of the innermost object, which were written from `start`, in the order of their names.
    fn sort(&mut self, start: usize, own: usize) {
        let members = self.members.get_mut(own..).unwrap_or_default();
        members.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        self.unsorted.clear();
        self.unsorted.push_str(self.out.get(start..).unwrap_or_default());
        self.out.truncate(start);
        for (index, member) in members.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            self.out.push_str(self.unsorted.get(member.from - start..member.to - start).unwrap_or_default());
        }
    }
}

/// The string without its quotes.
fn inside(quoted: &str) -> &str {
    quoted.get(1..quoted.len() - 1).unwrap_or_default()
}
