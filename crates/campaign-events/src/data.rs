//! How the data of an event are read.

use character_message_hub::CloudEvent;
use serde::de::DeserializeOwned;

/// Reads the data of an event, or says which member is wrong.
pub(crate) fn read<T: DeserializeOwned>(event: &CloudEvent) -> Result<T, String> {
    // An array would be read as the members in their order.
    let data = event.json().filter(|data| data.is_object()).ok_or("data: must be a JSON object")?;
    serde_path_to_error::deserialize(data).map_err(|error| {
        let path = error.path().to_string();
        let field = if path == "." { "data".to_owned() } else { format!("data.{path}") };
        format!("{field}: {}", error.inner())
    })
}
