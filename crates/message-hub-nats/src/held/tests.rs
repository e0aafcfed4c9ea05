use super::*;

const WITHIN: Duration = Duration::from_secs(30);

struct Stage {
    held: Held<u64>,
    now: Instant,
}

/// A delivery of the event at this place in a stream, by when that began.
fn of_stream(sequence: u64, attempt: u64, began: u64) -> Delivered {
    Delivered { sequence, attempt, place: 0, kept_at: Duration::from_secs(began + sequence) }
}

impl Stage {
    fn new() -> Self {
        Self { held: Held::new(WITHIN), now: Instant::now() }
    }

    fn arrive(&mut self, sequence: u64, delivered: u64, subject: &str) {
        let subject = Some(subject).filter(|subject| !subject.is_empty());
        let address = format!("{sequence}/{delivered}").into();
        self.held.arrive(of_stream(sequence, delivered, 0), subject, sequence, address, self.now);
    }

    /// The place of the next delivery in the stream, and which delivery of its event it is.
    fn taken(&mut self) -> Option<(u64, u64)> {
        self.take().map(|receipt| (receipt.sequence, receipt.attempt))
    }

    fn take(&mut self) -> Option<Receipt> {
        self.held.take(self.now, &DeliveryLimits::new(WITHIN, 100)).map(|(receipt, _)| receipt)
    }
}

#[test]
fn an_order_is_that_of_the_stream_whatever_arrives_first() {
    let mut stage = Stage::new();
    for sequence in [3, 1, 2] {
        stage.arrive(sequence, 1, "a");
    }
    for expected in 1..=3 {
        let receipt = stage.take().unwrap();
        assert_eq!((receipt.sequence, stage.take()), (expected, None));
        stage.held.begin(receipt, stage.now).unwrap();
        stage.held.settled(receipt, stage.now);
    }
    assert_eq!((stage.held.len(), stage.held.in_flight(), stage.held.orders.len()), (0, 0, 0));
}

#[test]
fn a_delivery_that_jetstream_sent_before_it_had_the_settlement_is_not_delivered_and_a_later_one_is() {
    let mut stage = Stage::new();
    stage.arrive(1, 1, "a");
    stage.arrive(2, 1, "a");
    for sequence in [1, 2] {
        let receipt = stage.take().unwrap();
        assert_eq!(receipt.sequence, sequence);
        stage.held.begin(receipt, stage.now).unwrap();
        stage.held.settled(receipt, stage.now);
        // The answer to the settlement was faster than what JetStream had sent before it.
        stage.arrive(sequence, 2, "a");
        assert!(stage.held.must_all_arrive());
        stage.arrive(sequence, 3, "a");
    }
    assert_eq!((stage.take(), stage.held.len()), (None, 0));
    stage.held.all_arrived();
    assert!(!stage.held.must_all_arrive());
    // The settlement was not kept.
    stage.arrive(1, 2, "a");
    assert_eq!(stage.taken(), Some((1, 2)));
}

#[test]
fn a_first_delivery_of_a_settled_event_is_of_a_consumer_that_was_created_again() {
    let mut stage = Stage::new();
    stage.arrive(1, 1, "a");
    let receipt = stage.take().unwrap();
    stage.held.begin(receipt, stage.now).unwrap();
    stage.held.settled(receipt, stage.now);
    assert!(stage.held.must_all_arrive());
    stage.arrive(1, 1, "a");
    assert_eq!(stage.taken(), Some((1, 1)));
}

#[test]
fn an_event_of_another_stream_takes_the_place_of_one_with_its_number_wherever_that_is() {
    for is_at in ["waits", "is delivered", "is being settled", "is away", "is settled"] {
        let mut stage = Stage::new();
        stage.arrive(1, 1, "a");
        stage.arrive(2, 1, "a");
        let old = (is_at != "waits").then(|| stage.take().unwrap());
        if let Some(old) = old.filter(|_| is_at != "is delivered") {
            stage.held.begin(old, stage.now).unwrap();
            match is_at {
                "is away" => stage.held.unsettled(old, stage.now),
                "is settled" => stage.held.settled(old, stage.now),
                _ => {}
            }
        }
        // JetStream has sent it twice.
        stage.held.arrive(of_stream(1, 2, 100), Some("b"), 101, "new".into(), stage.now);
        if let Some(old) = old {
            assert_eq!(stage.held.begin(old, stage.now), Err(NotHeld), "the old one {is_at}");
            stage.held.settled(old, stage.now);
            stage.held.unsettled(old, stage.now);
        }
        let (new, item) = stage.held.take(stage.now, &DeliveryLimits::new(WITHIN, 100)).unwrap();
        assert_eq!((new.sequence, new.attempt, item), (1, 2, 101), "the old one {is_at}");
        assert_eq!((stage.held.in_flight(), stage.held.len(), stage.held.away()), (1, 2, 0));
        assert_eq!(stage.held.begin(new, stage.now).unwrap(), ("new".into(), 101));
    }
}

