//! Every kind of problem of the API: the one list behind the OpenAPI document, the pages `/problems/{code}` and
//! `docs/problems.md`.

/// A kind of problem. Its code never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProblemKind {
    /// The code, in `code` and at the end of `type`.
    pub code: &'static str,
    /// The HTTP status of a response with this problem.
    pub status: u16,
    /// The title, the same for every problem with this code.
    pub title: &'static str,
    /// What happened, as a sentence.
    pub happened: &'static str,
    /// What the client can do, as a sentence.
    pub remedy: &'static str,
    /// The `detail` of an example; empty when the example has `errors` or neither.
    pub detail: &'static str,
}

impl ProblemKind {
    /// The kind with this code.
    #[must_use]
    pub fn of(code: &str) -> Option<&'static Self> {
        PROBLEMS.iter().find(|kind| kind.code == code)
    }
}

const fn kind(
    status: u16,
    code: &'static str,
    title: &'static str,
    [happened, remedy, detail]: [&'static str; 3],
) -> ProblemKind {
    ProblemKind { code, status, title, happened, remedy, detail }
}

/// A rule of the game that forbids the change.
const fn rule(code: &'static str, texts: [&'static str; 3]) -> ProblemKind {
    kind(409, code, "A rule of the game forbids the change", texts)
}

