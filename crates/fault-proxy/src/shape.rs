//! What a fault does to the bytes of one direction.

use crate::{Fault, Mark, Way, random::Random};
use std::time::Duration;

/// The bytes of one direction on their way.
#[derive(Debug)]
pub(crate) enum Shape {
    Pass,
    Until { mark: Reached, then: End },
    Silent,
    Drip { bytes: usize, every: Duration },
    Delay(Duration),
    Corrupt { one_in: u32, random: Random },
}

/// What comes after the mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Silence,
    Close,
}

impl Shape {
    /// `number` is that of the connection, so that each is corrupted in places of its own.
    pub(crate) fn of(fault: Fault, way: Way, number: u64) -> Self {
        match fault {
            Fault::Stall { way: covered, at } if covered.covers(way) => {
                Self::Until { mark: Reached::new(at), then: End::Silence }
            }
            Fault::Cut { way: covered, at } if covered.covers(way) => {
                Self::Until { mark: Reached::new(at), then: End::Close }
            }
            Fault::Drip { way: covered, bytes, every } if covered.covers(way) => {
                Self::Drip { bytes: bytes.max(1), every }
            }
            Fault::Delay { way: covered, by } if covered.covers(way) => Self::Delay(by),
            Fault::Corrupt { way: covered, one_in, seed } if covered.covers(way) => {
                let mut random = Random::new(seed ^ number.wrapping_mul(0xff51_afd7_ed55_8ccd));
                random.next();
                Self::Corrupt { one_in, random }
            }
            _ => Self::Pass,
        }
    }
}

pub(crate) fn corrupt(bytes: &mut [u8], one_in: u32, random: &mut Random) {
    for byte in bytes {
        if random.below(u64::from(one_in.max(1))) == 0 {
            *byte ^= 1 << (random.next() % 8);
        }
    }
}

/// How far a direction is from its mark.
#[derive(Debug)]
pub(crate) struct Reached {
    head: Option<Heads>,
    left: u64,
}

impl Reached {
    fn new(mark: Mark) -> Self {
        match mark {
            Mark::Bytes(left) => Self { head: None, left },
            Mark::Head { and } => Self { head: Some(Heads::ends()), left: and },
        }
    }

    /// How many of these bytes still pass, and whether the mark is then reached.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> (usize, bool) {
        let mut passed = 0;
        if let Some(head) = &mut self.head {
            let Some(end) = bytes.iter().position(|byte| head.see(*byte)) else { return (bytes.len(), false) };
            passed = end + 1;
            self.head = None;
        }
        let rest = bytes.len() - passed;
        let more = usize::try_from(self.left).unwrap_or(usize::MAX).min(rest);
        self.left -= u64::try_from(more).unwrap_or(u64::MAX);
        (passed + more, self.left == 0)
    }
}

/// Finds a few bytes that tell of HTTP in a stream, also when they arrive one by one.
#[derive(Debug)]
pub(crate) struct Heads {
    wanted: &'static [u8],
    seen: usize,
}

impl Heads {
    /// The end of a head.
    pub(crate) fn ends() -> Self {
        Self { wanted: b"\r\n\r\n", seen: 0 }
    }

    /// The first line of a request. JSON cannot hold a line break, so no body is mistaken for one.
    pub(crate) fn of_requests() -> Self {
        Self { wanted: b" HTTP/1.1\r\n", seen: 0 }
    }

    pub(crate) fn see(&mut self, byte: u8) -> bool {
        let next = self.wanted.get(self.seen).copied();
        // What follows a mismatch can only begin anew: no proper beginning of these words recurs inside them, but for
        // the line break.
        self.seen = if next == Some(byte) { self.seen + 1 } else { usize::from(self.wanted.first() == Some(&byte)) };
        let found = self.seen == self.wanted.len();
        if found {
            self.seen = 0;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_found_however_the_bytes_arrive() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde";
        for piece in 1..=answer.len() {
            let mut mark = Reached::new(Mark::Head { and: 2 });
            let mut passed = 0;
            for bytes in answer.chunks(piece) {
                let (taken, reached) = mark.take(bytes);
                passed += taken;
                if reached {
                    break;
                }
            }
            assert_eq!(passed, answer.len() - 3, "in pieces of {piece}");
        }
    }

    #[test]
    fn requests_are_counted_also_when_they_follow_each_other() {
        let mut heads = Heads::of_requests();
        let text = b"GET /a HTTP/1.1\r\nHost: b\r\n\r\nPOST /c HTTP/1.1\r\n\r\n HTTP/1.1";
        assert_eq!(text.iter().filter(|byte| heads.see(**byte)).count(), 2);
    }

    #[test]
    fn the_same_seed_turns_over_the_same_bits() {
        let turned = |seed| {
            let mut bytes = [0; 1_000];
            corrupt(&mut bytes, 50, &mut Random::new(seed));
            bytes
        };
        assert_eq!(turned(1), turned(1));
        assert_ne!(turned(1), turned(2));
        let changed = turned(1).iter().filter(|byte| **byte != 0).count();
        assert!((5..60).contains(&changed), "{changed} of 1000 bytes, one in 50");
        assert!(turned(1).iter().all(|byte| byte.count_ones() <= 1));
    }
}
