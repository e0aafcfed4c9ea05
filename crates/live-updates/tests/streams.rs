//! What a stream reports, whatever happens to the log, the process and the client.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use character_domain::{Campaign, CampaignId, Character, CharacterId, Revision, UserId, now};
use character_live_updates::{HEARTBEAT, Interest, LiveItem, LiveUpdate, LiveUpdates};
use character_storage_port::{
    CHARACTER_CREATED, CHARACTER_JOURNAL_UPDATED, CHARACTER_UPDATED, Change, Commit, DomainEvent, Entity, ErrorKind,
    Expect, Log, LogCursor, MemoryStorage, Transaction,
};
use character_storage_testkit::{Fault, Operation, ScriptedFaults};
use serde_json::json;
use std::{sync::Arc, time::Duration};

/// A log that fails, or has lost its past, when the test says so.
struct Troubled {
    storage: MemoryStorage,
    log: Arc<ScriptedFaults<MemoryStorage>>,
}

impl Troubled {
    fn new() -> Self {
        let storage = MemoryStorage::new();
        // A short wait, so that trouble which begins meanwhile is noticed.
        let log = ScriptedFaults::new(Arc::new(storage.clone())).following(usize::MAX, Duration::from_millis(100));
        Self { storage, log: Arc::new(log) }
    }

    fn updates(&self) -> LiveUpdates {
        LiveUpdates::new(Arc::clone(&self.log) as _)
    }

    fn fail(&self) {
        self.log.break_down(Fault::FailBefore(ErrorKind::Unavailable { retry_after: None }));
    }

    fn reads(&self) -> usize {
        self.log.calls(Operation::Follow) + self.log.calls(Operation::Head)
    }
}

fn character(campaign: Option<CampaignId>) -> Character {
    Character { campaign_id: campaign, ..Character::new(UserId::new(), "Ada", now()) }
}

fn event(event_type: &'static str, of: CharacterId, data: serde_json::Value) -> DomainEvent {
    DomainEvent::new(event_type, of, now(), data)
}

async fn create(storage: &MemoryStorage, row: &Character) {
    let event = event(CHARACTER_CREATED, row.id, json!({}));
    let writes = vec![Character::write(Change::Create(row.clone()))];
    storage.commit(Transaction { writes, events: vec![event], ..Transaction::new() }).await.unwrap();
}

async fn rename(storage: &MemoryStorage, row: &Character, name: &str) {
    let entity = Character { name: name.to_owned(), ..row.clone() };
    let event = event(CHARACTER_UPDATED, row.id, json!({ "changed": ["name"] }));
    let writes = vec![Character::write(Change::Replace { entity, expect: Expect::Any })];
    storage.commit(Transaction { writes, events: vec![event], ..Transaction::new() }).await.unwrap();
}

fn of(row: &Character) -> Interest {
    Interest { characters: [row.id].into(), ..Interest::default() }
}

/// The next item that is no heartbeat.
async fn next(stream: &mut character_live_updates::LiveStream) -> LiveItem {
    loop {
        match stream.next().await.unwrap() {
            LiveItem::Heartbeat => {}
            item => return item,
        }
    }
}

