//! The one form of a JSON text.

use super::{
    MAX_MESSAGE_DEPTH,
    scan::{RESERVED, Survey, is_in_word, string_at, word_at},
};
use serde::de::Error as _;
use std::borrow::Cow;

/// The text that `serde_json` writes for the value it parses from `text`, which has passed the [`scan`](super::scan): without
/// spaces, members in the order of their names, strings and exponents in their one form. No tree is built, which would take
/// many times longer.
///
/// # Errors
/// That of the parser for a string that is no Unicode text, such as half of a surrogate pair. The syntax is not checked
/// otherwise; of a text that is no JSON the result is none either.
pub fn canonical(text: &str) -> serde_json::Result<String> {
    canonical_with_survey(text).map(|(text, _)| text)
}

/// The same, with what a [`survey`](super::survey) finds in it.
pub(crate) fn canonical_with_survey(text: &str) -> serde_json::Result<(String, Survey)> {
    let (out, members, survey) = (String::with_capacity(text.len()), Vec::new(), Survey::default());
    let mut writer = Writer { text, at: 0, out, members, survey };
    writer.value(0)?;
    Ok((writer.out, writer.survey))
}

struct Writer<'a> {
    text: &'a str,
    at: usize,
    out: String,
    /// Those of all objects that are not closed yet.
    members: Vec<Member<'a>>,
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
    /// The next byte that is no space.
    fn next(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let spaces = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.at += spaces;
        rest.get(spaces).copied()
    }

    fn value(&mut self, depth: usize) -> serde_json::Result<()> {
        // Each level takes some of the stack.
        if depth > MAX_MESSAGE_DEPTH {
            return Err(serde_json::Error::custom("nested too deep"));
        }
        self.survey.values += 1;
        match self.next() {
            Some(b'"') => self.string().map(drop),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(byte) if is_in_word(byte) => {
                self.word(byte);
                Ok(())
            }
            _ => Err(serde_json::Error::custom("a value is missing")),
        }
    }

    /// Writes the string at this place, and returns what it says.
    fn string(&mut self) -> serde_json::Result<Cow<'a, str>> {
        let text = self.text;
        let start = self.at;
        let length = string_at(text.as_bytes(), start + 1).len();
        let (raw, quoted) = (text.get(start + 1..start + 1 + length), text.get(start..start + length + 2));
        let (Some(raw), Some(quoted)) = (raw, quoted) else {
            return Err(serde_json::Error::custom("a string is not closed"));
        };
        self.at += length + 2;
        if !raw.as_bytes().contains(&b'\\') {
            self.out.push_str(quoted);
            return Ok(raw.into());
        }
        let decoded: String = serde_json::from_str(quoted)?;
        self.survey.has_nul |= decoded.contains('\0');
        self.out.push_str(&serde_json::to_string(&decoded)?);
        Ok(decoded.into())
    }

    /// A number keeps its digits, but an exponent has a small `e` and a sign.
    fn word(&mut self, first: u8) {
        let length = word_at(self.text.as_bytes(), self.at);
        let word = self.text.get(self.at..self.at + length).unwrap_or_default();
        self.at += length;
        let is_number = first == b'-' || first.is_ascii_digit();
        match word.split_once(['e', 'E']).filter(|_| is_number) {
            Some((digits, exponent)) => {
                let sign = if exponent.starts_with(['+', '-']) { "" } else { "+" };
                self.out.extend([digits, "e", sign, exponent]);
            }
            None => self.out.push_str(word),
        }
    }

    fn array(&mut self, depth: usize) -> serde_json::Result<()> {
        self.survey.depth = self.survey.depth.max(depth + 1);
        self.at += 1;
        self.out.push('[');
        let mut is_first = true;
        loop {
            match self.next() {
                Some(b']') => break,
                Some(b',') => self.at += 1,
                _ => {
                    if !std::mem::take(&mut is_first) {
                        self.out.push(',');
                    }
                    self.value(depth + 1)?;
                }
            }
        }
        self.at += 1;
        self.out.push(']');
        Ok(())
    }

    fn object(&mut self, depth: usize) -> serde_json::Result<()> {
        self.survey.depth = self.survey.depth.max(depth + 1);
        self.at += 1;
        self.out.push('{');
        let (start, own) = (self.out.len(), self.members.len());
        let mut is_sorted = true;
        loop {
            match self.next() {
                Some(b'}') => break,
                Some(b',') => self.at += 1,
                Some(b'"') => {
                    if self.members.len() > own {
                        self.out.push(',');
                    }
                    let from = self.out.len();
                    let name = self.string()?;
                    self.survey.has_reserved |= name.starts_with(RESERVED);
                    if self.next() != Some(b':') {
                        return Err(serde_json::Error::custom("a member has no value"));
                    }
                    self.at += 1;
                    self.out.push(':');
                    self.value(depth + 1)?;
                    is_sorted &= self.members.get(own..).and_then(<[_]>::last).is_none_or(|before| before.name < name);
                    self.members.push(Member { name, from, to: self.out.len() });
                }
                _ => return Err(serde_json::Error::custom("a member has no name")),
            }
        }
        self.at += 1;
        if !is_sorted {
            self.sort(start, own);
        }
        self.members.truncate(own);
        self.out.push('}');
        Ok(())
    }

    /// Puts the members of the innermost object, which were written from `start`, in the order of their names.
    fn sort(&mut self, start: usize, own: usize) {
        let members = self.members.get_mut(own..).unwrap_or_default();
        members.sort_by(|one, other| one.name.cmp(&other.name));
        let written = self.out.split_off(start);
        for (index, member) in members.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            self.out.push_str(written.get(member.from - start..member.to - start).unwrap_or_default());
        }
    }
}
