//! The members of a document, kept as a map, as JSON text, or as both.

use crate::{
    json::{self, Bounds, Survey},
    size::MAX_VALUES,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::value::MapDeserializer};
use serde_json::{Map, Value, value::RawValue};
use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::{Arc, OnceLock},
};

/// The members of a [`Document`](super::Document): a map that clones share until one of them changes it, and its text.
///
/// A sheet is passed on far more often than its members are read, and parsing, copying or writing it takes longer than
/// everything else between a database or a cache and a client. So a document that is read from JSON text stays text
/// until a member is read, and a document that is built as a map is written once for all clones.
///
/// It is read from JSON text, or from a [`Value`]; serde's other formats and what serde itself buffers
/// (`#[serde(flatten)]`, `#[serde(untagged)]`) hold no JSON text and are rejected.
///
/// A clone of a document whose text is known has only that text: reading members of a clone does not grow the memory of
/// the original, such as a cached value.
#[derive(Default)]
pub struct Members(Arc<Shared>);

impl fmt::Debug for Members {
    /// The JSON text, which is the same for equal members, whether they are kept as a map or as a text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.text.get() {
            Some(text) => f.write_str(text.0.text.get()),
            None => f.write_str(&serde_json::to_string(self.0.map()).map_err(|_| fmt::Error)?),
        }
    }
}

impl Clone for Members {
    fn clone(&self) -> Self {
        match self.0.text.get() {
            Some(text) => Self::of_text(text.clone()),
            None => Self(Arc::clone(&self.0)),
        }
    }
}

/// One of the two is always there. The text equals the serialized map exactly, so both forms compare equal.
struct Shared {
    members: OnceLock<Map<String, Value>>,
    text: OnceLock<Text>,
}

/// A text that clones share, with what is known of it: each row is checked several times on its way.
#[derive(Clone)]
struct Text(Arc<Known>);

struct Known {
    text: Box<RawValue>,
    survey: Survey,
}

impl Text {
    fn of(text: Box<RawValue>) -> Self {
        let survey = json::survey(text.get().as_bytes());
        Self::surveyed(text, survey)
    }

    fn surveyed(text: Box<RawValue>, survey: Survey) -> Self {
        Self(Arc::new(Known { text, survey }))
    }

    /// Whether it is nested deeper than [`READABLE_DEPTH`].
    fn is_deep(&self) -> bool {
        self.0.survey.depth > READABLE_DEPTH
    }
}

/// A text nested deeper is not passed on as it is: a parser with its usual limit, such as that of
/// [`serde_json::to_value`], could not read it.
const READABLE_DEPTH: usize = 64;

impl Shared {
    fn map(&self) -> &Map<String, Value> {
        self.members.get_or_init(|| {
            let parsed = self.text.get().map(|text| parsed(&text.0.text));
            #[expect(clippy::expect_used, reason = "only a text that parses is kept, and what has no text has a map")]
            parsed.and_then(Result::ok).expect("a document is a map, or the text of one")
        })
    }
}

/// What [`RawValue`] calls its text towards serde.
const RAW: &str = "$serde_json::private::RawValue";

/// A text that is known to be JSON. [`RawValue::from_string`] would parse it once more, and is for a `serde_json` that has
/// another name for the text.
fn raw(text: &str) -> serde_json::Result<Box<RawValue>> {
    let as_map = MapDeserializer::<_, serde_json::Error>::new(std::iter::once((RAW, text)));
    Box::<RawValue>::deserialize(as_map).or_else(|_| RawValue::from_string(text.to_owned()))
}

/// The members in a text that was scanned, or written from members, before.
fn parsed(text: &RawValue) -> serde_json::Result<Map<String, Value>> {
    json::parse_scanned(text.get().as_bytes())
}

impl Default for Shared {
    fn default() -> Self {
        Map::new().into()
    }
}

impl From<Map<String, Value>> for Shared {
    fn from(members: Map<String, Value>) -> Self {
        Self { members: members.into(), text: OnceLock::new() }
    }
}

impl Clone for Shared {
    /// Without the text: a copy is made in order to be changed.
    fn clone(&self) -> Self {
        self.map().clone().into()
    }
}

impl PartialEq for Members {
    fn eq(&self, other: &Self) -> bool {
        if Arc::ptr_eq(&self.0, &other.0) {
            return true;
        }
        match (self.0.text.get(), other.0.text.get()) {
            (Some(here), Some(there)) => here.0.text.get() == there.0.text.get(),
            _ => **self == **other,
        }
    }
}

impl Members {
    /// The map itself; a copy of it when others share it.
    #[must_use]
    pub fn into_map(self) -> Map<String, Value> {
        self.0.map();
        let Shared { members, .. } = Arc::unwrap_or_clone(self.0);
        members.into_inner().unwrap_or_default()
    }

