//! Invariant 7: lists in the order that is asked for, and the filter by name.

use crate::{
    kinds::{Sample, listed, matching, must_commit, page, put, twin, walked, with},
    sample::{at, limit},
};
use character_domain::{Character, CharacterId, InventoryItem, UserId};
use character_storage_port::{
    Change, CharacterQuery, Cursor, Direction, Entity, ErrorKind, Expect, InventoryItemQuery, Order, OrderBy,
    PageRequest, Query, SortKey, StoragePort,
};
use std::{collections::HashSet, sync::Arc};
use uuid::Uuid;

/// Names that some database, pattern, encoding or locale could misread, not in any order.
const NAMES: [&str; 40] = [
    "Torormir",
    "torormir",
    "TORORMIR",
    "Torormir the Grey",
    "  Torormir",
    "Stra\u{df}e",
    "STRASSE",
    "strase",
    "\u{130}stanbul",
    "istanbul",
    "ISTANBUL",
    "\u{131}stanbul",
    "caf\u{e9}",
    "CAFE\u{301}",
    "cafe",
    "\u{c5}ngstr\u{f6}m",
    "\u{212b}NGSTRO\u{308}M",
    "zebra",
    "\u{e4}pfel",
    "Zebra",
    "100%",
    "100",
    "1_0",
    "a\\b",
    "a\\\\b",
    "a*b",
    "a?b",
    "a.b",
    "[ab]",
    "'quoted'",
    "\"quoted\"",
    "null",
    "\u{3a3}\u{399}\u{3a3}\u{3a5}\u{3a6}\u{39f}\u{3a3}",
    "\u{3c3}\u{3b9}\u{3c3}\u{3c5}\u{3c6}\u{3bf}\u{3c2}",
    "\u{1f409}",
    "\u{ff21}",
    "\u{fb01}sh",
    "a\u{200b}b",
    "\u{5b57}",
    "q\u{323}\u{307}",
];

/// What a test needs of a kind of row whose lists have orders.
trait Ordered: Sample {
    fn named(name: &str, number: i64) -> Self;
    /// The list of every live row whose name contains the text, if one is given.
    fn query(name: Option<&str>, order: Order) -> Self::Query;
    /// The same list of the owner of this row.
    fn query_of(row: &Self, name: Option<&str>, order: Order) -> Self::Query;
}

impl Ordered for Character {
    fn named(name: &str, number: i64) -> Self {
        Self::new(UserId::new(), name, at(number))
    }
    fn query(name: Option<&str>, order: Order) -> CharacterQuery {
        CharacterQuery { name: name.map(str::to_owned), order, ..CharacterQuery::live() }
    }
    fn query_of(row: &Self, name: Option<&str>, order: Order) -> CharacterQuery {
        CharacterQuery { user_id: Some(row.user_id), ..Self::query(name, order) }
    }
}

impl Ordered for InventoryItem {
    fn named(name: &str, number: i64) -> Self {
        Self::new(CharacterId::new(), name, at(number))
    }
    fn query(name: Option<&str>, order: Order) -> InventoryItemQuery {
        InventoryItemQuery { name: name.map(str::to_owned), order, ..InventoryItemQuery::default() }
    }
    fn query_of(row: &Self, name: Option<&str>, order: Order) -> InventoryItemQuery {
        InventoryItemQuery { character_id: Some(row.character_id), ..Self::query(name, order) }
    }
}

/// Each name twice, with times of creation and change that repeat and have other orders than the names, some of them
/// deleted; half of the rows have one owner.
fn rows<E: Ordered>() -> Vec<E> {
    let owner = E::named("owner", 0);
    let row = |(number, name): (i64, &&str)| {
        let row = if number % 2 == 0 { twin(&owner) } else { E::named("other", 0) };
        with(&edited(&row, name), |row| {
            row.meta_mut().created_at = at(number * 7 % 11);
            row.meta_mut().updated_at = at(number * 5 % 13);
            row.meta_mut().deleted_at = (number % 17 == 3).then(|| at(50));
        })
    };
    (0..).zip(NAMES.iter().chain(&NAMES)).map(row).collect()
}

