//! Headers of HTTP that travel with a request to a service, and with its reply.

use std::sync::Arc;

/// Headers of one connection (RFC 9110 §7.6.1), which end at each hop.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers that each hop writes itself, or whose value a request or a reply has in a field of its own.
const APART: [&str; 10] = [
    "host",
    "content-length",
    "expect",
    "authorization",
    "content-type",
    "traceparent",
    "x-correlation-id",
    "x-request-timeout-ms",
    "x-service-authorization",
    "x-hub-responder",
];

/// Which headers of a message end at the connection that it came by: those of RFC 9110 §7.6.1, and those that its `Connection` lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HopByHop(Vec<String>);

impl HopByHop {
    /// Those of a message with these values of `Connection`.
    #[must_use]
    pub fn of<'v>(connection: impl Iterator<Item = &'v [u8]>) -> Self {
        let texts = connection.filter_map(|value| std::str::from_utf8(value).ok());
        Self(texts.flat_map(|text| text.split(',')).map(|name| name.trim().to_ascii_lowercase()).collect())
    }

    /// Whether the header of this name, in lower case, ends here.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        HOP_BY_HOP.contains(&name) || self.0.iter().any(|listed| listed == name)
    }
}

/// The headers of a request or a reply that have no field of their own, by their names in lower case. Repeated ones keep their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(Arc<str>, Arc<str>)>);

impl Headers {
    /// A list without headers.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Those of a message of HTTP. Headers of its connection are left out, and those whose value is no UTF-8.
    #[must_use]
    pub fn of_message<'m>(message: impl IntoIterator<Item = (&'m str, &'m [u8])>) -> Self {
        let message: Vec<_> = message.into_iter().collect();
        let connection = message.iter().filter(|(name, _)| name.eq_ignore_ascii_case("connection"));
        let ends_here = HopByHop::of(connection.map(|(_, value)| *value));
        let mut headers = Self::new();
        for (name, value) in message {
            let name = name.to_ascii_lowercase();
            if let (false, Ok(value)) = (ends_here.has(&name), std::str::from_utf8(value)) {
                headers.add(&name, value);
            }
        }
        headers
    }

    /// Adds a header. One of a connection is left out, as is one that has a field of its own or that each hop writes itself.
    pub fn add(&mut self, name: &str, value: impl Into<Arc<str>>) {
        let name = name.to_ascii_lowercase();
        if HOP_BY_HOP.contains(&&*name) || APART.contains(&&*name) {
            return;
        }
        let place = self.0.partition_point(|(known, _)| **known <= *name);
        self.0.insert(place, (name.into(), value.into()));
    }

    /// Removes each header of this name.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    /// The first value of a header.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Each header with its value, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }
}

impl<'p> FromIterator<(&'p str, &'p str)> for Headers {
    fn from_iter<I: IntoIterator<Item = (&'p str, &'p str)>>(pairs: I) -> Self {
        let mut headers = Self::new();
        for (name, value) in pairs {
            headers.add(name, value);
        }
        headers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_of_one_connection_or_has_its_own_field_is_left_out_and_the_rest_travels() {
        let message: [(&str, &[u8]); 9] = [
            ("Set-Cookie", b"b=2"),
            ("Connection", b"close, X-Private"),
            ("x-private", b"1"),
            ("TE", b"trailers"),
            ("authorization", b"Bearer of-the-hub"),
            ("content-type", b"text/plain"),
            ("ETag", b"\"1\""),
            ("set-cookie", b"a=1"),
            ("x-name", b"\xFF"),
        ];
        let headers = Headers::of_message(message);
        assert_eq!(
            headers.iter().collect::<Vec<_>>(),
            [("etag", "\"1\""), ("set-cookie", "b=2"), ("set-cookie", "a=1")]
        );
        assert_eq!((headers.get("Etag"), headers.get("host")), (Some("\"1\""), None));
    }
}
