//! The header `Storage-Position`, which every operation of the API has.

use utoipa::openapi::{
    HeaderBuilder, ObjectBuilder, OpenApi, PathItem, RefOr, Required, Type,
    path::{Operation, Parameter, ParameterBuilder, ParameterIn},
};

const NAME: &str = "Storage-Position";

fn whole_number() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0))
}

fn parameter() -> Parameter {
    ParameterBuilder::new()
        .name(NAME)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "The `Storage-Position` of an earlier response. The data of this response is at least as new.",
        ))
        .schema(Some(whole_number()))
        .build()
}

/// Adds the header to requests of every operation below `/api`, and to responses of those that change something.
pub(super) fn describe(document: &mut OpenApi) {
    for (path, item) in &mut document.paths.paths {
        if path.starts_with("/api/") {
            let PathItem { get, head, put, post, patch, delete, .. } = item;
            [get, head].into_iter().flatten().for_each(take);
            [put, post, patch, delete].into_iter().flatten().for_each(|operation| {
                take(operation);
                tell(operation);
            });
        }
    }
}

fn take(operation: &mut Operation) {
    operation.parameters.get_or_insert_default().push(RefOr::T(parameter()));
}

fn tell(operation: &mut Operation) {
    let header = HeaderBuilder::new()
        .schema(Some(whole_number()))
        .description(Some("The position of this change in the storage. Absent when nothing changed."))
        .build();
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && status.starts_with('2')
        {
            response.headers.insert(NAME.to_owned(), RefOr::T(header.clone()));
        }
    }
}
