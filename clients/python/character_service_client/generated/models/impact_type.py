from enum import StrEnum


class ImpactType(StrEnum):
    """A closed set of words. A word that a later version of the service adds is kept as it is."""

    ABILITY_SCORE = "ability_score"
    EXPERIENCE = "experience"
    HIT_POINTS = "hit_points"
    OTHER = "other"

    @classmethod
    def _missing_(cls, value: object) -> "ImpactType | None":
        if not isinstance(value, str):
            return None
        word = str.__new__(cls, value)
        word._name_ = word._value_ = value
        return word
