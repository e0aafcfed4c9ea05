from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.problem_code import ProblemCode
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.field_error import FieldError


T = TypeVar("T", bound="Problem")


@_attrs_define
class Problem:
    """A problem document (RFC 9457).

    Attributes:
        code (ProblemCode): The kind of problem, for programs. Codes never change; new ones may be added.
        status (int): The HTTP status.
        title (str): The kind of problem in words; the same for every problem with this code.
        type_ (str): The address of the page about this kind of problem, relative to the service: `/problems/` and the
            code.
        actual_revision (int | Unset): The current revision, when a precondition failed.
        detail (str | Unset): What was wrong in this request, and what would be right.
        errors (list[FieldError] | Unset): For `invalid`: the fields at fault, at most 100. When there are more, a last
            entry without a field counts them.
        expected_revisions (list[int] | Unset): The revisions that the request demanded, when a precondition failed.
        instance (str | Unset): The path of the request.
        request_id (str | Unset): The id under which the service logged the request.
    """

    code: ProblemCode
    status: int
    title: str
    type_: str
    actual_revision: int | Unset = UNSET
    detail: str | Unset = UNSET
    errors: list[FieldError] | Unset = UNSET
    expected_revisions: list[int] | Unset = UNSET
    instance: str | Unset = UNSET
    request_id: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        code = self.code.value

        status = self.status

        title = self.title

        type_ = self.type_

        actual_revision = self.actual_revision

        detail = self.detail

        errors: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.errors, Unset):
            errors = []
            for errors_item_data in self.errors:
                errors_item = errors_item_data.to_dict()
                errors.append(errors_item)

        expected_revisions: list[int] | Unset = UNSET
        if not isinstance(self.expected_revisions, Unset):
            expected_revisions = self.expected_revisions

        instance = self.instance

        request_id = self.request_id

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "code": code,
                "status": status,
                "title": title,
                "type": type_,
            }
        )
        if actual_revision is not UNSET:
            field_dict["actual_revision"] = actual_revision
        if detail is not UNSET:
            field_dict["detail"] = detail
        if errors is not UNSET:
            field_dict["errors"] = errors
        if expected_revisions is not UNSET:
            field_dict["expected_revisions"] = expected_revisions
        if instance is not UNSET:
            field_dict["instance"] = instance
        if request_id is not UNSET:
            field_dict["request_id"] = request_id

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.field_error import FieldError  # noqa: PLC0415

        d = dict(src_dict)
        code = ProblemCode(d.pop("code"))

        status = d.pop("status")

        title = d.pop("title")

        type_ = d.pop("type")

        actual_revision = d.pop("actual_revision", UNSET)

        detail = d.pop("detail", UNSET)

        _errors = d.pop("errors", UNSET)
        errors: list[FieldError] | Unset = UNSET
        if _errors is not UNSET:
            errors = []
            for errors_item_data in _errors:
                errors_item = FieldError.from_dict(errors_item_data)

                errors.append(errors_item)

        expected_revisions = cast(list[int], d.pop("expected_revisions", UNSET))

        instance = d.pop("instance", UNSET)

        request_id = d.pop("request_id", UNSET)

        problem = cls(
            code=code,
            status=status,
            title=title,
            type_=type_,
            actual_revision=actual_revision,
            detail=detail,
            errors=errors,
            expected_revisions=expected_revisions,
            instance=instance,
            request_id=request_id,
        )

        problem.additional_properties = d
        return problem

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
