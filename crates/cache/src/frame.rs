//! A value in the shared tier: how old it is, its name, and its JSON.

use bytes::{BufMut, Bytes, BytesMut};
use character_storage_port::Tick;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `as_of` and the time of the load, 8 bytes each, big-endian. The name follows, because a shared tier that mixes up
/// its values could return an empty list for another one.
const HEAD: usize = 16;
const END_OF_NAME: u8 = b'\n';

/// A value as the shared tier holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Every commit with a smaller tick is part of the value.
    pub(crate) as_of: Tick,
    /// The time since the storage returned it, by the clocks of the processes.
    pub(crate) age: Duration,
    pub(crate) json: Bytes,
}

fn microseconds_now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}

/// The bytes of a newly loaded value, to be stored under `name`.
pub(crate) fn framed(name: &str, as_of: Tick, json: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(HEAD + name.len() + 1 + json.len());
    bytes.put_u64(as_of.0);
    bytes.put_u64(microseconds_now());
    bytes.put_slice(name.as_bytes());
    bytes.put_u8(END_OF_NAME);
    bytes.put_slice(json);
    bytes.freeze()
}

/// The value, if the bytes can be one that was stored under `name`.
pub(crate) fn unframed(name: &str, bytes: &Bytes) -> Option<Frame> {
    let (as_of, rest) = bytes.split_first_chunk::<8>()?;
    let (at, rest) = rest.split_first_chunk::<8>()?;
    let json = rest.strip_prefix(name.as_bytes())?.strip_prefix(&[END_OF_NAME])?;
    let age = microseconds_now().saturating_sub(u64::from_be_bytes(*at));
    let as_of = Tick(u64::from_be_bytes(*as_of));
    Some(Frame { as_of, age: Duration::from_micros(age), json: bytes.slice_ref(json) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_back_with_its_tick_under_its_own_name_alone_and_too_few_bytes_are_none() {
        let bytes = framed("a:row:1", Tick(7), b"{}");
        let frame = unframed("a:row:1", &bytes).unwrap();
        assert_eq!((frame.as_of, &*frame.json), (Tick(7), &b"{}"[..]));
        assert!(frame.age < Duration::from_secs(60));
        for name in ["a:row:2", "a:row:", "a:row:11"] {
            assert_eq!(unframed(name, &bytes), None, "{name}");
        }
        assert!((0..bytes.len() - 2).all(|length| unframed("a:row:1", &bytes.slice(..length)).is_none()));
    }
}
