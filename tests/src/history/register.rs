use super::{Model, Operation};
use std::collections::HashMap;

/// A row with a revision: every write adds one. Before it is created, there is none.
#[derive(Debug, Clone)]
pub struct Register {
    /// Which value is known to have had which revision.
    values: HashMap<u64, String>,
    revisions: HashMap<String, u64>,
}

/// A revision and its value, which no two writes share.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Seen {
    /// The revision.
    pub revision: u64,
    /// The value.
    pub value: String,
}

impl Seen {
    /// The value at that revision.
    pub fn new(revision: u64, value: impl Into<String>) -> Self {
        Self { revision, value: value.into() }
    }
}

/// What is done with a [`Register`]. The answer is what it holds afterwards, but for a write whose expectation was not
/// met: that is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touch {
    /// The one write that makes it, at revision 1.
    Create(String),
    /// Reads it.
    Read,
    /// Writes a value that no other call writes.
    Write {
        /// The value.
        value: String,
        /// The revision that it must have for that.
        expected: Option<u64>,
    },
}

impl Model for Register {
    type State = Option<Seen>;
    type Call = Touch;
    type Answer = Option<Seen>;

    fn of(operations: &[Operation<Self>]) -> Self {
        let seen = operations.iter().filter_map(|operation| operation.answer.clone().flatten());
        let values: HashMap<_, _> = seen.map(|seen| (seen.revision, seen.value)).collect();
        let revisions = values.iter().map(|(revision, value)| (value.clone(), *revision)).collect();
        Self { values, revisions }
    }

    fn first(&self) -> Self::State {
        None
    }

    fn step(&self, state: &Self::State, call: &Touch, answer: Option<&Option<Seen>>) -> Option<Self::State> {
        let after = match call {
            Touch::Read => state.clone(),
            Touch::Create(value) => match state {
                None => Some(Seen::new(1, value.clone())),
                Some(_) => return None,
            },
            Touch::Write { value, expected } => {
                let Some(now) = state else { return None };
                if expected.is_some_and(|expected| expected != now.revision) {
                    // Refused: certain for who was told so, and without any effect for who was not told anything.
                    return matches!(answer, Some(None)).then(|| state.clone());
                }
                if matches!(answer, Some(None)) {
                    return None;
                }
                Some(Seen::new(now.revision + 1, value.clone()))
            }
        };
        match answer {
            Some(answer) => (*answer == after).then_some(after),
            None => after.as_ref().is_none_or(|after| self.may_be(after)).then_some(after),
        }
    }

    fn alike(&self, one: &Touch, other: &Touch) -> bool {
        match (one, other) {
            (Touch::Write { value: one, expected: here }, Touch::Write { value: other, expected: there }) => {
                here == there && [one, other].iter().all(|value| !self.revisions.contains_key(*value))
            }
            _ => one == other,
        }
    }
}

