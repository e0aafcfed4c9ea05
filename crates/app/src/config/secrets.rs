//! The secrets inside of a URL.

use secrecy::{ExposeSecret, SecretString};

/// A URL that is a secret, and the passwords in it, which may stand alone in a message: before the host and in the query,
/// as written and as meant. Not every one is a URL to a parser: PostgreSQL takes several hosts.
pub(crate) fn with_passwords(url: &SecretString) -> Vec<SecretString> {
    let text = url.expose_secret();
    let (before, query) = text.split_once('?').unwrap_or((text, ""));
    let rest = before.split_once("://").map_or(before, |(_, rest)| rest);
    let user_info = rest.rsplit_once('@').map(|(user_info, _)| user_info);
    let password = user_info.map(|user_info| user_info.split_once(':').map_or(user_info, |(_, password)| password));
    let parameters = query.split(['&', '#']).filter_map(|parameter| parameter.split_once('='));
    let secret = parameters.filter(|(name, _)| SECRET_PARAMETERS.iter().any(|part| name.contains(part)));
    let found = password.into_iter().chain(secret.map(|(_, value)| value));
    let forms = found.flat_map(|value| [value.to_owned(), decoded(value)]).map(SecretString::from);
    std::iter::once(url.clone()).chain(forms).collect()
}

/// What is in the name of a parameter whose value is a secret.
const SECRET_PARAMETERS: [&str; 5] = ["pass", "pwd", "secret", "token", "key"];

/// The text with its percent-encoding undone.
pub(super) fn decoded(text: &str) -> String {
    // A form would read a plus as a space.
    let form = format!("x={}", text.replace('+', "%2B").replace('&', "%26"));
    url::form_urlencoded::parse(form.as_bytes()).next().map_or_else(String::new, |(_, value)| value.into_owned())
}
