//! The messages of an error and of its causes.

use crate::{Redactor, tls_of_one_side};
use serde::Serialize;
use std::{error::Error, fmt};

/// Maximum number of causes to follow, because a chain may be a ring.
const LONGEST: usize = 8;

/// The messages of an error and of what caused it, outermost first, without secrets or contents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = FailureCauses))]
#[serde(transparent)]
pub struct Chain(Vec<String>);

impl Chain {
    /// The messages that `redactor` lets through.
    #[must_use]
    pub fn of(error: &(dyn Error + 'static), redactor: &Redactor) -> Self {
        let mut messages = Vec::new();
        let mut next = Some(error);
        while let Some(error) = next.filter(|_| messages.len() < LONGEST) {
            let message = redactor.redact(&error.to_string());
            // Many errors repeat the message of their source.
            if messages.last() != Some(&message) {
                messages.push(message);
            }
            next = error.source();
        }
        Self(messages)
    }

    /// Each message, outermost first.
    #[must_use]
    pub fn messages(&self) -> &[String] {
        &self.0
    }

    /// The message of the first cause.
    #[must_use]
    pub fn innermost(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.join(": ");
        match tls_of_one_side(&text) {
            Some(mistake) => write!(f, "{text} ({mistake})"),
            None => f.write_str(&text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Told;

    #[test]
    fn it_holds_every_message_from_the_outermost_to_the_first_cause() {
        let error = Told::because("find failed", Told::because("no answer", Told::new("connection refused")));
        let chain = Chain::of(&error, &Redactor::default());
        assert_eq!(chain.messages(), ["find failed", "no answer", "connection refused"]);
        assert_eq!((chain.innermost(), chain.to_string().matches(": ").count()), ("connection refused", 2));
    }

    #[test]
    fn a_displayed_chain_names_the_mistake_when_one_side_has_tls() {
        let displayed = |text: &str| {
            let chain = Chain::of(&Told::because("no answer", Told::new(text)), &Redactor::default());
            assert_eq!(chain.innermost(), text);
            chain.to_string()
        };
        let plain = "invalid HTTP version parsed (a port with TLS answers so; the address probably needs https://)";
        assert_eq!(displayed("invalid HTTP version parsed"), format!("no answer: {plain}"));
        for text in ["received corrupt message of type InvalidContentType", "tls handshake eof"] {
            assert!(displayed(text).contains("probably needs http://"), "{text}");
        }
        assert_eq!(displayed(plain), format!("no answer: {plain}"));
        assert_eq!(displayed("refused"), "no answer: refused");
    }

    #[test]
    fn a_message_that_its_source_repeats_is_told_once_and_a_long_chain_ends() {
        let mut error = Told::new("0");
        for depth in 1..100 {
            error = Told::because(&(depth / 2).to_string(), error);
        }
        let chain = Chain::of(&error, &Redactor::default());
        assert_eq!(chain.messages(), ["49", "48", "47", "46", "45", "44", "43", "42"]);
    }
}
