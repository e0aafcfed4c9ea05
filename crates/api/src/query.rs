//! Reading a query string: every parameter known, given once, and well formed.

use crate::{
    Problem, fields,
    sparse::{FIELDS, Selection},
};
use character_domain::{InvalidTimestamp, Timestamp, Violations};
use character_repositories::{ListRequest, Total};
use character_storage_port::{Cursor, Entity, InvalidOrder, Limit, Order, PageRequest, Query};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
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
pub(crate) struct Parameters {
    given: BTreeMap<String, String>,
    faults: Violations,
}

impl Parameters {
    pub(crate) fn of(query: &str) -> Self {
        let (mut given, mut faults) = (BTreeMap::new(), Violations::default());
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            if given.insert(name.to_string(), value.into_owned()).is_some() {
                faults.push(name, "must not be given twice");
            }
        }
        Self { given, faults }
    }

    fn take<T>(&mut self, name: &str, wanted: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let text = self.given.remove(name)?;
        let value = read(&text);
        if value.is_none() {
            self.faults.push(name, wanted);
        }
        value
    }

    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        let clean = |text: &str| (!text.contains('\0')).then(|| text.to_owned());
        self.take(name, "must not contain the character U+0000", clean)
    }

    pub(crate) fn id<T: From<Uuid>>(&mut self, name: &str) -> Option<T> {
        self.take(name, "must be a UUID", fields::uuid).map(T::from)
    }

    pub(crate) fn number(&mut self, name: &str) -> Option<i64> {
        self.take(name, "must be a whole number", |text| text.parse().ok())
    }

    /// A time in RFC 3339, cut to the microsecond.
    pub(crate) fn time(&mut self, name: &str) -> Option<Timestamp> {
        let time = self.given.remove(name)?.parse();
        time.map_err(|error: InvalidTimestamp| self.faults.push(name, error.to_string())).ok()
    }

    /// One of a few words, such as `active`.
    pub(crate) fn word<T: DeserializeOwned>(&mut self, name: &str, wanted: &str) -> Option<T> {
        self.take(name, wanted, |text| serde_json::from_value(text.into()).ok())
    }

    pub(crate) fn flag(&mut self, name: &str) -> bool {
        self.flag_or(name, false)
    }

    pub(crate) fn flag_or(&mut self, name: &str, default: bool) -> bool {
        self.take(name, "must be true or false", |text| text.parse().ok()).unwrap_or(default)
    }

    pub(crate) fn order(&mut self) -> Order {
        self.take("order", &InvalidOrder.to_string(), |text| text.parse().ok()).unwrap_or_default()
    }

    /// The fields of a row that are wanted, of those that it has; `None` for all of them. A row that cannot be sparse has none.
    pub(crate) fn fields(&mut self, known: &[&str]) -> Option<Selection> {
        let text = if known.is_empty() { None } else { self.given.remove(FIELDS) }?;
        Selection::parse(&text, known).map_err(|faults| self.faults.append(faults)).ok()
    }

    /// `limit`, `offset` or `cursor`, and `include_total`, of a list in the default order.
    pub(crate) fn page(&mut self) -> ListRequest {
        self.page_in(Order::default())
    }

    /// The same, of the list of this query, whose filters are the parameters of the same names: one that is larger than
    /// the field that it is compared with is a fault.
    pub(crate) fn page_of<E: Entity>(&mut self, query: &E::Query) -> ListRequest {
        self.faults.append(query.check());
        self.page_in(query.order())
    }

    /// The same, of a list in this order.
    fn page_in(&mut self, order: Order) -> ListRequest {
        let limit =
            self.take("limit", "must be a number from 1 to 1000", |text| text.parse().ok().and_then(Limit::new));
        let offset = self.take("offset", "must be a number from 0 to 4294967295", |text| text.parse().ok());
        let cursor = self.take("cursor", "must be the next_cursor of a list", |text| text.parse::<Cursor>().ok());
        let page = PageRequest::first(limit.unwrap_or_default());
        let page = match (offset, cursor) {
            (Some(_), Some(_)) => {
                self.faults.push("cursor", "must not be given together with offset");
                page
            }
            (Some(rows), None) => page.offset(rows),
            (None, Some(cursor)) => page.after(cursor),
            (None, None) => page,
        };
        if let Err(violations) = page.check(order) {
            self.faults.append(violations);
        }
        let total = if self.flag(INCLUDE_TOTAL) { Total::Counted } else { Total::Omitted };
        ListRequest { page, total }
    }

    /// Rejects every parameter that was not read.
    pub(crate) fn finish(mut self) -> Result<(), Problem> {
        for name in self.given.keys() {
            self.faults.push(shortened(name), UNKNOWN);
        }
        self.faults.into_result().map_err(Problem::invalid)
    }
}

const UNKNOWN: &str = "is not a parameter of this operation";

/// What is wrong with this query string of an operation that has no parameters.
pub(crate) fn all_unknown(query: &str) -> Violations {
    let mut faults = Violations::default();
    for (name, _) in url::form_urlencoded::parse(query.as_bytes()) {
        unknown(&mut faults, &name);
    }
    faults
}

/// A parameter that the operation does not have.
pub(crate) fn unknown(faults: &mut Violations, name: &str) {
    faults.push(shortened(name), UNKNOWN);
}

fn shortened(name: &str) -> String {
    name.chars().take(100).collect()
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
