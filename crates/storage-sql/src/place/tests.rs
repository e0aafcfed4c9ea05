use super::*;
use proptest::{collection::vec, prelude::*};
use std::collections::HashSet;

/// A history: each transaction has a tick by its index, ends at some moment or never, and has some entries.
#[derive(Clone, Debug)]
struct History(Vec<(Option<u16>, u32)>);

impl History {
    /// What a statement would see at this moment: ticks are given out one a moment.
    fn at(&self, moment: u16) -> Ticks {
        let begun = self.0.iter().take(usize::from(moment));
        let open = begun.enumerate().filter(|(_, (end, _))| end.is_none_or(|end| end > moment));
        let open = open.map(|(tick, _)| tick as u64 + 1).collect();
        Ticks { xmax: (usize::from(moment).min(self.0.len()) + 1) as u64, open }
    }

    /// What the statements of the log return: first what was open, then the range.
    fn read(&self, place: &Place, target: &Ticks, limit: usize) -> (Vec<Spot>, bool) {
        let entries = |tick: u64| (0..self.0[tick as usize - 1].1).map(move |ordinal| (tick, ordinal));
        let (xmax, told) = place.told_to();
        let open = place.open().filter(|(tick, _)| target.holds(*tick));
        let open = open.flat_map(|(tick, told)| entries(tick).filter(move |spot| i64::from(spot.1) > told));
        let range = (xmax..target.xmax).filter(|tick| target.holds(*tick)).flat_map(entries);
        let range = range.filter(|(tick, ordinal)| (*tick, i64::from(*ordinal)) > (xmax, told));
        let mut found: Vec<_> = open.chain(range).take(limit + 1).collect();
        let more = found.len() > limit;
        found.truncate(limit);
        (found, more)
    }
}

fn history() -> impl Strategy<Value = History> {
    vec((0_u16..20, prop::bool::weighted(0.9), 0_u32..4), 1..30).prop_map(|all| {
        let ended = |(tick, (length, ends, entries)): (usize, (u16, bool, u32))| {
            (ends.then_some(tick as u16 + 1 + length), entries)
        };
        History(all.into_iter().enumerate().map(ended).collect())
    })
}

proptest! {
    #[test]
    fn every_entry_is_told_once_and_none_of_what_is_open(
        history in history(),
        start in 0_u16..10,
        steps in vec((0_u16..6, 1_usize..5), 1..60),
    ) {
        let mut place = Place::behind(history.at(start));
        let seen = place.ticks.clone();
        let (mut told, mut moment) = (HashSet::new(), start);
        let (mut settled, mut ceiling) = (Tick(0), Tick(0));
        let limits = steps.iter().copied().chain(std::iter::repeat_n((60, 1), 120));
        for (pause, limit) in limits {
            moment += pause;
            let target = history.at(moment);
            prop_assert!(place.is_within(&target));
            let (found, more) = history.read(&place, &target, limit);
            for spot in &found {
                prop_assert!(!place.has_told(*spot) && told.insert(*spot), "{spot:?} is told twice");
                prop_assert!(target.holds(spot.0) && spot.0 >= settled.0);
            }
            place = match found.last() {
                Some(last) if more => place.cut(&target, *last, Share::Several),
                _ => place.end(&target, found.iter().map(|(tick, _)| *tick).max()),
            };
            prop_assert!(found.iter().all(|spot| place.has_told(*spot) && spot.0 < place.ceiling().0));
            prop_assert!(place.settled() >= settled && place.ceiling() >= ceiling);
            (settled, ceiling) = (place.settled(), place.ceiling());
            for (index, (_, entries)) in history.0.iter().enumerate() {
                let tick = index as u64 + 1;
                if tick < settled.0 && target.holds(tick) && !seen.holds(tick) {
                    prop_assert!((0..*entries).all(|ordinal| told.contains(&(tick, ordinal))), "{tick} is not settled");
                }
            }
            prop_assert_eq!(place.to_string().parse::<Place>(), Ok(place.clone()));
        }
        let end = history.at(moment);
        for (index, (_, entries)) in history.0.iter().enumerate() {
            let tick = index as u64 + 1;
            let is_news = end.holds(tick) && !seen.holds(tick);
            prop_assert!((0..*entries).all(|ordinal| told.contains(&(tick, ordinal)) == is_news), "{tick}");
        }
    }
}

#[test]
fn a_place_has_lost_what_is_no_longer_kept_and_it_had_not_told() {
    let target: Ticks = "20:20:".parse().unwrap();
    let lost = |text: &str, purged| text.parse::<Place>().unwrap().has_lost(purged, &target);
    assert!(!lost("10:10:", (9, 3)) && lost("9:9:", (9, 3)));
    assert!(lost("9:9:~9~2", (9, 3)) && !lost("9:9:~9~3", (9, 3)));
    assert!(lost("7:12:7", (9, 0)), "it was open and has ended");
    assert!(lost("9:12:9", (9, 0)), "it was open and has ended, and nothing behind it is gone");
    let target: Ticks = "7:20:7".parse().unwrap();
    assert!(!"7:12:7".parse::<Place>().unwrap().has_lost((9, 0), &target), "it is still open");
    let oldest = Place::oldest((9, 3), &target);
    assert!(!oldest.has_lost((9, 3), &target) && !oldest.has_told((7, 0)) && !oldest.has_told((9, 4)));
    assert!(oldest.has_told((9, 3)) && oldest.has_told((8, 0)) && !oldest.has_told((10, 0)));
    assert!(!Place::oldest((0, 0), &target).has_lost((0, 0), &target));
}

#[test]
fn the_open_ticks_of_a_text_are_taken_in_order_once_and_below_the_end() {
    let read: Ticks = "3:9:7,3,7,9,12".parse().unwrap();
    assert_eq!(read, Ticks { xmax: 9, open: vec![3, 7] });
}

#[test]
fn a_place_names_of_each_tick_the_last_entry_alone() {
    let (place, target) = ("5:9:5,7".parse::<Place>().unwrap(), Ticks::below(12));
    let place = place.cut(&target, (5, 0), Share::Several).cut(&target, (5, 1), Share::Several);
    assert_eq!(place.to_string(), "5:9:5,7~5~1");
}

#[test]
fn a_place_can_be_reached_only_by_a_target_that_holds_all_it_has_told() {
    let within = |place: &str, target: &str| place.parse::<Place>().unwrap().is_within(&target.parse().unwrap());
    assert!(within("5:9:5,7", "7:9:7") && within("9:9:", "12:12:") && within("5:9:5", "5:12:5,10"));
    assert!(!within("9:9:", "8:8:") && !within("9:9:", "7:12:7") && !within("9:9:~9~1", "9:9:"));
}

#[test]
fn what_is_no_place_is_refused() {
    for text in
        ["", "1", "1:2", "a:b:", "1:2:~1", "1:2:~1~x", "1:2:_3", "1:2:_3_x", "-1:-2:", "1:99999999999999999999:"]
    {
        assert!(text.parse::<Place>().is_err(), "{text}");
    }
}
