//! An observer beside the processes: it knows what was acknowledged and what the storage holds, and compares every answer
//! of every process with that.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Mutex,
    time::{Duration, Instant},
};

/// The processes that know of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Witness {
    /// A process, by its number: it acknowledged the write.
    Process(usize),
    /// The observer, who asked the storage itself.
    Storage,
}

/// What a revision of a character is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// It takes part in this campaign.
    In(String),
    Deleted,
}

/// What an answer that was not marked stale said.
#[derive(Debug, Clone)]
pub(crate) enum Said {
    Row { id: String, revision: u64 },
    NoRow { id: String },
    List { campaign: String, revisions: HashMap<String, u64> },
}

#[derive(Debug, Clone)]
struct Answer {
    process: usize,
    asked: Duration,
    answered: Duration,
    said: Said,
    /// Where the answer came from, as its process says.
    source: String,
}

/// A state and, when it was seen who made it, since when it can have been.
#[derive(Debug)]
struct Made {
    state: State,
    called: Option<Duration>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    at: Duration,
    witness: Witness,
    revision: u64,
}

/// Everything that was seen.
#[derive(Debug)]
pub(crate) struct Observer {
    begin: Instant,
    bound: Duration,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    states: BTreeMap<String, BTreeMap<u64, Made>>,
    known: BTreeMap<String, Vec<Known>>,
    answers: Vec<Answer>,
}

/// What the comparison gave.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    pub(crate) answers: usize,
    pub(crate) about_rows: usize,
    /// Answers older than what another process had acknowledged before they were asked for.
    pub(crate) behind: usize,
    /// How long before its question the oldest such acknowledgement was: the worst lag.
    pub(crate) longest: Duration,
    /// Answers older than they may be.
    pub(crate) stale: Vec<String>,
}

impl Observer {
    /// Another process may be behind for `bound`.
    pub(crate) fn new(bound: Duration) -> Self {
        Self { begin: Instant::now(), bound, seen: Mutex::default() }
    }

    pub(crate) fn now(&self) -> Duration {
        self.begin.elapsed()
    }

    /// A process acknowledged just now a revision that was asked for at `called`; `None` when another process may have
    /// made it before.
    pub(crate) fn acknowledged(&self, process: usize, called: Option<Duration>, id: &str, revision: u64, state: State) {
        self.learn(self.now(), Witness::Process(process), id, revision, Made { state, called });
    }

    /// The storage itself said just now what it holds.
    pub(crate) fn stored(&self, id: &str, revision: u64, state: State) {
        self.learn(self.now(), Witness::Storage, id, revision, Made { state, called: None });
    }

    fn learn(&self, at: Duration, witness: Witness, id: &str, revision: u64, made: Made) {
        let mut seen = self.seen.lock().unwrap();
        let states = seen.states.entry(id.to_owned()).or_default();
        let called = made.called;
        let known = states.entry(revision).or_insert(made);
        known.called = known.called.or(called);
        seen.known.entry(id.to_owned()).or_default().push(Known { at, witness, revision });
    }

    /// A process answered a question of `asked`.
    pub(crate) fn answer(&self, process: usize, asked: Duration, said: Said, source: &str) {
        let answered = self.now();
        self.seen.lock().unwrap().answers.push(Answer { process, asked, answered, said, source: source.to_owned() });
    }

    /// Holds every answer against what was known when it was asked for.
    pub(crate) fn compare(&self) -> Compared {
        let seen = self.seen.lock().unwrap();
        let mut compared = Compared { answers: seen.answers.len(), ..Compared::default() };
        for answer in &seen.answers {
            for (id, told) in seen.told(&answer.said) {
                compared.about_rows += 1;
                seen.judge(&mut compared, self.bound, answer, id, told);
            }
        }
        compared
    }
}

/// What an answer says of one character.
#[derive(Debug, Clone, Copy)]
enum Told<'a> {
    Revision(u64),
    /// It was not there, or not in this campaign.
    Missing(Option<&'a str>),
}

