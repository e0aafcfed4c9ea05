//! Lists in pages.

use crate::{Cursor, Entity, ErrorKind, Order, Query, Result, Rows, StorageError};
use character_domain::{Violations, size};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The largest size of a page behind its first row, in bytes. Each row counts as its JSON text, and an unreadable row
/// as the texts that are stored of it. A page may hold one row of any size.
pub const MAX_PAGE_BYTES: usize = 8 * 1024 * 1024;

/// The maximum number of rows of a page: 1 to 1000. Default: 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limit(u32);

impl Limit {
    /// The largest page.
    pub const MAX: Self = Self(1000);

    /// `None` outside 1 to 1000.
    #[must_use]
    pub fn new(limit: u32) -> Option<Self> {
        (1..=Self::MAX.0).contains(&limit).then_some(Self(limit))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

/// The number of rows is not from 1 to 1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be from 1 to 1000, not {0}")]
pub struct InvalidLimit(pub u32);

impl TryFrom<u32> for Limit {
    type Error = InvalidLimit;

    fn try_from(limit: u32) -> Result<Self, InvalidLimit> {
        Self::new(limit).ok_or(InvalidLimit(limit))
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(100)
    }
}

/// Where a page starts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Start {
    /// At the first row of the list.
    #[default]
    First,
    /// After this number of rows. Rows that are created or deleted between two pages shift it; a cursor is not shifted.
    Offset(u32),
    /// Behind the place that the cursor names.
    After(Cursor),
}

/// Which page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PageRequest {
    /// The maximum number of rows. A page may be shorter, because of [`MAX_PAGE_BYTES`], and have a next one.
    pub limit: Limit,
    /// Where it starts.
    pub start: Start,
}

impl PageRequest {
    /// The first page of at most `limit` rows.
    #[must_use]
    pub fn first(limit: Limit) -> Self {
        Self { limit, start: Start::First }
    }

    /// The page behind `cursor`.
    #[must_use]
    pub fn after(self, cursor: Cursor) -> Self {
        Self { start: Start::After(cursor), ..self }
    }

    /// The page that leaves out the first `rows` rows.
    #[must_use]
    pub fn offset(self, rows: u32) -> Self {
        Self { start: Start::Offset(rows), ..self }
    }

    /// Refuses a cursor of another order.
    ///
    /// # Errors
    /// A violation of the field `cursor`.
    pub fn check(&self, order: Order) -> Result<(), Violations> {
        match &self.start {
            Start::After(cursor) if cursor.order() != order => {
                let reason = format!("belongs to a list in the order {}, not {order}", cursor.order());
                Err(Violations::one("cursor", reason))
            }
            _ => Ok(()),
        }
    }
}

/// Refuses a page that the list of this query does not have, and a filter that no row could match because it is larger
/// than its field. A storage begins [`list`](crate::Store::list) with it.
///
/// # Errors
/// `Invalid`.
pub fn check_list<E: Entity>(query: &E::Query, page: &PageRequest) -> Result<()> {
    let mut violations = query.check();
    if let Err(fault) = page.check(query.order()) {
        violations.append(fault);
    }
    violations.into_result().map_err(|violations| StorageError::invalid(violations, E::LIST))
}

/// Refuses to count by a filter that no row could match because it is larger than its field. A storage begins
/// [`count`](crate::Store::count) with it.
///
/// # Errors
/// `Invalid`.
pub fn check_count<E: Entity>(query: &E::Query) -> Result<()> {
    query.check().into_result().map_err(|violations| StorageError::invalid(violations, E::COUNT))
}

/// Part of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Page<E> {
    /// The readable rows, in the order of the list.
    pub items: Rows<E>,
    /// Where the next page starts; `None` at the end of the list.
    pub next: Option<Cursor>,
    /// The rows of this page that cannot be read. They count for `limit` and have their places in the list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<UnreadableRow>,
}

