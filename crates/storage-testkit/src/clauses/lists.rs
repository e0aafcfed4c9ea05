//! Invariant 7: lists hold what the query says, newest first, and pages miss and repeat nothing.

use crate::sample::{
    Model, at, character, create, deletion, ids, limit, list, must, names, of_campaign, of_user, party, replacement,
    revision, sort, walk,
};
use character_domain::{CampaignId, Character, CharacterId, UserId};
use character_storage_port::{CharacterQuery, Cursor, Expect, Page, PageRequest, StoragePort};
use std::{slice, sync::Arc};
use uuid::Uuid;

async fn page(storage: &Arc<dyn StoragePort>, query: &CharacterQuery, request: PageRequest) -> Page<Character> {
    storage.list(query, request).await.expect("a list is answered").value
}

/// The names of each page.
async fn pages(storage: &Arc<dyn StoragePort>, query: &CharacterQuery, rows: u32) -> Vec<Vec<String>> {
    let mut request = PageRequest::first(limit(rows));
    let mut pages = Vec::new();
    for _ in 0..100 {
        let Page { items, next, .. } = page(storage, query, request.clone()).await;
        pages.push(items.into_iter().map(|row| row.name).collect());
        let Some(cursor) = next else { return pages };
        request = request.after(cursor);
    }
    panic!("the list does not end");
}

/// Four rows that differ in user, campaign, theme and activity, each combination told by its name.
async fn varied(storage: &Arc<dyn StoragePort>) -> (Vec<Character>, CampaignId) {
    let (campaign, users) = (CampaignId::new(), [UserId::new(), UserId::new()]);
    let mut rows = Vec::new();
    for (moment, row) in party(32).into_iter().enumerate() {
        let bit = |place: u32| moment >> place & 1 == 1;
        let mut row = Character {
            user_id: users[moment & 1],
            campaign_id: bit(1).then_some(campaign),
            theme: if bit(2) { "steampunk".to_owned() } else { row.theme },
            is_active: bit(3),
            ..row
        };
        row.meta.deleted_at = bit(4).then(|| at(50));
        rows.push(row);
    }
    create(storage, &rows).await;
    (rows, campaign)
}

async fn holds_what_matches(storage: &Arc<dyn StoragePort>, rows: &[Character], query: &CharacterQuery) {
    use character_storage_port::Query;
    let mut expected: Vec<_> = rows.iter().filter(|row| query.matches(row)).cloned().collect();
    sort(&mut expected);
    assert_eq!(names(&list(storage, query).await), names(&expected), "the list for {query:?}");
}

/// A list is ordered by `created_at`, the newest first, in whatever order the rows came.
pub async fn a_list_is_newest_first(storage: Arc<dyn StoragePort>) {
    let mut rows = party(5);
    // The newest row has the least id, or an order by id would pass for one by time.
    let descending: Vec<_> = rows.iter().rev().map(|row| row.id).collect();
    rows.iter_mut().zip(descending).for_each(|(row, id)| row.id = id);
    for place in [3, 0, 4, 1, 2] {
        create(&storage, &rows[place..=place]).await;
    }
    must(&storage, replacement(&rows[1], revision(1))).await;
    let expected = ["Member 4", "Member 3", "Member 2", "Member 1", "Member 0"];
    assert_eq!(names(&list(&storage, &of_user(rows[0].user_id)).await), expected);
}

/// Rows of the same microsecond are ordered by id, the greatest first, compared as sixteen unsigned bytes.
pub async fn rows_of_the_same_microsecond_are_ordered_by_id(storage: Arc<dyn StoragePort>) {
    let user = UserId::new();
    let numbers = [
        1_u128,
        2,
        0x7fff << 112,
        0x8000 << 112,
        0xffff << 112,
        0x00ff << 112,
        0x0100 << 112,
        0x80 << 56,
        0x7f << 56,
        (1 << 64) + 1,
        0xff00,
        0x00ff,
    ];
    let mut rows: Vec<_> = numbers
        .iter()
        .map(|number| Character { id: CharacterId(Uuid::from_u128(*number)), user_id: user, ..character() })
        .collect();
    create(&storage, &rows).await;
    sort(&mut rows);
    assert_eq!(ids(&list(&storage, &of_user(user)).await), ids(&rows));
    for size in [1, 5] {
        assert_eq!(ids(&walk(&storage, &of_user(user), size).await), ids(&rows));
    }
}

