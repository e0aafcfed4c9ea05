//! Removes secrets and contents from messages.

use secrecy::{ExposeSecret, SecretString};
use std::{
    fmt,
    sync::{PoisonError, RwLock},
};

/// The replacement of removed text.
const LEFT_OUT: &str = "…";
/// Maximum length of a message, in characters.
const LONGEST: usize = 400;
/// A longer number may be a value rather than a place, a size or a status.
const LONGEST_NUMBER: usize = 15;
/// What introduces credentials, in lower case.
const SCHEMES: [&str; 2] = ["bearer", "basic"];

/// The shortest text that is taken for a secret. A shorter one would tear holes into every message.
const SHORTEST: usize = 4;
/// Maximum number of secrets that were learned; the oldest are forgotten, long after they were in use.
const LEARNED: usize = 128;

/// Secrets of the process that were not there at its start.
static OF_LATER: RwLock<Vec<SecretString>> = RwLock::new(Vec::new());

/// Redacts messages of errors: removes credentials, and what a caller has sent or stored.
///
/// Messages of libraries quote their input: parsers the value, databases the row, clients the address with its query.
/// So the redactor removes quoted text (except the name after `missing field`), everything of addresses except scheme,
/// host and port, credentials after `Bearer` and `Basic`, values after `=`, long numbers, and every configured secret
/// anywhere.
#[derive(Clone, Default)]
pub struct Redactor {
    secrets: Vec<SecretString>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").field("secrets", &self.secrets.len()).finish()
    }
}

impl Redactor {
    /// Also removes these secrets.
    #[must_use]
    pub fn new(secrets: impl IntoIterator<Item = SecretString>) -> Self {
        let secrets = secrets.into_iter().filter(|secret| secret.expose_secret().len() >= SHORTEST);
        Self { secrets: secrets.collect() }
    }

    /// Every redactor of the process also removes these secrets from now on: they have replaced others. The secrets before
    /// are removed as well, since both are in use for a while.
    pub fn learn(secrets: impl IntoIterator<Item = SecretString>) {
        let mut learned = OF_LATER.write().unwrap_or_else(PoisonError::into_inner);
        learned.extend(secrets.into_iter().filter(|secret| secret.expose_secret().len() >= SHORTEST));
        let surplus = learned.len().saturating_sub(LEARNED);
        learned.drain(..surplus);
    }

    /// The redacted message.
    #[must_use]
    pub fn redact(&self, message: &str) -> String {
        let mut message = message.to_owned();
        let learned = OF_LATER.read().unwrap_or_else(PoisonError::into_inner);
        for secret in self.secrets.iter().chain(learned.iter()) {
            message = message.replace(secret.expose_secret(), LEFT_OUT);
        }
        let message = shortened(&words(&unquoted(&message)), LONGEST);
        message.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
    }
}

