use serde::Serialize;
use std::io;

struct Counter(usize);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the bookkeeping of an entry costs beside its value, roughly.
const OVERHEAD: usize = 256;

/// As [`weigh`], of JSON that is at hand.
pub(crate) fn weigh_json(json: &[u8]) -> u32 {
    u32::try_from(json.len() + OVERHEAD).unwrap_or(u32::MAX)
}

/// How many bytes a value counts for: the length of its JSON and the bookkeeping.
pub(crate) fn weigh(value: &impl Serialize) -> u32 {
    let mut counter = Counter(OVERHEAD);
    match serde_json::to_writer(&mut counter, value) {
        Ok(()) => u32::try_from(counter.0).unwrap_or(u32::MAX),
        // A value that cannot be written is not worth keeping.
        Err(_) => u32::MAX,
    }
}