#[test]
fn what_a_consumer_that_is_gone_had_delivered_is_forgotten_and_its_receipts_settle_nothing() {
    let mut stage = Stage::new();
    for sequence in 1..=4 {
        stage.arrive(sequence, 1, "");
    }
    let [delivered, settling, settled] = [stage.take(), stage.take(), stage.take()].map(Option::unwrap);
    stage.held.begin(settled, stage.now).unwrap();
    stage.held.settled(settled, stage.now);
    stage.held.begin(settling, stage.now).unwrap();
    assert!(stage.held.is_settling(settling) && !stage.held.is_settling(delivered));
    assert_eq!(stage.held.forget(stage.now), 3);
    assert_eq!((stage.held.len(), stage.held.in_flight(), stage.held.ready()), (0, 0, 0));
    assert!(stage.held.wakes_at().is_none() && !stage.held.must_all_arrive());
    // The same events come again.
    for sequence in 1..=3 {
        stage.arrive(sequence, 2, "");
        assert_eq!(stage.taken(), Some((sequence, 2)));
    }
    stage.held.settled(settling, stage.now);
    stage.held.unsettled(settling, stage.now);
    assert!(!stage.held.is_settling(settling));
    assert_eq!(stage.held.begin(delivered, stage.now), Err(NotHeld));
    assert_eq!((stage.held.len(), stage.held.in_flight()), (3, 3));
}

#[test]
fn a_delivery_that_is_put_back_does_not_count_as_an_attempt() {
    let mut stage = Stage::new();
    stage.arrive(1, 3, "a");
    stage.arrive(2, 1, "a");
    for _ in 0..3 {
        let receipt = stage.take().unwrap();
        assert_eq!((receipt.sequence, receipt.attempt), (1, 3));
        stage.held.put_back(receipt, stage.now).unwrap();
        assert_eq!(stage.held.put_back(receipt, stage.now), Err(NotHeld));
    }
    let late = stage.take().unwrap();
    stage.now += WITHIN / 2;
    stage.arrive(1, 4, "a");
    stage.arrive(2, 2, "a");
    stage.now += WITHIN / 2;
    let again = stage.take().unwrap();
    assert_eq!((again.attempt, stage.held.put_back(late, stage.now)), (4, Err(NotHeld)));
    stage.held.put_back(again, stage.now).unwrap();
    assert_eq!(stage.held.begin(late, stage.now), Err(NotHeld), "its time was over");
    let again = stage.take().unwrap();
    assert_eq!(stage.held.begin(late, stage.now), Err(NotHeld));
    stage.held.begin(again, stage.now).unwrap();
    stage.held.settled(again, stage.now);
    assert_eq!(stage.taken(), Some((2, 1)));
}

#[test]
fn an_event_that_is_settled_while_others_arrive_counts_until_the_next_time() {
    let mut stage = Stage::new();
    stage.arrive(1, 1, "a");
    let receipt = stage.take().unwrap();
    assert!(!stage.held.must_all_arrive());
    stage.held.begin(receipt, stage.now).unwrap();
    stage.held.settled(receipt, stage.now);
    stage.held.all_arrived();
    stage.arrive(1, 2, "a");
    assert_eq!(stage.take(), None);
}

#[test]
fn an_event_that_may_be_delivered_stays_so_when_the_time_of_another_call_was_read_before() {
    let mut stage = Stage::new();
    let before = stage.now;
    stage.arrive(1, 1, "a");
    let first = stage.take().unwrap();
    stage.now += Duration::from_millis(1);
    stage.held.delay(first, Duration::ZERO, stage.now).unwrap();
    // The next event of the subject arrives on another thread, which read the clock before the delay.
    stage.held.arrive(of_stream(2, 1, 0), Some("a"), 2, "2/1".into(), before);
    assert_eq!(stage.taken(), Some((1, 2)));
}

