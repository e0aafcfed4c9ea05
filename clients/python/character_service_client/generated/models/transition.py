from enum import StrEnum


class Transition(StrEnum):
    """A closed set of words. A word that a later version of the service adds is kept as it is."""

    ADAPT_NEW = "adapt_new"
    KEEP_CURRENT = "keep_current"
    THEME_RESET = "theme_reset"

    @classmethod
    def _missing_(cls, value: object) -> "Transition | None":
        if not isinstance(value, str):
            return None
        word = str.__new__(cls, value)
        word._name_ = word._value_ = value
        return word
