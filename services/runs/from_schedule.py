"""The submission of a schedule's slot."""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from connectors.postgres.schedules import StoredSchedule
from schemas.api_models.base import MAX_TAGS
from schemas.api_models.runs import SubmitRun
from schemas.errors import Problem
from schemas.ids import run_id
from schemas.money import cents
from schemas.records.base import Json
from schemas.schedule import slot_id
from schemas.spec.inputs.bound import literal_of, strings
from schemas.spec.references import Variable, parse_template
from schemas.values.lookalikes import bad_braces, literal

#: The variable of the templates in a schedule's inputs: the slot's time in RFC 3339.
SLOT = Variable("slot")
_PLACEHOLDER = re.compile(r"\{\{\s*\.?slot\s*\}\}")
TAG = "schedule"


def source_of(schedule_id: str) -> str:
    """Return the source of a schedule's submissions; the slot is their id, so a slot is one run."""
    return f"schedule:{schedule_id}"


def run_of(schedule: StoredSchedule, slot_ms: int) -> str:
    """Return the id of a slot's run."""
    return run_id(schedule.org_id, source_of(schedule.id), slot_id(slot_ms))


def submission_of(schedule: StoredSchedule, slot_ms: int, inputs: Mapping[str, Any] | None = None) -> SubmitRun:
    """Return the submission of a slot; ``inputs`` are those of a data subject in clear."""
    inputs = filled(schedule.inputs if inputs is None else inputs, slot_ms)
    return SubmitRun(
        workflow_name=schedule.workflow_name,
        workflow_version=schedule.workflow_version,
        inputs=inputs,
        tags=tags_of(schedule.name, schedule.tags),
        project=schedule.project,
        budget_cents=Decimal(cents(schedule.budget_nano)) if schedule.budget_nano is not None else None,
    )


def tags_of(name: str, tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags of a schedule's runs: its name is one of them, if there is room for one more."""
    return ({TAG: name} if len(tags) < MAX_TAGS else {}) | dict(tags)


def filled(inputs: Mapping[str, Any], slot_ms: int) -> dict[str, Any]:
    """Return a schedule's inputs with a slot in place of its placeholders, at any depth."""
    slot = slot_id(slot_ms)
    return {name: _filled(value, slot) for name, value in inputs.items()}


def template_problems(inputs: Mapping[str, Json]) -> Iterator[Problem]:
    """Yield the templates in a schedule's inputs that are not ``{{slot}}``. They would be handed on as text."""
    for name, value in inputs.items():
        for path, text in strings(value, f"inputs.{name}"):
            for found in bad_braces(text):
                yield Problem(path, found.message, _fix(text))
            for variable in parse_template(text).variables:
                if variable != SLOT:
                    said = f"'{{{{{variable}}}}}' is unknown: the inputs of a schedule know {{{{slot}}}} alone"
                    yield Problem(path, said, _fix(text))


def _fix(text: str) -> str:
    return f"write {{{{slot}}}}; for this text as it is write {literal(text)}"


def _filled(value: Json, slot: str) -> Json:
    """Return a value with the slot in place of its placeholders, at any depth. Other placeholders stay text."""
    if isinstance(value, str):
        return _PLACEHOLDER.sub(slot, value)
    if isinstance(value, list):
        return [_filled(item, slot) for item in value]
    if isinstance(value, dict):
        text = literal_of(value)
        return text if text is not None else {name: _filled(item, slot) for name, item in value.items()}
    return value
