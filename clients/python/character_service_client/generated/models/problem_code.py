from enum import StrEnum


class ProblemCode(StrEnum):
    """A closed set of words. A word that a later version of the service adds is kept as it is."""

    ACHIEVEMENT_EXISTS = "achievement-exists"
    ALREADY_EXISTS = "already-exists"
    ATTUNEMENT_NOT_REQUIRED = "attunement-not-required"
    BODY_TIMEOUT = "body-timeout"
    BODY_TOO_LARGE = "body-too-large"
    CONTAINER_CYCLE = "container-cycle"
    CONTAINER_FULL = "container-full"
    CONTAINER_NOT_EMPTY = "container-not-empty"
    CONTENDED = "contended"
    DEADLINE_EXCEEDED = "deadline-exceeded"
    EQUIPPED_IN_CONTAINER = "equipped-in-container"
    FOREIGN_ORIGIN = "foreign-origin"
    HEAD_TIMEOUT = "head-timeout"
    HEAD_TOO_LARGE = "head-too-large"
    IDEMPOTENCY_MISMATCH = "idempotency-mismatch"
    INTERNAL = "internal"
    INVALID = "invalid"
    MALFORMED = "malformed"
    MALFORMED_HOST = "malformed-host"
    MALFORMED_IDEMPOTENCY_KEY = "malformed-idempotency-key"
    MALFORMED_PRECONDITION = "malformed-precondition"
    MALFORMED_REQUEST = "malformed-request"
    METHOD_NOT_ALLOWED = "method-not-allowed"
    MISDIRECTED_REQUEST = "misdirected-request"
    NOTHING_THERE = "nothing-there"
    NOT_APPLIED = "not-applied"
    NOT_A_CONTAINER = "not-a-container"
    NOT_ENOUGH_COINS = "not-enough-coins"
    NOT_ENOUGH_EXPERIENCE = "not-enough-experience"
    NOT_ENOUGH_ITEMS = "not-enough-items"
    NOT_FOUND = "not-found"
    NOT_REVERSIBLE = "not-reversible"
    NO_ABILITY_SCORE = "no-ability-score"
    NO_HIT_POINTS = "no-hit-points"
    NO_SUCH_CONTAINER = "no-such-container"
    NO_SUCH_PATH = "no-such-path"
    OVERLOADED = "overloaded"
    PRECONDITION_FAILED = "precondition-failed"
    STATE_NOT_KEPT = "state-not-kept"
    STOPPING = "stopping"
    STORAGE_CORRUPT = "storage-corrupt"
    STORAGE_TIMEOUT = "storage-timeout"
    STORAGE_UNAVAILABLE = "storage-unavailable"
    STORAGE_UNSUPPORTED = "storage-unsupported"
    TLS_REQUIRED = "tls-required"
    TOO_MANY_ATTUNED = "too-many-attuned"
    TOO_MANY_COINS = "too-many-coins"
    TOO_MANY_ROWS = "too-many-rows"
    TOO_MUCH_EXPERIENCE = "too-much-experience"
    UNREADABLE_MEMBER = "unreadable-member"
    UNSUPPORTED_MEDIA_TYPE = "unsupported-media-type"
    WEIGHT_NOT_EXACT = "weight-not-exact"

    @classmethod
    def _missing_(cls, value: object) -> "ProblemCode | None":
        if not isinstance(value, str):
            return None
        word = str.__new__(cls, value)
        word._name_ = word._value_ = value
        return word