/// A list without a filter holds every live row.
pub async fn a_list_without_a_filter_holds_every_live_row(storage: Arc<dyn StoragePort>) {
    let (rows, _) = varied(&storage).await;
    holds_what_matches(&storage, &rows, &CharacterQuery::live()).await;
}

/// The filter by user holds the rows of that user only.
pub async fn the_filter_by_user_holds_the_rows_of_that_user(storage: Arc<dyn StoragePort>) {
    let (rows, _) = varied(&storage).await;
    let query = CharacterQuery { user_id: Some(rows[0].user_id), ..CharacterQuery::live() };
    holds_what_matches(&storage, &rows, &query).await;
}

/// The filter by campaign holds the rows in that campaign only.
pub async fn the_filter_by_campaign_holds_the_rows_in_it(storage: Arc<dyn StoragePort>) {
    let (rows, campaign) = varied(&storage).await;
    holds_what_matches(&storage, &rows, &of_campaign(campaign)).await;
}

/// The filter by theme holds the rows of that theme only.
pub async fn the_filter_by_theme_holds_the_rows_of_it(storage: Arc<dyn StoragePort>) {
    let (rows, _) = varied(&storage).await;
    let query = CharacterQuery { theme: Some("steampunk".to_owned()), ..CharacterQuery::live() };
    holds_what_matches(&storage, &rows, &query).await;
}

/// The filter by activity holds the rows in play only.
pub async fn the_filter_by_activity_holds_the_rows_in_play(storage: Arc<dyn StoragePort>) {
    let (rows, _) = varied(&storage).await;
    holds_what_matches(&storage, &rows, &CharacterQuery { active_only: true, ..CharacterQuery::live() }).await;
}

/// Filters given together all apply, in every combination.
pub async fn filters_given_together_all_apply(storage: Arc<dyn StoragePort>) {
    let (rows, campaign) = varied(&storage).await;
    for bits in 0..32_u32 {
        let bit = |place: u32| bits >> place & 1 == 1;
        let query = CharacterQuery {
            user_id: bit(0).then_some(rows[0].user_id),
            campaign_id: bit(1).then_some(campaign),
            theme: bit(2).then(|| "steampunk".to_owned()),
            active_only: bit(3),
            include_deleted: bit(4),
            ..CharacterQuery::live()
        };
        holds_what_matches(&storage, &rows, &query).await;
    }
}

/// A list in which there is no row is empty and has no next page.
pub async fn a_list_of_nothing_is_empty(storage: Arc<dyn StoragePort>) {
    create(&storage, &[character()]).await;
    let nobody = CharacterQuery { user_id: Some(UserId::new()), ..CharacterQuery::live() };
    let nowhere = of_campaign(CampaignId::new());
    let nothing = CharacterQuery { theme: Some(String::new()), ..CharacterQuery::live() };
    for query in [nobody, nowhere, nothing] {
        let page = page(&storage, &query, PageRequest::default()).await;
        assert_eq!((page.items.len(), page.next), (0, None), "{query:?}");
    }
}

