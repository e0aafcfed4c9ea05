//! The maximum sizes of documents and rows. Every limit on the path of a row is derived from these.
//!
//! Bytes alone do not bound the memory that a parsed text takes: each JSON value takes some 30 bytes, and one that is
//! alone in its object some 600, while its text may have 2. So each limit in bytes has a second one in JSON values.
//! Every object, array, text, number, `true`, `false` and `null` is a value; the name of a member is not.

use crate::Violations;
use serde::Serialize;
use std::io::{self, Write};

/// Largest JSON text of one document of a row, or of one list in it, in bytes as this project writes it: no spaces, no
/// escapes but those that JSON needs. 1 MiB.
pub const MAX_DOCUMENT: usize = 1 << 20;

/// The maximum number of JSON values in one document of a row, or in one list in it.
pub const MAX_VALUES: usize = 1 << 16;

/// Largest JSON text of a whole row, in bytes, in any spelling. It leaves room for every document and text of a row,
/// for members that are only read, and for spaces and escapes. 8 MiB.
pub const MAX_ROW: usize = 8 * MAX_DOCUMENT;

/// The maximum number of JSON values in a whole row, in any spelling: two full documents.
pub const MAX_ROW_VALUES: usize = 2 * MAX_VALUES;

/// Largest request for a bulk of rows, in bytes. 32 MiB.
pub const MAX_BULK: usize = 4 * MAX_ROW;

/// The maximum number of JSON values in such a request: a thousand in each of a thousand rows.
pub const MAX_BULK_VALUES: usize = 1 << 20;

/// Largest message between a service and its storage, in bytes: a whole [`MAX_BULK`] with a version of each row and the
/// answer that is kept. 128 MiB.
pub const MAX_MESSAGE: usize = 4 * MAX_BULK;

/// The maximum number of JSON values in such a message.
pub const MAX_MESSAGE_VALUES: usize = 4 * MAX_BULK_VALUES;

/// The length of the JSON text of `value` in bytes, when it is at most `max`. Nothing is kept while it is counted, and the
/// count ends at `max`. `None` also for a value that has no JSON text.
pub fn within(max: usize, value: &(impl Serialize + ?Sized)) -> Option<usize> {
    struct Count {
        bytes: usize,
        max: usize,
    }
    impl Write for Count {
        fn write(&mut self, part: &[u8]) -> io::Result<usize> {
            self.bytes += part.len();
            if self.bytes > self.max { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(part.len()) }
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count { bytes: 0, max };
    serde_json::to_writer(&mut count, value).ok().map(|()| count.bytes)
}

/// Adds to `violations` that `value` is larger than a document may be, under `field`.
pub fn check_size(field: &str, value: &(impl Serialize + ?Sized), violations: &mut Violations) {
    if within(MAX_DOCUMENT, value).is_none() {
        violations.push(field, too_large(MAX_DOCUMENT));
    }
}

/// The reason of a violation: more than `max` JSON values.
#[must_use]
pub fn too_many_values(max: usize) -> String {
    format!("must not hold more than {max} JSON values")
}

/// The reason of a violation.
pub(crate) fn too_large(max: usize) -> String {
    format!("must not be larger than {max} bytes of JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_the_limit_is_within_it_and_one_byte_more_is_not() {
        let text = "\u{e9}\n".repeat(100);
        assert_eq!((within(402, &text), within(401, &text)), (Some(402), None));
    }
}
