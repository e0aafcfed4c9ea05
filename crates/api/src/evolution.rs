//! What a character was, and what it grew into: `/api/v2/characters/{id}/versions` and beside.

mod drawing;
mod dto;
mod graph;
mod theme;
mod versions;

pub use dto::{ComparisonBody, LabelRequest, RelatedChangeBody, VersionBody, VersionNodeBody, VersionSummaryBody};
pub use graph::{GraphEdgeBody, GraphNodeBody, VersionGraphBody};
pub use theme::{EquipmentTransitionBody, ThemeChangeBody, ThemeTransitionRequest};

pub(crate) use graph::*;
pub(crate) use theme::*;
pub(crate) use versions::*;

use crate::endpoint::Endpoint;
use actix_web::web::ServiceConfig;

/// The paths of evolution. Those with a fixed last part come before `{version}`.
pub(crate) fn configure(config: &mut ServiceConfig) {
    let at = |path: &str| Endpoint::at(&format!("/api/v2/characters/{{id}}{path}"));
    at("/versions").get(list_versions).register(config);
    at("/versions/compare").get(compare).register(config);
    at("/versions/tree").get(tree).register(config);
    at("/versions/{version}").get(get_version).register(config);
    at("/versions/{version}/state").get(state).register(config);
    at("/versions/{version}/restore").post(restore_version).register(config);
    at("/versions/{version}/label").post(label).register(config);
    at("/theme-transition").post(change_theme).register(config);
    at("/version-graph").get(graph).register(config);
    at("/version-graph.svg").get(graph_drawing).register(config);
}
