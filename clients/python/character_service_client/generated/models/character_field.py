from enum import StrEnum


class CharacterField(StrEnum):
    """A closed set of words. A word that a later version of the service adds is kept as it is."""

    CAMPAIGN_ID = "campaign_id"
    CREATED_AT = "created_at"
    DATA = "data"
    DELETED_AT = "deleted_at"
    ID = "id"
    IS_ACTIVE = "is_active"
    NAME = "name"
    PARENT_ID = "parent_id"
    REVISION = "revision"
    THEME = "theme"
    UPDATED_AT = "updated_at"
    USER_ID = "user_id"

    @classmethod
    def _missing_(cls, value: object) -> "CharacterField | None":
        if not isinstance(value, str):
            return None
        word = str.__new__(cls, value)
        word._name_ = word._value_ = value
        return word