/// The row under another name.
fn edited<E: Entity>(row: &E, name: &str) -> E {
    let mut json = serde_json::json!(row);
    json["name"] = name.into();
    serde_json::from_value(json).expect("a name is a text")
}

async fn every_order<E: Ordered>(storage: &Arc<dyn StoragePort>) {
    let rows = rows::<E>();
    put(storage, &rows).await;
    for &order in Order::ALL {
        for mut query in [E::query(None, order), E::query_of(&rows[0], None, order)] {
            for deleted in [false, true] {
                if deleted {
                    E::include_deleted(&mut query);
                }
                let expected = matching(&rows, &query);
                assert_eq!(listed::<E>(storage, &query).await, expected, "the list for {query:?}");
                for size in [1, 7] {
                    let walked = walked::<E>(storage, &query, size).await;
                    assert_eq!(walked, expected, "the list for {query:?} in pages of {size}");
                }
                let request = PageRequest::first(limit(5)).offset(4);
                let by_offset = page::<E>(storage, &query, request.clone()).await;
                assert_eq!(by_offset.items, expected[4..9], "the list for {query:?} by offset");
                let next = request.after(by_offset.next.expect("there are more than nine rows"));
                assert_eq!(
                    page::<E>(storage, &query, next).await.items,
                    expected[9..14],
                    "the list for {query:?} behind it"
                );
            }
        }
    }
}

/// A list of characters leaves those out that are not in play, unless `active_only` is false.
pub async fn characters_that_are_not_in_play_are_listed_on_request_only(storage: Arc<dyn StoragePort>) {
    let active = Character::named("Torormir", 0);
    let retired = Character { is_active: false, ..twin(&active) };
    put(&storage, &[active.clone(), retired.clone()]).await;
    let query = CharacterQuery { user_id: Some(active.user_id), ..CharacterQuery::default() };
    assert_eq!(listed::<Character>(&storage, &CharacterQuery::default()).await, std::slice::from_ref(&active));
    assert_eq!(listed::<Character>(&storage, &query).await, std::slice::from_ref(&active));
    let both = HashSet::from([active.id, retired.id]);
    for query in [CharacterQuery { active_only: false, ..query }, CharacterQuery::live(), CharacterQuery::everything()]
    {
        let found = listed::<Character>(&storage, &query).await;
        assert_eq!(found.iter().map(|row| row.id).collect::<HashSet<_>>(), both, "{query:?}");
    }
}

/// Lists of characters are in the order that is asked for, in both directions, rows with equal values by id; and their
/// pages, cut anywhere, join to the whole list.
pub async fn lists_of_characters_have_every_order(storage: Arc<dyn StoragePort>) {
    every_order::<Character>(&storage).await;
}

/// Lists of items have the orders of those of characters.
pub async fn lists_of_items_have_every_order(storage: Arc<dyn StoragePort>) {
    every_order::<InventoryItem>(&storage).await;
}

/// Names are ordered by the bytes of their folded form, in UTF-8: neither by the case nor by the language of a locale.
pub async fn names_are_ordered_by_their_folded_form(storage: Arc<dyn StoragePort>) {
    let given = ["zebra", "\u{c4}pfel", "Apfel", " banana", "\u{ff5a}", "\u{1f409}", "Zebu", "ZEBRA", "_", "10", "9"];
    let rows: Vec<_> = (0..).zip(given).map(|(number, name)| Character::named(name, number)).collect();
    put(&storage, &rows).await;
    let ascending = Order { by: OrderBy::Name, direction: Direction::Ascending };
    let mut expected =
        vec!["10", "9", "_", "apfel", "banana", "zebra", "zebra", "zebu", "\u{e4}pfel", "\u{ff5a}", "\u{1f409}"];
    let folded = |rows: Vec<Character>| rows.iter().map(|row| row.name.trim().to_lowercase()).collect::<Vec<_>>();
    assert_eq!(folded(walked(&storage, &Character::query(None, ascending), 2).await), expected);
    expected.reverse();
    let descending = Order { direction: Direction::Descending, ..ascending };
    assert_eq!(folded(walked(&storage, &Character::query(None, descending), 2).await), expected);
}