    /// The members as JSON text, written once for all clones.
    ///
    /// # Errors
    /// Those of the writer; it has none for a map of JSON values.
    pub fn text(&self) -> serde_json::Result<&RawValue> {
        Ok(&self.written()?.0.text)
    }

    fn written(&self) -> serde_json::Result<&Text> {
        if let Some(text) = self.0.text.get() {
            return Ok(text);
        }
        let text = Text::of(serde_json::value::to_raw_value(self.0.map())?);
        Ok(self.0.text.get_or_init(|| text))
    }

    /// The text, where it is known.
    pub(super) fn known_text(&self) -> Option<&RawValue> {
        self.0.text.get().map(|text| &*text.0.text)
    }

    /// What there is to know of the text, where there is one.
    pub(crate) fn known_survey(&self) -> Option<Survey> {
        self.0.text.get().map(|text| text.0.survey)
    }

    fn of_text(text: Text) -> Self {
        Self(Arc::new(Shared { members: OnceLock::new(), text: text.into() }))
    }

    /// The members in the text of an object, which is in its one form.
    pub(super) fn of_canonical(text: &str, survey: Survey) -> serde_json::Result<Self> {
        Ok(Self::of_text(Text::surveyed(raw(text)?, survey)))
    }

    /// The same members, kept as their text alone: many times smaller than a map of short values.
    ///
    /// # Errors
    /// Those of [`Members::text`].
    pub fn into_text(self) -> serde_json::Result<Self> {
        self.written().cloned().map(Self::of_text)
    }
}

#[cfg(test)]
impl Members {
    /// The text, when the members were not read.
    fn unread(&self) -> Option<&RawValue> {
        self.0.text.get().filter(|_| self.0.members.get().is_none()).map(|text| &*text.0.text)
    }
}

impl Deref for Members {
    type Target = Map<String, Value>;

    fn deref(&self) -> &Self::Target {
        self.0.map()
    }
}

impl DerefMut for Members {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.0.map();
        let shared = Arc::make_mut(&mut self.0);
        // What was written before says nothing of what will be here.
        shared.text = OnceLock::new();
        #[expect(clippy::expect_used, reason = "it was asked for three lines above")]
        shared.members.get_mut().expect("the map is there")
    }
}

impl From<Map<String, Value>> for Members {
    fn from(members: Map<String, Value>) -> Self {
        Self(Arc::new(members.into()))
    }
}

impl FromIterator<(String, Value)> for Members {
    fn from_iter<T: IntoIterator<Item = (String, Value)>>(members: T) -> Self {
        Map::from_iter(members).into()
    }
}

