//! The faults that every way meets.

use character_fault_proxy::{Fault, Mark, Plan, Way};
use std::time::Duration;

const MILLISECOND: Duration = Duration::from_millis(1);

/// Each fault with its name, and at last all of them by chance.
pub(crate) fn all() -> Vec<(&'static str, Plan)> {
    let drip = Fault::Drip { way: Way::Both, bytes: 7, every: 10 * MILLISECOND };
    let delay = Fault::Delay { way: Way::Both, by: 150 * MILLISECOND };
    let half_a_request = Fault::Stall { way: Way::ToUpstream, at: Mark::Bytes(300) };
    // Several answers pass before, so that the cut also meets connections that are in use.
    let cut_later = Fault::Cut { way: Way::ToClient, at: Mark::Bytes(3_000) };
    let lost_answer = Fault::Cut { way: Way::ToClient, at: Mark::Bytes(0) };
    let seed = character_fault_proxy::seed();
    let by_chance = [
        (6, Fault::Pass),
        (1, Fault::Refuse),
        (1, Fault::Reset),
        (1, Fault::AcceptAndNeverAnswer),
        (1, Fault::stall_after_headers()),
        (1, Fault::cut_in_mid_body(20)),
        (2, cut_later),
        (2, lost_answer),
        (1, drip),
        (1, delay),
    ];
    vec![
        ("refuse", Fault::Refuse.into()),
        ("reset", Fault::Reset.into()),
        ("accept and never answer", Fault::AcceptAndNeverAnswer.into()),
        ("stall after headers", Fault::stall_after_headers().into()),
        ("stall in a request", half_a_request.into()),
        ("lose every answer", lost_answer.into()),
        ("cut in mid-body", Fault::cut_in_mid_body(20).into()),
        ("cut after some answers", cut_later.into()),
        ("drip", drip.into()),
        ("delay", delay.into()),
        ("by chance", Plan::random(seed, by_chance)),
    ]
}