/// A cursor of every order is a place: it works when there never was such a row.
pub async fn a_cursor_of_every_order_is_a_place_and_needs_no_row(storage: Arc<dyn StoragePort>) {
    let rows: Vec<_> = (0..6).map(|number| Character::named(&format!("Member {number}"), number)).collect();
    put(&storage, &rows).await;
    for &order in Order::ALL {
        let (query, request) = (Character::query(None, order), PageRequest::first(limit(2)));
        let key = |number: i64, name: &str| match order.by {
            OrderBy::CreatedAt => SortKey::CreatedAt(at(number).as_microsecond()),
            OrderBy::UpdatedAt => SortKey::UpdatedAt(at(number).as_microsecond()),
            OrderBy::Name => SortKey::Name(name.to_owned()),
        };
        // Between "Member 2" and its neighbours, and in front of and behind all rows.
        let ascending = order.direction == Direction::Ascending;
        let places = [
            (key(2, "member 2"), Uuid::nil(), if ascending { [2, 3] } else { [1, 0] }),
            (key(2, "member 2"), Uuid::max(), if ascending { [3, 4] } else { [2, 1] }),
        ];
        for (key, id, expected) in places {
            let cursor = Cursor { key, id, direction: order.direction };
            let expected = expected.map(|number| rows[number].id);
            let found = page::<Character>(&storage, &query, request.clone().after(cursor)).await.items;
            assert_eq!(found.iter().map(|row| row.id).collect::<Vec<_>>(), expected, "in the order {order}");
        }
        for (behind, number, name) in [(ascending, 99, "n"), (!ascending, -99, "a")] {
            let cursor = Cursor { key: key(number, name), id: Uuid::nil(), direction: order.direction };
            let found = page::<Character>(&storage, &query, request.clone().after(cursor)).await;
            assert_eq!(found.items.is_empty(), behind, "in the order {order}");
        }
        let extreme = match order.by {
            OrderBy::CreatedAt => [SortKey::CreatedAt(i64::MIN), SortKey::CreatedAt(i64::MAX)],
            OrderBy::UpdatedAt => [SortKey::UpdatedAt(i64::MIN), SortKey::UpdatedAt(i64::MAX)],
            OrderBy::Name => [SortKey::Name(String::new()), SortKey::Name("\u{10ffff}".repeat(800))],
        };
        for (key, first) in extreme.into_iter().zip([ascending, !ascending]) {
            let cursor = Cursor { key, id: Uuid::nil(), direction: order.direction };
            let found = page::<Character>(&storage, &query, request.clone().after(cursor)).await;
            assert_eq!(found.items.len(), if first { 2 } else { 0 }, "in the order {order}");
        }
    }
}

/// A cursor of another order is `Invalid`, and the violation names it.
pub async fn a_cursor_of_another_order_is_invalid(storage: Arc<dyn StoragePort>) {
    put(&storage, &[Character::named("Torormir", 0)]).await;
    for &order in Order::ALL {
        for other in Order::ALL.iter().copied().filter(|other| *other != order) {
            let cursor = Cursor::of(&Character::named("Torormir", 0), other);
            let request = PageRequest::default().after(cursor);
            let store = Character::store(&*storage);
            let error = store.list(&Character::query(None, order), request).await.expect_err("another order");
            let ErrorKind::Invalid(violations) = error.kind() else { panic!("{error}") };
            assert_eq!(violations[0].field, "cursor");
        }
    }
}

/// A list in the order of names or of changes, and one that is filtered by name, follow a change at once.
pub async fn an_ordered_list_follows_a_change(storage: Arc<dyn StoragePort>) {
    let mut rows: Vec<_> =
        ["Bruenor", "Drizzt", "Wulfgar"].into_iter().map(|name| InventoryItem::named(name, 0)).collect();
    put(&storage, &rows).await;
    let mut queries: Vec<_> = Order::ALL.iter().copied().map(|order| InventoryItem::query(None, order)).collect();
    for name in ["drizzt", "artemis", "r"] {
        queries.push(InventoryItem::query(Some(name), Order::default()));
    }
    for round in 0..3 {
        for query in &queries {
            assert_eq!(
                listed::<InventoryItem>(&storage, query).await,
                matching(&rows, query),
                "round {round}: {query:?}"
            );
        }
        let changed = with(&rows[1], |row| {
            row.name = ["ARTEMIS", "zaknafein", "Drizzt"][round].to_owned();
            row.meta.updated_at = at(10 - i64::try_from(round).unwrap_or_default());
        });
        let committed = must_commit(&storage, Change::Replace { entity: changed.clone(), expect: Expect::Any }).await;
        rows[1] = with(&changed, |row| row.meta = committed.written[0]);
    }
}