/// Themes are compared exactly: no case folding, trimming, normalising, or wildcards.
pub async fn themes_are_compared_exactly(storage: Arc<dyn StoragePort>) {
    let themes = [
        "steampunk",
        "Steampunk",
        "STEAMPUNK",
        "steampunk ",
        " steampunk",
        "steam%",
        "steam_unk",
        "s%",
        "%",
        "_",
        "'",
        "''",
        "\"",
        "\\",
        "\\%",
        "a&b=c",
        "a+b",
        "a b",
        "a%20b",
        "caf\u{e9}",
        "cafe\u{301}",
        "stra\u{df}e",
        "strasse",
        "\u{1f409}",
        "#?/",
        "null",
        "0",
    ];
    let user = UserId::new();
    let rows: Vec<_> =
        themes.iter().map(|theme| Character { user_id: user, theme: (*theme).to_owned(), ..character() }).collect();
    create(&storage, &rows).await;
    for row in &rows {
        let query = CharacterQuery { theme: Some(row.theme.clone()), ..CharacterQuery::live() };
        assert_eq!(list(&storage, &query).await, slice::from_ref(row), "the theme {:?}", row.theme);
        let query = CharacterQuery { user_id: Some(user), ..query };
        assert_eq!(list(&storage, &query).await, slice::from_ref(row), "the theme {:?} of the user", row.theme);
    }
}

/// Seven rows in pages of three are pages of three, three and one.
pub async fn seven_rows_in_pages_of_three(storage: Arc<dyn StoragePort>) {
    let rows = party(7);
    create(&storage, &rows).await;
    let expected =
        [vec!["Member 6", "Member 5", "Member 4"], vec!["Member 3", "Member 2", "Member 1"], vec!["Member 0"]];
    assert_eq!(pages(&storage, &of_user(rows[0].user_id), 3).await, expected);
}

/// Pages of a single row see every row once.
pub async fn pages_of_one_row(storage: Arc<dyn StoragePort>) {
    let rows = party(5);
    create(&storage, &rows).await;
    let expected = [["Member 4"], ["Member 3"], ["Member 2"], ["Member 1"], ["Member 0"]];
    assert_eq!(pages(&storage, &of_user(rows[0].user_id), 1).await, expected);
}

/// A page of a thousand rows is allowed, and the row behind it is on the next.
pub async fn pages_of_a_thousand_rows(storage: Arc<dyn StoragePort>) {
    let rows = party(1001);
    create(&storage, &rows).await;
    let query = of_user(rows[0].user_id);
    let first = page(&storage, &query, PageRequest::first(limit(1000))).await;
    let cursor = first.next.expect("one row is behind it");
    assert_eq!((first.items.len(), first.items[999].id), (1000, rows[1].id));
    let second = page(&storage, &query, PageRequest::first(limit(1000)).after(cursor)).await;
    assert_eq!((ids(&second.items), second.next), (vec![rows[0].id], None));
}

/// A page has a next one if and only if there are more rows behind it, also when the last page is full.
pub async fn a_full_last_page_has_no_next(storage: Arc<dyn StoragePort>) {
    let rows = party(6);
    create(&storage, &rows).await;
    let query = of_user(rows[0].user_id);
    assert_eq!(pages(&storage, &query, 3).await.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3]);
    let whole = page(&storage, &query, PageRequest::first(limit(6))).await;
    assert_eq!((whole.items.len(), whole.next), (6, None));
    let end = page(&storage, &query, PageRequest::first(limit(2)).offset(4)).await;
    assert_eq!((end.items.len(), end.next), (2, None));
}

/// A page holds a hundred rows unless said otherwise.
pub async fn a_page_holds_a_hundred_rows_unless_said_otherwise(storage: Arc<dyn StoragePort>) {
    let rows = party(101);
    create(&storage, &rows).await;
    let page = page(&storage, &of_user(rows[0].user_id), PageRequest::default()).await;
    assert_eq!((page.items.len(), page.next.is_some()), (100, true));
}

/// Pages go through rows of the same microsecond without a gap or a repeat.
pub async fn pages_go_through_rows_of_the_same_microsecond(storage: Arc<dyn StoragePort>) {
    let user = UserId::new();
    let mut rows: Vec<_> =
        (0..11).map(|_| Character { id: CharacterId(Uuid::new_v4()), user_id: user, ..character() }).collect();
    create(&storage, &rows).await;
    sort(&mut rows);
    for size in [1, 2, 4, 11] {
        assert_eq!(ids(&walk(&storage, &of_user(user), size).await), ids(&rows), "in pages of {size}");
    }
}