/// All kinds, by status.
pub const PROBLEMS: &[ProblemKind] = &[
    kind(
        400,
        "malformed",
        "The body is not JSON",
        [
            "The body is empty, ended too early, or is not JSON.",
            "Send one JSON document in UTF-8.",
            "expected `,` or `}` at line 1 column 15",
        ],
    ),
    kind(
        400,
        "malformed-host",
        "The host of the request is malformed",
        [
            "The header `Host` is not a host name or an address with an optional port. A request of HTTP/1.1 without it, or with two, is `malformed-request`.",
            "Send the host of the address that was requested, as HTTP clients do by themselves.",
            "the header Host must be given once, as a host name or an address with an optional port",
        ],
    ),
    kind(
        400,
        "malformed-idempotency-key",
        "The idempotency key is malformed",
        [
            "`Idempotency-Key` is empty, too long, given twice, or has other characters than visible ASCII.",
            "Send one key of 1 to 255 visible ASCII characters, such as a UUID.",
            "Idempotency-Key must be given once, with 1 to 255 visible ASCII characters",
        ],
    ),
    kind(
        400,
        "malformed-precondition",
        "A precondition header is malformed",
        [
            "`If-Match` or `If-None-Match` is not a list of entity tags.",
            "Send the value of an `ETag` header unchanged, quotes included, or `*`.",
            "If-Match must be * or a list of entity tags in double quotes",
        ],
    ),
    kind(
        400,
        "malformed-request",
        "The request is not HTTP",
        [
            "The request line or a header cannot be read, so no operation is known.",
            "Send a request line and headers of HTTP/1.1, with one `Host`, without control characters and with one `Content-Length` at most.",
            "send a request line and headers of HTTP/1.1, with one Host, of at most 16384 bytes",
        ],
    ),
    kind(
        400,
        "tls-required",
        "The port speaks TLS, and the request came without it",
        [
            "The request was sent without TLS to a port with TLS, so the service did nothing.",
            "Begin the address with `https://`.",
            "the address needs https:// in the place of http://",
        ],
    ),
    kind(
        403,
        "foreign-origin",
        "A web page of another origin may not change anything",
        [
            "A browser sent the change for a page of another origin.",
            "Ask the operator to permit the origin of the page.",
            "an operator can permit the origin of the page (the header Origin) in CORS_ALLOWED_ORIGINS",
        ],
    ),
    kind(
        404,
        "no-such-path",
        "The path does not exist",
        ["The service has no such path.", "Compare the path with those of `/openapi.json`.", "/api/v1/characters"],
    ),
    kind(
        404,
        "not-found",
        "The row does not exist",
        [
            "The row, or a row that the path names, does not exist or is soft-deleted.",
            "Check the ids of the path. A soft-deleted row can be restored.",
            "no character with this id exists, or it is soft-deleted",
        ],
    ),
    kind(
        405,
        "method-not-allowed",
        "The path does not support this method",
        [
            "The path exists, but not with this method.",
            "Use one of the methods in the header `Allow`.",
            "the path supports GET, HEAD, POST",
        ],
    ),
    kind(
        408,
        "body-timeout",
        "The body did not arrive in time",
        [
            "The body arrived too slowly.",
            "Send the whole body again, faster or in a smaller request.",
            "send the whole body again, faster or in a smaller request",
        ],
    ),
    kind(
        408,
        "head-timeout",
        "The request head did not arrive in time",
        [
            "The connection was opened, and the first head did not arrive.",
            "Send the whole head at once.",
            "send the whole head at once",
        ],
    ),
    rule(
        "achievement-exists",
        [
            "The character already has an achievement with this title.",
            "Nothing needs to be done, or choose another title.",
            "the character already has the achievement \"Dragonslayer\"",
        ],
    ),
    kind(
        409,
        "already-exists",
        "The id exists already",
        [
            "Another row has the id of the request.",
            "Use another id, or leave it out. A soft-deleted row can be restored.",
            "another character has this id",
        ],
    ),
    rule(
        "attunement-not-required",
        [
            "The item does not require attunement, so it cannot be attuned.",
            "Set `requires_attunement` in the `data` of the item first.",
            "Longsword does not require attunement",
        ],
    ),
    rule(
        "container-cycle",
        [
            "A container would be in itself, directly or through other containers.",
            "Choose another container.",
            "a container cannot be in itself, directly or through other containers",
        ],
    ),
    rule(
        "container-full",
        [
            "The contents of the container would weigh more than its capacity.",
            "Take something out first, or choose another container.",
            "Backpack holds at most 30 pounds, and its contents would weigh 33",
        ],
    ),
    rule(
        "container-not-empty",
        [
            "An item that holds other items would cease to be a container.",
            "Take its contents out first.",
            "the item is not empty, so it must stay a container",
        ],
    ),
    rule(
        "equipped-in-container",
        [
            "An item would be equipped and in a container at once.",
            "Change `equipped` and `container` in one patch.",
            "an equipped item cannot be in a container",
        ],
    ),
    rule(
        "no-ability-score",
        [
            "The event names no ability that the sheet has.",
            "Name the `ability` in `event_data`, such as `strength`.",
            "the event names no ability",
        ],
    ),
    rule(
        "no-hit-points",
        [
            "The sheet has no hit points, so an event cannot change them.",
            "Set `hit_points` with `current` and `maximum` in the sheet first.",
            "the sheet has no hit_points with current and maximum",
        ],
    ),
    rule(
        "no-such-container",
        [
            "The character has no live item with the id of the container.",
            "Use the id of a container of the same character.",
            "the character has no such item",
        ],
    ),
    rule(
        "not-a-container",
        [
            "The item that should hold another is not a container.",
            "Choose an item whose `data` has a `capacity`.",
            "Longsword is not a container",
        ],
    ),
    rule(
        "not-applied",
        [
            "The event was never applied, so it cannot be reverted.",
            "Apply the event first.",
            "the event is not applied, so there is nothing to revert",
        ],
    ),
    rule(
        "not-enough-coins",
        [
            "The character would have fewer than 0 coins of a kind.",
            "Take at most as many coins as the character has.",
            "the character has 3 gp",
        ],
    ),
    rule(
        "not-enough-experience",
        [
            "The character would have less than no experience.",
            "Take at most as much experience as the character has.",
            "the character has 10 experience points",
        ],
    ),
    rule(
        "not-enough-items",
        [
            "More pieces would be given than the item has.",
            "Give at most the quantity of the item.",
            "the character has 2 of this item",
        ],
    ),
    rule(
        "not-reversible",
        [
            "What the event changed has since changed in a way that leaves no value to return to.",
            "Change the sheet by hand.",
            "hit_points of the sheet is not as the event left it",
        ],
    ),
    rule(
        "nothing-there",
        [
            "The quantity of the item is 0, so it cannot be equipped.",
            "Raise the quantity first.",
            "the quantity of the item is 0; it must be at least 1",
        ],
    ),
    rule(
        "too-many-attuned",
        [
            "The character would be attuned to more items than the rules permit.",
            "End the attunement of another item first.",
            "at most 3 items can be attuned at once",
        ],
    ),
    rule(
        "too-many-coins",
        [
            "The character would own more coins of a kind than can be counted.",
            "Add fewer coins.",
            "a character can own at most 1000000000000 gp",
        ],
    ),
    rule(
        "too-many-rows",
        [
            "The act would read or change more rows than one transaction may.",
            "Delete items or journal entries that are no longer needed.",
            "the character has more than 10000 items",
        ],
    ),
    rule(
        "too-much-experience",
        [
            "The character would have more experience than can be counted.",
            "Award less.",
            "a character can have at most 1000000000000 experience points",
        ],
    ),
    rule(
        "unreadable-member",
        [
            "A member of the sheet that the act reads does not hold what belongs there.",
            "Correct the member that `detail` names.",
            "currency.gp of the sheet is \"15\"; it must be a whole number",
        ],
    ),
    rule(
        "weight-not-exact",
        [
            "The sum of the weights has more digits than are computed exactly.",
            "Write the weights with fewer digits.",
            "the sum of the weights has more than 28 digits",
        ],
    ),
    kind(
        410,
        "state-not-kept",
        "The state at this time is no longer kept",
        [
            "Versions of that time were removed to save space, so the state then is not known.",
            "Read the version that `detail` names, or list the versions that are kept.",
            "versions after 2026-01-31T18:30:00Z were removed to save space; the last one kept before this time is 4f6b3f0e-3a57-5d0e-9a3c-6f2f5d1a7c11",
        ],
    ),
    kind(
        412,
        "precondition-failed",
        "The current revision is not the one that the request demands",
        [
            "The row was changed after the client read it.",
            "Read the row again, decide again, and send its new entity tag.",
            "the current revision is 8; read the row, and send a precondition that it meets",
        ],
    ),
    kind(
        413,
        "body-too-large",
        "The body is too large",
        [
            "The body is longer than the service accepts.",
            "Send fewer rows in one request, or smaller documents.",
            "the body must not be larger than 8388608 bytes",
        ],
    ),
    kind(
        415,
        "unsupported-media-type",
        "The media type of the body is not supported here",
        [
            "The body has another media type or charset, or is compressed.",
            "Send the media type that the header `Accept` or `Accept-Patch` of the response names, in UTF-8.",
            "application/json in UTF-8, not compressed, is accepted",
        ],
    ),
    kind(
        421,
        "misdirected-request",
        "The service does not answer under this host",
        [
            "The header `Host` names another host than those of the service.",
            "Use the public address of the service, or ask the operator to add the host.",
            "an operator can permit the host in ALLOWED_HOSTS",
        ],
    ),
    kind(
        422,
        "idempotency-mismatch",
        "The idempotency key belongs to another request",
        [
            "The key was used for a request with another body, query or precondition.",
            "Send a new key with a new request, or repeat the first request unchanged.",
            "send a new Idempotency-Key with a new request, or repeat the first request unchanged",
        ],
    ),
    kind(
        422,
        "invalid",
        "The request breaks a rule",
        [
            "`errors` names every field, parameter and header at fault.",
            "Correct each of them and send the request again.",
            "",
        ],
    ),
    kind(
        431,
        "head-too-large",
        "The request head is too large",
        [
            "The method, the target and the headers together are longer than 16 KiB, or there are more than 96 headers.",
            "Send shorter parameters and fewer headers.",
            "method, target and headers have 20000 bytes; at most 16384 are accepted",
        ],
    ),
    kind(
        500,
        "internal",
        "Internal error of the service",
        [
            "The service failed. The reason is in its log, under the id in `request_id`.",
            "Repeat a change only with its `Idempotency-Key`, and report the `request_id` to the operator.",
            "",
        ],
    ),
    kind(
        501,
        "storage-unsupported",
        "The storage does not offer this",
        [
            "The storage that the operator chose cannot do what the request needs.",
            "Ask the operator for another storage.",
            "",
        ],
    ),
    kind(
        502,
        "storage-corrupt",
        "The storage returned a response that cannot be read",
        ["A stored row cannot be read.", "Report the `request_id` to the operator; a repeat has the same result.", ""],
    ),
    kind(
        503,
        "contended",
        "Other writers changed the row at every attempt",
        [
            "Other writers changed the row again and again. Nothing was changed.",
            "Repeat the request after the time in `Retry-After`.",
            "nothing was changed",
        ],
    ),
    kind(
        503,
        "overloaded",
        "The service handles the maximum number of requests",
        [
            "The maximum number of requests is being handled, or the memory for large requests and responses is used up.",
            "Repeat the request after the time in `Retry-After`, or send a smaller one.",
            "send the request again after the time in Retry-After, or send a smaller one",
        ],
    ),
    kind(
        503,
        "stopping",
        "The service is stopping",
        ["This instance is shutting down and accepts no new requests.", "Send the request to another instance.", ""],
    ),
    kind(
        503,
        "storage-unavailable",
        "The storage is unavailable",
        [
            "The storage does not respond. For a change, `detail` says whether it may have been made.",
            "Repeat the request after the time in `Retry-After`, with its `Idempotency-Key`.",
            "nothing was changed",
        ],
    ),
    kind(
        504,
        "deadline-exceeded",
        "The time that the caller waits is over",
        [
            "The request was not answered within the time of its header `X-Request-Timeout-Ms`. For a change, `detail` says whether it may have been made.",
            "Repeat the request with its `Idempotency-Key` and more time, or read the row.",
            "nothing was changed",
        ],
    ),
    kind(
        504,
        "storage-timeout",
        "The storage did not answer in time",
        [
            "The storage did not respond in time. For a change, `detail` says whether it may have been made.",
            "Repeat the request with its `Idempotency-Key`, or read the row.",
            "the change may have been made; read the row, or repeat the request with the same Idempotency-Key",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kinds_are_ordered_by_status_and_code_and_each_occurs_once() {
        let keys: Vec<_> = PROBLEMS.iter().map(|kind| (kind.status, kind.code)).collect();
        let mut ordered = keys.clone();
        ordered.sort_unstable();
        ordered.dedup();
        assert_eq!(keys, ordered);
    }
}
