from enum import StrEnum


class InventoryItemField(StrEnum):
    """A closed set of words. A word that a later version of the service adds is kept as it is."""

    ATTUNEMENT = "attunement"
    CHARACTER_ID = "character_id"
    CONTAINER = "container"
    CREATED_AT = "created_at"
    DATA = "data"
    DELETED_AT = "deleted_at"
    EQUIPPED = "equipped"
    ID = "id"
    ITEM_TYPE = "item_type"
    NAME = "name"
    NOTES = "notes"
    QUANTITY = "quantity"
    REVISION = "revision"
    ROOT_ID = "root_id"
    THEME = "theme"
    UPDATED_AT = "updated_at"

    @classmethod
    def _missing_(cls, value: object) -> "InventoryItemField | None":
        if not isinstance(value, str):
            return None
        word = str.__new__(cls, value)
        word._name_ = word._value_ = value
        return word