async fn filter_by_name<E: Ordered>(storage: &Arc<dyn StoragePort>) {
    let rows = rows::<E>();
    put(storage, &rows).await;
    // How many of the forty names contain the text.
    let contained = [
        ("torormir", 5),
        ("TORORMIR", 5),
        (" Torormir ", 5),
        ("the g", 1),
        ("stra\u{df}e", 2),
        ("STRASSE", 2),
        ("strase", 1),
        ("istanbul", 2),
        ("i\u{307}stanbul", 1),
        ("\u{130}", 1),
        ("\u{131}", 1),
        ("caf\u{e9}", 2),
        ("cafe\u{301}", 2),
        ("cafe", 1),
        ("a\u{30a}ngstr\u{f6}m", 2),
        ("\u{3c3}\u{3c2}", 0),
        ("\u{3a6}\u{39f}\u{3a3}", 2),
        ("%", 1),
        ("_", 1),
        ("1_0", 1),
        ("100", 2),
        ("\\", 2),
        ("\\\\", 1),
        ("*", 1),
        ("?", 1),
        (".", 1),
        ("[ab]", 1),
        ("'", 1),
        ("\"", 1),
        ("null", 1),
        ("\u{1f409}", 1),
        ("\u{ff41}", 1),
        ("fish", 1),
        ("ab", 1),
        ("a\u{200b}b", 1),
        ("q\u{307}\u{323}", 1),
        ("\0", 0),
        ("torormir\0", 0),
        ("xyzzy", 0),
        ("", 40),
        ("  ", 40),
    ];
    for (name, names) in contained {
        let mut all = E::query(Some(name), Order::default());
        E::include_deleted(&mut all);
        let found = listed::<E>(storage, &all).await;
        assert_eq!(found.len(), 2 * names, "the names that contain {name:?}");
        assert_eq!(found, matching(&rows, &all), "{name:?}");
        for &order in Order::ALL {
            for query in [E::query(Some(name), order), E::query_of(&rows[0], Some(name), order)] {
                assert_eq!(walked::<E>(storage, &query, 3).await, matching(&rows, &query), "the list for {query:?}");
            }
        }
    }
}

/// The filter by name holds the characters whose name contains the text, both in their folded form: no wildcards, and
/// neither case nor normalization tells names apart.
pub async fn the_filter_by_name_holds_the_characters_whose_name_contains_it(storage: Arc<dyn StoragePort>) {
    filter_by_name::<Character>(&storage).await;
}

/// The filter by name holds items in the same way.
pub async fn the_filter_by_name_holds_the_items_whose_name_contains_it(storage: Arc<dyn StoragePort>) {
    filter_by_name::<InventoryItem>(&storage).await;
}

/// The longest names are searched and ordered to their last character, also those that grow when they are folded.
pub async fn the_longest_names_are_searched_and_ordered(storage: Arc<dyn StoragePort>) {
    let start = ["\u{1f409}", "\u{390}", "x"].map(|letter| letter.repeat(254));
    let rows: Vec<_> = (0..)
        .zip(start.iter().flat_map(|start| ["c", "a", "b"].map(|end| format!("{start}{end}"))))
        .map(|(number, name)| Character::named(&name, number))
        .collect();
    put(&storage, &rows).await;
    for &order in Order::ALL {
        let query = Character::query(None, order);
        assert_eq!(walked::<Character>(&storage, &query, 1).await, matching(&rows, &query), "in the order {order}");
    }
    for row in &rows {
        let query = Character::query(Some(&row.name), Order::default());
        assert_eq!(listed::<Character>(&storage, &query).await, std::slice::from_ref(row));
    }
}
