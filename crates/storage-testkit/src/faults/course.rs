//! How one call goes.

use character_storage_port::ErrorKind;
use std::{fmt, pin::Pin, time::Duration};
use tokio::sync::watch;

/// What goes wrong with one call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: the call goes through.
    #[default]
    Pass,
    /// The storage is not reached. The error says of the outcome what is usual for its kind
    /// ([`StorageError::new`](character_storage_port::StorageError::new)), as a caller cannot always know better.
    FailBefore(ErrorKind),
    /// The storage does its work and the answer is lost. The error says that the outcome is unknown.
    LoseAnswer(ErrorKind),
    /// The call takes this much longer.
    Delay(Duration),
    /// The storage is not reached and the call never ends.
    Hang,
}

type Step<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// How one call goes: what happens on its way to the storage, what goes wrong there, and what happens while the answer is
/// on its way. `Course::default()` goes through; a [`Fault`] is a course without steps of its own.
///
/// With a [`Gate`] before and one after, a test decides when a call takes effect and when its caller learns of it, and so
/// plays calls in any order.
#[derive(Default)]
pub struct Course {
    pub(super) before: Option<Step<()>>,
    pub(super) fault: Fault,
    pub(super) after: Option<Step<Result<(), ErrorKind>>>,
}

impl Course {
    /// The call reaches the storage, or fails before, when `step` has ended.
    #[must_use]
    pub fn before(self, step: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { before: Some(Box::pin(step)), ..self }
    }

    /// The answer arrives when `step` has ended. If it ends with an error, the answer is lost, as by
    /// [`Fault::LoseAnswer`].
    #[must_use]
    pub fn after(self, step: impl Future<Output = Result<(), ErrorKind>> + Send + 'static) -> Self {
        Self { after: Some(Box::pin(step)), ..self }
    }
}

impl From<Fault> for Course {
    fn from(fault: Fault) -> Self {
        Self { fault, ..Self::default() }
    }
}

impl fmt::Debug for Course {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Course").field("fault", &self.fault).finish_non_exhaustive()
    }
}

/// Holds calls until a test opens it. A clone is the same gate.
#[derive(Clone, Debug)]
pub struct Gate(watch::Sender<bool>);

impl Gate {
    /// A gate that nothing passes yet.
    #[must_use]
    pub fn closed() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Lets those pass that wait, and later ones.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    /// Holds what comes from now on.
    pub fn close(&self) {
        self.0.send_replace(false);
    }

    /// Ends when the gate is open, or gone with its last clone.
    pub fn pass(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut is_open = self.0.subscribe();
        async move { drop(is_open.wait_for(|is_open| *is_open).await) }
    }
}
