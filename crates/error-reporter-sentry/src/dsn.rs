//! The address of a Sentry.

use secrecy::SecretString;
use url::Url;

/// The address and the key of a Sentry: `https://<key>@<host>/<project>`.
#[derive(Clone, Debug)]
pub struct Dsn {
    pub(crate) endpoint: Url,
    pub(crate) key: SecretString,
}

/// Not the DSN of a Sentry. The message does not repeat it, because it contains a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a Sentry DSN: http:// or https://, a key, @, a host, /, and the number of a project")]
pub struct InvalidDsn;

impl Dsn {
    /// Reads a DSN.
    ///
    /// # Errors
    /// [`InvalidDsn`].
    pub fn parse(text: &str) -> Result<Self, InvalidDsn> {
        let mut url = Url::parse(text).map_err(|_| InvalidDsn)?;
        let key = url.username().to_owned();
        let (folder, project) = url.path().rsplit_once('/').ok_or(InvalidDsn)?;
        let digits = !project.is_empty() && project.bytes().all(|byte| byte.is_ascii_digit());
        if !matches!(url.scheme(), "http" | "https") || key.is_empty() || !url.has_host() || !digits {
            return Err(InvalidDsn);
        }
        let path = format!("{folder}/api/{project}/envelope/");
        url.set_path(&path);
        url.set_query(None);
        url.set_fragment(None);
        url.set_username("").and_then(|()| url.set_password(None)).map_err(|()| InvalidDsn)?;
        Ok(Self { endpoint: url, key: key.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_holds_the_project_and_neither_key_nor_secret() {
        for (dsn, endpoint) in [
            ("https://key@sentry.example/42", "https://sentry.example/api/42/envelope/"),
            ("http://key:secret@127.0.0.1:9000/7?x=1#y", "http://127.0.0.1:9000/api/7/envelope/"),
            ("https://key@example.org/sentry/5", "https://example.org/sentry/api/5/envelope/"),
        ] {
            assert_eq!(Dsn::parse(dsn).unwrap().endpoint.as_str(), endpoint);
        }
    }

    #[test]
    fn what_is_no_dsn_is_refused_without_being_repeated() {
        for text in ["", "nowhere", "https://sentry.example/42", "https://key@h/", "https://key@h/a", "ftp://key@h/1"] {
            let error = Dsn::parse(text).unwrap_err().to_string();
            assert!(text.is_empty() || !error.contains(text), "{error}");
        }
    }
}
