//! What the port must know of a kind of row.

use crate::{Change, ChangeKind, DomainEvent, EntityKind, EventData, Order, RowChanged, StoredRow, Write};
use character_domain::{CharacterId, Meta, Timestamp, Violation, Violations, text};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    fmt::{self, Debug, Display},
    hash::Hash,
    str::FromStr,
};
use uuid::Uuid;

/// A kind of row that the port stores: plain data with an id and a [`Meta`] block.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no kind of row: it does not implement `Entity`",
    note = "implement it with `entity!` in crates/storage-port/src: step 3 of docs/adding-an-aggregate.md"
)]
pub trait Entity: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Its identifier.
    type Id: Copy
        + Debug
        + Display
        + FromStr
        + Eq
        + Ord
        + Hash
        + From<Uuid>
        + Into<Uuid>
        + Serialize
        + DeserializeOwned
        + Send
        + Sync
        + 'static;
    /// How lists of it are filtered.
    type Query: Query<Self>;
    /// Which kind it is.
    const KIND: EntityKind;
    /// The operation name of a find, for errors, metrics and spans.
    const FIND: &'static str = Self::KIND.find();
    /// The operation name of a list.
    const LIST: &'static str = Self::KIND.list();
    /// The operation name of a count.
    const COUNT: &'static str = Self::KIND.count();
    /// The fields that name its owners, in the order of [`scopes`](Entity::scopes).
    const OWNERS: &'static [&'static str];

    /// Its identity.
    fn id(&self) -> Self::Id;
    /// Its revision and times.
    fn meta(&self) -> &Meta;
    /// Its revision and times, to be set by a storage.
    fn meta_mut(&mut self) -> &mut Meta;
    /// Every rule it breaks by itself; a storage refuses it as `Invalid` unless there is none.
    fn check(&self) -> Violations;
    /// The lists it appears in: that of all rows of its kind, and those of its owners.
    fn scopes(&self) -> Vec<Scope>;
    /// Its owners alone.
    fn owners(&self) -> Vec<Scope>;
    /// The name by which lists of its kind can be ordered; empty for a kind whose lists cannot.
    fn name(&self) -> &str {
        ""
    }
    /// The event by which the operations of [`StorageExt`](crate::StorageExt) report such a change of this row at `at`;
    /// `None` for a kind whose changes are not reported.
    fn event(&self, change: ChangeKind, at: Timestamp) -> Option<DomainEvent>;
    /// A change of this kind of row, as a write.
    fn write(change: Change<Self>) -> Write;
    /// This row, as one of any kind.
    fn into_row(self) -> StoredRow;
}

/// A kind of row that belongs to one character permanently.
pub trait Owned: Entity {
    /// Makes the data of the event that reports a change of one row; the data decide the type of the event.
    const EVENT: fn(RowChanged) -> EventData;

    /// Whose it is.
    fn character_id(&self) -> CharacterId;
}

/// A filter over one kind of row.
///
/// `matches` is the definition; a storage answers the same from its indexes.
pub trait Query<E>: Clone + Debug + Default + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The query for every row of the kind, soft-deleted ones too, newest first.
    fn everything() -> Self;
    /// Whether the row belongs in the list, soft-deletion included.
    fn matches(&self, entity: &E) -> bool;
    /// The narrowest [`Scope`] that holds every row of the list.
    fn scope(&self) -> Scope;
    /// Each filter that is larger than the field that it is compared with; no row could match it.
    /// [`check_list`](crate::check_list) refuses a query with any.
    fn check(&self) -> Violations;
    /// The order of the list.
    fn order(&self) -> Order {
        Order::NEWEST_FIRST
    }
}

