//! What a character was, and what it grew into: `/api/v2/characters/{id}/versions` and beside.

mod drawing;
mod dto;
mod graph;
mod theme;
mod versions;

pub use dto::{ComparisonBody, LabelRequest, VersionBody, VersionRestoredBody, VersionSummaryBody};
pub use theme::{EquipmentTransitionBody, ThemeChangeBody, ThemeTransitionRequest};

pub(crate) use graph::*;
pub(crate) use theme::*;
pub(crate) use versions::*;

use crate::character::of_character;
use character_http_kit::{Endpoint, Endpoints};

/// The paths of evolution.
pub(crate) fn register(endpoints: &mut Endpoints) {
    of_character!("/versions").get(list_versions).register(endpoints);
    of_character!("/versions/compare").get(compare).register(endpoints);
    of_character!("/versions/tree").get(tree).register(endpoints);
    of_character!("/versions/{version}").get(get_version).register(endpoints);
    of_character!("/versions/{version}/state").get(state).register(endpoints);
    of_character!("/versions/{version}/restore").post(restore_version).register(endpoints);
    of_character!("/versions/{version}/label").post(label).register(endpoints);
    of_character!("/theme-transition").post(change_theme).register(endpoints);
    of_character!("/version-graph").get(graph).register(endpoints);
    of_character!("/version-graph.svg").get(graph_drawing).register(endpoints);
}
