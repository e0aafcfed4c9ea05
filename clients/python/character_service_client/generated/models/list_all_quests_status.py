from enum import StrEnum


class ListAllQuestsStatus(StrEnum):
    """A closed set of words. A word that a later version of the service adds is kept as it is."""

    ABANDONED = "abandoned"
    ACTIVE = "active"
    COMPLETED = "completed"
    FAILED = "failed"

    @classmethod
    def _missing_(cls, value: object) -> "ListAllQuestsStatus | None":
        if not isinstance(value, str):
            return None
        word = str.__new__(cls, value)
        word._name_ = word._value_ = value
        return word
