from enum import StrEnum


class NodeKind(StrEnum):
    """A closed set of words. A word that a later version of the service adds is kept as it is."""

    CHARACTER = "character"
    INVENTORY_ITEM = "inventory_item"

    @classmethod
    def _missing_(cls, value: object) -> "NodeKind | None":
        if not isinstance(value, str):
            return None
        word = str.__new__(cls, value)
        word._name_ = word._value_ = value
        return word
