//! How long the storage takes at PostgreSQL, and how many commits SQLite makes, each time beside what it is to be compared
//! with, in the same run.
//!
//! `cargo bench -p character-storage-sql --bench storage`; with `-- commit` the commits at PostgreSQL alone, with `-- sqlite`
//! those at SQLite.
#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made has failed")]
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use character_domain::{Character, CharacterId, CharacterVersion, UserId, now};
use character_storage_port::{
    Change, CharacterQuery, CharacterVersionQuery, Commit, DomainEvent, Fingerprint, Limit, PageRequest, StorageExt,
    Store, Transaction,
};
use character_storage_sql::{SqlOptions, SqlStorage};
use character_tests::PostgresServer;
use futures_util::future::join_all;
use serde_json::json;
use std::{
    fmt::Write,
    time::{Duration, Instant},
};
use tokio_postgres::{Client, NoTls, types::ToSql};
use uuid::Uuid;

const ROUNDS: usize = 40;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // `cargo test --benches` runs this, too, and is not to wait for a million rows.
    if std::env::args().any(|argument| argument == "--bench") {
        if !std::env::args().any(|argument| argument == "commit") {
            writers_of_sqlite().await;
        }
        if std::env::args().any(|argument| argument == "sqlite") {
            return;
        }
        let server = PostgresServer::start();
        commit_of_one(&server).await;
        if std::env::args().any(|argument| argument == "commit") {
            return;
        }
        bulk_create(&server).await;
        newest_of_a_user(&server).await;
        newest_of_a_history(&server).await;
    }
}

async fn open(server: &PostgresServer) -> (SqlStorage, Client) {
    let url = server.fresh_schema_url();
    let options = SqlOptions { timeout: Duration::from_secs(600), ..SqlOptions::default() };
    let storage = SqlStorage::connect(&url, options).await.unwrap();
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    (storage, client)
}

fn report(what: &str, times: &mut [Duration]) -> Duration {
    times.sort();
    let (median, slowest) = (times[times.len() / 2], times[times.len() - 1]);
    println!("  {what:<58} median {median:>10.3?}  slowest {slowest:>10.3?}");
    median
}

fn ratio(first: Duration, second: Duration) -> f64 {
    let ratio = first.as_secs_f64() / second.as_secs_f64();
    println!("  ratio {ratio:.2}");
    ratio
}

/// A sheet of 4 KB, as JSON.
fn sheet(number: usize) -> Character {
    let mut character = Character::new(UserId(Uuid::from_u128(number as u128 % 10)), format!("Member {number}"), now());
    let skill = |skill: usize| {
        let entry = json!({ "ability": "dexterity", "proficient": skill.is_multiple_of(2), "bonus": skill, "notes": "as trained" });
        (format!("skill {skill}"), entry)
    };
    character.data.0 = (0..47).map(skill).collect();
    character
}

/// The least code that does only this.
async fn insert_by_hand(client: &mut Client, sql: &tokio_postgres::Statement, rows: &[Character]) {
    let texts: Vec<String> = rows.iter().map(|row| serde_json::to_string(&row.data).unwrap()).collect();
    let times: Vec<(i64, i64)> =
        rows.iter().map(|row| (row.meta.created_at.as_microsecond(), row.meta.updated_at.as_microsecond())).collect();
    let (parents, campaigns) = (vec![None::<Uuid>; rows.len()], vec![None::<Uuid>; rows.len()]);
    let mut values: Vec<&(dyn ToSql + Sync)> = Vec::with_capacity(rows.len() * 12);
    for (index, row) in rows.iter().enumerate() {
        values.extend([&row.id.0 as &(dyn ToSql + Sync), &1i64, &times[index].0, &times[index].1, &None::<i64>]);
        values.extend([&parents[index] as &(dyn ToSql + Sync), &row.theme, &row.name, &row.user_id.0]);
        values.extend([&campaigns[index] as &(dyn ToSql + Sync), &texts[index], &row.is_active]);
    }
    let transaction = client.transaction().await.unwrap();
    transaction.execute(sql, &values).await.unwrap();
    transaction.commit().await.unwrap();
}

/// The statements of one commit, in the least code that does only this.
struct ByHand {
    client: Client,
    row: tokio_postgres::Statement,
    entry: tokio_postgres::Statement,
}

impl ByHand {
    async fn connect(url: &str) -> Self {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        tokio::spawn(connection);
        let row = "INSERT INTO characters (id, revision, created_at, updated_at, theme, name, user_id, data, is_active, \
                   name_folded) VALUES ($1, 1, $2, $2, $3, $4, $5, $6, true, $4)";
        let entry = "INSERT INTO transactions (id, fingerprint, outcome, news, events, committed_at) \
                     VALUES ($1, $2, $3, $4, $5, CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS bigint))";
        let (row, entry) = (client.prepare(row).await.unwrap(), client.prepare(entry).await.unwrap());
        Self { client, row, entry }
    }