/// Pages of a filtered list miss and repeat nothing.
pub async fn pages_of_a_filtered_list(storage: Arc<dyn StoragePort>) {
    use character_storage_port::Query;
    let (rows, campaign) = varied(&storage).await;
    let query = CharacterQuery { active_only: true, include_deleted: true, ..of_campaign(campaign) };
    let mut expected: Vec<_> = rows.into_iter().filter(|row| query.matches(row)).collect();
    sort(&mut expected);
    assert_eq!(expected.len(), 8);
    assert_eq!(names(&walk(&storage, &query, 3).await), names(&expected));
}

/// Rows that are there throughout are seen once each, while others come and go between the pages.
pub async fn a_cursor_is_not_shifted_by_rows_that_come_and_go(storage: Arc<dyn StoragePort>) {
    let rows = party(20);
    create(&storage, &rows).await;
    let query = CharacterQuery { user_id: Some(rows[0].user_id), ..CharacterQuery::live() };
    let mut request = PageRequest::first(limit(4));
    let mut seen = Vec::new();
    for round in 0..5 {
        let page = page(&storage, &query, request.clone()).await;
        seen.extend(page.items.iter().map(|row| row.id));
        // Two rows in front of the place and one behind it come, and the last row seen goes, to which the cursor
        // points: two and not one, or the rows in front would be as many as before.
        let number = i64::from(round);
        for (moment, name) in [(1000 + number, "newer"), (2000 + number, "newest"), (-1000 - number, "older")] {
            let row = Character::new(rows[0].user_id, name, at(moment));
            create(&storage, slice::from_ref(&row)).await;
        }
        if let Some(last) = page.items.last() {
            must(&storage, deletion(last.id, Expect::Any)).await;
        }
        match page.next {
            Some(cursor) => request = request.after(cursor),
            None => break,
        }
    }
    let mut expected = ids(&rows);
    expected.reverse();
    let seen: Vec<_> = seen.into_iter().filter(|id| expected.contains(id)).collect();
    assert_eq!(seen, expected);
}

/// Rows that are there throughout are seen once each while other tasks write all the time.
pub async fn pages_are_stable_while_others_write(storage: Arc<dyn StoragePort>) {
    let rows = party(60);
    create(&storage, &rows).await;
    let writer = {
        let (storage, user) = (Arc::clone(&storage), rows[0].user_id);
        tokio::spawn(async move {
            for moment in 0..20 {
                let row = Character::new(user, "passing", at(moment * 3));
                create(&storage, slice::from_ref(&row)).await;
                must(&storage, deletion(row.id, Expect::Any)).await;
            }
        })
    };
    let query = CharacterQuery { user_id: Some(rows[0].user_id), ..CharacterQuery::live() };
    let mut expected = ids(&rows);
    expected.reverse();
    loop {
        let last_look = writer.is_finished();
        let seen = walk_loosely(&storage, &query).await;
        let seen: Vec<_> = seen.into_iter().filter(|id| expected.contains(id)).collect();
        assert_eq!(seen, expected);
        if last_look {
            break;
        }
        // A storage that answers without waiting must still let the writer run.
        tokio::task::yield_now().await;
    }
    writer.await.expect("the writer ends");
}

async fn walk_loosely(storage: &Arc<dyn StoragePort>, query: &CharacterQuery) -> Vec<CharacterId> {
    let mut request = PageRequest::first(limit(7));
    let mut seen = Vec::new();
    loop {
        let page = page(storage, query, request.clone()).await;
        seen.extend(ids(&page.items));
        assert!(seen.len() < 1000, "the list does not end");
        let Some(cursor) = page.next else { return seen };
        request = request.after(cursor);
    }
}