fn shortened(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}{LEFT_OUT}", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// The text without quoted parts, and without values in parentheses after `=`, as PostgreSQL writes them.
fn unquoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find(['"', '`', '\'', '(']) {
        let (before, quoted) = rest.split_at(open);
        out.push_str(before);
        let mark = quoted.chars().next().unwrap_or_default();
        let inside = quoted.get(mark.len_utf8()..).unwrap_or_default();
        let opens = match mark {
            // An apostrophe within a word quotes nothing.
            '\'' => !before.chars().next_back().is_some_and(char::is_alphanumeric),
            '(' => before.ends_with('='),
            _ => true,
        };
        out.push(mark);
        if !opens {
            rest = inside;
            continue;
        }
        let close = if mark == '(' { ')' } else { mark };
        let (content, after) = match end_of_quotation(inside, close) {
            Some(end) => inside.split_at(end),
            // Cut off in the middle: all of it may be what was quoted.
            None => (inside, ""),
        };
        let is_name = mark == '`' && before.ends_with("missing field ");
        out.push_str(if is_name { content } else { LEFT_OUT });
        out.push(close);
        rest = after.get(close.len_utf8()..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// The position of the closing quotation mark.
fn end_of_quotation(text: &str, close: char) -> Option<usize> {
    let mut escaped = false;
    for (place, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == close => return Some(place),
            _ => {}
        }
    }
    None
}

/// The text with each word redacted.
fn words(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut after_scheme = false;
    for word in text.split_inclusive(char::is_whitespace) {
        let bare = word.trim_end();
        let space = word.get(bare.len()..).unwrap_or_default();
        if after_scheme && !bare.is_empty() {
            out.push_str(LEFT_OUT);
        } else {
            out.push_str(&fit(bare));
        }
        out.push_str(space);
        after_scheme = SCHEMES.iter().any(|scheme| bare.trim_end_matches(':').eq_ignore_ascii_case(scheme));
    }
    out
}

fn fit(word: &str) -> String {
    if let Some((scheme, rest)) = word.split_once("://") {
        let authority = rest.split(['/', '?', '#', ')', ',', ';']).next().unwrap_or_default();
        // An `@` in the path belongs to the credentials when somebody forgot to encode the `/` of a password.
        let host =
            if rest.contains('@') { authority.rsplit_once('@').map_or(LEFT_OUT, |(_, host)| host) } else { authority };
        let close = if word.ends_with(')') { ")" } else { "" };
        let more = if rest.len() > authority.len() + close.len() { "/…" } else { "" };
        return format!("{scheme}://{host}{more}{close}");
    }
    if let Some((name, value)) = word.split_once('=')
        && !value.is_empty()
        && !value.starts_with('(')
    {
        return format!("{name}={LEFT_OUT}");
    }
    let digits = word.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or_default();
    if digits > LONGEST_NUMBER { LEFT_OUT.to_owned() } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_was_learned_later_is_removed_by_every_redactor() {
        let before = Redactor::default();
        assert!(before.redact("the word is shibboleth").contains("shibboleth"));
        Redactor::learn(["shibboleth".to_owned().into(), "is".to_owned().into()]);
        assert_eq!(before.redact("the word is shibboleth"), "the word is …");
    }

    fn redacted(message: &str) -> String {
        Redactor::new(["open-sesame".to_owned().into(), "no".to_owned().into()]).redact(message)
    }

    #[test]
    fn a_secret_of_the_configuration_is_left_out_wherever_it_stands() {
        for message in [
            "refused: open-sesame",
            "http://open-sesame@h/",
            "redis://:open-sesame@127.0.0.1:6379/0",
            "header Authorization: Bearer open-sesame is not taken",
            "tokenopen-sesameend",
            "\"open-sesame\"",
        ] {
            assert!(!redacted(message).contains("sesame"), "{}", redacted(message));
        }
    }

    #[test]
    fn credentials_that_nobody_configured_are_left_out_too() {
        for message in [
            "Authorization: Bearer MARKER",
            "authorization: basic MARKER end",
            "error for url (https://user:MARKER@host:8100/a)",
            "postgres://u:MARKER@h/d",
            "postgres://u:pass/MARKER@h/d",
            "password=MARKER host=h",
        ] {
            assert!(!redacted(message).contains("MARKER"), "{}", redacted(message));
        }
    }

    #[test]
    fn what_was_sent_or_stored_is_left_out() {
        for message in [
            "invalid type: string \"MARKER\", expected u64 at line 1 column 9",
            "invalid type: string \"a \\\" MARKER\", expected u64",
            "unknown variant `MARKER`, expected one of `a`, `b`",
            "invalid value: integer `778899`, expected u8",
            "Key (name)=(MARKER the Grey) already exists.",
            "near 'MARKER': syntax error",
            "cut off in \"the middle of MARKER",
            "error sending request for url (http://127.0.0.1:8100/storage/v1/characters?name=MARKER)",
            "the number 77889977889977889977889 does not fit 64 bits",
        ] {
            let redacted = redacted(message);
            assert!(!redacted.contains("MARKER") && !redacted.contains("778899"), "{redacted}");
        }
    }

    #[test]
    fn what_helps_to_find_the_fault_stays() {
        for (message, told) in [
            ("connection refused (os error 111)", "connection refused (os error 111)"),
            ("missing field `name` at line 1 column 2", "missing field `name` at line 1 column 2"),
            (
                "error sending request for url (http://127.0.0.1:8100/storage/v1/probe)",
                "error sending request for url (http://127.0.0.1:8100/…)",
            ),
            ("the storage doesn't answer, it's down", "the storage doesn't answer, it's down"),
            (
                "character.find failed: timeout (character 0190b2f1-7a56-7c3e-9d5b-0d6c1f0a8e11)",
                "character.find failed: timeout (character 0190b2f1-7a56-7c3e-9d5b-0d6c1f0a8e11)",
            ),
            ("invalid type: string \"x\", expected u64", "invalid type: string \"…\", expected u64"),
        ] {
            assert_eq!(redacted(message), told);
        }
    }

    #[test]
    fn it_is_bounded_holds_one_line_and_never_shows_its_secrets() {
        let long = redacted(&"a wörd\n".repeat(1_000));
        assert!(long.chars().count() <= LONGEST + 1 && !long.contains('\n'), "{long}");
        assert!(!format!("{:?}", Redactor::new(["open-sesame".to_owned().into()])).contains("sesame"));
    }
}
