//! The wire format of protobuf, as far as OTLP needs it.

use opentelemetry::{Array, KeyValue, Value};

const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const LENGTH: u64 = 2;
const FIXED32: u64 = 5;

/// A message that is being written. Fields with the value zero or empty are left out, as protobuf does, except where a method
/// says otherwise.
#[derive(Debug, Default)]
pub(crate) struct Message(Vec<u8>);

impl Message {
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            // The lowest seven bits, and that more follow.
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn key(&mut self, field: u64, kind: u64) {
        self.varint(field << 3 | kind);
    }

    /// A number of a kind with variable length.
    pub(crate) fn number(&mut self, field: u64, value: u64) -> &mut Self {
        if value != 0 {
            self.key(field, VARINT);
            self.varint(value);
        }
        self
    }

    /// A `fixed64`, also when it is zero.
    pub(crate) fn fixed64(&mut self, field: u64, value: u64) -> &mut Self {
        self.key(field, FIXED64);
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// A `fixed32`, also when it is zero.
    pub(crate) fn fixed32(&mut self, field: u64, value: u32) -> &mut Self {
        self.key(field, FIXED32);
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// A `double`, also when it is zero.
    pub(crate) fn double(&mut self, field: u64, value: f64) -> &mut Self {
        self.fixed64(field, value.to_bits())
    }

    pub(crate) fn bytes(&mut self, field: u64, value: &[u8]) -> &mut Self {
        if !value.is_empty() {
            self.embedded(field, value);
        }
        self
    }

    pub(crate) fn text(&mut self, field: u64, value: &str) -> &mut Self {
        self.bytes(field, value.as_bytes())
    }

    /// A message inside this one, also when it is empty.
    pub(crate) fn message(&mut self, field: u64, value: &Self) -> &mut Self {
        self.embedded(field, &value.0);
        self
    }

    /// Numbers of 64 bits, one after the other.
    pub(crate) fn packed64(&mut self, field: u64, values: impl Iterator<Item = u64>) -> &mut Self {
        let bytes: Vec<u8> = values.flat_map(u64::to_le_bytes).collect();
        self.bytes(field, &bytes)
    }

    fn embedded(&mut self, field: u64, value: &[u8]) {
        self.key(field, LENGTH);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
    }

    /// A `KeyValue` with a text.
    pub(crate) fn attribute(&mut self, field: u64, name: &str, value: &str) -> &mut Self {
        let mut inner = Self::default();
        // Empty texts are values too.
        inner.embedded(1, value.as_bytes());
        let mut pair = Self::default();
        pair.text(1, name).message(2, &inner);
        self.message(field, &pair)
    }

    /// A `KeyValue` with any value.
    pub(crate) fn key_value(&mut self, field: u64, pair: &KeyValue) -> &mut Self {
        let mut written = Self::default();
        written.text(1, pair.key.as_str()).message(2, &any_value(&pair.value));
        self.message(field, &written)
    }
}

/// An `AnyValue`.
fn any_value(value: &Value) -> Message {
    let mut message = Message::default();
    match value {
        Value::Bool(value) => {
            message.key(2, VARINT);
            message.varint(u64::from(*value));
        }
        Value::I64(value) => {
            message.key(3, VARINT);
            message.varint(value.cast_unsigned());
        }
        Value::F64(value) => {
            message.double(4, *value);
        }
        Value::String(value) => message.embedded(1, value.as_str().as_bytes()),
        Value::Array(array) => {
            let values: Vec<Message> = match array {
                Array::Bool(values) => values.iter().map(|value| any_value(&Value::Bool(*value))).collect(),
                Array::I64(values) => values.iter().map(|value| any_value(&Value::I64(*value))).collect(),
                Array::F64(values) => values.iter().map(|value| any_value(&Value::F64(*value))).collect(),
                Array::String(values) => values.iter().map(|value| any_value(&Value::String(value.clone()))).collect(),
                other => vec![any_value(&Value::String(other.to_string().into()))],
            };
            let mut list = Message::default();
            for value in &values {
                list.message(1, value);
            }
            message.message(5, &list);
        }
        other => message.embedded(1, other.to_string().as_bytes()),
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_those_of_the_specification() {
        // The examples of the documentation of protobuf: 150 in field 1, "testing" in field 2.
        let mut message = Message::default();
        message.number(1, 150).text(2, "testing");
        assert_eq!(message.into_bytes(), [&[0x08, 0x96, 0x01, 0x12, 0x07][..], b"testing"].concat());
        let mut message = Message::default();
        message.number(1, 0).text(2, "").fixed64(3, 1).fixed32(4, 2).packed64(5, [1].into_iter());
        let expected = [&[0x19, 1, 0, 0, 0, 0, 0, 0, 0][..], &[0x25, 2, 0, 0, 0], &[0x2a, 8, 1, 0, 0, 0, 0, 0, 0, 0]];
        assert_eq!(message.into_bytes(), expected.concat());
    }

    #[test]
    fn a_value_of_each_kind_has_its_field() {
        for (value, bytes) in [
            (Value::Bool(false), vec![0x10, 0]),
            (Value::I64(-1), vec![0x18, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]),
            (Value::F64(1.0), vec![0x21, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]),
            (Value::String("a".into()), vec![0x0a, 1, b'a']),
            (Value::Array(Array::Bool(vec![true])), vec![0x2a, 4, 0x0a, 2, 0x10, 1]),
        ] {
            assert_eq!(any_value(&value).into_bytes(), bytes, "{value:?}");
        }
    }
}