/// A cursor is a place: it works when its row was deleted, and when there never was one.
pub async fn a_cursor_is_a_place_and_needs_no_row(storage: Arc<dyn StoragePort>) {
    let rows = party(6);
    create(&storage, &rows).await;
    let query = CharacterQuery { user_id: Some(rows[0].user_id), ..CharacterQuery::live() };
    let request = PageRequest::first(limit(2));
    let cursor = page(&storage, &query, request.clone()).await.next.expect("four rows follow");
    must(&storage, deletion(rows[4].id, Expect::Any)).await;
    assert_eq!(names(&page(&storage, &query, request.clone().after(cursor)).await.items), ["Member 3", "Member 2"]);
    for (id, expected) in [(Uuid::nil(), ["Member 1", "Member 0"]), (Uuid::max(), ["Member 2", "Member 1"])] {
        let place = Cursor::newest_first(at(2), id);
        assert_eq!(names(&page(&storage, &query, request.clone().after(place)).await.items), expected);
    }
    let behind = Cursor::newest_first(at(-1), Uuid::max());
    let empty = page(&storage, &query, request.clone().after(behind)).await;
    assert_eq!((empty.items.len(), empty.next), (0, None));
}

/// A cursor names the last row of its page and works after it was written out and read in again.
pub async fn a_cursor_names_the_last_row_and_survives_text(storage: Arc<dyn StoragePort>) {
    let rows = party(4);
    create(&storage, &rows).await;
    let query = of_user(rows[0].user_id);
    let request = PageRequest::first(limit(3));
    let cursor = page(&storage, &query, request.clone()).await.next.expect("one row follows");
    assert_eq!(cursor, Cursor::newest_first(rows[1].meta.created_at, rows[1].id.0));
    let read: Cursor = cursor.to_string().parse().expect("its own text");
    assert_eq!(names(&page(&storage, &query, request.clone().after(read)).await.items), ["Member 0"]);
}

/// An offset leaves out that number of the newest rows.
pub async fn an_offset_leaves_out_so_many_rows(storage: Arc<dyn StoragePort>) {
    let rows = party(7);
    create(&storage, &rows).await;
    let query = of_user(rows[0].user_id);
    let request = PageRequest::first(limit(3));
    for (offset, expected, more) in [
        (0, &["Member 6", "Member 5", "Member 4"][..], true),
        (1, &["Member 5", "Member 4", "Member 3"], true),
        (3, &["Member 3", "Member 2", "Member 1"], true),
        (4, &["Member 2", "Member 1", "Member 0"], false),
        (6, &["Member 0"], false),
    ] {
        let page = page(&storage, &query, request.clone().offset(offset)).await;
        assert_eq!((names(&page.items), page.next.is_some()), (expected.to_vec(), more), "offset {offset}");
    }
}

/// A list continues by cursor from a page that was asked for by offset.
pub async fn a_page_by_offset_goes_on_by_cursor(storage: Arc<dyn StoragePort>) {
    let rows = party(7);
    create(&storage, &rows).await;
    let query = of_user(rows[0].user_id);
    let request = PageRequest::first(limit(2));
    let cursor = page(&storage, &query, request.clone().offset(2)).await.next.expect("three rows follow");
    assert_eq!(names(&page(&storage, &query, request.clone().after(cursor)).await.items), ["Member 2", "Member 1"]);
}

/// An offset at or past the end gives an empty page without a next one, however large it is.
pub async fn an_offset_past_the_end_is_empty(storage: Arc<dyn StoragePort>) {
    let rows = party(3);
    create(&storage, &rows).await;
    for offset in [3, 4, 1_000_000, u32::MAX] {
        let page = page(&storage, &of_user(rows[0].user_id), PageRequest::default().offset(offset)).await;
        assert_eq!((page.items.len(), page.next), (0, None), "offset {offset}");
    }
}

/// Find and every list agree with each other about every row.
///
/// Lesson 6: the revision of each row of a list is that of this row.
pub async fn find_and_every_list_agree(storage: Arc<dyn StoragePort>) {
    let (rows, _) = varied(&storage).await;
    Model::of(&rows).agrees_with(&storage).await;
}
