"""The arguments of an attempt, with stored bytes filled in."""

import copy
from typing import Any

from schemas.errors import Rejected, StepError, SubjectErased
from schemas.payload import MissingPath, PathPart, walk
from schemas.records.steps import Link, StepRequest
from schemas.spec.error_codes import SUBJECT_ERASED
from services.calls.ports import Objects


async def bound_args(objects: Objects, request: StepRequest) -> dict[str, Any]:
    """Return the request's args with every link resolved.

    Raises a final ``StepError`` for a link that leads nowhere, and ``Unavailable``.
    """
    if not request.links:
        return request.args
    args = copy.deepcopy(request.args)
    for link in request.links:
        value = await _linked(objects, request.org_id, link)
        if link.at:
            _set(args, link.at, value)
        elif isinstance(value, dict):
            args = value
        else:
            raise StepError("bad_request", "the step request links all of its args to a value that is no object")
    return args


async def _linked(objects: Objects, org_id: str, link: Link) -> Any:
    try:
        return await objects.part(org_id, link.payload, link.path)
    except MissingPath as exc:
        raise StepError("missing_output", f"argument {_name(link.at)!r} refers to a stored value where {exc}") from exc
    except SubjectErased as exc:
        raise StepError(SUBJECT_ERASED, str(exc)) from exc
    except Rejected as exc:
        raise StepError("missing_object", f"argument {_name(link.at)!r}: {exc}") from exc


def _set(args: dict[str, Any], at: list[PathPart], value: Any) -> None:
    try:
        holder = walk(args, at[:-1])
        holder[at[-1]] = value
    except (MissingPath, IndexError, TypeError) as exc:
        raise StepError("bad_request", f"the step request has no place {_name(at)!r} in its args") from exc


def _name(at: list[PathPart]) -> str:
    return ".".join(str(part) for part in at)
