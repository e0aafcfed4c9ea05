//! A storage whose calls fail before or after their effect, by a tape of decisions.

use super::{Arc, Mutex};
use character_storage_port::{ErrorKind, MemoryStorage};
use character_storage_testkit::{Course, Fault, Operation, ScriptedFaults};
use std::time::Duration;
use tokio::time::sleep;

/// Decisions that a test chose beforehand. At its end every decision is 255: nothing fails.
#[derive(Clone, Debug)]
pub(crate) struct Tape(Arc<Mutex<std::vec::IntoIter<u8>>>);

impl Tape {
    pub(crate) fn new(decisions: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(decisions.into_iter())))
    }

    pub(crate) fn next(&self) -> u8 {
        self.0.lock().unwrap().next().unwrap_or(u8::MAX)
    }

    /// The number of decisions that were not asked for.
    pub(crate) fn left(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// A storage that fails by `tape`, and whose log answers with a few commits at a time.
pub(crate) fn failing_by(tape: &Tape, memory: &MemoryStorage) -> ScriptedFaults<MemoryStorage> {
    let storage = ScriptedFaults::new(Arc::new(memory.clone())).following(7, Duration::MAX);
    let tape = tape.clone();
    storage.direct(move |operation| match operation {
        // An operator asks for these, and no relay.
        Operation::Parked | Operation::Unpark | Operation::Consumers => Course::default(),
        _ => course(operation, tape.next()),
    });
    storage
}

fn course(operation: Operation, decision: u8) -> Course {
    let milliseconds = |milliseconds| sleep(Duration::from_millis(milliseconds));
    let down = ErrorKind::Unavailable { retry_after: None };
    let course = match decision {
        0..=19 => Fault::FailBefore(down).into(),
        20..=39 => Course::default().after(async move {
            milliseconds(1).await;
            Err(down)
        }),
        40..=44 if operation == Operation::Follow => Fault::FailBefore(ErrorKind::Gone).into(),
        _ => Course::default(),
    };
    course.before(milliseconds(u64::from(decision % 4)))
}
