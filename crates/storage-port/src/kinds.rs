//! The one list of the kinds of rows, and the macros that walk it.

/// Calls a macro with the list of the kinds of rows, in the order of [`EntityKind::ALL`](crate::EntityKind::ALL): for each
/// the type in `character-domain`, the name of one row, and the name of its collection. All code that must cover every
/// kind comes from this list, so that a kind is added here and nowhere else.
///
/// ```
/// macro_rules! count {
///     ($(($kind:ident, $one:literal, $collection:literal))+) => { [$($one),+].len() };
/// }
/// assert_eq!(character_storage_port::for_each_kind!([count]), character_storage_port::EntityKind::ALL.len());
/// ```
#[macro_export]
macro_rules! for_each_kind {
    ([$($callback:tt)+] $($argument:tt)*) => {
        $($callback)+! {
            $($argument)*
            (Character, "character", "characters")
            (Campaign, "campaign", "campaigns")
            (InventoryItem, "inventory_item", "inventory_items")
            (JournalEntry, "journal_entry", "journal_entries")
            (ExperienceEntry, "experience_entry", "experience_entries")
            (Quest, "quest", "quests")
            (NpcRelationship, "npc_relationship", "npc_relationships")
            (CampaignEvent, "campaign_event", "campaign_events")
            (EventImpact, "event_impact", "event_impacts")
            (CharacterProgress, "character_progress", "character_progress")
            (CharacterVersion, "character_version", "character_versions")
        }
    };
}

/// Runs `$body` with `$change` bound to the typed [`Change`](crate::Change) inside a [`Write`](crate::Write).
#[macro_export]
macro_rules! for_write {
    ($write:expr, $change:ident => $body:expr) => {
        $crate::for_each_kind!([$crate::__match_kind] Write, $write, $change, $body;)
    };
}

/// Runs `$body` with `$row` bound to the typed row inside a [`StoredRow`](crate::StoredRow).
#[macro_export]
macro_rules! for_row {
    ($stored:expr, $row:ident => $body:expr) => {
        $crate::for_each_kind!([$crate::__match_kind] StoredRow, $stored, $row, $body;)
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __match_kind {
    ($of:ident, $value:expr, $bound:ident, $body:expr; $(($kind:ident, $one:literal, $collection:literal))+) => {
        match $value {
            $($crate::$of::$kind($bound) => $body,)+
        }
    };
}

/// Runs `$body` once for each kind of row, in the order of [`EntityKind::ALL`](crate::EntityKind::ALL), with its type
/// named `$row`. Returns an array of the results.
#[macro_export]
macro_rules! every_kind {
    ($row:ident => $body:expr) => {
        $crate::for_each_kind!([$crate::__array_of_kinds] $row, $body;)
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __array_of_kinds {
    ($row:ident, $body:expr; $(($kind:ident, $one:literal, $collection:literal))+) => {
        [$({ type $row = $crate::character_domain::$kind; $body }),+]
    };
}

macro_rules! define {
    ($(($kind:ident, $one:literal, $collection:literal))+) => {
        /// The kinds of rows, each named after its type in `character-domain`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum EntityKind {
            $(
                #[doc = concat!("[`", stringify!($kind), "`](character_domain::", stringify!($kind), ").")]
                $kind,
            )+
        }

        impl EntityKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind),+];

            /// The name of one row: `character`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $one,)+
                }
            }

            /// The name of the collection, as in paths and tables: `characters`.
            #[must_use]
            pub const fn collection(self) -> &'static str {
                match self {
                    $(Self::$kind => $collection,)+
                }
            }

            /// The operation name of a find, for errors, metrics and spans: `character.find`.
            #[must_use]
            pub const fn find(self) -> &'static str {
                match self {
                    $(Self::$kind => concat!($one, ".find"),)+
                }
            }

            /// The operation name of a list: `character.list`.
            #[must_use]
            pub const fn list(self) -> &'static str {
                match self {
                    $(Self::$kind => concat!($one, ".list"),)+
                }
            }

            /// The operation name of a count: `character.count`.
            #[must_use]
            pub const fn count(self) -> &'static str {
                match self {
                    $(Self::$kind => concat!($one, ".count"),)+
                }
            }

            /// The names of all operations on rows of this kind, none of which changes a row.
            pub fn operations(self) -> impl Iterator<Item = &'static str> {
                [self.find(), self.list(), self.count()].into_iter()
            }
        }

        /// One change of one row of any kind. [`for_write!`](crate::for_write) runs the same code for each kind.
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Write {
            $(
                #[doc = concat!("A change of a [`", stringify!($kind), "`](character_domain::", stringify!($kind), ").")]
                $kind($crate::Change<character_domain::$kind>),
            )+
        }

        /// One row of any kind. [`for_row!`](crate::for_row) runs the same code for each kind.
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum StoredRow {
            $(
                #[doc = concat!("A [`", stringify!($kind), "`](character_domain::", stringify!($kind), ").")]
                $kind(character_domain::$kind),
            )+
        }

        #[diagnostic::on_unimplemented(
            message = "`{Self}` is not a whole storage",
            label = "implements only a part of the port",
            note = "a storage implements `Commit`, `Log`, `Consumers`, `Snapshot`, `Probe`, and `Store<E>` for every kind of row: write one `impl<E: Entity> Store<E>`, and use `delegate_port!` for a wrapper"
        )]
        /// The whole port. Blanket-implemented for every type that implements its parts; hold it as
        /// `Arc<dyn StoragePort>`.
        pub trait StoragePort:
            $crate::Commit
            + $crate::Log
            + $crate::Consumers
            + $crate::Snapshot
            + $crate::Probe
            $(+ $crate::Store<character_domain::$kind>)+
            + std::fmt::Debug
            + 'static
        {
        }

        impl<T> StoragePort for T where
            T: $crate::Commit
                + $crate::Log
                + $crate::Consumers
                + $crate::Snapshot
                + $crate::Probe
                $(+ $crate::Store<character_domain::$kind>)+
                + std::fmt::Debug
                + 'static
        {
        }
    };
}
for_each_kind!([define]);

impl std::fmt::Display for EntityKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
