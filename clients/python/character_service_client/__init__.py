"""A client of the Character Service. `generated` has one module for each operation; the rest is what a document cannot say."""

from .answers import Answer, answer, changed
from .connection import Retry, connect, new_key
from .documents import JsonNumber, dumps, loads
from .generated import Client
from .live import Hello, LiveEvent, Reset, Update, astream, stream
from .pages import Page, UnreadableRowsError, aitems, apages, items, pages
from .problems import Conflict, HttpError, Invalid, NotFound, PreconditionFailed, ProblemError, Unavailable
from .sparse import fields

__all__ = [
    "Answer",
    "Client",
    "Conflict",
    "Hello",
    "HttpError",
    "Invalid",
    "JsonNumber",
    "LiveEvent",
    "NotFound",
    "Page",
    "PreconditionFailed",
    "ProblemError",
    "Reset",
    "Retry",
    "Unavailable",
    "UnreadableRowsError",
    "Update",
    "aitems",
    "answer",
    "apages",
    "astream",
    "changed",
    "connect",
    "dumps",
    "fields",
    "items",
    "loads",
    "new_key",
    "pages",
    "stream",
]
