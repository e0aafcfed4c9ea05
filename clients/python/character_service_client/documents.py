"""JSON without a change of any number.

A `float` has some seventeen digits and a range, and a number of JSON has neither. A number whose value no `float` has is read as
`Decimal`, and written back exactly.
"""

import json
import math
import re
import secrets
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

# Marks a number within a text. It is random, so that no text of a document begins with it.
_MARK = secrets.token_hex(16)
_MARKED = re.compile(f'"{_MARK}([^"]*)"')
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
# Python converts no longer text to an `int`.
_LONGEST_INT = 4300


@dataclass(frozen=True)
class JsonNumber:
    """A number whose exponent is beyond the range of `Decimal`, as its text."""

    text: str

    def __post_init__(self) -> None:
        if not _NUMBER.fullmatch(self.text):
            raise ValueError(f"not a number of JSON: {self.text[:40]}")


def loads(text: str | bytes) -> Any:
    """Like `json.loads`; a number whose value neither `int` nor `float` has is a `Decimal`, or a `JsonNumber`."""
    return json.loads(text, parse_float=_fraction, parse_int=_whole, parse_constant=_refuse)


def dumps(value: Any) -> str:
    """Like `json.dumps`, without spaces; also writes `Decimal` and `JsonNumber`.

    Raises `ValueError` for what JSON has not: NaN and infinite numbers.
    """
    text = json.dumps(value, default=_mark, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return _MARKED.sub(r"\1", text)


def _fraction(text: str) -> float | Decimal | JsonNumber:
    exact = _decimal(text)
    nearest = float(text)
    if isinstance(exact, Decimal) and math.isfinite(nearest) and exact == Decimal(repr(nearest)):
        return nearest
    return exact


def _whole(text: str) -> int | Decimal | JsonNumber:
    return int(text) if len(text) < _LONGEST_INT else _decimal(text)


def _decimal(text: str) -> Decimal | JsonNumber:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return JsonNumber(text)
    return number if number.is_finite() else JsonNumber(text)


def _mark(value: object) -> str:
    if isinstance(value, JsonNumber):
        return _MARK + value.text
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"JSON has no number {value}")
        return f"{_MARK}{value}"
    raise TypeError(f"JSON has no value for {type(value).__name__}")


def _refuse(text: str) -> None:
    raise ValueError(f"JSON has no number {text}")
