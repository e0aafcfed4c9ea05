from enum import StrEnum


class ListSparseCharactersOrder(StrEnum):
    """A closed set of words. A word that a later version of the service adds is kept as it is."""

    CREATED_AT = "created_at"
    NAME = "name"
    UPDATED_AT = "updated_at"
    VALUE_0 = "-created_at"
    VALUE_2 = "-updated_at"
    VALUE_4 = "-name"

    @classmethod
    def _missing_(cls, value: object) -> "ListSparseCharactersOrder | None":
        if not isinstance(value, str):
            return None
        word = str.__new__(cls, value)
        word._name_ = word._value_ = value
        return word