#[test]
fn an_older_event_that_arrives_late_waits_for_the_one_that_is_out() {
    let mut stage = Stage::new();
    stage.arrive(2, 1, "a");
    let second = stage.take().unwrap();
    stage.arrive(1, 2, "a");
    assert_eq!(stage.take(), None);
    stage.held.begin(second, stage.now).unwrap();
    stage.held.settled(second, stage.now);
    assert_eq!(stage.taken(), Some((1, 2)));
}

#[test]
fn an_expired_delivery_comes_back_when_the_server_delivers_it_again() {
    let mut stage = Stage::new();
    stage.arrive(1, 1, "a");
    stage.arrive(2, 1, "a");
    let late = stage.take().unwrap();
    stage.now += WITHIN;
    assert_eq!(stage.take(), None, "its later ones wait for it");
    assert_eq!(stage.held.begin(late, stage.now), Err(NotHeld));
    stage.arrive(1, 2, "a");
    let again = stage.take().unwrap();
    assert_eq!((again.sequence, again.attempt), (1, 2));
    assert_eq!(stage.held.begin(late, stage.now), Err(NotHeld));
    assert_eq!(stage.held.begin(again, stage.now).unwrap().0, "1/2".into());
}

#[test]
fn an_event_that_the_server_delivers_early_stays_with_its_subscriber_until_its_time() {
    let mut stage = Stage::new();
    stage.arrive(1, 1, "a");
    let first = stage.take().unwrap();
    stage.now += WITHIN / 2;
    stage.arrive(1, 2, "a");
    assert_eq!(stage.take(), None);
    stage.now += WITHIN / 2;
    let again = stage.take().unwrap();
    assert_eq!((again.attempt, stage.held.begin(first, stage.now)), (2, Err(NotHeld)));
}

#[test]
fn an_event_that_another_subscriber_got_frees_its_order() {
    let mut stage = Stage::new();
    stage.arrive(1, 1, "a");
    stage.arrive(2, 1, "a");
    stage.take().unwrap();
    for _ in 0..6 {
        stage.now += WITHIN / 2;
        stage.held.touch(stage.now);
        assert_eq!(stage.take(), None);
    }
    stage.now += Duration::from_secs(5);
    assert_eq!(stage.take().unwrap().sequence, 2);
}

#[test]
fn a_delayed_event_delays_its_order_alone_and_the_server_hears_of_it() {
    let mut stage = Stage::new();
    for (sequence, subject) in [(1, "a"), (2, "a"), (3, "b"), (4, "")] {
        stage.arrive(sequence, 1, subject);
    }
    let first = stage.take().unwrap();
    stage.held.delay(first, WITHIN * 2, stage.now).unwrap();
    assert_eq!([stage.take(), stage.take()].map(|receipt| receipt.unwrap().sequence), [3, 4]);
    assert_eq!(stage.take(), None);
    assert!(stage.held.touch(stage.now).is_empty());
    stage.now += WITHIN / 3;
    assert_eq!(stage.held.touch(stage.now).len(), 2, "the delayed event and the one behind it");
    assert_eq!(stage.held.wakes_at().map(|at| at > stage.now), Some(true));
    for _ in 0..4 {
        stage.now += WITHIN / 2;
        stage.held.touch(stage.now);
    }
    assert_eq!(stage.taken(), Some((1, 2)));
}

#[test]
fn an_event_that_waited_while_the_process_stood_still_is_left_to_the_server() {
    let mut stage = Stage::new();
    for (sequence, subject) in [(1, "a"), (2, "a"), (3, "b")] {
        stage.arrive(sequence, 1, subject);
    }
    stage.now += WITHIN;
    assert!(stage.held.touch(stage.now).is_empty());
    assert_eq!(stage.take(), None);
    stage.arrive(3, 2, "b");
    assert_eq!(stage.taken(), Some((3, 1)));
    stage.arrive(1, 2, "a");
    assert_eq!(stage.take().map(|receipt| receipt.sequence), Some(1));
}

