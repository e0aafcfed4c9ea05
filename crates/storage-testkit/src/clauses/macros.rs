//! Tests and values made of the lists of clauses.

/// One test per clause, in a module of this name.
#[macro_export]
macro_rules! storage_conformance {
    ($module:ident, $harness:ty) => {
        $crate::__each_clause!(__as_tests $module, $harness);
    };
}

/// One test per clause about what a storage keeps, in a module of this name. The harness is a
/// [`DurableHarness`](crate::DurableHarness).
#[macro_export]
macro_rules! storage_durability {
    ($module:ident, $harness:ty) => {
        $crate::__each_durable_clause!(__as_durable_tests $module, $harness);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __as_durable_tests {
    ({ $module:ident, $harness:ty } $($clause:ident)+) => {
        #[cfg(test)]
        mod $module {
            #[allow(unused_imports, clippy::allow_attributes, reason = "the harness may be named by a full path")]
            use super::*;
            $(
                #[test]
                fn $clause() {
                    $crate::run_durable::<$harness>(stringify!($clause), $crate::clauses::durability::$clause);
                }
            )+
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __as_durable_values {
    ({} $($clause:ident)+) => {
        vec![$(
            $crate::DurableClause {
                name: stringify!($clause),
                run: |storage, reopen| Box::pin($crate::clauses::durability::$clause(storage, reopen)),
            },
        )+]
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __as_tests {
    (
        { $module:ident, $harness:ty }
        $($group:ident { $($clause:ident)+ })+; $($of_kinds:ident { $($of_kind:ident)+ })+
    ) => {
        #[cfg(test)]
        mod $module {
            #[allow(unused_imports, clippy::allow_attributes, reason = "the harness may be named by a full path")]
            use super::*;
            $($(
                #[test]
                fn $clause() {
                    $crate::run::<$harness, _>(stringify!($clause), $crate::clauses::$group::$clause);
                }
            )+)+
            $($(
                $crate::character_storage_port::for_each_kind!(
                    [$crate::__as_tests_of_kinds] $harness, $of_kinds, $of_kind;
                );
            )+)+
        }
    };
}

/// A module named like the clause with a test for each kind of row.
#[doc(hidden)]
#[macro_export]
macro_rules! __as_tests_of_kinds {
    ($harness:ty, $group:ident, $clause:ident; $(($kind:ident, $one:literal, $collection:literal))+) => {
        #[expect(non_snake_case, reason = "each test has the name of its kind")]
        mod $clause {
            #[allow(unused_imports, clippy::allow_attributes, reason = "the harness may be named by a full path")]
            use super::*;
            $(
                #[test]
                fn $kind() {
                    $crate::run::<$harness, _>(
                        stringify!($clause),
                        $crate::clauses::$group::$clause::<$crate::character_storage_port::character_domain::$kind>,
                    );
                }
            )+
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __as_values {
    ({} $($group:ident { $($clause:ident)+ })+; $($of_kinds:ident { $($of_kind:ident)+ })+) => {{
        let mut clauses = vec![$($(
            $crate::Clause {
                name: stringify!($clause),
                kind: None,
                run: |storage| Box::pin($crate::clauses::$group::$clause(storage)),
            },
        )+)+];
        $($(
            clauses.extend($crate::character_storage_port::every_kind!(Row => $crate::Clause {
                name: stringify!($of_kind),
                kind: Some(<Row as $crate::character_storage_port::Entity>::KIND),
                run: |storage| Box::pin($crate::clauses::$of_kinds::$of_kind::<Row>(storage)),
            }));
        )+)+
        clauses
    }};
}
