//! Invariant 7: pages are bounded in bytes.

use crate::{
    kinds::{page, put, with},
    sample::{at, limit},
};
use character_domain::{CharacterId, Document, InventoryItem};
use character_storage_port::{Entity, InventoryItemQuery, MAX_PAGE_BYTES, Page, PageRequest, StoragePort};
use serde_json::json;
use std::sync::Arc;

/// The number of bytes that a row counts for.
fn size<E: Entity>(row: &E) -> usize {
    serde_json::to_string(row).map(|text| text.len()).unwrap_or_default()
}

/// A sheet that makes a row of about this size.
fn sheet(bytes: usize) -> Document {
    Document::from(
        json!({ "story": format!("\n\u{1f409}{}", "x".repeat(bytes)) }).as_object().cloned().unwrap_or_default(),
    )
}

/// Rows of about a mebibyte and, between them, small ones, newest first.
async fn large_items(storage: &Arc<dyn StoragePort>) -> (Vec<InventoryItem>, InventoryItemQuery) {
    let first = InventoryItem::new(CharacterId::new(), "Tome 0", at(0));
    let mut rows = Vec::new();
    for number in 0..13 {
        let row = InventoryItem::new(first.character_id, format!("Tome {number}"), at(number));
        let bytes = if number % 4 == 3 { 20 } else { 1_000_000 };
        rows.push(with(&row, |row| row.data = sheet(bytes)));
    }
    for row in &rows {
        put(storage, std::slice::from_ref(row)).await;
    }
    rows.reverse();
    (rows, InventoryItemQuery { character_id: Some(first.character_id), ..InventoryItemQuery::default() })
}

/// The rows from this one on that fit into a page.
fn fitting<E: Entity>(rows: &[E]) -> usize {
    let mut bytes = 0;
    let fits = rows.iter().enumerate().take_while(|(place, row)| {
        bytes += size(*row);
        *place == 0 || bytes <= MAX_PAGE_BYTES
    });
    fits.count()
}

/// A page ends before the row that would make it larger than `MAX_PAGE_BYTES`, and continues behind it: pages are as long
/// as they may be, and join to the whole list.
pub async fn a_page_ends_before_it_exceeds_its_bytes(storage: Arc<dyn StoragePort>) {
    let (rows, query) = large_items(&storage).await;
    for most in [1000, 5] {
        let (mut request, mut from) = (PageRequest::first(limit(most)), 0);
        while from < rows.len() {
            let Page { items, next, .. } = page::<InventoryItem>(&storage, &query, request.clone()).await;
            let expected = fitting(&rows[from..]).min(most as usize);
            assert!(items == rows[from..from + expected], "a page of {} rows instead of {expected}", items.len());
            assert_eq!(next.is_some(), from + expected < rows.len(), "whether rows follow on row {}", from + expected);
            from += expected;
            let Some(cursor) = next else { break };
            request = request.after(cursor);
        }
        assert_eq!(from, rows.len(), "the list ends too early");
    }
    // A list without an owner is bounded too.
    let all = page::<InventoryItem>(&storage, &InventoryItemQuery::default(), PageRequest::default()).await;
    assert_eq!((all.items.len(), all.next.is_some()), (fitting(&rows), true));
}

/// A page by offset is bounded in the same way, and continues by its cursor.
pub async fn a_page_by_offset_ends_before_it_exceeds_its_bytes(storage: Arc<dyn StoragePort>) {
    let (rows, query) = large_items(&storage).await;
    for from in [1, 12] {
        let request = PageRequest::first(limit(100));
        let offset = u32::try_from(from).unwrap_or_default();
        let by_offset = page::<InventoryItem>(&storage, &query, request.clone().offset(offset)).await;
        let to = from + fitting(&rows[from..]);
        assert!(by_offset.items == rows[from..to], "{} rows from offset {from}", by_offset.items.len());
        assert_eq!(by_offset.next.is_some(), to < rows.len());
        if let Some(cursor) = by_offset.next {
            let rest = page::<InventoryItem>(&storage, &query, request.after(cursor)).await;
            assert!(
                rest.items == rows[to..to + fitting(&rows[to..])],
                "{} rows behind offset {from}",
                rest.items.len()
            );
        }
    }
}