/// Implements [`Entity`] for a type of the domain that has the fields `id` and `meta` and the method `check`. The block
/// names the owners in whose lists a row appears, beside the list of all. `ordered by` names the field by which lists can be
/// ordered. `event` makes the data of the event that reports a change, for a type that has the field `character_id` and is
/// [`Owned`]; `reported by` is the function that makes the event of another type, if any.
macro_rules! entity {
    (
        $entity:ident, $id:ident, $query:ident, |$row:ident| [$(($field:literal, $owner:expr)),+ $(,)?]
        $(, ordered by $ordered:ident)? $(, event $event:expr)? $(, reported by $make:expr)? $(,)?
    ) => {
        $(
            impl $crate::Owned for character_domain::$entity {
                const EVENT: fn($crate::RowChanged) -> $crate::EventData = $event;
                fn character_id(&self) -> character_domain::CharacterId {
                    self.character_id
                }
            }
        )?

        impl $crate::Entity for character_domain::$entity {
            type Id = character_domain::$id;
            type Query = $query;
            const KIND: $crate::EntityKind = $crate::EntityKind::$entity;
            const OWNERS: &'static [&'static str] = &[$($field),+];

            fn id(&self) -> Self::Id {
                self.id
            }
            fn meta(&self) -> &character_domain::Meta {
                &self.meta
            }
            fn meta_mut(&mut self) -> &mut character_domain::Meta {
                &mut self.meta
            }
            fn check(&self) -> character_domain::Violations {
                self.check()
            }
            fn scopes(&self) -> Vec<$crate::Scope> {
                std::iter::once($crate::Scope::All).chain(self.owners()).collect()
            }
            fn owners(&self) -> Vec<$crate::Scope> {
                let $row = self;
                let owners: [Option<uuid::Uuid>; Self::OWNERS.len()] = [$($owner),+];
                let owners = Self::OWNERS.iter().zip(owners);
                owners.filter_map(|(field, id)| Some($crate::Scope::Owner(field, id?))).collect()
            }
            $(fn name(&self) -> &str {
                &self.$ordered
            })?
            $(fn event(&self, change: $crate::ChangeKind, at: character_domain::Timestamp) -> Option<$crate::DomainEvent> {
                const _: fn($crate::RowChanged) -> $crate::EventData = $event;
                Some($crate::row_event::<Self>(self.character_id, self.id, change, at))
            })?
            $(fn event(&self, change: $crate::ChangeKind, at: character_domain::Timestamp) -> Option<$crate::DomainEvent> {
                let make: fn(&Self, $crate::ChangeKind, character_domain::Timestamp) -> Option<$crate::DomainEvent> = $make;
                make(self, change, at)
            })?
            fn write(change: $crate::Change<Self>) -> $crate::Write {
                $crate::Write::$entity(change)
            }
            fn into_row(self) -> $crate::StoredRow {
                $crate::StoredRow::$entity(self)
            }
        }
    };
}
pub(crate) use entity;

/// Whether the name contains what is wanted, if anything is. Both are compared in their folded form.
pub(crate) fn name_contains(name: &str, wanted: Option<&String>) -> bool {
    wanted.is_none_or(|wanted| text::folded(name).contains(&text::folded(wanted)))
}

/// The texts of a filter that are longer than their fields may be, in Unicode scalar values.
pub(crate) fn too_long<const N: usize>(texts: [(&'static str, Option<&String>, usize); N]) -> Violations {
    let is_too_long = |text: &String, max| text.chars().nth(max).is_some();
    let fault = |(field, text, max): (&str, Option<&String>, usize)| {
        text.filter(|text| is_too_long(text, max))
            .map(|_| Violation::new(field, format!("must not be longer than {max} characters")))
    };
    texts.into_iter().filter_map(fault).collect()
}

/// The narrowest of the lists that a query names: the first owner that is given.
pub(crate) fn narrowest<const N: usize>(owners: [(&'static str, Option<Uuid>); N]) -> Scope {
    owners.into_iter().find_map(|(field, id)| Some(Scope::Owner(field, id?))).unwrap_or(Scope::All)
}

/// A set of rows that lists are drawn from, such as all rows of one user. A cache forgets the lists of a
/// scope when a row in it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Every row of the kind.
    All,
    /// The rows that belong to one owner, named by the field that says so: `("user_id", …)`.
    Owner(&'static str, Uuid),
}

impl Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Owner(field, id) => write!(f, "{field}:{id}"),
        }
    }
}
