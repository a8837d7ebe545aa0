"""How a workflow is written: without the fields that have their default.

So a field that is new changes neither the hash nor the bytes of a workflow that does not use it.
"""

from typing import Any

from schemas.spec.model import ResolvedSpec, WorkflowSpec


def document_of(spec: WorkflowSpec) -> dict[str, Any]:
    """Return a workflow as JSON values."""
    return spec.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def resolved_bytes(resolved: ResolvedSpec) -> bytes:
    """Return a resolved workflow as JSON in UTF-8."""
    return resolved.__pydantic_serializer__.to_json(resolved, by_alias=True, exclude_defaults=True)
