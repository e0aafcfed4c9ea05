from enum import StrEnum


class LoosenedCode(StrEnum):
    """A closed set of words. A word that a later version of the service adds is kept as it is."""

    ATTUNEMENT_NOT_REQUIRED = "attunement-not-required"
    CONTAINER_CYCLE = "container-cycle"
    CONTAINER_FULL = "container-full"
    CONTAINER_NOT_EMPTY = "container-not-empty"
    EQUIPPED_IN_CONTAINER = "equipped-in-container"
    NOTHING_THERE = "nothing-there"
    NOT_A_CONTAINER = "not-a-container"
    NO_SUCH_CONTAINER = "no-such-container"
    TOO_MANY_ATTUNED = "too-many-attuned"
    WEIGHT_NOT_EXACT = "weight-not-exact"

    @classmethod
    def _missing_(cls, value: object) -> "LoosenedCode | None":
        if not isinstance(value, str):
            return None
        word = str.__new__(cls, value)
        word._name_ = word._value_ = value
        return word