async fn update(stream: &mut character_live_updates::LiveStream) -> (Option<LogCursor>, LiveUpdate) {
    match next(stream).await {
        LiveItem::Update { id, update } => (id, update),
        other => panic!("no update: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_reports_changes_of_its_characters_and_no_others() {
    let log = Troubled::new();
    let updates = log.updates();
    let (ours, other) = (character(None), character(None));
    let mut stream = updates.open(of(&ours), None).await.unwrap();
    assert!(matches!(next(&mut stream).await, LiveItem::Hello { .. }));
    create(&log.storage, &other).await;
    create(&log.storage, &ours).await;
    rename(&log.storage, &ours, "Bea").await;
    let (_, created) = update(&mut stream).await;
    let (id, renamed) = update(&mut stream).await;
    assert_eq!(
        (&*created.update_type, created.character, created.revision.unwrap().0),
        (CHARACTER_CREATED, Some(ours.id), 1)
    );
    assert_eq!(
        (&*renamed.update_type, renamed.revision.unwrap().0, renamed.changed),
        (CHARACTER_UPDATED, 2, vec!["name".to_owned()])
    );
    assert!(id.is_some(), "the last update of a batch can be resumed from");
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_a_campaign_reports_its_characters_those_that_leave_and_the_campaign_itself() {
    let log = Troubled::new();
    let updates = log.updates();
    let campaign = CampaignId::from(uuid::Uuid::now_v7());
    let mut stream =
        updates.open(Interest { campaigns: [campaign].into(), ..Interest::default() }, None).await.unwrap();
    next(&mut stream).await;
    let member = character(Some(campaign));
    create(&log.storage, &member).await;
    assert_eq!(update(&mut stream).await.1.campaigns, [campaign]);
    let left = Character { campaign_id: None, ..member.clone() };
    rename(&log.storage, &left, "Alone").await;
    assert_eq!(update(&mut stream).await.1.character, Some(member.id), "the one that leaves is reported once more");
    rename(&log.storage, &left, "Unheard").await;
    let row = character_domain::Campaign { id: campaign, ..character_domain::Campaign::new("Night", now()) };
    let writes = vec![character_domain::Campaign::write(Change::Create(row))];
    log.storage.commit(Transaction { writes, ..Transaction::new() }).await.unwrap();
    let (_, changed) = update(&mut stream).await;
    assert_eq!(
        (&*changed.update_type, changed.character, changed.campaigns),
        ("campaign.changed", None, vec![campaign])
    );
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_a_campaign_reports_what_belongs_to_its_characters_and_leaves_their_rows_as_they_are() {
    let log = Troubled::new();
    let updates = log.updates();
    let campaign = CampaignId::from(uuid::Uuid::now_v7());
    let (member, stranger) = (character(Some(campaign)), character(None));
    for row in [&member, &stranger] {
        create(&log.storage, row).await;
    }
    let interest = Interest { campaigns: [campaign].into(), ..Interest::default() };
    let mut stream = updates.open(interest.clone(), None).await.unwrap();
    let LiveItem::Hello { id: begin } = next(&mut stream).await else { panic!("the first item is no hello") };
    let journal_event = |of: &Character| event(CHARACTER_JOURNAL_UPDATED, of.id, json!({}));
    // The characters cannot be read at first.
    log.log.next_of(Operation::Find, Fault::FailBefore(ErrorKind::Timeout));
    let events = vec![journal_event(&stranger), journal_event(&member)];
    log.storage.commit(Transaction { events, ..Transaction::new() }).await.unwrap();
    let (_, reported) = update(&mut stream).await;
    let told = |update: LiveUpdate| (update.character, update.campaigns, update.revision);
    assert_eq!(told(reported), (Some(member.id), vec![campaign], None));

    // One that can never be read again is left out, and what comes behind it is reported.
    log.log.next_of(Operation::Find, Fault::FailBefore(ErrorKind::Corrupt));
    log.storage.commit(Transaction { events: vec![journal_event(&member)], ..Transaction::new() }).await.unwrap();
    rename(&log.storage, &member, "Bea").await;
    assert_eq!(update(&mut stream).await.1.revision, Some(Revision(2)));

    // The same from the past.
    let mut resumed = log.updates().open(interest, Some(begin)).await.unwrap();
    next(&mut resumed).await;
    assert_eq!(told(update(&mut resumed).await.1), (Some(member.id), vec![campaign], None));
}

#[tokio::test(start_paused = true)]
async fn an_update_names_the_changed_fields_of_a_campaign_and_of_a_character_whose_event_names_none() {
    let log = Troubled::new();
    let updates = log.updates();
    let campaign = Campaign::new("Night", now());
    let member = character(Some(campaign.id));
    let interest = Interest { campaigns: [campaign.id].into(), ..Interest::default() };
    let mut stream = updates.open(interest, None).await.unwrap();
    next(&mut stream).await;
    let renamed = Campaign { name: "Day".to_owned(), theme: "sun".to_owned(), ..campaign.clone() };
    let replaced = Character { name: "Bea".to_owned(), is_active: false, ..member.clone() };
    let of_member = event(CHARACTER_UPDATED, member.id, json!({ "name": "Bea" }));
    for (write, events) in [
        (Campaign::write(Change::Create(campaign.clone())), vec![]),
        (Campaign::write(Change::Replace { entity: renamed, expect: Expect::Any }), vec![]),
        (Character::write(Change::Create(member.clone())), vec![]),
        (Character::write(Change::Replace { entity: replaced, expect: Expect::Any }), vec![of_member]),
    ] {
        log.storage.commit(Transaction { writes: vec![write], events, ..Transaction::new() }).await.unwrap();
    }
    let mut named = Vec::new();
    for _ in 0..4 {
        let update = update(&mut stream).await.1;
        named.push((update.update_type.into_owned(), update.changed.join(" ")));
    }
    let expected = [
        ("campaign.changed", ""),
        ("campaign.changed", "name theme"),
        ("character.changed", ""),
        ("character.updated", "is_active name"),
    ];
    assert_eq!(named, expected.map(|(name, changed)| (name.to_owned(), changed.to_owned())));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_resumes_receives_everything_behind_its_position_in_any_process() {
    let log = Troubled::new();
    let here = log.updates();
    let ours = character(None);
    let mut stream = here.open(of(&ours), None).await.unwrap();
    next(&mut stream).await;
    create(&log.storage, &ours).await;
    let (id, _) = update(&mut stream).await;
    drop(stream);
    for number in 0..2_500 {
        rename(&log.storage, &ours, &number.to_string()).await;
    }
    let there = log.updates();
    let mut stream = there.open(of(&ours), id.clone()).await.unwrap();
    assert_eq!(next(&mut stream).await, LiveItem::Hello { id: id.unwrap() });
    rename(&log.storage, &ours, "while it reads the past").await;
    let mut revisions = Vec::new();
    while revisions.last() != Some(&2_502) {
        revisions.push(update(&mut stream).await.1.revision.unwrap().0);
    }
    assert_eq!(revisions, (2..=2_502).collect::<Vec<_>>(), "each once, in order");
    rename(&log.storage, &ours, "in the present").await;
    assert_eq!(update(&mut stream).await.1.revision.unwrap().0, 2_503);
}

#[tokio::test(start_paused = true)]
async fn a_stream_whose_position_is_gone_is_reset_and_continues() {
    let (log, other) = (Troubled::new(), MemoryStorage::new());
    let updates = log.updates();
    let ours = character(None);
    let foreign = other.head().await.unwrap();
    let mut stream = updates.open(of(&ours), Some(foreign)).await.unwrap();
    next(&mut stream).await;
    assert!(matches!(next(&mut stream).await, LiveItem::Reset { .. }));
    create(&log.storage, &ours).await;
    assert_eq!(update(&mut stream).await.1.character, Some(ours.id));
    log.log.next_of(Operation::Follow, Fault::FailBefore(ErrorKind::Gone));
    assert!(
        matches!(next(&mut stream).await, LiveItem::Reset { .. }),
        "a storage that was restored resets every stream"
    );
}

#[tokio::test(start_paused = true)]
async fn a_stream_goes_on_after_an_outage_without_a_gap() {
    let log = Troubled::new();
    let updates = log.updates();
    let ours = character(None);
    let mut stream = updates.open(of(&ours), None).await.unwrap();
    next(&mut stream).await;
    create(&log.storage, &ours).await;
    let (id, _) = update(&mut stream).await;
    log.fail();
    // The read that has begun ends well.
    tokio::time::sleep(Duration::from_secs(1)).await;
    rename(&log.storage, &ours, "unseen for now").await;
    assert!(tokio::time::timeout(HEARTBEAT / 2, stream.next()).await.is_err(), "nothing is known");
    assert_eq!(stream.next().await, Some(LiveItem::Heartbeat), "the client knows that it is still connected");
    let mut resumed = updates.open(of(&ours), id).await.unwrap();
    next(&mut resumed).await;
    log.log.heal();
    for stream in [&mut stream, &mut resumed] {
        assert_eq!(update(stream).await.1.revision.unwrap().0, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_readable_log_no_stream_is_opened_and_it_ends_in_time() {
    let log = Troubled::new();
    log.fail();
    let updates = log.updates();
    let begin = tokio::time::Instant::now();
    let error = updates.open(Interest::default(), None).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unavailable { .. }), "{error}");
    assert!(begin.elapsed() <= Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_slowly_misses_nothing() {
    let log = Troubled::new();
    let updates = log.updates();
    let ours = character(None);
    let mut stream = updates.open(of(&ours), None).await.unwrap();
    next(&mut stream).await;
    create(&log.storage, &ours).await;
    // Far more batches than the feed keeps: each commit is read before the next one is made.
    for number in 0..600 {
        rename(&log.storage, &ours, &number.to_string()).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut revisions = Vec::new();
    while revisions.last() != Some(&601) {
        revisions.push(update(&mut stream).await.1.revision.unwrap().0);
    }
    assert_eq!(revisions, (1..=601).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_sends_a_heartbeat_and_a_closed_one_says_when_to_return() {
    let log = Troubled::new();
    let updates = log.updates();
    let mut stream = updates.open(of(&character(None)), None).await.unwrap();
    next(&mut stream).await;
    let begin = tokio::time::Instant::now();
    assert_eq!(stream.next().await, Some(LiveItem::Heartbeat));
    assert_eq!(begin.elapsed(), HEARTBEAT);
    updates.close();
    let Some(LiveItem::End { retry }) = stream.next().await else { panic!("it does not end") };
    assert!(retry >= Duration::from_secs(1) && retry < Duration::from_secs(10));
    assert_eq!(stream.next().await, None);
    let mut late = updates.open(of(&character(None)), None).await.unwrap();
    assert!(matches!(late.next().await, Some(LiveItem::Hello { .. })));
    assert!(matches!(late.next().await, Some(LiveItem::End { .. })));
}

#[tokio::test(start_paused = true)]
async fn the_log_is_read_once_for_all_streams_and_not_at_all_without_one() {
    let log = Troubled::new();
    let updates = log.updates();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(log.reads(), 0);
    let mut streams = Vec::new();
    for _ in 0..100 {
        streams.push(updates.open(of(&character(None)), None).await.unwrap());
    }
    let before = log.reads();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let reads = log.reads() - before;
    assert!((9..=11).contains(&reads), "{reads} reads in a second, of 100 ms each");
    streams.clear();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = log.reads();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(log.reads(), before);
    // The next one starts the feed again.
    let ours = character(None);
    let mut stream = updates.open(of(&ours), None).await.unwrap();
    next(&mut stream).await;
    create(&log.storage, &ours).await;
    update(&mut stream).await;
}
