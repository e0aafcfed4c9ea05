//! Lists for readers: one page, and on request the number of rows in the whole list.

use crate::{Result, StorageContext};
use character_storage_port::{
    Cursor, Entity, Page, PageRequest, Read, Rows, Source, Start, StoragePort, Store, UnreadableRow,
};

/// Whether the rows of the whole list are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Total {
    /// They are not.
    #[default]
    Omitted,
    /// They are. That may cost as much as reading the whole list.
    Counted,
}

/// What a reader wants of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListRequest {
    /// Which page.
    pub page: PageRequest,
    /// Whether the whole list is counted.
    pub total: Total,
}

impl From<PageRequest> for ListRequest {
    fn from(page: PageRequest) -> Self {
        Self { page, total: Total::Omitted }
    }
}

/// One page of a list, and the number of rows on all pages when the request asked for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed<E> {
    /// The readable rows, in the order of the list.
    pub items: Rows<E>,
    /// Where the next page starts; `None` at the end of the list.
    pub next: Option<Cursor>,
    /// The rows of this page that cannot be read.
    pub unreadable: Vec<UnreadableRow>,
    /// The number of rows in the whole list, unreadable ones included, a moment after the page was read.
    pub total: Option<u64>,
}

impl<E> From<Page<E>> for Listed<E> {
    fn from(page: Page<E>) -> Self {
        let Page { items, next, unreadable } = page;
        Self { items, next, unreadable, total: None }
    }
}

impl<E: Entity> Listed<E> {
    /// The page, when each of its rows could be read. An act that decides by a list reads it in this way.
    ///
    /// # Errors
    /// `Corrupt`, which names the first unreadable row.
    pub fn complete(self) -> character_storage_port::Result<Self> {
        let Self { items, next, unreadable, total } = self;
        let page = Page { items, next, unreadable }.complete()?;
        Ok(Self { total, ..Self::from(page) })
    }
}

/// The number of rows in the whole list, when the page shows where the list begins and ends. A stale page shows where it ended.
pub(crate) fn shown_total<E>(start: &Start, read: &Read<Page<E>>) -> Option<u64> {
    let Read { value: page, source } = read;
    let rows = u64::try_from(page.items.len() + page.unreadable.len()).ok()?;
    match start {
        _ if page.next.is_some() || matches!(source, Source::Stale { .. }) => None,
        Start::First => Some(rows),
        // An empty page may be anywhere behind the end.
        Start::Offset(before) if rows > 0 => Some(u64::from(*before) + rows),
        Start::Offset(_) | Start::After(_) => None,
    }
}

impl StorageContext {
    /// One page of a list. The rows are counted only where the page itself does not show their number.
    pub(crate) async fn list<E: Entity>(&self, query: &E::Query, wanted: ListRequest) -> Result<Read<Listed<E>>>
    where
        dyn StoragePort: Store<E>,
    {
        let ListRequest { page, total } = wanted;
        let start = page.start.clone();
        let read: Read<Page<E>> = self.storage().list(query, page).await?;
        let total = match (total, shown_total(&start, &read)) {
            (Total::Omitted, _) => None,
            (Total::Counted, Some(rows)) => Some(rows),
            (Total::Counted, None) => Some(Store::<E>::count(self.storage(), query).await?),
        };
        Ok(read.map(|page| Listed { total, ..Listed::from(page) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use character_domain::{Character, UserId, now};
    use character_storage_port::{CharacterQuery, Limit, MemoryStorage, StaleReason, StorageError, StorageExt, Tier};
    use character_storage_testkit::{MockStorage, Operation, ScriptedFaults};
    use std::{sync::Arc, time::Duration};

    #[tokio::test]
    async fn rows_are_counted_only_on_request_and_where_the_page_does_not_show_their_number() {
        let storage = ScriptedFaults::new(Arc::new(MemoryStorage::new()));
        for number in 0..5 {
            storage.create_character(Character::new(UserId::new(), format!("Hero {number}"), now())).await.unwrap();
        }
        let context = StorageContext::new(Arc::new(storage.clone()));
        let page = |limit| PageRequest::first(Limit::new(limit).unwrap());
        let cursor = context.list::<Character>(&CharacterQuery::default(), page(4).into()).await.unwrap().value.next;
        let mut counted = 0;
        for (request, is_counted) in [
            (page(5), false),
            (page(4), true),
            (page(3).offset(2), false),
            (page(3).offset(1), true),
            (page(3).offset(5), true),
            (page(3).after(cursor.unwrap()), true),
        ] {
            let wanted = ListRequest { page: request.clone(), total: Total::Counted };
            let listed = context.list::<Character>(&CharacterQuery::default(), wanted).await.unwrap().value;
            counted += usize::from(is_counted);
            assert_eq!((listed.total, storage.calls(Operation::Count)), (Some(5), counted), "{request:?}");
            let listed = context.list::<Character>(&CharacterQuery::default(), request.into()).await.unwrap().value;
            assert_eq!((listed.total, storage.calls(Operation::Count)), (None, counted));
        }
    }

    #[tokio::test]
    async fn the_total_of_a_list_is_never_read_off_a_page_that_may_be_out_of_date() {
        for counted in [Some(7), None] {
            let mut mock = MockStorage::new();
            mock.expect_list::<Character>().returning(|_, _| {
                let (tier, age, reason) = (Tier::Local, Duration::from_secs(9), StaleReason::Unavailable);
                let page = Page::new(vec![Character::new(UserId::new(), "Hero", now())], None);
                Ok(Read { value: page, source: Source::Stale { tier, age, reason } })
            });
            mock.expect_count::<Character>()
                .returning(move |_| counted.ok_or_else(|| StorageError::unavailable("character.count")));
            let context = StorageContext::new(Arc::new(mock));
            let query = CharacterQuery::default();
            let list = |total| context.list::<Character>(&query, ListRequest { page: PageRequest::default(), total });
            assert_eq!(list(Total::Omitted).await.unwrap().value.total, None);
            assert_eq!(list(Total::Counted).await.ok().map(|read| read.value.total), counted.map(Some));
        }
    }
}
