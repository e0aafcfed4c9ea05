//! Which failures count as one.

use crate::Failure;

/// Maximum length of the class of a message, in bytes.
const LONGEST: usize = 120;

/// The cause of failures, which is reported only now and then: operation, kind, and the first cause without its
/// variable parts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cause {
    /// The operation.
    pub operation: &'static str,
    /// The kind of error.
    pub kind: &'static str,
    /// The innermost message, with a `#` for every word that holds a digit.
    pub class: String,
}

impl Cause {
    pub(crate) fn of(failure: &Failure) -> Self {
        Self { operation: failure.operation, kind: failure.kind, class: class(failure.chain.innermost()) }
    }
}

/// Numbers, ids, addresses and ports are what makes one message differ from another of its class.
fn class(message: &str) -> String {
    let mut class = String::new();
    for word in message.split_whitespace() {
        if class.len() + word.len() > LONGEST {
            break;
        }
        if !class.is_empty() {
            class.push(' ');
        }
        class.push_str(if word.contains(|c: char| c.is_ascii_digit()) { "#" } else { word });
    }
    class
}

#[cfg(test)]
mod tests {
    use super::class;

    #[test]
    fn messages_that_differ_in_ids_and_numbers_alone_are_of_one_class() {
        let one = class("character 0190b2f1-7a56 at line 3 column 17 of 127.0.0.1:8100");
        assert_eq!(one, class("character 7c3e9d5b-0d6c at line 5 column 1 of 10.0.0.1:80"));
        assert_ne!(one, class("character 0190b2f1-7a56 is gone"));
    }

    #[test]
    fn the_class_of_an_endless_message_is_bounded() {
        assert!(class(&"word ".repeat(10_000)).len() <= super::LONGEST + 1);
        assert!(class(&"w".repeat(10_000)).len() <= super::LONGEST + 1);
    }
}
