"""Stored rows of runs with a data subject, opened for a reader who may see them; what is erased says so.

Rows have payloads as they were recorded. A sealed one becomes an inline payload, or ``{"kind": "erased"}`` with the
pseudonym once the key is destroyed. One of over ``SHOWN_BYTES`` stays a reference, to be read as an object.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from connectors.objects.store import Objects
from connectors.postgres.history.runs import StoredRun, StoredStep
from schemas.errors import NotFound, SubjectErased
from schemas.payload import INLINE_LIMIT, Reference
from schemas.privacy.sealed import is_sealed, subject_of

#: As of values that were never sealed: larger ones are shown as references.
SHOWN_BYTES = INLINE_LIMIT
ERASED = "erased"


async def opened_run(
    objects: Objects, org_id: str, run: StoredRun, steps: list[StoredStep]
) -> tuple[StoredRun, list[StoredStep]]:
    """Return a run with its steps as its readers see it. Raises ``Unavailable`` while keys cannot be had."""
    if not run.subject:
        return run, steps
    reader = _Reader(objects, org_id)
    inputs = None if run.inputs is None else {**run.inputs, **(run.stored_inputs or {})}
    opened = replace(
        run,
        inputs=None if inputs is None else {name: await reader.value(one) for name, one in inputs.items()},
        stored_inputs=None,
        output=None if run.output is None else {node: await reader.payload(one) for node, one in run.output.items()},
        error=await reader.error(run.error),
    )
    return opened, [await opened_step(objects, org_id, step) for step in steps]


async def opened_step(objects: Objects, org_id: str, step: StoredStep) -> StoredStep:
    """Return a step as its readers see it."""
    if step.output is None and step.error is None:
        return step
    reader = _Reader(objects, org_id)
    output = None if step.output is None else await reader.payload(step.output)
    return replace(step, output=output, error=await reader.error(step.error))


async def opened_payload(objects: Objects, org_id: str, payload: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a payload as its readers see it."""
    return None if payload is None else await _Reader(objects, org_id).payload(payload)


class _Reader:
    """Opens payloads of one organisation that stand in rows."""

    def __init__(self, objects: Objects, org_id: str) -> None:
        self._objects = objects
        self._org_id = org_id

    async def payload(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Return a payload with what is sealed of it opened: all, or items of a list."""
        if payload.get("kind") == "inline":
            return {**payload, "value": await self._items(payload.get("value"))}
        value = await self.value(payload)
        if value is payload or _is_erased(value):
            return dict(value)
        opened = {"kind": "inline", "value": value}
        return opened | ({"labels": payload["labels"]} if payload.get("labels") else {})

    async def value(self, value: Any) -> Any:
        """Return the value of a sealed reference, and any other value as it is."""
        reference = _reference(value)
        if reference is None:
            return value
        if reference.size > SHOWN_BYTES:
            return value
        try:
            return await self._objects.resolve(self._org_id, reference)
        except SubjectErased:
            return {"kind": ERASED, "subject": subject_of(reference)}
        except NotFound:
            return value

    async def error(self, error: dict[str, Any] | None) -> dict[str, Any] | None:
        """Return an error with its own words, where they can be read."""
        sealed = None if error is None else error.get("sealed")
        if error is None or sealed is None:
            return error
        words = await self.value(sealed)
        plain = {name: value for name, value in error.items() if name != "sealed"}
        return plain if _is_erased(words) or "message" not in words else plain | words

    async def _items(self, value: Any) -> Any:
        return [await self.value(item) for item in value] if isinstance(value, list) else value


def _reference(value: Any) -> Reference | None:
    """Return the sealed reference that a value of a row is; ``None`` for any other value."""
    if (
        not isinstance(value, dict)
        or value.get("kind") != "reference"
        or not str(value.get("uri")).startswith("sealed")
    ):
        return None
    reference = msgspec.convert({name: one for name, one in value.items() if name != "kind"}, Reference)
    return reference if is_sealed(reference) else None


def _is_erased(value: Any) -> bool:
    return isinstance(value, dict) and value.get("kind") == ERASED
