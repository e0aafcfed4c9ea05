//! The query parameters of the API: texts, ids, times and words, and the page of a list.

use crate::{
    Problem, fields,
    sparse::{FIELDS, Selection},
};
use character_domain::{Timestamp, Violations};
use character_http_kit::{QueryParameters, whole_number};
use character_repositories::{ListRequest, Total};
use character_storage_port::{Cursor, Entity, InvalidOrder, Limit, Order, PageRequest, Query};
use serde::de::DeserializeOwned;
use utoipa::{
    IntoParams,
    openapi::{
        KnownFormat, Required, SchemaFormat, Type,
        path::{Parameter, ParameterBuilder, ParameterIn},
        schema::ObjectBuilder,
    },
};
use uuid::Uuid;

/// The parameter that asks for the number of rows.
const INCLUDE_TOTAL: &str = "include_total";
pub(crate) const INCLUDE_TOTAL_IS: &str = "Whether to return `total`, the number of rows on all pages. It costs up to as much as reading the whole list, so ask for it once and not with each page. Default: false.";

/// The parameters that [`Parameters::page`] reads, for the OpenAPI document.
#[derive(Debug)]
pub(crate) struct PageParameters;

impl IntoParams for PageParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let number = |minimum: i32| {
            let format = SchemaFormat::KnownFormat(KnownFormat::Int64);
            ObjectBuilder::new().schema_type(Type::Integer).format(Some(format)).minimum(Some(minimum))
        };
        let text = ObjectBuilder::new().schema_type(Type::String);
        let parameters = [
            ("limit", number(1).maximum(Some(1000)), "Maximum number of items to return, 1 to 1000. Default: 100."),
            (
                "offset",
                number(0).maximum(Some(u32::MAX)),
                "Number of items to skip. Default: 0. Not together with `cursor`.",
            ),
            ("cursor", text, "The `next_cursor` of the previous page. Not together with `offset`."),
            (INCLUDE_TOTAL, ObjectBuilder::new().schema_type(Type::Boolean), INCLUDE_TOTAL_IS),
        ];
        let parameter = |(name, schema, description): (&str, ObjectBuilder, &str)| {
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Query)
                .required(Required::False)
                .description(Some(description))
                .schema(Some(schema))
                .build()
        };
        parameters.map(parameter).into()
    }
}

/// The parameters that are not read yet, and the faults found so far.
#[derive(Debug)]
pub(crate) struct Parameters(QueryParameters);

impl Parameters {
    pub(crate) fn of(query: &str) -> Self {
        Self(QueryParameters::of(query))
    }

    fn append(&mut self, faults: &Violations) {
        for fault in faults.iter() {
            self.0.fault(&fault.field, &fault.reason);
        }
    }

    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        let clean = |text: &str| (!text.contains('\0')).then(|| text.to_owned());
        self.0.read(name, "must not contain the character U+0000", clean)
    }

    pub(crate) fn id<T: From<Uuid>>(&mut self, name: &str) -> Option<T> {
        self.0.read(name, "must be a UUID", fields::uuid).map(T::from)
    }

    pub(crate) fn number(&mut self, name: &str) -> Option<i64> {
        self.0.read(name, "must be a whole number", whole_number)
    }

    /// A time in RFC 3339, cut to the microsecond.
    pub(crate) fn time(&mut self, name: &str) -> Option<Timestamp> {
        self.0.parsed(name)
    }

    /// One of a few words, such as `active`.
    pub(crate) fn word<T: DeserializeOwned>(&mut self, name: &str, wanted: &str) -> Option<T> {
        self.0.read(name, wanted, |text| serde_json::from_value(text.into()).ok())
    }

    pub(crate) fn flag(&mut self, name: &str) -> bool {
        self.flag_or(name, false)
    }

    pub(crate) fn flag_or(&mut self, name: &str, default: bool) -> bool {
        self.0.read(name, "must be true or false", |text| text.parse().ok()).unwrap_or(default)
    }

    pub(crate) fn order(&mut self) -> Order {
        self.0.read("order", &InvalidOrder.to_string(), |text| text.parse().ok()).unwrap_or_default()
    }

    /// The fields of a row that are wanted, of those that it has; `None` for all of them. A row that cannot be sparse has none.
    pub(crate) fn fields(&mut self, known: &[&str]) -> Option<Selection> {
        let text = if known.is_empty() { None } else { self.0.text(FIELDS) }?;
        Selection::parse(&text, known).map_err(|faults| self.append(&faults)).ok()
    }

    /// `limit`, `offset` or `cursor`, and `include_total`, of a list in the default order.
    pub(crate) fn page(&mut self) -> ListRequest {
        self.page_in(Order::default())
    }

    /// The same, of the list of this query, whose filters are the parameters of the same names: one that is larger than
    /// the field that it is compared with is a fault.
    pub(crate) fn page_of<E: Entity>(&mut self, query: &E::Query) -> ListRequest {
        self.append(&query.check());
        self.page_in(query.order())
    }

    /// The same, of a list in this order.
    fn page_in(&mut self, order: Order) -> ListRequest {
        let limit =
            self.0.read("limit", "must be a number from 1 to 1000", |text| whole_number(text).and_then(Limit::new));
        let offset = self.0.read("offset", "must be a number from 0 to 4294967295", whole_number);
        let cursor = self.0.read("cursor", "must be the next_cursor of a list", |text| text.parse::<Cursor>().ok());
        let page = PageRequest::first(limit.unwrap_or_default());
        let page = match (offset, cursor) {
            (Some(_), Some(_)) => {
                self.0.fault("cursor", "must not be given together with offset");
                page
            }
            (Some(rows), None) => page.offset(rows),
            (None, Some(cursor)) => page.after(cursor),
            (None, None) => page,
        };
        if let Err(violations) = page.check(order) {
            self.append(&violations);
        }
        let total = if self.flag(INCLUDE_TOTAL) { Total::Counted } else { Total::Omitted };
        ListRequest { page, total }
    }

    /// Rejects every parameter that was not read.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        Ok(self.0.finish()?)
    }
}

/// The `Link` header of a page: the next page, from `next` on; the previous one, of a page that an offset names; and the first
/// one, of every other page. `None` when there is only one.
pub(crate) fn page_links(path: &str, query: &str, next: Option<&Cursor>) -> Option<String> {
    let given: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).collect();
    let number =
        |wanted: &str| given.iter().find(|(name, _)| name == wanted).and_then(|(_, text)| text.parse::<u32>().ok());
    let link = |place: Option<(&str, String)>, relation: &str| {
        let kept = given.iter().filter(|(name, _)| name != "cursor" && name != "offset");
        let mut target = url::form_urlencoded::Serializer::new(String::new());
        target.extend_pairs(kept).extend_pairs(place);
        let target = target.finish();
        format!("<{path}{}{target}>; rel=\"{relation}\"", if target.is_empty() { "" } else { "?" })
    };
    let offset = number("offset").unwrap_or(0);
    let mut links = Vec::new();
    links.extend(next.map(|cursor| link(Some(("cursor", cursor.to_string())), "next")));
    if offset > 0 {
        let limit = number("limit").unwrap_or_else(|| Limit::default().get());
        let before = offset.saturating_sub(limit);
        links.push(link((before > 0).then(|| ("offset", before.to_string())), "prev"));
    }
    if offset > 0 || given.iter().any(|(name, _)| name == "cursor") {
        links.push(link(None, "first"));
    }
    (!links.is_empty()).then(|| links.join(", "))
}
