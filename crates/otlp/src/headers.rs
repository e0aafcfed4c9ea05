//! The headers of requests to the collector.

use crate::OtlpError;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use std::sync::{Arc, PoisonError, RwLock};

/// Headers of each request to the collector, such as credentials. Clones share them, so that they can be replaced while a
/// client uses them. Default: none.
#[derive(Clone, Debug, Default)]
pub struct OtlpHeaders(Arc<RwLock<HeaderMap>>);

impl OtlpHeaders {
    /// These headers, by name and value.
    ///
    /// # Errors
    /// [`OtlpError::Header`] with the number of one that HTTP does not permit.
    pub fn new(headers: &[(String, SecretString)]) -> Result<Self, OtlpError> {
        Ok(Self(Arc::new(RwLock::new(read(headers)?))))
    }

    /// The next request has these headers instead.
    ///
    /// # Errors
    /// As [`new`](Self::new); then the headers before stay in use.
    pub fn replace(&self, headers: &[(String, SecretString)]) -> Result<(), OtlpError> {
        let headers = read(headers)?;
        // A map is replaced as a whole, so one that a panic left behind is complete.
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = headers;
        Ok(())
    }

    /// The values that are in use, which may be secrets.
    #[must_use]
    pub fn values(&self) -> Vec<SecretString> {
        let headers = self.of_request();
        headers.values().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned().into()).collect()
    }

    pub(crate) fn of_request(&self) -> HeaderMap {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn read(headers: &[(String, SecretString)]) -> Result<HeaderMap, OtlpError> {
    let mut read = HeaderMap::new();
    for (number, (name, value)) in headers.iter().enumerate() {
        let wrong = || OtlpError::Header(number + 1);
        let header = HeaderName::try_from(name.as_str()).map_err(|_| wrong())?;
        let mut value = HeaderValue::try_from(value.expose_secret()).map_err(|_| wrong())?;
        value.set_sensitive(true);
        read.append(header, value);
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(name: &str, value: &str) -> Vec<(String, SecretString)> {
        vec![(name.to_owned(), value.to_owned().into())]
    }

    #[test]
    fn headers_that_cannot_be_sent_replace_nothing_and_no_text_shows_a_value() {
        let headers = OtlpHeaders::new(&pairs("authorization", "Bearer hunter2")).unwrap();
        let shared = headers.clone();
        assert!(!format!("{headers:?}").contains("hunter2"), "{headers:?}");
        for wrong in [pairs("a name", "x"), pairs("x-tenant", "a\nb")] {
            assert!(matches!(headers.replace(&wrong), Err(OtlpError::Header(1))));
        }
        assert_eq!(shared.of_request()["authorization"], "Bearer hunter2");
        headers.replace(&pairs("authorization", "Bearer hunter3")).unwrap();
        assert_eq!(shared.of_request()["authorization"], "Bearer hunter3");
    }
}
