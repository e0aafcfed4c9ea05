//! The probe: whether the database is reachable.

use crate::{
    StorageServer,
    answer::{Answer, no_content},
};
use actix_web::web::Data;

pub(crate) async fn probe(server: Data<StorageServer>) -> Answer {
    server.port.probe().await?;
    Ok(no_content())
}