impl<E> Page<E> {
    /// A page of these rows, each of which could be read.
    #[must_use]
    pub fn new(items: impl Into<Rows<E>>, next: Option<Cursor>) -> Self {
        Self { items: items.into(), next, unreadable: Vec::new() }
    }
}

impl<E: Entity> Page<E> {
    /// The page, when each of its rows could be read. An act that decides by a list reads it in this way.
    ///
    /// # Errors
    /// `Corrupt`, which names the first unreadable row.
    pub fn complete(self) -> Result<Self> {
        match self.unreadable.first() {
            None => Ok(self),
            Some(row) => {
                let error = StorageError::new(ErrorKind::Corrupt, E::LIST).with_entity(E::KIND, row.id);
                Err(error.with_applied(crate::Applied::No).with_detail(row.problem.clone()))
            }
        }
    }
}

/// A row of a list that is stored in a form that cannot be read. [`find`](crate::Store::find) of it is `Corrupt`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreadableRow {
    /// Its place in the page, 0 for the first, with readable and unreadable rows counted together.
    pub position: usize,
    /// Its id.
    pub id: Uuid,
    /// What is wrong with it, without its contents.
    pub problem: String,
}

/// Puts rows into a page until it is full, by number or by size.
///
/// ```
/// use character_domain::{Character, UserId, now};
/// use character_storage_port::{CharacterQuery, Limit, PageBuilder};
///
/// let mut page = PageBuilder::new(&CharacterQuery::default(), Limit::new(1).unwrap());
/// let row = Character::new(UserId::new(), "Torormir", now());
/// assert!(page.push(row.clone()));
/// assert!(!page.push(row), "a page of one row is full");
/// assert!(page.finish().next.is_some());
/// ```
#[derive(Debug)]
pub struct PageBuilder<E> {
    order: Order,
    limit: usize,
    bytes: usize,
    items: Vec<E>,
    unreadable: Vec<UnreadableRow>,
    next: Option<Cursor>,
    last: Option<Cursor>,
}

impl<E: Entity> PageBuilder<E> {
    /// An empty page of the list of this query.
    #[must_use]
    pub fn new(query: &E::Query, limit: Limit) -> Self {
        let (items, unreadable) = (Vec::new(), Vec::new());
        let (order, limit) = (query.order(), limit.get() as usize);
        Self { order, limit, bytes: 0, items, unreadable, next: None, last: None }
    }

    /// Adds the next row of the list. `false`: the page is full, and the row is on the next one.
    #[must_use]
    pub fn push(&mut self, row: E) -> bool {
        let fits =
            self.has_room_for(size::within(MAX_PAGE_BYTES, &row).unwrap_or(usize::MAX), Cursor::of(&row, self.order));
        if fits {
            self.items.push(row);
        }
        fits
    }

    /// As [`push`](Self::push), for a row that cannot be read: its place, the bytes that are stored of it, and what is
    /// wrong with it.
    #[must_use]
    pub fn push_unreadable(&mut self, place: Cursor, bytes: usize, problem: String) -> bool {
        let (position, id) = (self.len(), place.id);
        let fits = self.has_room_for(bytes, place);
        if fits {
            self.unreadable.push(UnreadableRow { position, id, problem });
        }
        fits
    }

    /// The page.
    #[must_use]
    pub fn finish(self) -> Page<E> {
        Page { items: self.items.into(), next: self.next, unreadable: self.unreadable }
    }

    fn len(&self) -> usize {
        self.items.len() + self.unreadable.len()
    }

    fn has_room_for(&mut self, bytes: usize, place: Cursor) -> bool {
        let bytes = self.bytes.saturating_add(bytes);
        if self.next.is_some() || self.len() == self.limit || (self.last.is_some() && bytes > MAX_PAGE_BYTES) {
            if self.next.is_none() {
                self.next.clone_from(&self.last);
            }
            return false;
        }
        self.bytes = bytes;
        self.last = Some(place);
        true
    }
}