    async fn commit(&mut self, character: &Character, event: &DomainEvent) {
        let (id, time) = (Uuid::now_v7(), character.meta.created_at.as_microsecond());
        let data = serde_json::to_string(&character.data).unwrap();
        let fingerprint = Fingerprint::of(data.as_bytes()).0;
        let outcome = json!({ "id": id, "written": [character.meta] }).to_string();
        let owner = format!("user_id:{}", character.user_id);
        let news = json!([{ "kind": "character", "id": character.id, "revision": 1, "before": [], "after": [owner] }]);
        let (news, events) = (news.to_string(), serde_json::to_string(&[event]).unwrap());
        let transaction = self.client.transaction().await.unwrap();
        let values: [&(dyn ToSql + Sync); 6] =
            [&character.id.0, &time, &character.theme, &character.name, &character.user_id.0, &data];
        transaction.execute(&self.row, &values).await.unwrap();
        let values: [&(dyn ToSql + Sync); 5] = [&id, &fingerprint, &outcome, &news, &events];
        transaction.execute(&self.entry, &values).await.unwrap();
        transaction.commit().await.unwrap();
    }
}

async fn commit_of_one(server: &PostgresServer) {
    const CLIENTS: usize = 16;
    const COMMITS: usize = 40;
    println!("{COMMITS} commits of one character and one event by each of {CLIENTS} clients at the same time");
    let url = server.fresh_schema_url();
    let options = SqlOptions { connections: CLIENTS, timeout: Duration::from_secs(60), ..SqlOptions::default() };
    let storage = SqlStorage::connect(&url, options).await.unwrap();
    let mut hands = Vec::new();
    for _ in 0..CLIENTS {
        hands.push(ByHand::connect(&url).await);
    }
    let what = |number| {
        let character = sheet(number);
        let event = DomainEvent::new("character.created", character.id, now(), json!({ "number": number }));
        (character, event)
    };
    let (mut by_hand, mut by_storage) = (Vec::new(), Vec::new());
    let mut shares = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        join_all(hands.iter_mut().map(|hand| async move {
            for number in 0..COMMITS {
                let (character, event) = what(number);
                hand.commit(&character, &event).await;
            }
        }))
        .await;
        by_hand.push(start.elapsed());
        let start = Instant::now();
        join_all((0..CLIENTS).map(|_| async {
            for number in 0..COMMITS {
                let (character, event) = what(number);
                let transaction = Transaction::new().with(Change::Create(character)).with_event(event);
                storage.commit(transaction).await.unwrap();
            }
        }))
        .await;
        by_storage.push(start.elapsed());
        // Of one pair of rounds: a machine that is busy with other things changes from moment to moment.
        shares.push(by_hand[by_hand.len() - 1].as_secs_f64() / by_storage[by_storage.len() - 1].as_secs_f64());
    }
    report("BEGIN, the row, the entry, COMMIT by hand", &mut by_hand);
    report("the storage", &mut by_storage);
    shares.sort_by(f64::total_cmp);
    let share = shares[shares.len() / 2];
    println!("  of the commits by hand in the same time, median {share:.2}");
    assert!(share >= 0.9, "the storage makes less than nine tenths of the commits by hand");
}

/// One writer waits for each sync of the disk; many share them.
async fn writers_of_sqlite() {
    const FOR: Duration = Duration::from_secs(2);
    // Beside the build: the folder for temporary files may be one without a disk.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let storage = SqlStorage::sqlite(folder.path().join("writers.sqlite")).await.unwrap();
    println!("commits of one character and one event to SQLite, {FOR:?} each");
    let mut shares = Vec::new();
    for _ in 0..5 {
        let mut rates = [0.0; 2];
        for (rate, writers) in rates.iter_mut().zip([1, 64]) {
            let start = Instant::now();
            let commits = join_all((0..writers).map(|_| async {
                let mut times = Vec::new();
                while start.elapsed() < FOR {
                    let character = sheet(times.len());
                    let event = DomainEvent::new("character.created", character.id, now(), json!({}));
                    let begun = Instant::now();
                    let transaction = Transaction::new().with(Change::Create(character)).with_event(event);
                    storage.commit(transaction).await.unwrap();
                    times.push(begun.elapsed());
                }
                times
            }));
            let mut times = commits.await.concat();
            *rate = times.len() as f64 / start.elapsed().as_secs_f64();
            report(&format!("{writers} writers, {rate:.0} commits a second, one commit"), &mut times);
        }
        shares.push(rates[1] / rates[0]);
    }
    shares.sort_by(f64::total_cmp);
    println!("  64 writers make {:.1} times the commits of one, median", shares[shares.len() / 2]);
}

