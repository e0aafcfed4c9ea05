from enum import StrEnum


class QuestImportance(StrEnum):
    """A closed set of words. A word that a later version of the service adds is kept as it is."""

    CRITICAL = "critical"
    HIGH = "high"
    LOW = "low"
    NORMAL = "normal"

    @classmethod
    def _missing_(cls, value: object) -> "QuestImportance | None":
        if not isinstance(value, str):
            return None
        word = str.__new__(cls, value)
        word._name_ = word._value_ = value
        return word
