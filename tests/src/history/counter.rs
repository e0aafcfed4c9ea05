use super::{Model, Operation};

/// A number that is added to, from zero.
#[derive(Debug, Clone, Copy)]
pub struct Counter;

/// What is done with a [`Counter`]. The answer is the number afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// Reads it.
    Read,
    /// Adds to it.
    Add(i64),
}

impl Model for Counter {
    type State = i64;
    type Call = Count;
    type Answer = i64;

    fn of(_: &[Operation<Self>]) -> Self {
        Self
    }

    fn first(&self) -> i64 {
        0
    }

    fn step(&self, state: &i64, call: &Count, answer: Option<&i64>) -> Option<i64> {
        let after = match call {
            Count::Read => *state,
            Count::Add(number) => state + number,
        };
        answer.is_none_or(|answer| *answer == after).then_some(after)
    }
}

#[cfg(test)]
mod tests {
    use super::super::History;
    use super::*;

    const KEY: &str = "coins";

    #[test]
    fn concurrent_additions_add_up_in_some_order() {
        let history = History::<Counter>::default();
        let (one, two) = (history.call(KEY, Count::Add(1)), history.call(KEY, Count::Add(1)));
        two.answered(1);
        one.answered(2);
        history.call(KEY, Count::Read).answered(2);
        assert!(history.check().is_ok());
    }

    #[test]
    fn an_addition_made_twice_is_found() {
        let history = History::<Counter>::default();
        history.call(KEY, Count::Add(1)).answered(1);
        history.call(KEY, Count::Read).answered(2);
        assert!(history.check().is_err());
    }

    #[test]
    fn a_lost_addition_is_found() {
        let history = History::<Counter>::default();
        let (one, two) = (history.call(KEY, Count::Add(1)), history.call(KEY, Count::Add(1)));
        one.answered(1);
        two.answered(1);
        assert!(history.check().is_err());
    }

    #[test]
    fn unknown_additions_may_be_some_of_the_sum() {
        let history = History::<Counter>::default();
        for _ in 0..40 {
            history.call(KEY, Count::Add(1)).unknown();
        }
        history.call(KEY, Count::Add(1)).answered(18);
        history.call(KEY, Count::Read).answered(41);
        assert!(history.check().is_ok());
        history.call(KEY, Count::Read).answered(42);
        assert!(history.check().is_err());
    }

    #[test]
    fn a_sum_that_went_down_is_found() {
        let history = History::<Counter>::default();
        history.call(KEY, Count::Add(1)).unknown();
        history.call(KEY, Count::Read).answered(1);
        history.call(KEY, Count::Read).answered(0);
        assert!(history.check().is_err());
    }
}
