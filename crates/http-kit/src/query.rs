//! Query strings: each parameter known, given once and well formed.

use crate::{FieldError, Problem};
use std::{borrow::Cow, collections::BTreeMap, fmt::Display, ops::RangeInclusive, str::FromStr};
use url::form_urlencoded;

/// Maximum number of faults in one problem. A query string has room for thousands, and the others are counted.
const MAX_FAULTS: usize = 100;

/// A whole number in decimal digits, perhaps behind a minus; `None` for `+5`, which the parser of Rust also takes.
#[must_use]
pub fn whole_number<T: FromStr>(text: &str) -> Option<T> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.starts_with(|first: char| first.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// The parameters of a query string that are not read yet, and the faults found so far.
///
/// ```
/// use character_http_kit::{Problem, QueryParameters};
///
/// fn page(query: &str) -> Result<(String, usize), Problem> {
///     let mut parameters = QueryParameters::among(&["name", "limit"], query);
///     let name = parameters.required("name");
///     let limit = parameters.number("limit", 1..=1000).unwrap_or(100);
///     Ok((parameters.finish_with(name)?, limit))
/// }
///
/// assert_eq!(page("name=Drizzt").unwrap(), ("Drizzt".to_owned(), 100));
/// assert!(page("name=Drizzt&limit=0").is_err());
/// assert!(page("limit=1").is_err());
/// ```
#[derive(Debug)]
pub struct QueryParameters {
    given: BTreeMap<String, String>,
    faults: Vec<FieldError>,
    /// The number of faults that are not listed.
    more: usize,
}

impl QueryParameters {
    /// The reason at a parameter that the operation does not have.
    pub const UNKNOWN: &str = "is not a parameter of this operation";

    /// The parameters of an operation that has those that are read until [`finish`](Self::finish).
    #[must_use]
    pub fn of(query: &str) -> Self {
        Self::known_by(|_| true, Cow::Borrowed(Self::UNKNOWN), query)
    }

    /// The parameters of an operation that has these.
    #[must_use]
    pub fn among(known: &[&str], query: &str) -> Self {
        let unknown = match known {
            [] => Cow::Borrowed(Self::UNKNOWN),
            _ => Cow::Owned(format!("{}; it has {}", Self::UNKNOWN, known.join(", "))),
        };
        Self::known_by(|name| known.contains(&name), unknown, query)
    }

    fn known_by(is_known: impl Fn(&str) -> bool, unknown: Cow<'static, str>, query: &str) -> Self {
        let mut read = Self { given: BTreeMap::new(), faults: Vec::new(), more: 0 };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if !is_known(&name) {
                read.fault(&name, &unknown);
            } else if read.given.insert(name.to_string(), value.into_owned()).is_some() {
                read.fault(&name, "must not be given twice");
            }
        }
        read
    }

    /// The text of a parameter.
    pub fn text(&mut self, name: &str) -> Option<String> {
        self.given.remove(name)
    }

    /// What `read` makes of the text of a parameter. Where it makes nothing, `wanted` is the fault.
    pub fn read<T>(&mut self, name: &str, wanted: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let value = read(&self.text(name)?);
        if value.is_none() {
            self.fault(name, wanted);
        }
        value
    }

    /// A parameter of a type that explains what is wrong with a text.
    pub fn parsed<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<T> {
        self.text(name)?.parse().map_err(|error: T::Err| self.fault(name, &error.to_string())).ok()
    }

    /// The same, of a parameter that must be given. End with [`finish_with`](Self::finish_with) it.
    pub fn required<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<T> {
        if !self.given.contains_key(name) {
            self.fault(name, "is required");
        }
        self.parsed(name)
    }

    /// A whole number in this range.
    pub fn number<T: FromStr + PartialOrd + Display>(&mut self, name: &str, range: RangeInclusive<T>) -> Option<T> {
        let wanted = format!("must be a whole number from {} to {}", range.start(), range.end());
        self.read(name, &wanted, |text| whole_number(text).filter(|number| range.contains(number)))
    }

    /// Adds a fault.
    pub fn fault(&mut self, name: &str, reason: &str) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(FieldError::new(name, reason));
        } else {
            self.more += 1;
        }
    }

    /// Ends the reading. A parameter that was not read is unknown.
    ///
    /// # Errors
    /// 422 with every fault.
    pub fn finish(mut self) -> Result<(), Problem> {
        for name in std::mem::take(&mut self.given).into_keys() {
            self.fault(&name, Self::UNKNOWN);
        }
        if self.faults.is_empty() { Ok(()) } else { Err(self.into_problem()) }
    }

    /// 422 with every fault found so far.
    #[must_use]
    pub fn into_problem(mut self) -> Problem {
        if self.more > 0 {
            self.faults.push(FieldError::new("", &format!("and {} more faults", self.more)));
        }
        Problem::invalid(self.faults)
    }

    /// Ends the reading, and returns what was [`required`](Self::required).
    ///
    /// # Errors
    /// 422 with every fault. 500 when `required` is absent without a fault.
    pub fn finish_with<T>(self, required: Option<T>) -> Result<T, Problem> {
        self.finish()?;
        required.ok_or_else(Problem::internal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_digits_alone() {
        for (text, expected) in [("0", Some(0)), ("007", Some(7)), ("-5", Some(-5)), ("2147483648", None)] {
            assert_eq!(whole_number::<i32>(text), expected, "{text}");
        }
        for text in ["", "+5", "-", "-+5", "--5", " 5", "5 ", "5.0", "1e3", "٣"] {
            assert_eq!(whole_number::<i32>(text), None, "{text}");
        }
        let mut parameters = QueryParameters::of("limit=%2B5");
        assert_eq!(parameters.number("limit", 1..=1000), None);
        assert!(parameters.finish().is_err());
    }

    /// The fields at fault with their reasons.
    fn faults(parameters: QueryParameters) -> Vec<(String, String)> {
        let Err(problem) = parameters.finish() else { return Vec::new() };
        assert_eq!(problem.status(), 422);
        problem.body().errors.into_iter().map(|error| (error.field, error.reason)).collect()
    }

    fn pairs(faults: &[(&str, &str)]) -> Vec<(String, String)> {
        faults.iter().map(|(field, reason)| ((*field).to_owned(), (*reason).to_owned())).collect()
    }

    #[test]
    fn each_parameter_is_read_as_what_it_must_be_and_named_when_it_is_not() {
        let query = "text=a+b%26c&number=7&parsed=true&read=y&wrong_number=1001&wrong_parsed=yes&wrong_read=x";
        let mut parameters = QueryParameters::of(query);
        let yes = |text: &str| (text == "y").then_some(());
        assert_eq!(parameters.text("text").as_deref(), Some("a b&c"));
        assert_eq!(parameters.number("number", 1..=1000), Some(7));
        assert_eq!(parameters.parsed("parsed"), Some(true));
        assert_eq!(parameters.read("read", "must be y", yes), Some(()));
        assert_eq!(parameters.number("wrong_number", 1..=1000_u64), None);
        assert_eq!(parameters.parsed::<bool>("wrong_parsed"), None);
        assert_eq!(parameters.read("wrong_read", "must be y", yes), None);
        assert_eq!(parameters.text("absent"), None);
        let expected = pairs(&[
            ("wrong_number", "must be a whole number from 1 to 1000"),
            ("wrong_parsed", &"yes".parse::<bool>().unwrap_err().to_string()),
            ("wrong_read", "must be y"),
        ]);
        assert_eq!(faults(parameters), expected);
    }

    #[test]
    fn a_number_outside_of_its_range_is_refused_at_both_ends() {
        for (text, number) in
            [("1", Some(1)), ("1000", Some(1000)), ("0", None), ("1001", None), ("1.0", None), ("", None)]
        {
            let mut parameters = QueryParameters::of(&format!("limit={text}"));
            assert_eq!(parameters.number("limit", 1..=1000), number, "{text}");
            assert_eq!(faults(parameters).is_empty(), number.is_some(), "{text}");
        }
    }

    #[test]
    fn a_parameter_that_was_not_read_is_unknown_and_one_given_twice_is_refused() {
        let mut parameters = QueryParameters::of("b=1&a=1&b=2");
        assert_eq!(parameters.text("b").as_deref(), Some("2"));
        let expected = pairs(&[("b", "must not be given twice"), ("a", QueryParameters::UNKNOWN)]);
        assert_eq!(faults(parameters), expected);
    }

    #[test]
    fn an_operation_names_the_parameters_that_it_has() {
        let mut parameters = QueryParameters::among(&["a", "b"], "c=1&a=1&c=2");
        assert_eq!(parameters.text("a").as_deref(), Some("1"));
        let reason = "is not a parameter of this operation; it has a, b";
        assert_eq!(faults(parameters), pairs(&[("c", reason), ("c", reason)]));
        assert_eq!(faults(QueryParameters::among(&[], "c")), pairs(&[("c", QueryParameters::UNKNOWN)]));
    }

    #[test]
    fn a_required_parameter_is_refused_once_whether_it_is_absent_or_wrong() {
        for query in ["", "id=x"] {
            let mut parameters = QueryParameters::of(query);
            let id = parameters.required::<u8>("id");
            assert_eq!(parameters.finish_with(id).unwrap_err().body().errors.len(), 1, "{query}");
        }
        let mut parameters = QueryParameters::of("id=7");
        let id = parameters.required::<u8>("id");
        assert_eq!(parameters.finish_with(id).unwrap(), 7);
    }

    #[test]
    fn the_first_hundred_faults_are_listed_and_the_others_are_counted() {
        let query = (0..1000).map(|number| format!("p{number}")).collect::<Vec<_>>().join("&");
        for parameters in [QueryParameters::of(&query), QueryParameters::among(&["limit"], &query)] {
            let faults = faults(parameters);
            assert_eq!(faults.len(), 101);
            assert_eq!(faults.last(), pairs(&[("", "and 900 more faults")]).first());
        }
    }
}
