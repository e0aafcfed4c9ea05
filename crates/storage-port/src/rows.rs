//! The rows of a page.

use serde::{Deserialize, Serialize};
use std::{ops::Deref, sync::Arc};

/// The rows of a [`Page`](crate::Page), which clones share: a cache returns a page without copying its rows. Clone a row before
/// you read members of its document: what is parsed for that stays in the row that it was asked of, and may be the cache's.
///
/// ```
/// use character_storage_port::Rows;
///
/// let rows: Rows<u32> = vec![1, 2].into();
/// assert_eq!(rows.len(), 2);
/// assert_eq!(rows.clone().into_vec(), [1, 2]);
/// assert_eq!(rows.into_iter().sum::<u32>(), 3);
/// ```
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rows<E>(Arc<Vec<E>>);

impl<E: Clone> Rows<E> {
    /// The rows themselves; copies of them when another page shares them.
    #[must_use]
    pub fn into_vec(self) -> Vec<E> {
        Arc::unwrap_or_clone(self.0)
    }
}

impl<E> Rows<E> {
    /// The rows.
    #[must_use]
    pub fn as_slice(&self) -> &[E] {
        &self.0
    }
}

impl<E> Clone for Rows<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<E> Default for Rows<E> {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl<E> Deref for Rows<E> {
    type Target = [E];

    fn deref(&self) -> &[E] {
        &self.0
    }
}

impl<E> From<Vec<E>> for Rows<E> {
    fn from(rows: Vec<E>) -> Self {
        Self(Arc::new(rows))
    }
}

impl<E> FromIterator<E> for Rows<E> {
    fn from_iter<I: IntoIterator<Item = E>>(rows: I) -> Self {
        rows.into_iter().collect::<Vec<_>>().into()
    }
}

impl<E: Clone> IntoIterator for Rows<E> {
    type Item = E;
    type IntoIter = std::vec::IntoIter<E>;

    fn into_iter(self) -> Self::IntoIter {
        self.into_vec().into_iter()
    }
}

impl<'a, E> IntoIterator for &'a Rows<E> {
    type Item = &'a E;
    type IntoIter = std::slice::Iter<'a, E>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<E: PartialEq<F>, F> PartialEq<Vec<F>> for Rows<E> {
    fn eq(&self, other: &Vec<F>) -> bool {
        *self.0 == *other
    }
}

impl<E: PartialEq<F>, F> PartialEq<[F]> for Rows<E> {
    fn eq(&self, other: &[F]) -> bool {
        *self.0 == *other
    }
}

impl<E: PartialEq<F>, F> PartialEq<&[F]> for Rows<E> {
    fn eq(&self, other: &&[F]) -> bool {
        *self.0 == **other
    }
}

impl<E: PartialEq<F>, F, const N: usize> PartialEq<[F; N]> for Rows<E> {
    fn eq(&self, other: &[F; N]) -> bool {
        **self == *other
    }
}
