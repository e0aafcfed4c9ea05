//! Redaction of errors for log lines, for the whole process.

use crate::{Chain, Redactor};
use std::{error::Error, sync::OnceLock};

/// The redactor of the process, which knows its secrets.
static OF_THE_PROCESS: OnceLock<Redactor> = OnceLock::new();

impl Redactor {
    /// From now on [`redacted`] and [`redacted_text`] also remove the secrets of this redactor, in the whole process,
    /// because a process has one log. A second call has no effect.
    pub fn install(self) {
        // An embedding program may have installed its own; that one then stays.
        let _ = OF_THE_PROCESS.set(self);
    }
}

/// The error and its causes, redacted for a log line.
#[must_use]
pub fn redacted(error: &(dyn Error + 'static)) -> Chain {
    OF_THE_PROCESS.get().map_or_else(|| Chain::of(error, &Redactor::default()), |redactor| Chain::of(error, redactor))
}

/// A text that may quote requests or stored data, redacted for a log line.
#[must_use]
pub fn redacted_text(text: &str) -> String {
    OF_THE_PROCESS.get().map_or_else(|| Redactor::default().redact(text), |redactor| redactor.redact(text))
}

/// A value of the configuration that is safe to show: a URL, or an attempt at one, loses user, password and query.
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