impl Seen {
    fn told<'a>(&'a self, said: &'a Said) -> Vec<(&'a str, Told<'a>)> {
        match said {
            Said::Row { id, revision } => vec![(id, Told::Revision(*revision))],
            Said::NoRow { id } => vec![(id, Told::Missing(None))],
            Said::List { campaign, revisions } => {
                let there = revisions.iter().map(|(id, revision)| (id.as_str(), Told::Revision(*revision)));
                let every: BTreeSet<&str> = self.states.keys().map(String::as_str).collect();
                let missing = every.into_iter().filter(|id| !revisions.contains_key(*id));
                there.chain(missing.map(|id| (id, Told::Missing(Some(campaign.as_str()))))).collect()
            }
        }
    }

    /// Whether the answer fits a state at least as new as this revision.
    fn fits(&self, id: &str, told: Told<'_>, least: u64, answered: Duration) -> bool {
        let of = match told {
            Told::Revision(revision) => return revision >= least,
            Told::Missing(of) => of,
        };
        let Some(states) = self.states.get(id) else { return true };
        let newest = states.keys().next_back().copied().unwrap_or_default();
        (least..=newest).any(|revision| {
            // A revision that nobody saw may have been a state in which it was missing.
            let Some(made) = states.get(&revision) else { return true };
            made.called.is_none_or(|called| called < answered)
                && match &made.state {
                    State::Deleted => true,
                    State::In(campaign) => of.is_some_and(|of| of != campaign),
                }
        })
    }

    /// Whether the change that made this revision is one of what the answer is about. A list that the character had left
    /// before, by a change of another process, is not touched by it.
    fn touched(&self, id: &str, revision: u64, said: &Said) -> bool {
        let Said::List { campaign, .. } = said else { return true };
        let states = self.states.get(id);
        let state = |revision| states.and_then(|states| states.get(&revision)).map(|made| &made.state);
        let is_in = |state: Option<&State>| matches!(state, Some(State::In(of)) if of == campaign);
        is_in(state(revision)) || is_in(state(revision - 1))
    }

    fn judge(&self, compared: &mut Compared, bound: Duration, answer: &Answer, id: &str, told: Told<'_>) {
        let contradicts =
            |known: &&Known| known.at < answer.asked && !self.fits(id, told, known.revision, answer.answered);
        let Some(known) = self.known.get(id) else { return };
        // The first news that the answer ignores tells how far it is behind.
        let Some(first) = known.iter().filter(contradicts).min_by_key(|known| known.at) else { return };
        let behind = answer.asked.saturating_sub(first.at);
        compared.behind += 1;
        compared.longest = compared.longest.max(behind);
        let stale = known.iter().filter(contradicts).find(|known| {
            let is_own = known.witness == Witness::Process(answer.process);
            is_own && self.touched(id, known.revision, &answer.said) || known.at + bound < answer.asked
        });
        if let Some(stale) = stale {
            let states =
                self.states.get(id).map(|states| states.range(..=stale.revision).rev().take(4).collect::<Vec<_>>());
            compared.stale.push(format!(
                "{} said {answer:?} about {id}, while {stale:?} was known; the last states: {states:?}",
                answer.source
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELAY: Duration = Duration::from_secs(1);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn observer() -> Observer {
        let observer = Observer::new(DELAY);
        for (revision, state) in [(1, State::In("one".into())), (2, State::In("two".into())), (3, State::Deleted)] {
            let made = Made { state, called: Some(at(10 * revision - 1)) };
            observer.learn(at(10 * revision), Witness::Process(0), "a", revision, made);
        }
        observer
    }

    fn answer(observer: &Observer, process: usize, asked: Duration, said: Said) {
        observer.seen.lock().unwrap().answers.push(Answer {
            process,
            asked,
            answered: asked,
            said,
            source: String::new(),
        });
    }

    fn stale(process: usize, asked: Duration, said: Said) -> bool {
        let observer = observer();
        answer(&observer, process, asked, said);
        !observer.compare().stale.is_empty()
    }

    fn row(revision: u64) -> Said {
        Said::Row { id: "a".into(), revision }
    }

    fn list(campaign: &str, revisions: &[u64]) -> Said {
        let revisions = revisions.iter().map(|revision| ("a".to_owned(), *revision)).collect();
        Said::List { campaign: campaign.into(), revisions }
    }

    #[test]
    fn the_process_that_wrote_may_not_be_behind_for_an_instant() {
        let just_after = at(20) + Duration::from_millis(1);
        assert!(stale(0, just_after, row(1)) && !stale(0, just_after, row(2)) && !stale(0, at(20), row(1)));
    }

    #[test]
    fn another_process_may_be_behind_as_long_as_news_take() {
        assert!(!stale(1, at(20) + DELAY, row(1)) && stale(1, at(22), row(1)) && !stale(1, at(22), row(2)));
    }

    #[test]
    fn a_deleted_character_is_gone_and_an_existing_one_is_there() {
        let gone = || Said::NoRow { id: "a".into() };
        assert!(stale(1, at(32), row(2)) && !stale(1, at(32), gone()));
        assert!(stale(1, at(28), gone()), "nobody had asked for its deletion");
        assert!(!stale(1, at(29) + DELAY / 2, gone()), "it was being deleted");
    }

    #[test]
    fn a_list_holds_who_is_in_it_and_nobody_else() {
        assert!(stale(1, at(22), list("one", &[1])) && !stale(1, at(22), list("one", &[])));
        assert!(!stale(1, at(22), list("two", &[2])));
        let observer = Observer::new(DELAY);
        let made = Made { state: State::In("one".into()), called: None };
        observer.learn(at(10), Witness::Storage, "a", 1, made);
        answer(&observer, 0, at(12), list("one", &[]));
        answer(&observer, 0, at(12), Said::NoRow { id: "a".into() });
        answer(&observer, 0, at(12), list("two", &[]));
        assert_eq!(observer.compare().stale.len(), 2);
    }

    #[test]
    fn a_list_that_another_process_took_a_character_from_may_be_behind_as_long_as_news_take() {
        let moved_by = |process| {
            let observer = Observer::new(DELAY);
            let revisions = [(1, "one", process), (2, "two", process), (3, "two", 0)];
            for (revision, campaign, process) in revisions {
                let made = Made { state: State::In(campaign.into()), called: None };
                observer.learn(
                    at(10) + DELAY / 10 * revision,
                    Witness::Process(process),
                    "a",
                    u64::from(revision),
                    made,
                );
            }
            observer
        };
        let stale = |process, asked, said| {
            let observer = moved_by(process);
            answer(&observer, 0, asked, said);
            !observer.compare().stale.is_empty()
        };
        let just_after = at(10) + DELAY / 2;
        assert!(!stale(1, just_after, list("one", &[1])), "it has not heard of the move");
        assert!(stale(0, just_after, list("one", &[1])), "it made the move");
        assert!(stale(1, just_after, list("two", &[])) && stale(1, just_after, row(1)), "it changed it there");
        assert!(stale(1, at(12), list("one", &[1])), "the news had time");
    }

    #[test]
    fn a_state_that_somebody_was_only_told_of_may_have_been_there_before() {
        for (called, stale) in [(None, 0), (Some(at(35)), 1)] {
            let observer = Observer::new(DELAY);
            for (revision, campaign, called, known) in [(1, "one", Some(at(9)), 10), (2, "two", called, 36)] {
                let made = Made { state: State::In(campaign.into()), called };
                observer.learn(at(known), Witness::Process(0), "a", revision, made);
            }
            answer(&observer, 0, at(32), list("one", &[]));
            assert_eq!(observer.compare().stale.len(), stale);
        }
    }
}