async fn bulk_create(server: &PostgresServer) {
    const ROWS: usize = 1_000;
    let size = serde_json::to_string(&sheet(1).data).unwrap().len();
    println!("1,000 characters of {size} bytes in one transaction");
    let (storage, mut client) = open(server).await;
    let mut sql = "INSERT INTO characters (id, revision, created_at, updated_at, deleted_at, parent_id, theme, name, \
                   user_id, campaign_id, data, is_active) VALUES "
        .to_owned();
    for row in 0..ROWS {
        let places: Vec<String> = (1..=12).map(|column| format!("${}", row * 12 + column)).collect();
        write!(sql, "{}({})", if row == 0 { "" } else { ", " }, places.join(", ")).unwrap();
    }
    let (mut by_hand, mut by_hand_unprepared, mut committed, mut with_events) = (vec![], vec![], vec![], vec![]);
    let prepared = client.prepare(&sql).await.unwrap();
    for _ in 0..ROUNDS {
        let rows = || (0..ROWS).map(sheet).collect::<Vec<_>>();

        let by_hand_rows = rows();
        let start = Instant::now();
        insert_by_hand(&mut client, &prepared, &by_hand_rows).await;
        by_hand.push(start.elapsed());

        let by_hand_rows = rows();
        let start = Instant::now();
        let statement = client.prepare(&sql).await.unwrap();
        insert_by_hand(&mut client, &statement, &by_hand_rows).await;
        by_hand_unprepared.push(start.elapsed());

        // Kept, as above: to take the sheets apart again is no part of storing them.
        let kept = rows();
        let transaction = kept.iter().cloned().fold(Transaction::new(), |all, row| all.with(Change::Create(row)));
        let start = Instant::now();
        storage.commit(transaction).await.unwrap();
        committed.push(start.elapsed());

        drop(kept);
        let kept = rows();
        let new = kept.clone();
        let start = Instant::now();
        storage.bulk_create_characters(new).await.unwrap();
        with_events.push(start.elapsed());
    }
    let prepared = report("one INSERT by hand, prepared before", &mut by_hand);
    let by_hand = report("one INSERT by hand", &mut by_hand_unprepared);
    let committed = report("the storage", &mut committed);
    ratio(committed, prepared);
    let against_a_plain_insert = ratio(committed, by_hand);
    let with_events = report("the storage, with an event for each character", &mut with_events);
    let with_events = ratio(with_events, by_hand);
    assert!(against_a_plain_insert < 2.0 && with_events < 2.0, "the storage takes more than twice as long");
}

/// `user` has one in `share` of this number of characters.
async fn fill_characters(client: &Client, characters: i64, share: i64, user: UserId) {
    client
        .execute(
            "INSERT INTO characters (id, revision, created_at, updated_at, theme, name, user_id, data, is_active) \
             SELECT md5(number::text)::uuid, 1, number * 1000, number * 1000, 'traditional', 'Member ' || number, \
             CASE WHEN number % $2 = 0 THEN $3 ELSE md5((number % 1000)::text)::uuid END, \
             '{\"hit_points\":{\"current\":9,\"maximum\":12}}', true FROM generate_series(1::bigint, $1) AS number",
            &[&characters, &share, &user.0],
        )
        .await
        .unwrap();
    client.batch_execute("VACUUM ANALYZE characters").await.unwrap();
}

async fn newest_of_a_user(server: &PostgresServer) {
    println!("the newest 100 characters of a user");
    let user = UserId(Uuid::from_u128(7));
    let mut medians = Vec::new();
    for (characters, share) in [(1_000, 1), (1_000_000, 1_000), (1_000_000, 2)] {
        let (storage, client) = open(server).await;
        fill_characters(&client, characters, share, user).await;
        let query = CharacterQuery { user_id: Some(user), ..CharacterQuery::live() };
        let mut times = Vec::new();
        for _ in 0..ROUNDS * 10 {
            let start = Instant::now();
            let page = storage.list_characters(&query, PageRequest::default()).await.unwrap().value;
            times.push(start.elapsed());
            assert_eq!(page.items.len(), 100);
        }
        medians.push(report(&format!("among {characters}, {} of them the user's", characters / share), &mut times));
    }
    ratio(medians[1], medians[0]);
    ratio(medians[2], medians[0]);
}

async fn newest_of_a_history(server: &PostgresServer) {
    println!("the newest 10 versions of a character");
    let (storage, client) = open(server).await;
    let (short, long) = (CharacterId::new(), CharacterId::new());
    let state = serde_json::to_string(&Character { id: short, ..sheet(1) }).unwrap();
    for (character, versions) in [(short, 10i64), (long, 10_000)] {
        client
            .execute(
                "INSERT INTO character_versions (id, revision, created_at, updated_at, character_id, reason, state, \
                 changes, related) SELECT md5($1::text || number::text)::uuid, 1, number * 1000, number * 1000, $2, \
                 'character.updated', $4, '[]', '[]' FROM generate_series(1::bigint, $3) AS number",
                &[&character.to_string(), &character.0, &versions, &state],
            )
            .await
            .unwrap();
    }
    client.batch_execute("VACUUM ANALYZE character_versions").await.unwrap();
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS * 10 {
        for (character, times) in [short, long].into_iter().zip(&mut times) {
            let query = CharacterVersionQuery { character_id: Some(character), ..Default::default() };
            let page = PageRequest::first(Limit::new(10).unwrap());
            let start = Instant::now();
            let page = Store::<CharacterVersion>::list(&storage, &query, page).await.unwrap().value;
            times.push(start.elapsed());
            assert_eq!(page.items.len(), 10);
        }
    }
    let short = report("of 10", &mut times[0]);
    let long = report("of 10,000", &mut times[1]);
    ratio(long, short);
}
