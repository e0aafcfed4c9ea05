//! Which connection meets which fault.

use crate::{Fault, random::Random};

/// Which fault each connection meets, in the order of the connections.
#[derive(Clone, Debug)]
pub struct Plan(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Always(Fault),
    Script { faults: Vec<Fault>, next: usize },
    Random { seed: u64, random: Random, weights: Vec<(u32, Fault)> },
}

impl Plan {
    /// Every connection meets this.
    #[must_use]
    pub fn always(fault: Fault) -> Self {
        Self(Kind::Always(fault))
    }

    /// The first connection meets the first, and so on; when the script is at its end, connections pass.
    #[must_use]
    pub fn script(faults: impl IntoIterator<Item = Fault>) -> Self {
        Self(Kind::Script { faults: faults.into_iter().collect(), next: 0 })
    }

    /// Each connection meets one of these, the more often the greater its weight; the same ones in the same order for
    /// the same seed. Without any weight, connections pass.
    #[must_use]
    pub fn random(seed: u64, weights: impl IntoIterator<Item = (u32, Fault)>) -> Self {
        Self(Kind::Random { seed, random: Random::new(seed), weights: weights.into_iter().collect() })
    }

    /// The seed of a random plan.
    #[must_use]
    pub fn seed(&self) -> Option<u64> {
        if let Kind::Random { seed, .. } = &self.0 { Some(*seed) } else { None }
    }

    /// Whether it is to be refused for as long as the plan lasts.
    pub(crate) fn only_refuses(&self) -> bool {
        matches!(self.0, Kind::Always(Fault::Refuse))
    }

    pub(crate) fn next(&mut self) -> Fault {
        match &mut self.0 {
            Kind::Always(fault) => *fault,
            Kind::Script { faults, next } => {
                let fault = faults.get(*next).copied().unwrap_or(Fault::Pass);
                *next = next.saturating_add(1);
                fault
            }
            Kind::Random { random, weights, .. } => {
                let mut place = random.below(weights.iter().map(|(weight, _)| u64::from(*weight)).sum());
                for (weight, fault) in weights {
                    match place.checked_sub(u64::from(*weight)) {
                        Some(rest) => place = rest,
                        None => return *fault,
                    }
                }
                Fault::Pass
            }
        }
    }
}

impl From<Fault> for Plan {
    fn from(fault: Fault) -> Self {
        Self::always(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(mut plan: Plan, count: usize) -> Vec<Fault> {
        (0..count).map(|_| plan.next()).collect()
    }

    #[test]
    fn a_script_is_followed_in_order_and_then_all_pass() {
        let plan = Plan::script([Fault::Reset, Fault::AcceptAndNeverAnswer]);
        assert_eq!(drawn(plan, 4), [Fault::Reset, Fault::AcceptAndNeverAnswer, Fault::Pass, Fault::Pass]);
    }

    #[test]
    fn the_same_seed_draws_the_same_faults_by_their_weights() {
        let plan = |seed| Plan::random(seed, [(1, Fault::Reset), (0, Fault::Refuse), (3, Fault::Pass)]);
        let first = drawn(plan(7), 4_000);
        assert_eq!(first, drawn(plan(7), 4_000));
        assert_ne!(first, drawn(plan(8), 4_000));
        let resets = first.iter().filter(|fault| **fault == Fault::Reset).count();
        assert!((900..1_100).contains(&resets), "{resets} of 4000 with weight 1 of 4");
        assert!(!first.contains(&Fault::Refuse));
        assert_eq!(plan(7).seed(), Some(7));
    }

    #[test]
    fn nothing_to_draw_from_passes() {
        assert_eq!(drawn(Plan::random(1, []), 3), [Fault::Pass; 3]);
    }
}
