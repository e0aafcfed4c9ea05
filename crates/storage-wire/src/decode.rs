//! Parses untrusted messages.

use character_domain::{
    Violations,
    json::{self, ScanError},
    size,
};
use serde::de::DeserializeOwned;

/// Why a body is rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is not JSON.
    #[error("not JSON: {0}")]
    Syntax(String),
    /// It is JSON, but not the expected message.
    #[error("{0}")]
    Invalid(Violations),
}

/// Parses a message, and names the field at fault.
///
/// # Errors
/// [`Unreadable`].
pub fn decode<T: DeserializeOwned>(text: &[u8]) -> Result<T, Unreadable> {
    json::scan(text, json::MAX_MESSAGE_DEPTH, size::MAX_MESSAGE_VALUES).map_err(|error| {
        Unreadable::Invalid(match error {
            ScanError::TooDeep { .. } | ScanError::TooMany(_) => Violations::one("body", error.to_string()),
            ScanError::Member { path, reason } => Violations::one(path, reason),
        })
    })?;
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    // The scan has bounded the nesting, at more levels than the parser's own limit allows.
    deserializer.disable_recursion_limit();
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        if inner.is_data() {
            let field = if path == "." { "body".to_owned() } else { path };
            Unreadable::Invalid(Violations::one(field, inner.to_string()))
        } else {
            Unreadable::Syntax(inner.to_string())
        }
    })?;
    deserializer.end().map_err(|error| Unreadable::Syntax(error.to_string()))?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BatchBody, LeaseBody};
    use character_domain::{Character, Document, UserId, now};
    use character_storage_port::{Change, Transaction};
    use serde_json::json;

    /// The message of a lease of this time, and what follows on it.
    fn lease(lease_ms: &str, more: &str) -> String {
        format!(r#"{{"holder": "01890a5d-ac96-774b-bcce-b302099a8057", "lease_ms": {lease_ms}{more}}}"#)
    }

    #[test]
    fn the_wrong_field_is_named() {
        let Err(Unreadable::Invalid(violations)) = decode::<LeaseBody>(lease(r#""ten""#, "").as_bytes()) else {
            panic!("a text is not a number");
        };
        assert_eq!(violations[0].field, "lease_ms");
    }

    #[test]
    fn broken_json_is_told_from_a_wrong_message() {
        assert!(decode::<LeaseBody>(lease("1", "").as_bytes()).is_ok());
        for broken in ["", "{", &format!("{} x", lease("1", "")), "{'lease_ms': 1}"] {
            assert!(matches!(decode::<LeaseBody>(broken.as_bytes()), Err(Unreadable::Syntax(_))), "{broken}");
        }
        for wrong in ["[]", "{}", "null", &lease("1", ", \"more\": 1")] {
            assert!(matches!(decode::<LeaseBody>(wrong.as_bytes()), Err(Unreadable::Invalid(_))), "{wrong}");
        }
    }

    #[test]
    fn the_deepest_allowed_sheet_passes_in_a_batch() {
        let mut value = json!({});
        for _ in 1..json::MAX_DEPTH {
            value = json!({ "a": value });
        }
        let mut character = Character::new(UserId::new(), "Deep", now());
        character.data = Document::from(value.as_object().cloned().unwrap_or_default());
        let batch = BatchBody { transactions: vec![Transaction::new().with(Change::Create(character))] };
        assert_eq!(decode(&serde_json::to_vec(&batch).expect("serializable")), Ok(batch));
    }

    #[test]
    fn a_member_that_is_there_twice_or_reserved_is_named() {
        for (member, path) in [
            ("a", "transactions[0].writes[0].data.a"),
            ("$serde_json::private::Number", "transactions[0].writes[0].data.$serde_json::private::Number"),
        ] {
            let text = format!(r#"{{"transactions":[{{"writes":[{{"data":{{"a":1,"{member}":2}}}}]}}]}}"#);
            let Err(Unreadable::Invalid(violations)) = decode::<BatchBody>(text.as_bytes()) else { panic!("{member}") };
            assert_eq!(violations[0].field, path);
        }
    }

    #[test]
    fn a_document_of_too_many_values_is_named_also_when_it_must_be_parsed_to_be_read() {
        let character = Character::new(UserId::new(), "Wide", now());
        let message = |data: &str| {
            let batch = BatchBody { transactions: vec![Transaction::new().with(Change::Create(character.clone()))] };
            let text = serde_json::to_string(&batch).expect("serializable");
            text.replacen("\"data\":{}", &format!("\"data\":{{{data}}}"), 1).into_bytes()
        };
        let list = |values: usize| format!("[{}0]", "0,".repeat(values - 1));
        // What is written as we would write it stays text, and the rules of the row count its values.
        let BatchBody { transactions } = decode(&message(&format!("\"a\":{}", list(size::MAX_VALUES)))).expect("text");
        let refused = transactions[0].check().expect_err("too many values");
        assert!(refused.to_string().contains("writes[0].data: must not hold more than 65536 JSON values"), "{refused}");
        let spaced = message(&format!("\"a\": {}", list(size::MAX_VALUES)));
        let Err(Unreadable::Invalid(violations)) = decode::<BatchBody>(&spaced) else { panic!("too many values") };
        assert_eq!(violations[0].field, "transactions[0].writes[0].character.create.data");
        assert!(violations[0].reason.contains("must not hold more than 65536 JSON values"), "{violations}");
        let fitting = message(&format!("\"a\": {}", list(size::MAX_VALUES - 2)));
        assert!(decode::<BatchBody>(&fitting).expect("it fits").transactions[0].check().is_ok());
        let many = format!("[{}0]", "0,".repeat(size::MAX_MESSAGE_VALUES));
        let Err(Unreadable::Invalid(violations)) = decode::<BatchBody>(many.as_bytes()) else { panic!("too many") };
        assert_eq!(violations[0].field, "body");
    }

    #[test]
    fn a_message_nested_without_end_is_refused() {
        assert!(matches!(decode::<BatchBody>("[".repeat(1_000_000).as_bytes()), Err(Unreadable::Invalid(_))));
    }
}
