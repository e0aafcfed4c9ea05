//! Which operations have no query parameters, and which take no body, as the OpenAPI document describes them.

use actix_web::http::Method;
use std::collections::BTreeSet;
use utoipa::openapi::{
    OpenApi, PathItem, RefOr,
    path::{Operation, Parameter, ParameterIn},
};

/// Some of the operations of a service.
#[derive(Clone, Debug, Default)]
pub struct Operations(BTreeSet<(String, &'static str)>);

impl Operations {
    /// Those of this document that have no query parameter.
    #[must_use]
    pub fn without_parameters(document: &OpenApi) -> Self {
        Self::those(document, |_, operation| !has_parameters(operation))
    }

    /// Those of this document that change something and take no body.
    #[must_use]
    pub fn without_body(document: &OpenApi) -> Self {
        Self::those(document, |method, operation| method != "GET" && operation.request_body.is_none())
    }

    fn those(document: &OpenApi, is_one: impl Fn(&str, &Operation) -> bool + Copy) -> Self {
        let operations = document.paths.paths.iter().flat_map(|(path, item)| {
            let found = operations(item).into_iter().filter(move |(method, operation)| is_one(method, operation));
            found.map(move |(method, _)| (path.clone(), method))
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
