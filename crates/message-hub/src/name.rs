//! The names of subscriptions and services.

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use std::{fmt, str::FromStr, sync::Arc};

/// Not a name of a subscription or a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 64 of the characters a-z, 0-9, - and _")]
pub struct InvalidName;

fn checked(text: &str) -> Result<Arc<str>, InvalidName> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    match (1..=64).contains(&text.len()) && text.bytes().all(is_plain) {
        true => Ok(text.into()),
        false => Err(InvalidName),
    }
}

macro_rules! name {
    ($(#[doc = $doc:literal])+ $name:ident) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                checked(text).map(Self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }
    };
}

name! {
    /// The name of a durable subscription, such as `character-service`: 1 to 64 of the characters `a-z 0-9 - _`.
    SubscriptionName
}
name! {
    /// The name of a service that answers requests, such as `storage-service`: 1 to 64 of the characters `a-z 0-9 - _`.
    ServiceName
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_to_sixty_four_plain_characters() {
        assert_eq!(
            "storage-service_2".parse::<ServiceName>().map(|name| name.to_string()),
            Ok("storage-service_2".into())
        );
        for text in ["", "A", "a.b", "a b", "*", "ä", &"a".repeat(65)] {
            assert_eq!(text.parse::<SubscriptionName>(), Err(InvalidName), "{text}");
        }
        assert!(serde_json::from_str::<ServiceName>("\"A\"").is_err());
    }
}
