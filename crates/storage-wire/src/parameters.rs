//! Query strings with a fixed set of parameters.

use character_domain::Violations;
use std::{borrow::Cow, ops::RangeInclusive};
use url::form_urlencoded;

/// Reads the query string of a path that has no parameters.
///
/// # Errors
/// Every given parameter, by name.
pub fn decode_nothing(query: &str) -> Result<(), Violations> {
    Parameters::read(query, &[]).end()
}

/// The parameters of a query string, and the faults found so far.
#[derive(Debug)]
pub(crate) struct Parameters<'q> {
    given: Vec<(Cow<'q, str>, Cow<'q, str>)>,
    violations: Violations,
}

impl<'q> Parameters<'q> {
    /// The parameters of `query`. One that is not `known`, or repeated, is a fault.
    pub(crate) fn read(query: &'q str, known: &[&str]) -> Self {
        let mut read = Self { given: Vec::new(), violations: Violations::default() };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if !known.contains(&name.as_ref()) {
                read.violations.push(name, "is not a parameter of this path");
            } else if read.text(&name).is_some() {
                read.violations.push(name, "must not be given twice");
            } else {
                read.given.push((name, value));
            }
        }
        read
    }

    /// The value of a parameter.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.given.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_ref())
    }

    /// The value of a parameter, read from its text.
    pub(crate) fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(&mut self, name: &'static str) -> Option<T> {
        match self.text(name)?.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.fault(name, error.to_string());
                None
            }
        }
    }

    /// The value of a parameter that is a whole number in `range`, or the default.
    pub(crate) fn number(&mut self, name: &'static str, range: RangeInclusive<usize>, default: usize) -> usize {
        let Some(text) = self.text(name) else { return default };
        match text.parse().ok().filter(|number| range.contains(number)) {
            Some(number) => number,
            None => {
                self.fault(name, format!("must be from {} to {}", range.start(), range.end()));
                default
            }
        }
    }

    /// Adds a fault.
    pub(crate) fn fault(&mut self, name: &'static str, reason: impl Into<String>) {
        self.violations.push(name, reason.into());
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// Every fault.
    pub(crate) fn end(self) -> Result<(), Violations> {
        self.violations.into_result()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_without_parameters_takes_none() {
        assert_eq!(decode_nothing(""), Ok(()));
        assert_eq!(decode_nothing("a=1&limit=1").expect_err("two of them").len(), 2);
    }
}
