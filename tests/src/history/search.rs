use super::{Model, Operation};
use std::collections::HashSet;
use std::time::Duration;

/// The maximum number of places that are visited. A history that needs more is not explained.
const PLACES: usize = 3_000_000;

/// Which operations have had their place.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Done(Box<[u64]>);

impl Done {
    fn none_of(count: usize) -> Self {
        Self(vec![0; count.div_ceil(64)].into())
    }

    fn has(&self, index: usize) -> bool {
        self.0.get(index / 64).is_some_and(|word| word & (1 << (index % 64)) != 0)
    }

    fn turn(&mut self, index: usize) {
        if let Some(word) = self.0.get_mut(index / 64) {
            *word ^= 1 << (index % 64);
        }
    }
}

/// A place of the search: the operation that led here, and what is still to be tried from here.
struct Place<S> {
    by: Option<usize>,
    state: S,
    candidates: Vec<usize>,
}

/// Finds an order of the operations, or says how far the longest one went.
pub(super) fn explain<M: Model>(operations: &[Operation<M>]) -> Result<(), String> {
    let model = M::of(operations);
    let mut sorted: Vec<&Operation<M>> = operations.iter().collect();
    // Of those that may come next, who returned first is the likeliest, and who never returned the least likely.
    sorted.sort_by_key(|operation| (operation.returned, operation.called));
    let wanted = sorted.iter().filter(|operation| operation.answer.is_some()).count();
    let mut done = Done::none_of(sorted.len());
    let mut visited = HashSet::new();
    let (mut certain, mut best) = (0, (0, None, model.first()));
    let first = model.first();
    let mut path = vec![Place { by: None, candidates: candidates(&model, &sorted, &done), state: first }];
    loop {
        if certain == wanted {
            return Ok(());
        }
        let Some(place) = path.last_mut() else { break };
        if let Some(index) = place.candidates.pop() {
            let Some(operation) = sorted.get(index) else { continue };
            let Some(state) = model.step(&place.state, &operation.call, operation.answer.as_ref()) else { continue };
            done.turn(index);
            if !visited.insert((done.clone(), state.clone())) {
                done.turn(index);
                continue;
            }
            if visited.len() > PLACES {
                return Err(format!("undecided after {PLACES} places; {} operations", sorted.len()));
            }
            certain += usize::from(operation.answer.is_some());
            let next = candidates(&model, &sorted, &done);
            if certain > best.0 {
                let stuck = next.last().and_then(|index| sorted.get(*index));
                best = (certain, stuck.map(|operation| format!("{operation:?}")), state.clone());
            }
            path.push(Place { by: Some(index), state, candidates: next });
        } else if let Some(index) = path.pop().and_then(|place| place.by) {
            done.turn(index);
            certain -= usize::from(sorted.get(index).is_some_and(|operation| operation.answer.is_some()));
        }
    }
    let (reached, stuck, state) = best;
    Err(format!("{reached} of {wanted} answers can be put in order, up to {state:?}; then does not fit: {stuck:?}"))
}

/// The calls that may be next: those that were made before all others returned. The likeliest is the last.
fn candidates<M: Model>(model: &M, sorted: &[&Operation<M>], done: &Done) -> Vec<usize> {
    let left = || sorted.iter().enumerate().filter(|(index, _)| !done.has(*index));
    let until = left().map(|(_, operation)| operation.returned).min().unwrap_or(Duration::MAX);
    let mut unknown: Vec<&M::Call> = Vec::new();
    let mut next = Vec::new();
    for (index, operation) in left().filter(|(_, operation)| operation.called <= until) {
        if operation.answer.is_none() {
            // They are sorted by their calls, and what the earliest explains, a later one may not.
            if unknown.iter().any(|call| model.alike(call, &operation.call)) {
                continue;
            }
            unknown.push(&operation.call);
        }
        next.push(index);
    }
    next.reverse();
    next
}
