//! What the tests of this crate share.

use crate::{Chain, ErrorReporter, Failure, Redactor};
use std::{error::Error, fmt, sync::Mutex};

/// An error with a given message.
#[derive(Debug)]
pub(crate) struct Told(String, Option<Box<Told>>);

impl Told {
    pub(crate) fn new(message: &str) -> Self {
        Self(message.to_owned(), None)
    }
    pub(crate) fn because(message: &str, source: Self) -> Self {
        Self(message.to_owned(), Some(Box::new(source)))
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Told {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.as_deref().map(|source| source as _)
    }
}

pub(crate) fn failure(message: &str) -> Failure {
    let chain = Chain::of(&Told::new(message), &Redactor::default());
    Failure::new("character-service", "character.find", "unavailable", chain)
}

/// Keeps every report.
#[derive(Debug, Default)]
pub(crate) struct Kept(Mutex<Vec<Failure>>);

impl Kept {
    pub(crate) fn all(&self) -> Vec<Failure> {
        self.0.lock().unwrap().clone()
    }
}

impl ErrorReporter for Kept {
    fn report(&self, failure: &Failure) {
        self.0.lock().unwrap().push(failure.clone());
    }
}
