//! What a log line may hold of an error, wherever in the process it is written.

use crate::{Chain, Redactor};
use std::{error::Error, sync::OnceLock};

/// The redactor of the process, which knows its secrets.
static OF_THE_PROCESS: OnceLock<Redactor> = OnceLock::new();

impl Redactor {
    /// Has [`redacted`] and [`redacted_text`] leave out the secrets of this one too, from now on and in the whole process.
    /// The log of a process is one, and so is what it must not hold. A second call changes nothing.
    pub fn install(self) {
        // An embedding program may have installed its own; that one then stays.
        let _ = OF_THE_PROCESS.set(self);
    }
}

/// The error and its causes, fit for a log line.
#[must_use]
pub fn redacted(error: &(dyn Error + 'static)) -> Chain {
    OF_THE_PROCESS.get().map_or_else(|| Chain::of(error, &Redactor::default()), |redactor| Chain::of(error, redactor))
}

/// A text that may quote what was sent or stored, fit for a log line.
#[must_use]
pub fn redacted_text(text: &str) -> String {
    OF_THE_PROCESS.get().map_or_else(|| Redactor::default().redact(text), |redactor| redactor.redact(text))
}

/// A value of the configuration as it may be shown: of a URL, or what was meant as one, neither user and password nor query.
#[must_use]
pub fn without_credentials(value: &str) -> String {
    let shown = value.split(['?', '#']).next().unwrap_or_default();
    let more = if shown.len() < value.len() { "…" } else { "" };
    match shown.rsplit_once('@') {
        // The last `@` ends the credentials, also when a `/` in the password was not encoded.
        Some((before, host)) => {
            let scheme = before.split_once("://").map(|(scheme, _)| format!("{scheme}://")).unwrap_or_default();
            format!("{scheme}…@{host}{more}")
        }
        None => format!("{shown}{more}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_address_neither_credentials_nor_query_are_shown() {
        for (value, shown) in [
            ("http://user:hunter2@h:80/a?token=hunter2", "http://…@h:80/a…"),
            ("postgres://u:hun/ter2@h/d", "postgres://…@h/d"),
            ("user:hunter2@h", "…@h"),
            ("https://h/#hunter2", "https://h/…"),
            ("127.0.0.1:8000", "127.0.0.1:8000"),
        ] {
            assert_eq!(without_credentials(value), shown);
        }
    }

    #[test]
    fn an_installed_redactor_holds_for_every_line_of_the_process() {
        Redactor::new(["open-sesame".to_owned().into()]).install();
        Redactor::new(["other-secret".to_owned().into()]).install();
        let error = std::io::Error::other("refused: open-sesame");
        assert_eq!(redacted(&error).to_string(), "refused: …");
        assert_eq!(redacted_text("near 'stored': open-sesame"), "near '…': …");
    }
}
