//! Implementations of parts of the port that only pass calls on.

/// Implements parts of the port for a wrapper that passes every call of them on.
///
/// ```
/// use character_storage_port::{MemoryStorage, delegate_port};
///
/// struct Wrapper<S>(S);
/// delegate_port!(Log for [S: character_storage_port::Log] Wrapper<S>, wrapper => wrapper.0);
/// delegate_port!(Store, Commit, Consumers, Snapshot, Probe for [] Wrapper<MemoryStorage>, wrapper => wrapper.0);
/// ```
#[macro_export]
macro_rules! delegate_port {
    ($part:ident, $($more:ident),+ for $generics:tt $wrapper:ty, $it:ident => $inner:expr) => {
        $crate::delegate_port!($part for $generics $wrapper, $it => $inner);
        $crate::delegate_port!($($more),+ for $generics $wrapper, $it => $inner);
    };
    (Store for [$($generics:tt)*] $wrapper:ty, $it:ident => $inner:expr) => {
        #[$crate::async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<E: $crate::Entity, $($generics)*> $crate::Store<E> for $wrapper {
            async fn find(
                &self,
                id: E::Id,
                deleted: $crate::Deleted,
            ) -> $crate::Result<$crate::Read<Option<E>>> {
                let $it = self;
                $crate::Store::<E>::find(&$inner, id, deleted).await
            }
            async fn list(
                &self,
                query: &E::Query,
                page: $crate::PageRequest,
            ) -> $crate::Result<$crate::Read<$crate::Page<E>>> {
                let $it = self;
                $crate::Store::<E>::list(&$inner, query, page).await
            }
            async fn count(&self, query: &E::Query) -> $crate::Result<u64> {
                let $it = self;
                $crate::Store::<E>::count(&$inner, query).await
            }
        }
    };
    (Commit for [$($generics:tt)*] $wrapper:ty, $it:ident => $inner:expr) => {
        #[$crate::async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<$($generics)*> $crate::Commit for $wrapper {
            async fn commit(&self, transaction: $crate::Transaction) -> $crate::Result<$crate::Committed> {
                let $it = self;
                $crate::Commit::commit(&$inner, transaction).await
            }
            async fn commit_each(
                &self,
                transactions: Vec<$crate::Transaction>,
            ) -> Vec<$crate::Result<$crate::Committed>> {
                let $it = self;
                $crate::Commit::commit_each(&$inner, transactions).await
            }
        }
    };
    (Log for [$($generics:tt)*] $wrapper:ty, $it:ident => $inner:expr) => {
        #[$crate::async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<$($generics)*> $crate::Log for $wrapper {
            async fn follow(
                &self,
                after: &$crate::LogCursor,
                limit: usize,
                wait: std::time::Duration,
            ) -> $crate::Result<$crate::LogBatch> {
                let $it = self;
                $crate::Log::follow(&$inner, after, limit, wait).await
            }
            async fn head(&self) -> $crate::Result<$crate::LogCursor> {
                let $it = self;
                $crate::Log::head(&$inner).await
            }
        }
    };
    (Consumers for [$($generics:tt)*] $wrapper:ty, $it:ident => $inner:expr) => {
        #[$crate::async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<$($generics)*> $crate::Consumers for $wrapper {
            async fn lease(
                &self,
                consumer: &$crate::ConsumerName,
                holder: $crate::HolderId,
                lease: std::time::Duration,
            ) -> $crate::Result<Option<$crate::Leased>> {
                let $it = self;
                $crate::Consumers::lease(&$inner, consumer, holder, lease).await
            }
            async fn advance(&self, token: &$crate::LeaseToken, to: &$crate::LogCursor) -> $crate::Result<()> {
                let $it = self;
                $crate::Consumers::advance(&$inner, token, to).await
            }
            async fn release(&self, token: &$crate::LeaseToken) -> $crate::Result<()> {
                let $it = self;
                $crate::Consumers::release(&$inner, token).await
            }
            async fn park(
                &self,
                token: &$crate::LeaseToken,
                event: &$crate::DomainEvent,
                reason: &str,
            ) -> $crate::Result<()> {
                let $it = self;
                $crate::Consumers::park(&$inner, token, event, reason).await
            }
            async fn parked(
                &self,
                consumer: &$crate::ConsumerName,
                after: Option<$crate::EventId>,
                limit: usize,
            ) -> $crate::Result<Vec<$crate::ParkedEvent>> {
                let $it = self;
                $crate::Consumers::parked(&$inner, consumer, after, limit).await
            }
            async fn unpark(
                &self,
                consumer: &$crate::ConsumerName,
                ids: &[$crate::EventId],
            ) -> $crate::Result<u64> {
                let $it = self;
                $crate::Consumers::unpark(&$inner, consumer, ids).await
            }
            async fn discard(
                &self,
                consumer: &$crate::ConsumerName,
                ids: &[$crate::EventId],
            ) -> $crate::Result<u64> {
                let $it = self;
                $crate::Consumers::discard(&$inner, consumer, ids).await
            }
            async fn consumers(&self) -> $crate::Result<Vec<$crate::ConsumerState>> {
                let $it = self;
                $crate::Consumers::consumers(&$inner).await
            }
        }
    };
    (Snapshot for [$($generics:tt)*] $wrapper:ty, $it:ident => $inner:expr) => {
        #[$crate::async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<$($generics)*> $crate::Snapshot for $wrapper {
            async fn snapshot(&self) -> $crate::Result<$crate::SnapshotStream> {
                let $it = self;
                $crate::Snapshot::snapshot(&$inner).await
            }
        }
    };
    (Probe for [$($generics:tt)*] $wrapper:ty, $it:ident => $inner:expr) => {
        #[$crate::async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<$($generics)*> $crate::Probe for $wrapper {
            async fn probe(&self) -> $crate::Result<()> {
                let $it = self;
                $crate::Probe::probe(&$inner).await
            }
        }
    };
}
