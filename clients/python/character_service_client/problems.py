"""Refusals of the service as exceptions: a problem document (RFC 9457) becomes a `ProblemError` with its code."""

import json
from collections.abc import Mapping
from typing import Any

import httpx

from .generated.models import FieldError


class HttpError(Exception):
    """A response without success. When it is no `ProblemError`, it is not from the service, but from a proxy before it."""

    def __init__(self, message: str, response: httpx.Response) -> None:
        super().__init__(message)
        self.response = response
        self.status = response.status_code


class ProblemError(HttpError):
    """A refusal of the service. Its `code` equals a member of `ProblemCode`; the service may add codes."""

    def __init__(self, response: httpx.Response, problem: Mapping[str, Any]) -> None:
        self.problem = problem
        self.code = str(problem["code"])
        self.detail: str | None = problem.get("detail")
        """What was wrong in this request, and what would be right."""
        self.errors = [FieldError.from_dict(error) for error in problem.get("errors", ())]
        """The fields at fault, for `invalid`; otherwise empty."""
        self.request_id: str | None = problem.get("request_id")
        """The id under which the service logged the request."""
        faults = [f"{error.field}: {error.reason}" for error in self.errors]
        message = "; ".join([f"{response.status_code} {self.code}", self.detail or str(problem.get("title")), *faults])
        super().__init__(message, response)

    @property
    def fields(self) -> dict[str, list[str]]:
        """The reasons of each field at fault."""
        fields: dict[str, list[str]] = {}
        for error in self.errors:
            fields.setdefault(error.field, []).append(error.reason)
        return fields


class NotFound(ProblemError):
    """404."""


class Conflict(ProblemError):
    """409: a rule of the game refuses the change, or the row exists."""


class PreconditionFailed(ProblemError):
    """412: the row is not as `If-Match` or `If-None-Match` demands."""

    def __init__(self, response: httpx.Response, problem: Mapping[str, Any]) -> None:
        super().__init__(response, problem)
        self.actual_revision: int | None = problem.get("actual_revision")
        self.expected_revisions: list[int] = problem.get("expected_revisions", [])


class Invalid(ProblemError):
    """422: fields are at fault, or the idempotency key belongs to another request."""


class Unavailable(ProblemError):
    """503 and 504, after all attempts: the service or its storage is not available."""


_CLASSES: dict[int, type[ProblemError]] = {
    404: NotFound,
    409: Conflict,
    412: PreconditionFailed,
    422: Invalid,
    503: Unavailable,
    504: Unavailable,
}


def has_problem(response: httpx.Response) -> bool:
    """Whether a response has a problem document."""
    return str(response.headers.get("Content-Type")).startswith("application/problem+json")


def error_of(response: httpx.Response) -> HttpError:
    """The exception of a response without success, whose body was read."""
    if has_problem(response):
        try:
            problem = json.loads(response.content)
            return _CLASSES.get(response.status_code, ProblemError)(response, problem)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return HttpError(
                f"{response.status_code}, with a problem document that cannot be read: {error!r}", response
            )
    return HttpError(f"{response.status_code} {response.reason_phrase}: {response.text[:200]}", response)
