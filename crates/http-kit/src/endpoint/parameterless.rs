//! Which operations have no query parameters, as the OpenAPI document describes them.

use actix_web::http::Method;
use std::collections::BTreeSet;
use utoipa::openapi::{
    OpenApi, PathItem, RefOr,
    path::{Operation, Parameter, ParameterIn},
};

/// The operations of a service that have no query parameter.
#[derive(Clone, Debug, Default)]
pub struct Parameterless(BTreeSet<(String, &'static str)>);

impl Parameterless {
    /// Those that this document describes.
    #[must_use]
    pub fn of(document: &OpenApi) -> Self {
        let operations = document.paths.paths.iter().flat_map(|(path, item)| {
            let without = operations(item).into_iter().filter(|(_, operation)| !has_parameters(operation));
            without.map(move |(method, _)| (path.clone(), method))
        });
        Self(operations.collect())
    }

    /// Whether this operation is one of them. `HEAD` is as `GET`.
    pub(super) fn contain(&self, path: &str, method: &Method) -> bool {
        let method = if method == Method::HEAD { "GET" } else { method.as_str() };
        self.0.iter().any(|(known, of)| known == path && *of == method)
    }
}

fn operations(item: &PathItem) -> Vec<(&'static str, &Operation)> {
    let all = [
        ("GET", &item.get),
        ("POST", &item.post),
        ("PUT", &item.put),
        ("PATCH", &item.patch),
        ("DELETE", &item.delete),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_ref()?))).collect()
}

fn has_parameters(operation: &Operation) -> bool {
    let is_query = |parameter: &RefOr<Parameter>| match parameter {
        RefOr::T(parameter) => parameter.parameter_in == ParameterIn::Query,
        // The annotations of the handlers use no references.
        RefOr::Ref(_) => false,
    };
    operation.parameters.iter().flatten().any(is_query)
}