#[test]
fn progress_keeps_a_delivery_and_released_events_are_those_that_nobody_has() {
    let mut stage = Stage::new();
    for (sequence, subject) in [(1, "a"), (2, "a"), (3, "b")] {
        stage.arrive(sequence, 1, subject);
    }
    let first = stage.take().unwrap();
    stage.now += WITHIN - Duration::from_secs(1);
    assert_eq!(stage.held.touch(stage.now).len(), 2);
    stage.held.prolong(first, stage.now).unwrap();
    stage.now += WITHIN - Duration::from_secs(1);
    assert_eq!(stage.held.release(stage.now), ["2/1".into(), "3/1".into()]);
    stage.held.begin(first, stage.now).unwrap();
    stage.held.unsettled(first, stage.now);
    assert_eq!((stage.held.in_flight(), stage.held.len()), (0, 1));
    stage.arrive(1, 2, "a");
    assert_eq!(stage.take().unwrap().attempt, 2);
}

#[test]
fn an_event_that_waited_long_begins_its_time_for_settling_when_it_is_delivered() {
    let mut stage = Stage::new();
    stage.arrive(1, 1, "a");
    stage.now += WITHIN / 5;
    stage.take().unwrap();
    assert_eq!(stage.held.touch_delivered(), ["1/1".into()]);
}

#[test]
fn each_subscriber_has_its_own_time_for_settling_and_the_server_may_wait_longer() {
    let mut stage = Stage::new();
    stage.arrive(1, 1, "a");
    stage.arrive(2, 1, "b");
    let short = WITHIN / 10;
    let first = stage.held.take(stage.now, &DeliveryLimits::new(short, 100)).unwrap().0;
    let second = stage.take().unwrap();
    stage.now += short / 2;
    stage.held.prolong(first, stage.now).unwrap();
    stage.now += short / 2;
    assert_eq!(stage.take(), None, "its time began again");
    stage.now += short / 2;
    assert_eq!(stage.taken(), Some((1, 2)), "the server need not deliver it again");
    assert_eq!(stage.held.begin(first, stage.now), Err(NotHeld));
    stage.held.begin(second, stage.now).unwrap();
}

#[test]
fn what_was_forgotten_too_long_is_given_up_without_a_word_to_the_server() {
    let mut stage = Stage::new();
    stage.arrive(1, 1, "a");
    stage.now += WITHIN / 2;
    stage.arrive(2, 1, "b");
    stage.now += WITHIN / 2;
    assert_eq!(stage.held.release(stage.now), ["2/1".into()], "another subscriber may have the first one");
    assert_eq!(stage.held.len(), 0);
}

#[test]
fn events_that_are_given_up_by_their_contents_are_those_that_no_subscriber_has() {
    let mut stage = Stage::new();
    for (sequence, subject) in [(1, "a"), (2, "a"), (3, "b"), (4, "c")] {
        stage.arrive(sequence, 1, subject);
    }
    stage.take().unwrap();
    let given_up = stage.held.give_up(|sequence| *sequence != 4, stage.now);
    assert_eq!(given_up, ["2/1".into(), "3/1".into()]);
    assert_eq!(stage.take().map(|receipt| receipt.sequence), Some(4));
}

#[test]
fn subscribers_with_the_same_limits_have_one_maximum_of_deliveries() {
    let mut stage = Stage::new();
    for sequence in 1..=5 {
        stage.arrive(sequence, 1, "");
    }
    let (many, one) = (DeliveryLimits::new(WITHIN, 3), DeliveryLimits::new(WITHIN, 1));
    // Each opens a session of its own.
    let same = DeliveryLimits::new(WITHIN, 1);
    let mut taken = |of: &DeliveryLimits| stage.held.take(stage.now, of).map(|(receipt, _)| receipt);
    let first = [taken(&many), taken(&many)].map(Option::unwrap);
    let only = taken(&one).unwrap();
    assert_eq!((taken(&same), taken(&many).map(|receipt| receipt.sequence), taken(&many)), (None, Some(4), None));
    for receipt in [first[0], only] {
        stage.held.begin(receipt, stage.now).unwrap();
        stage.held.settled(receipt, stage.now);
    }
    let mut left = InFlight::default();
    [many, many].into_iter().for_each(|limits| left.add(limits));
    assert_eq!((&stage.held.in_flight, stage.held.in_flight()), (&left, 2));
    assert_eq!(stage.held.take(stage.now, &one).map(|(receipt, _)| receipt.sequence), Some(5));
}