impl<'a> IntoIterator for &'a Members {
    type Item = (&'a String, &'a Value);
    type IntoIter = serde_json::map::Iter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.map().iter()
    }
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let written = self.written().map_err(serde::ser::Error::custom)?;
        match self.0.members.get() {
            _ if !written.is_deep() => written.0.text.serialize(serializer),
            Some(members) => members.serialize(serializer),
            // A map that is kept would be many times larger than the text.
            None => parsed(&written.0.text).map_err(serde::ser::Error::custom)?.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        if text.get().starts_with('{')
            && let Some(survey) = json::survey_as_written(text.get(), READABLE_DEPTH)
        {
            return Ok(Self::of_text(Text::surveyed(text, survey)));
        }
        if !text.get().starts_with('{') {
            return Err(serde::de::Error::custom("must be an object"));
        }
        let bounds = Bounds { depth: json::MAX_MESSAGE_DEPTH, values: MAX_VALUES };
        match json::canonical_with_survey(text.get(), bounds) {
            Ok((canonical, survey)) => Self::of_canonical(&canonical, survey).map_err(serde::de::Error::custom),
            Err(error) => {
                // It knows which member is wrong.
                json::scan(text.get().as_bytes(), bounds.depth, bounds.values).map_err(serde::de::Error::custom)?;
                Err(serde::de::Error::custom(error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn members() -> Members {
        serde_json::from_value(json!({ "b": [1, 0.1, u64::MAX, null], "a": { "ü\"": "\u{1f409}" } })).unwrap()
    }

    #[test]
    fn the_text_is_what_the_members_are_written_as() {
        let members = members();
        for _ in 0..2 {
            assert_eq!(members.text().unwrap().get().to_owned(), serde_json::to_string(&members).unwrap());
        }
        assert_eq!(members.text().unwrap().get(), members.clone().text().unwrap().get());
    }

    #[test]
    fn equal_members_are_shown_equally_and_stay_as_they_are_kept() {
        let (as_map, as_text) = (members(), members().into_text().unwrap());
        let shown = r#"{"a":{"ü\"":"🐉"},"b":[1,0.1,18446744073709551615,null]}"#;
        for members in [as_map.clone(), as_text.clone()] {
            assert_eq!(format!("{members:?}"), shown);
        }
        assert!(as_text.0.members.get().is_none());
    }

    /// The members that `text` holds, and whether they are still nothing but that text.
    fn read(text: &str) -> (Members, bool) {
        let members: Members = serde_json::from_str(text).unwrap();
        let unread = members.0.members.get().is_none();
        (members, unread)
    }

    #[test]
    fn what_is_read_as_text_stays_text_until_somebody_looks_inside() {
        let text = r#"{"a":{"ü":"\"🐉\n"},"b":[1,0.1,18446744073709551615,null]}"#;
        let members: Members =
            json!({ "a": { "ü": "\"🐉\n" }, "b": [1, 0.1, u64::MAX, null] }).as_object().cloned().unwrap().into();
        let (read, unread) = read(text);
        assert!(unread);
        assert_eq!((serde_json::to_string(&read).unwrap().as_str(), read.text().unwrap().get()), (text, text));
        assert_eq!(serde_json::to_value(&read).unwrap(), serde_json::to_value(&members).unwrap());
        assert!(read.0.members.get().is_none());
        assert_eq!((read.get("b"), read == members), (members.get("b"), true));
        assert!(read.0.members.get().is_some());
    }

    #[test]
    fn a_text_that_we_would_have_written_otherwise_is_written_anew_and_kept() {
        let nested = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
        for text in [
            r#"{"a": 1}"#,
            r#"{"b":1,"a":2}"#,
            r#"{"a":1.0e2}"#,
            r#"{"a":1E+2}"#,
            r#"{"a":"\/"}"#,
            r#"{"a":"\u0041"}"#,
            r#"{"\n":1}"#,
            &nested(READABLE_DEPTH),
            &nested(READABLE_DEPTH + 1),
            &nested(json::MAX_DEPTH),
        ] {
            let (members, unread) = read(text);
            let value: Map<String, Value> = json::parse(text.as_bytes()).unwrap();
            assert!(unread, "{text}");
            assert_eq!(serde_json::to_string(&members).unwrap(), serde_json::to_string(&value).unwrap());
            assert_eq!(serde_json::to_value(&members).unwrap(), Value::Object(value.clone()));
            assert_eq!(members.text().unwrap().get(), serde_json::to_string(&value).unwrap());
            assert!(members.unread().is_some(), "nobody has read the members of {text}");
            assert_eq!(&*members, &value, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_parsed_is_refused_at_once() {
        let deep = format!("{}{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
        let (twice, reserved) = (r#"{"a":{"b":1,"b":1}}"#, r#"{"a":{"$serde_json::private::Number":"1"}}"#);
        for text in [r#"{"a":"\ud800"}"#, twice, reserved, "[]", "1", "null", &deep] {
            assert!(serde_json::from_str::<Members>(text).is_err(), "{:.40}", text);
        }
    }

    #[test]
    fn a_change_of_what_is_still_text_shows_in_it_and_not_in_the_clones() {
        let (mut changed, _) = read(r#"{"a":1}"#);
        let clone = changed.clone();
        changed.insert("b".into(), json!(2));
        assert_eq!(serde_json::to_string(&changed).unwrap(), r#"{"a":1,"b":2}"#);
        assert_eq!((serde_json::to_string(&clone).unwrap().as_str(), clone == changed), (r#"{"a":1}"#, false));
        assert_eq!(clone.into_map(), *json!({ "a": 1 }).as_object().unwrap());
    }

    #[test]
    fn what_is_found_in_a_clone_does_not_grow_the_original() {
        let (original, _) = read(r#"{"a":1}"#);
        let clone = original.clone();
        assert_eq!(clone.get("a"), Some(&json!(1)));
        assert!(original.unread().is_some() && clone.unread().is_none());
        assert!(clone.clone().unread().is_some());
    }

    #[test]
    fn a_change_shows_in_the_text_and_not_in_the_clones() {
        let mut members = members();
        let before = members.clone();
        let text = before.text().unwrap().get().to_owned();
        members.insert("c".into(), json!(true));
        assert_eq!(members.text().unwrap().get(), serde_json::to_string(&*members).unwrap());
        assert!(members.text().unwrap().get().contains("\"c\":true"));
        assert_eq!((before.text().unwrap().get(), before == members), (text.as_str(), false));
        // Changed once more where nobody else holds it.
        drop(before);
        members.remove("c");
        assert_eq!((members.text().unwrap().get(), members == self::members()), (text.as_str(), true));
    }
}