impl Register {
    fn may_be(&self, seen: &Seen) -> bool {
        self.values.get(&seen.revision).is_none_or(|value| *value == seen.value)
            && self.revisions.get(&seen.value).is_none_or(|revision| *revision == seen.revision)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{History, Pending};
    use super::*;

    const KEY: &str = "a character";

    fn read(history: &History<Register>) -> Pending<Register> {
        history.call(KEY, Touch::Read)
    }

    fn write(history: &History<Register>, value: &str, expected: Option<u64>) -> Pending<Register> {
        history.call(KEY, Touch::Write { value: value.to_owned(), expected })
    }

    fn seen(revision: u64, value: &str) -> Option<Seen> {
        Some(Seen::new(revision, value))
    }

    /// One that begins with `one` at revision 1.
    fn begun() -> History<Register> {
        let history = History::default();
        history.call(KEY, Touch::Create("one".to_owned())).answered(seen(1, "one"));
        history
    }

    fn is_possible(history: &History<Register>) -> bool {
        history.check().is_ok()
    }

    #[test]
    fn writes_and_reads_one_after_another_are_possible() {
        let history = begun();
        write(&history, "two", Some(1)).answered(seen(2, "two"));
        read(&history).answered(seen(2, "two"));
        write(&history, "never", Some(1)).answered(None);
        write(&history, "three", None).answered(seen(3, "three"));
        read(&history).answered(seen(3, "three"));
        let checked = history.check().unwrap();
        assert_eq!((checked.keys, checked.certain, checked.unknown), (1, 6, 0));
    }

    #[test]
    fn a_read_beside_a_write_may_see_either_side_but_not_go_back() {
        let history = begun();
        let writing = write(&history, "two", None);
        read(&history).answered(seen(1, "one"));
        read(&history).answered(seen(2, "two"));
        writing.answered(seen(2, "two"));
        assert!(is_possible(&history));

        let history = begun();
        let writing = write(&history, "two", None);
        read(&history).answered(seen(2, "two"));
        read(&history).answered(seen(1, "one"));
        writing.answered(seen(2, "two"));
        assert!(!is_possible(&history));
    }

    #[test]
    fn an_acknowledged_write_that_is_gone_is_found() {
        let history = begun();
        write(&history, "two", None).answered(seen(2, "two"));
        read(&history).answered(seen(1, "one"));
        assert!(!is_possible(&history));
    }

    #[test]
    fn two_acknowledged_writes_at_one_revision_are_found() {
        let history = begun();
        let (first, second) = (write(&history, "two", Some(1)), write(&history, "other", Some(1)));
        first.answered(seen(2, "two"));
        second.answered(seen(2, "other"));
        assert!(!is_possible(&history));
    }

    #[test]
    fn a_write_applied_twice_is_found() {
        let history = begun();
        write(&history, "two", None).answered(seen(2, "two"));
        read(&history).answered(seen(3, "two"));
        assert!(!is_possible(&history));
    }

    #[test]
    fn a_write_of_unknown_outcome_may_have_happened_or_not_or_happen_late() {
        let history = begun();
        write(&history, "two", None).unknown();
        read(&history).answered(seen(1, "one"));
        assert!(is_possible(&history));
        read(&history).answered(seen(2, "two"));
        read(&history).answered(seen(2, "two"));
        assert!(is_possible(&history));
        read(&history).answered(seen(1, "one"));
        assert!(!is_possible(&history), "but it cannot be undone");
    }

    #[test]
    fn a_write_of_unknown_outcome_happens_once_at_most() {
        let history = begun();
        write(&history, "two", None).unknown();
        read(&history).answered(seen(2, "two"));
        write(&history, "three", None).answered(seen(3, "three"));
        read(&history).answered(seen(4, "two"));
        assert!(!is_possible(&history));
    }

    #[test]
    fn an_effect_of_a_refused_write_is_found() {
        let history = begun();
        write(&history, "two", None).refused();
        read(&history).answered(seen(2, "two"));
        assert!(!is_possible(&history));
    }

    #[test]
    fn a_value_that_nobody_wrote_is_found() {
        let history = begun();
        read(&history).answered(seen(1, "half"));
        assert!(!is_possible(&history));
    }

    #[test]
    fn a_conflict_without_anyone_in_the_way_is_found() {
        let history = begun();
        write(&history, "two", Some(1)).answered(None);
        assert!(!is_possible(&history));
    }

    #[test]
    fn a_dropped_operation_counts_as_unknown() {
        let history = begun();
        drop(write(&history, "two", None));
        read(&history).answered(seen(2, "two"));
        assert_eq!(history.check().unwrap().unknown, 1);
    }

    #[test]
    fn many_unknown_writes_are_decided_in_time() {
        let history = begun();
        for number in 0..60 {
            write(&history, &format!("unknown {number}"), None).unknown();
        }
        for (revision, number) in [(5, 33), (9, 2), (30, 59)] {
            read(&history).answered(seen(revision, &format!("unknown {number}")));
        }
        assert!(is_possible(&history));
        read(&history).answered(seen(9, "unknown 2"));
        let violation = history.check().unwrap_err();
        assert_eq!(violation.key, KEY);
    }

    #[test]
    fn keys_do_not_explain_each_other() {
        let history = begun();
        history.call("another", Touch::Create("one".to_owned())).answered(seen(1, "one"));
        history.call("another", Touch::Write { value: "two".to_owned(), expected: None }).answered(seen(2, "two"));
        assert_eq!(history.check().unwrap().keys, 2);
        read(&history).answered(seen(2, "two"));
        assert_eq!(history.check().unwrap_err().key, KEY);
    }
}
